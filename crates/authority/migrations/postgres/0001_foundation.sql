-- The keys that seal values, look license keys up and make credentials; sealed under the master key.
create table data_keys (
  name text primary key,
  sealed bytea not null
);

-- The roots that products pin. Where a root's private half is kept here, it is sealed by its passphrase.
create table roots (
  public bytea primary key,
  sealed text,
  created_at bigint not null
);

create table signing_keys (
  kid text primary key,
  algorithm text not null,
  purpose text not null,
  private bytea not null,
  nbf bigint not null,
  exp bigint not null,
  created_at bigint not null
);

-- The newest keyset, as each root signed it.
create table keysets (
  root bytea primary key references roots (public),
  version bigint not null,
  issuer text not null,
  kids text not null,
  statement text not null,
  signed_at bigint not null
);

create table settings (
  name text primary key,
  value text not null
);

create table idempotency_keys (
  scope text not null,
  idempotency_key text not null,
  body bytea not null,
  answer bytea,
  created_at bigint not null,
  primary key (scope, idempotency_key)
);
create index idempotency_keys_created_at on idempotency_keys (created_at);

create table audit_entries (
  id uuid primary key,
  epoch bigint not null,
  at bigint not null,
  action text not null,
  target text,
  body text not null
);
create index audit_entries_target on audit_entries (target, id);

-- Personal data of an entry, sealed; the entry holds its salted hash.
create table audit_private (
  id uuid primary key,
  customer uuid,
  salt bytea not null,
  payload bytea not null
);
create index audit_private_customer on audit_private (customer);
