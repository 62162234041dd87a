-- The hash of the spelling by which an older client knows its own domain, where that is not the canonical one.
create table fingerprint_spellings (
    activation uuid not null primary key references activations (id),
    fpr        bytea not null
);

-- A start brings the domains that are stored in other spellings into their canonical form, which SQL cannot compute.
insert into settings (name, value)
select 'domains_respelled', '1' where not exists (select 1 from activations where kind = 'domain')
    on conflict (name) do nothing;
