-- Lists of the entries of one actor, in their order. The actor is part of the bytes that are hashed, so it is computed from
-- them: an earlier version that still writes to this schema leaves no entry without one.
alter table audit_entries add column actor text collate "C" generated always as
    ((body::json -> 'actor' ->> 'kind') || ':' || (body::json -> 'actor' ->> 'id')) stored;
create index audit_entries_actor on audit_entries (actor, id);

-- Lists of the activations of one version or address, in their order. Heartbeats change neither column as a rule.
create index activations_by_version on activations (version, id) where version is not null;
create index activations_by_address on activations (address, id) where address is not null;
