-- The levels of the activations that count as active: the highest of a license is found without reading all of them.
-- A heartbeat writes here under its activation's lock alone, so nothing here refers to the license: PostgreSQL would
-- lock that, too.
create table level_use (
    activation blob not null references activations (id),
    name       text not null,
    license    blob not null,
    value      integer not null,
    primary key (activation, name)
) strict, without rowid;
create index level_use_highest on level_use (license, name, value);
insert into level_use (activation, name, license, value)
select a.id, l.key, a.license, case typeof(l.value) when 'integer' then l.value else 9223372036854775807 end
  from activations a, json_each(a.levels) l where a.status = 'active';

-- Those that may have lapsed without being written down are found among the active ones of a license.
drop index activations_by_status;
create index activations_by_status on activations (license, status, check_at);
