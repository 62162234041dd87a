-- The keys that seal values, look license keys up and make credentials; sealed under the master key.
create table data_keys (
  name text primary key,
  sealed blob not null
) strict, without rowid;

-- The roots that products pin. Where a root's private half is kept here, it is sealed by its passphrase.
create table roots (
  public blob primary key,
  sealed text,
  created_at integer not null
) strict, without rowid;

create table signing_keys (
  kid text primary key,
  algorithm text not null,
  purpose text not null,
  private blob not null,
  nbf integer not null,
  exp integer not null,
  created_at integer not null
) strict, without rowid;

-- The newest keyset, as each root signed it.
create table keysets (
  root blob primary key references roots (public),
  version integer not null,
  issuer text not null,
  kids text not null,
  statement text not null,
  signed_at integer not null
) strict, without rowid;

create table settings (
  name text primary key,
  value text not null
) strict, without rowid;

create table idempotency_keys (
  scope text not null,
  idempotency_key text not null,
  body blob not null,
  answer blob,
  created_at integer not null,
  primary key (scope, idempotency_key)
) strict, without rowid;
create index idempotency_keys_created_at on idempotency_keys (created_at);

create table audit_entries (
  id blob primary key,
  epoch integer not null,
  at integer not null,
  action text not null,
  target text,
  body text not null
) strict, without rowid;
create index audit_entries_target on audit_entries (target, id);

-- Personal data of an entry, sealed; the entry holds its salted hash.
create table audit_private (
  id blob primary key,
  customer blob,
  salt blob not null,
  payload blob not null
) strict, without rowid;
create index audit_private_customer on audit_private (customer);
