-- Activations by key are counted for a license and day like what else its products have stored.
alter table daily_counts add column activations bigint not null default 0;

-- What a product can repeat as often as it likes leaves one audit entry an hour: when the last one was written, and
-- what came since then: how often, and the first and the last of it as JSON.
create table repeated_entries (
    activation uuid    not null,
    action     text    not null,
    written_at bigint  not null,
    times      bigint  not null,
    first      text,
    last       text,
    primary key (activation, action)
);
create index repeated_entries_by_age on repeated_entries (written_at);
