-- The levels of the activations that count as active: the highest of a license is found without reading all of them.
-- A heartbeat writes here under its activation's lock alone, so nothing here refers to the license: PostgreSQL would
-- lock that, too.
create table level_use (
    activation uuid not null references activations (id),
    name       text not null,
    license    uuid not null,
    value      bigint not null,
    primary key (activation, name)
);
create index level_use_highest on level_use (license, name, value);
insert into level_use (activation, name, license, value)
select a.id, l.key, a.license, cast(least(cast(l.value as numeric), 9223372036854775807) as bigint)
  from activations a, jsonb_each_text(cast(a.levels as jsonb)) l where a.status = 'active';

-- Those that may have lapsed without being written down are found among the active ones of a license.
drop index activations_by_status;
create index activations_by_status on activations (license, status, check_at);
