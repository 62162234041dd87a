-- What is licensed, to whom, and what is granted. Times are microseconds since 1970, sets and objects are JSON.

create table products (
    id            uuid    not null primary key,
    code          text collate "C"    not null unique,
    name          text    not null,
    key_prefix    text    not null,
    key_format    text    not null,
    lease_alg     text    not null,
    contact_url   text,
    contact_email text,
    created_at    bigint not null,
    updated_at    bigint not null,
    archived_at   bigint
);

create table features (
    id          uuid    not null primary key,
    product     uuid    not null references products (id),
    code        text collate "C"    not null,
    title       text    not null,
    benefit     text    not null,
    created_at  bigint not null,
    updated_at  bigint not null,
    archived_at bigint,
    unique (product, code)
);

create table plans (
    id           uuid    not null primary key,
    product      uuid    not null references products (id),
    code         text collate "C"    not null,
    name         text    not null,
    rank         bigint not null,
    license_type text    not null,
    terms        text    not null,
    price        text,
    created_at   bigint not null,
    updated_at   bigint not null,
    archived_at  bigint,
    unique (product, code)
);

create table customers (
    id          uuid    not null primary key,
    reference   text collate "C"    unique,
    name        text    not null,
    sort_name   text collate "C"    not null,
    email       text,
    company     text,
    tags        text    not null,
    notes       text    not null,
    metadata    text    not null,
    created_at  bigint not null,
    updated_at  bigint not null,
    archived_at bigint
);
create index customers_by_name on customers (sort_name, id);

-- The lower-case words by which a thing is found; `target` is its id.
create table search_words (
    noun   text not null,
    word   text collate "C" not null,
    target uuid not null,
    primary key (noun, word, target)
);
create index search_words_by_target on search_words (target);

create table licenses (
    id                         uuid    not null primary key,
    product                    uuid    not null references products (id),
    customer                   uuid    not null references customers (id),
    plan                       uuid    not null references plans (id),
    license_type               text    not null,
    status                     text    not null,
    revision                   bigint not null,
    starts_at                  bigint,
    expires_at                 bigint,
    -- The end with its grace, kept so that it can be searched.
    ends_at                    bigint,
    expires_sort               bigint not null generated always as (coalesce(expires_at, 9223372036854775807)) stored,
    starts_at_first_activation boolean not null,
    granted                    text    not null,
    overrides                  text    not null,
    bindings                   text    not null,
    tags                       text    not null,
    notes                      text    not null,
    metadata                   text    not null,
    suspended_reason           text,
    scheduled_plan             uuid references plans (id),
    scheduled_at               bigint,
    active                     bigint not null,
    created_at                 bigint not null,
    updated_at                 bigint not null,
    archived_at                bigint
);
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
    lookup     bytea    not null primary key,
    license    uuid    not null references licenses (id),
    sealed     bytea    not null,
    created_at bigint not null,
    ends_at    bigint
);
create index license_keys_by_license on license_keys (license);

create table tokens (
    id           uuid    not null primary key,
    name         text    not null,
    hash         bytea    not null unique,
    scopes       text    not null,
    expires_at   bigint,
    last_used_at bigint,
    created_at   bigint not null,
    updated_at   bigint not null,
    archived_at  bigint
);

-- Work that outlives its transaction. A job is taken by moving `due_at` behind the time that its run may last,
-- under a `lease` that the run must still hold when it writes down what it did.
create table jobs (
    id         uuid    not null primary key,
    kind       text    not null,
    payload    text    not null,
    due_at     bigint not null,
    lease      bytea,
    attempts   bigint not null,
    last_error text,
    created_at bigint not null
);
create index jobs_by_due on jobs (due_at, id);
