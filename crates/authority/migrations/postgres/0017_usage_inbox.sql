-- The usage that a heartbeat reported, until it is rolled up into usage_reports. The heartbeat's number is the key, so
-- one that is sent again finds its own row.
create table usage_inbox (
    activation  uuid   not null references activations (id),
    generation  bigint not null,
    number      bigint not null,
    -- JSON: [{"meter": …, "seq": …, "amount": …, "at": …}].
    increments  text   not null,
    received_at bigint not null,
    primary key (activation, generation, number)
);
