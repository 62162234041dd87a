-- What the calls of products had stored for a license in one day (UTC), counted for all servers on the database.
-- `skipped` are audit entries that were counted only. Days that are over are removed.
create table daily_counts (
    license       uuid   not null,
    day           bigint not null,
    reports       bigint not null,
    usage_entries bigint not null,
    audit_entries bigint not null,
    skipped       bigint not null,
    primary key (license, day)
);
create index daily_counts_by_day on daily_counts (day);

-- What is removed is found by its age.
create index usage_reports_by_age on usage_reports (received_at);
create index displaced_generations_by_age on displaced_generations (at);
create index moves_by_age on moves (at);
