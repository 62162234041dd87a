-- A license in use by one fingerprint. What heartbeats move (number, nonce, last_seen_at, run_until) stands in no
-- index; the slot of an active one is free 60 seconds after run_until, whether or not its status says so yet.
create table activations (
    id               uuid not null primary key,
    license          uuid not null references licenses (id),
    fingerprint      text    not null,
    kind             text    not null,
    name             text,
    version          text,
    status           text    not null,
    -- The credential: its generation, the nonce that made it, and the last heartbeat that was answered.
    generation bigint not null,
    activate_nonce   text    not null,
    number bigint not null,
    nonce            text,
    activated_at bigint not null,
    last_seen_at bigint not null,
    run_until bigint not null,
    move_ends_at bigint,
    address          text,
    levels           text    not null,
    health           text,
    -- The code of the last answer, where that was a refusal.
    refused          text,
    -- What speaks for two holders of one credential.
    displaced_use_at bigint,
    sighted_at bigint,
    suspected        boolean not null,
    -- When the job looks whether it lapsed; moved on lazily.
    check_at bigint,
    unique (license, fingerprint)
);
create index activations_by_status on activations (license, status);
create index activations_to_check on activations (check_at) where check_at is not null;

-- The credentials that a later generation displaced, with the highest number that each was seen to use.
create table displaced_generations (
    activation uuid not null references activations (id),
    generation bigint not null,
    number bigint not null,
    at bigint not null,
    primary key (activation, generation)
);

-- The nonces of calls other than heartbeats, remembered for a day.
create table activation_nonces (
    activation uuid not null references activations (id),
    nonce      text    not null,
    at bigint not null,
    primary key (activation, nonce)
);
create index activation_nonces_by_age on activation_nonces (at);

-- Takeovers. `by_key` are those that only the key allowed, which spend the license's moves.
create table moves (
    license   uuid not null references licenses (id),
    at bigint not null,
    from_activation uuid not null references activations (id),
    to_activation   uuid not null references activations (id),
    by_key    boolean not null,
    primary key (license, at, from_activation)
);

-- The last refusal of a fingerprint that has no activation, so that a repeat leaves no second audit entry.
create table refused_fingerprints (
    license     uuid not null references licenses (id),
    fingerprint bytea not null,
    code        text    not null,
    at bigint not null,
    primary key (license, fingerprint)
);
create index refused_fingerprints_by_age on refused_fingerprints (at);

-- What was used, as it was told; a repeated seq is the same increment.
create table usage_reports (
    activation  uuid not null references activations (id),
    meter       text    not null,
    seq bigint not null,
    amount bigint not null,
    at bigint not null,
    received_at bigint not null,
    primary key (activation, meter, seq)
);
