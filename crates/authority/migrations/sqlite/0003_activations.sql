-- A license in use by one fingerprint. What heartbeats move (number, nonce, last_seen_at, run_until) stands in no
-- index; the slot of an active one is free 60 seconds after run_until, whether or not its status says so yet.
create table activations (
    id               blob    not null primary key,
    license          blob    not null references licenses (id),
    fingerprint      text    not null,
    kind             text    not null,
    name             text,
    version          text,
    status           text    not null,
    -- The credential: its generation, the nonce that made it, and the last heartbeat that was answered.
    generation       integer not null,
    activate_nonce   text    not null,
    number           integer not null,
    nonce            text,
    activated_at     integer not null,
    last_seen_at     integer not null,
    run_until        integer not null,
    move_ends_at     integer,
    address          text,
    levels           text    not null,
    health           text,
    -- The code of the last answer, where that was a refusal.
    refused          text,
    -- What speaks for two holders of one credential.
    displaced_use_at integer,
    sighted_at       integer,
    suspected        integer not null,
    -- When the job looks whether it lapsed; moved on lazily.
    check_at         integer,
    unique (license, fingerprint)
) strict;
create index activations_by_status on activations (license, status);
create index activations_to_check on activations (check_at) where check_at is not null;

-- The credentials that a later generation displaced, with the highest number that each was seen to use.
create table displaced_generations (
    activation blob    not null references activations (id),
    generation integer not null,
    number     integer not null,
    at         integer not null,
    primary key (activation, generation)
) strict, without rowid;

-- The nonces of calls other than heartbeats, remembered for a day.
create table activation_nonces (
    activation blob    not null references activations (id),
    nonce      text    not null,
    at         integer not null,
    primary key (activation, nonce)
) strict, without rowid;
create index activation_nonces_by_age on activation_nonces (at);

-- Takeovers. `by_key` are those that only the key allowed, which spend the license's moves.
create table moves (
    license   blob    not null references licenses (id),
    at        integer not null,
    from_activation blob not null references activations (id),
    to_activation   blob not null references activations (id),
    by_key    integer not null,
    primary key (license, at, from_activation)
) strict, without rowid;

-- The last refusal of a fingerprint that has no activation, so that a repeat leaves no second audit entry.
create table refused_fingerprints (
    license     blob    not null references licenses (id),
    fingerprint blob    not null,
    code        text    not null,
    at          integer not null,
    primary key (license, fingerprint)
) strict, without rowid;
create index refused_fingerprints_by_age on refused_fingerprints (at);

-- What was used, as it was told; a repeated seq is the same increment.
create table usage_reports (
    activation  blob    not null references activations (id),
    meter       text    not null,
    seq         integer not null,
    amount      integer not null,
    at          integer not null,
    received_at integer not null,
    primary key (activation, meter, seq)
) strict, without rowid;
