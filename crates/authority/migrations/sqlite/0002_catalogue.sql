-- What is licensed, to whom, and what is granted. Ids are the 16 bytes of a UUID, times are microseconds since
-- 1970, sets and objects are JSON.

create table products (
    id            blob    not null primary key,
    code          text    not null unique,
    name          text    not null,
    key_prefix    text    not null,
    key_format    text    not null,
    lease_alg     text    not null,
    contact_url   text,
    contact_email text,
    created_at    integer not null,
    updated_at    integer not null,
    archived_at   integer
) strict;

create table features (
    id          blob    not null primary key,
    product     blob    not null references products (id),
    code        text    not null,
    title       text    not null,
    benefit     text    not null,
    created_at  integer not null,
    updated_at  integer not null,
    archived_at integer,
    unique (product, code)
) strict;

create table plans (
    id           blob    not null primary key,
    product      blob    not null references products (id),
    code         text    not null,
    name         text    not null,
    rank         integer not null,
    license_type text    not null,
    terms        text    not null,
    price        text,
    created_at   integer not null,
    updated_at   integer not null,
    archived_at  integer,
    unique (product, code)
) strict;

create table customers (
    id          blob    not null primary key,
    reference   text    unique,
    name        text    not null,
    sort_name   text    not null,
    email       text,
    company     text,
    tags        text    not null,
    notes       text    not null,
    metadata    text    not null,
    created_at  integer not null,
    updated_at  integer not null,
    archived_at integer
) strict;
create index customers_by_name on customers (sort_name, id);

-- The lower-case words by which a thing is found; `target` is its id.
create table search_words (
    noun   text not null,
    word   text not null,
    target blob not null,
    primary key (noun, word, target)
) strict, without rowid;
create index search_words_by_target on search_words (target);

create table licenses (
    id                         blob    not null primary key,
    product                    blob    not null references products (id),
    customer                   blob    not null references customers (id),
    plan                       blob    not null references plans (id),
    license_type               text    not null,
    status                     text    not null,
    revision                   integer not null,
    starts_at                  integer,
    expires_at                 integer,
    -- The end with its grace, kept so that it can be searched.
    ends_at                    integer,
    expires_sort               integer not null generated always as (coalesce(expires_at, 9223372036854775807)) stored,
    starts_at_first_activation integer not null,
    granted                    text    not null,
    overrides                  text    not null,
    bindings                   text    not null,
    tags                       text    not null,
    notes                      text    not null,
    metadata                   text    not null,
    suspended_reason           text,
    scheduled_plan             blob references plans (id),
    scheduled_at               integer,
    active                     integer not null,
    created_at                 integer not null,
    updated_at                 integer not null,
    archived_at                integer
) strict;
-- Each way to list has its index: what is asked for first, then the order.
create index licenses_by_customer on licenses (customer, id);
create index licenses_by_product on licenses (product, id);
create index licenses_by_product_status on licenses (product, status, id);
create index licenses_by_plan on licenses (plan, id);
create index licenses_by_plan_status on licenses (plan, status, id);
create index licenses_by_type on licenses (license_type, id);
create index licenses_by_status on licenses (status, id);
create index licenses_by_status_start on licenses (status, starts_at);
create index licenses_by_status_expiry on licenses (status, expires_sort, id);
create index licenses_by_status_end on licenses (status, ends_at);
create index licenses_by_expiry on licenses (expires_sort, id);
-- The longest grace tells where to look for those that are in it.
create index licenses_by_grace on licenses ((ends_at - expires_at));
create index licenses_scheduled on licenses (scheduled_at) where scheduled_at is not null;
create index licenses_archived on licenses (archived_at) where archived_at is not null;
create index licenses_in_use on licenses (active) where active > 0;

-- `lookup` is the HMAC of the key; the one without `ends_at` is the present one.
create table license_keys (
    lookup     blob    not null primary key,
    license    blob    not null references licenses (id),
    sealed     blob    not null,
    created_at integer not null,
    ends_at    integer
) strict;
create index license_keys_by_license on license_keys (license);

create table tokens (
    id           blob    not null primary key,
    name         text    not null,
    hash         blob    not null unique,
    scopes       text    not null,
    expires_at   integer,
    last_used_at integer,
    created_at   integer not null,
    updated_at   integer not null,
    archived_at  integer
) strict;

-- Work that outlives its transaction. A job is taken by moving `due_at` behind the time that its run may last,
-- under a `lease` that the run must still hold when it writes down what it did.
create table jobs (
    id         blob    not null primary key,
    kind       text    not null,
    payload    text    not null,
    due_at     integer not null,
    lease      blob,
    attempts   integer not null,
    last_error text,
    created_at integer not null
) strict;
create index jobs_by_due on jobs (due_at, id);
