-- Jobs have a priority, a key under which a second one is not needed, and the payload of one that was enqueued under the
-- same key while the first one ran. Steps that were done are counted.
alter table jobs add column priority bigint not null default 0;
alter table jobs add column deduplication_key text;
alter table jobs add column next_payload text;
alter table jobs add column steps bigint not null default 0;
create unique index jobs_by_deduplication_key on jobs (kind, deduplication_key) where deduplication_key is not null;
create index jobs_by_priority on jobs (priority desc, due_at, id);

-- Jobs that have ended: `done`, or `dead` after too many attempts. Both are removed when their time is over.
create table finished_jobs (
    id                uuid    not null primary key,
    kind              text    not null,
    payload           text    not null,
    priority          bigint  not null,
    deduplication_key text,
    outcome           text    not null,
    attempts          bigint  not null,
    last_error        text,
    created_at        bigint  not null,
    finished_at       bigint  not null
);
create index finished_jobs_by_age on finished_jobs (outcome, finished_at);
