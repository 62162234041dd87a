-- Where the rows of a table without rowid are longer than a quarter of a page, each takes a page of its own besides: more
-- than half of the room was empty. Tables with long rows are ordinary ones.
create table audit_entries_moved (
    id     blob    not null primary key,
    epoch  integer not null,
    at     integer not null,
    action text    not null,
    target text,
    body   text    not null
) strict;
insert into audit_entries_moved (id, epoch, at, action, target, body)
    select id, epoch, at, action, target, body from audit_entries order by id;
drop table audit_entries;
alter table audit_entries_moved rename to audit_entries;
create index audit_entries_target on audit_entries (target, id);

create table audit_private_moved (
    id       blob not null primary key,
    customer blob,
    salt     blob not null,
    payload  blob not null
) strict;
insert into audit_private_moved (id, customer, salt, payload)
    select id, customer, salt, payload from audit_private order by id;
drop table audit_private;
alter table audit_private_moved rename to audit_private;
create index audit_private_customer on audit_private (customer);

create table idempotency_keys_moved (
    scope           text    not null,
    idempotency_key text    not null,
    body            blob    not null,
    answer          blob,
    created_at      integer not null,
    primary key (scope, idempotency_key)
) strict;
insert into idempotency_keys_moved (scope, idempotency_key, body, answer, created_at)
    select scope, idempotency_key, body, answer, created_at from idempotency_keys;
drop table idempotency_keys;
alter table idempotency_keys_moved rename to idempotency_keys;
create index idempotency_keys_created_at on idempotency_keys (created_at);
