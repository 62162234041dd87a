-- The usage that a heartbeat reported, until it is rolled up into usage_reports. The heartbeat's number is the key, so
-- one that is sent again finds its own row.
create table usage_inbox (
    activation  blob    not null references activations (id),
    generation  integer not null,
    number      integer not null,
    -- JSON: [{"meter": …, "seq": …, "amount": …, "at": …}].
    increments  text    not null,
    received_at integer not null,
    primary key (activation, generation, number)
) strict, without rowid;
