mod levels;
pub(super) mod repeated;
pub(super) mod selection;

use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{ActivationId, Code, ErrorCode, FingerprintKind, LicenseId, Seconds, Timestamp};
use kaching_db::{self as db, Json, Param, Row, Sql, Tx, params};
use kaching_domain::{
    Activation, ActivationStatus, Fingerprint, Nonce,
    activations::{CLEARANCE, CredentialState, Displaced, MOVES_COUNT_FOR, Suspicion},
    licenses::Present,
};
use kaching_license::Digest;

use super::{ActivationDetails, ReportedHealth};
use crate::{
    Result,
    list::Paging,
    search::{self, FEW, Noun, Reindex, is_few, words_of},
    stored::Fields,
    table::Table,
};

pub(crate) use levels::{in_use, unrecorded_lapses};

macro_rules! columns {
    () => {
        "a.id, a.license, a.fingerprint, a.kind, a.name, a.version, a.status, a.generation, a.activate_nonce, a.number,
                a.nonce, a.activated_at, a.last_seen_at, a.run_until, a.move_ends_at, a.address, a.levels, a.refused,
                a.displaced_use_at, a.sighted_at, a.suspected, a.moved_generation, a.displaced_until"
    };
}
pub(super) use columns;

const ACTIVATIONS: Table =
    Table { name: "activations", columns: columns!(), fixed: 3, derived: &["check_at"], placed: true };

macro_rules! select {
    ($rest:literal) => {
        concat!("select ", columns!(), " from activations a", $rest)
    };
}
/// As operators see them, by [`read_details`].
pub(super) const SELECT_DETAILS: &str = concat!("select ", columns!(), ", a.health from activations a");

pub(super) fn read_details(row: &Row<'_>) -> db::Result<ActivationDetails> {
    let mut fields = Fields::of(row);
    let activation = read_next(&mut fields)?;
    let health = fields.take::<Option<Json<ReportedHealth>>>()?.map(|json| json.0);
    Ok(ActivationDetails { activation, health })
}

/// Returns the health that an activation reported last.
pub(super) fn health(tx: &mut Tx<'_>, id: ActivationId) -> Result<Option<ReportedHealth>> {
    let sql = "select health from activations where id = ?1 /*+ place */";
    let found = tx.query_opt(sql, params![id], |row| row.get::<Option<Json<ReportedHealth>>>(0))?;
    Ok(found.flatten().map(|json| json.0))
}

/// Returns the row at this distance from the position of a list; `None` if the list ends before.
pub(super) fn end_of_window(tx: &mut Tx<'_>, paging: &Paging, rows: i64) -> Result<Option<ActivationId>> {
    let mut sql = Sql::new("select a.id from activations a where 1 = 1");
    paging.finish_with(&mut sql, 1);
    sql.add(" offset ?", params![rows]);
    Ok(tx.query_opt(&sql, sql.params(), |row| row.get(0))?)
}

pub(super) fn read(row: &Row<'_>) -> db::Result<Activation> {
    read_next(&mut Fields::of(row))
}

/// As [`read`], from the next column on.
pub(super) fn read_next(fields: &mut Fields<'_>) -> db::Result<Activation> {
    Ok(Activation {
        id: fields.take()?,
        license: fields.take()?,
        fingerprint: fields.word(|text| Fingerprint::stored(text).ok())?,
        kind: fields.take()?,
        name: fields.take()?,
        version: fields.take()?,
        status: fields.word(ActivationStatus::from_word)?,
        credential: CredentialState {
            generation: fields.take()?,
            // An operator's move leaves none.
            made_by: fields.word(|text| Some(text.parse::<Nonce>().ok()))?,
            number: fields.take()?,
            nonce: fields.take::<Option<String>>()?.and_then(|text| text.parse().ok()),
        },
        activated_at: fields.take()?,
        last_seen_at: fields.take()?,
        run_until: fields.take()?,
        move_ends_at: fields.take()?,
        address: fields.take()?,
        levels: fields.json()?,
        refused: fields.take::<Option<String>>()?.and_then(|word| word.parse().ok()),
        suspicion: Suspicion {
            displaced_use_at: fields.take()?,
            sighted_at: fields.take()?,
            copy_suspected: fields.take()?,
        },
        moved_generation: fields.take()?,
        displaced_until: fields.take()?,
    })
}

pub(crate) fn by_id(tx: &mut Tx<'_>, id: ActivationId) -> Result<Option<Activation>> {
    Ok(tx.query_opt(select!(" where a.id = ?1 /*+ place */"), params![id], read)?)
}

pub(crate) fn lock_by_id(tx: &mut Tx<'_>, id: ActivationId) -> Result<Option<Activation>> {
    Ok(tx.query_opt(select!(" where a.id = ?1 /*+ place */ for update"), params![id], read)?)
}

pub(crate) fn by_fingerprint(
    tx: &mut Tx<'_>,
    license: LicenseId,
    fingerprint: &Fingerprint,
) -> Result<Option<Activation>> {
    let sql = select!(" where a.license = ?1 and a.fingerprint = ?2");
    Ok(tx.query_opt(sql, params![license, fingerprint.as_str()], read)?)
}

pub(super) fn lock_by_fingerprint(
    tx: &mut Tx<'_>,
    license: LicenseId,
    fingerprint: &Fingerprint,
) -> Result<Option<Activation>> {
    let sql = select!(" where a.license = ?1 and a.fingerprint = ?2 for update");
    Ok(tx.query_opt(sql, params![license, fingerprint.as_str()], read)?)
}

/// Returns activations that are stored as active, the oldest first; some may have lapsed since.
pub(crate) fn active(tx: &mut Tx<'_>, license: LicenseId, most: i64) -> Result<Vec<Activation>> {
    let sql = select!(" where a.license = ?1 and a.status = 'active' order by a.activated_at, a.id limit ?2");
    Ok(tx.query_all(sql, params![license, most], read)?)
}

/// Locks the activations that are stored as active and whose time, with the clearance, has passed.
pub(super) fn lock_lapsed(tx: &mut Tx<'_>, license: LicenseId, now: Timestamp) -> Result<Vec<Activation>> {
    let sql = select!(
        " where a.license = ?1 and a.status = 'active' and a.run_until <= ?2 order by a.id for update"
    );
    Ok(tx.query_all(sql, params![license, now - CLEARANCE], read)?)
}

/// Returns the activations in move grace, in the order in which it ends.
pub(super) fn in_grace(tx: &mut Tx<'_>, license: LicenseId, now: Timestamp) -> Result<Vec<ActivationId>> {
    let sql = "select id from activations where license = ?1 and move_ends_at > ?2 order by move_ends_at, id";
    Ok(tx.query_all(sql, params![license, now], |row| row.get(0))?)
}

/// Returns the present use: the number of held slots, and the highest of each level.
pub(crate) fn present(tx: &mut Tx<'_>, license: LicenseId, now: Timestamp) -> Result<Present> {
    let sql = "select levels from activations where license = ?1 and status = 'active' and run_until > ?2";
    let all =
        tx.query_all(sql, params![license, now - CLEARANCE], |row| row.get::<Json<BTreeMap<Code, u64>>>(0))?;
    let mut present = Present { active: all.len() as u64, levels: BTreeMap::new() };
    for (name, level) in all.into_iter().flat_map(|json| json.0) {
        let highest = present.levels.entry(name).or_default();
        *highest = level.max(*highest);
    }
    Ok(present)
}

/// Calls `write` with the values of all columns.
fn with_values<T>(activation: &Activation, write: impl FnOnce(&[Param<'_>]) -> T) -> T {
    let Activation { credential, suspicion, .. } = activation;
    write(params![
        activation.id,
        activation.license,
        activation.fingerprint.as_str(),
        activation.kind,
        activation.name,
        activation.version,
        activation.status.as_str(),
        credential.generation,
        credential.made_by.as_ref().map_or("", Nonce::as_str),
        credential.number,
        credential.nonce.as_ref().map(Nonce::as_str),
        activation.activated_at,
        activation.last_seen_at,
        activation.run_until,
        activation.move_ends_at,
        activation.address,
        Json(&activation.levels),
        activation.refused.map(ErrorCode::as_str),
        suspicion.displaced_use_at,
        suspicion.sighted_at,
        suspicion.copy_suspected,
        activation.moved_generation,
        activation.displaced_until,
        activation.lapses_at()
    ])
}

pub(crate) fn insert(tx: &mut Tx<'_>, activation: &Activation) -> Result<()> {
    with_values(activation, |values| ACTIVATIONS.insert(tx, values, ""))?;
    levels::insert(tx, activation)
}

/// Writes the whole row, except for the health, and the levels in use. With the row as it was `before`, levels are only
/// written where they have changed.
pub(super) fn update(tx: &mut Tx<'_>, before: Option<&Activation>, activation: &Activation) -> Result<()> {
    with_values(activation, |values| ACTIVATIONS.update(tx, values))?;
    levels::replace(tx, before, activation)
}

/// Stores the code of the last refusal.
pub(super) fn set_refused(tx: &mut Tx<'_>, id: ActivationId, code: ErrorCode) -> Result<()> {
    tx.execute("update activations set refused = ?2 where id = ?1", params![id, code.as_str()])?;
    Ok(())
}

/// Writes the signs of two holders.
pub(super) fn set_suspicion(tx: &mut Tx<'_>, id: ActivationId, suspicion: &Suspicion) -> Result<()> {
    tx.execute(
        "update activations set displaced_use_at = ?2, sighted_at = ?3, suspected = ?4 where id = ?1",
        params![id, suspicion.displaced_use_at, suspicion.sighted_at, suspicion.copy_suspected],
    )?;
    Ok(())
}

pub(super) fn set_health(tx: &mut Tx<'_>, id: ActivationId, health: &ReportedHealth) -> Result<()> {
    tx.execute("update activations set health = ?2 where id = ?1", params![id, Json(health)])?;
    Ok(())
}

/// Stores the hash of the installation's own spelling.
pub(super) fn put_spelling(tx: &mut Tx<'_>, id: ActivationId, fpr: Digest) -> Result<()> {
    tx.execute(
        "insert into fingerprint_spellings (activation, fpr) values (?1, ?2)
         on conflict (activation) do update set fpr = excluded.fpr where fingerprint_spellings.fpr <> excluded.fpr",
        params![id, fpr.0],
    )?;
    Ok(())
}

/// Whether the installation knows itself by the spelling with this hash.
pub(super) fn is_spelling(tx: &mut Tx<'_>, id: ActivationId, fpr: Digest) -> Result<bool> {
    let sql = "select 1 from fingerprint_spellings where activation = ?1 and fpr = ?2";
    Ok(tx.query_opt(sql, params![id, fpr.0], |row| row.get::<i64>(0))?.is_some())
}

/// An activation with its fingerprint.
pub(super) struct Spelled {
    pub(super) id: ActivationId,
    pub(super) license: LicenseId,
    pub(super) kind: FingerprintKind,
    pub(super) fingerprint: Fingerprint,
}

/// Returns the next activations behind this one in the order of their ids.
pub(super) fn spellings(tx: &mut Tx<'_>, after: ActivationId) -> Result<Vec<Spelled>> {
    let sql = "select id, license, kind, fingerprint from activations where id > ?1 order by id limit 1000";
    Ok(tx.query_all(sql, params![after], |row| {
        let mut fields = Fields::of(row);
        Ok(Spelled {
            id: fields.take()?,
            license: fields.take()?,
            kind: fields.take()?,
            fingerprint: fields.word(|text| Fingerprint::stored(text).ok())?,
        })
    })?)
}

/// Returns the words that find an activation.
pub(crate) fn words(fingerprint: &Fingerprint, name: Option<&str>) -> BTreeSet<String> {
    words_of([fingerprint.as_str(), name.unwrap_or_default()])
}

/// Indexes activations again that an earlier version may have indexed in another form.
pub(crate) const REINDEX: Reindex<Activation, ActivationId> = Reindex {
    select: select!(
        " where a.id > ?1 and (octet_length(a.fingerprint) > length(a.fingerprint) or octet_length(a.name) > length(a.name))
          order by a.id limit 500 for update"
    ),
    read,
    id: |one| one.id,
    put_words: |tx, one| search::put(tx, Noun::Activation, one.id, &words(&one.fingerprint, one.name.as_deref())),
};

pub(super) fn set_fingerprint(tx: &mut Tx<'_>, id: ActivationId, fingerprint: &str) -> Result<()> {
    tx.execute("update activations set fingerprint = ?2 where id = ?1", params![id, fingerprint])?;
    Ok(())
}

/// Whether the domains that earlier versions stored have been brought into their canonical form.
pub(super) fn are_respelled(tx: &mut Tx<'_>) -> Result<bool> {
    let sql = "select 1 from settings where name = 'domains_respelled'";
    Ok(tx.query_opt(sql, &[], |row| row.get::<i64>(0))?.is_some())
}

pub(super) fn set_respelled(tx: &mut Tx<'_>) -> Result<()> {
    tx.execute(
        "insert into settings (name, value) values ('domains_respelled', '1') on conflict (name) do nothing",
        &[],
    )?;
    Ok(())
}

pub(super) fn end_move_grace(tx: &mut Tx<'_>, id: ActivationId, at: Timestamp) -> Result<()> {
    tx.execute("update activations set move_ends_at = ?2 where id = ?1", params![id, at])?;
    Ok(())
}

pub(super) fn displaced(tx: &mut Tx<'_>, id: ActivationId, generation: i64) -> Result<Option<Displaced>> {
    let sql =
        "select generation, number, at from displaced_generations where activation = ?1 and generation = ?2";
    Ok(tx.query_opt(sql, params![id, generation], |row| {
        Ok(Displaced { generation: row.get(0)?, number: row.get(1)?, at: row.get(2)? })
    })?)
}

/// Stores the refusal of a displaced generation. Returns whether it differs from the last one.
pub(super) fn refuse_displaced(
    tx: &mut Tx<'_>,
    id: ActivationId,
    generation: i64,
    code: ErrorCode,
) -> Result<bool> {
    let changed = tx.execute(
        "update displaced_generations set refused = ?3
         where activation = ?1 and generation = ?2 and (refused is null or refused <> ?3)",
        params![id, generation, code.as_str()],
    )?;
    Ok(changed == 1)
}

pub(super) fn put_displaced(tx: &mut Tx<'_>, id: ActivationId, displaced: &Displaced) -> Result<()> {
    tx.execute(
        "insert into displaced_generations (activation, generation, number, at) values (?1, ?2, ?3, ?4)
         on conflict (activation, generation) do update set number = excluded.number",
        params![id, displaced.generation, displaced.number, displaced.at],
    )?;
    Ok(())
}

/// The time for which the nonces of calls other than heartbeats are remembered.
const REMEMBERED: Seconds = Seconds::days(1);

/// Whether it was activated by this nonce within a day. The nonce of the present credential is in its row.
pub(super) fn activated_by(
    tx: &mut Tx<'_>,
    activation: &Activation,
    nonce: &Nonce,
    now: Timestamp,
) -> Result<bool> {
    let present = activation.credential.made_by.as_ref() == Some(nonce);
    Ok((present && activation.last_seen_at >= now - REMEMBERED) || nonce_seen(tx, activation.id, nonce, now)?)
}

pub(crate) fn nonce_seen(tx: &mut Tx<'_>, id: ActivationId, nonce: &Nonce, now: Timestamp) -> Result<bool> {
    let sql = "select 1 from activation_nonces where activation = ?1 and nonce = ?2 and at >= ?3";
    let seen = tx.query_opt(sql, params![id, nonce.as_str(), now - REMEMBERED], |row| row.get::<i64>(0))?;
    Ok(seen.is_some())
}

pub(crate) fn put_nonce(tx: &mut Tx<'_>, id: ActivationId, nonce: &Nonce, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into activation_nonces (activation, nonce, at) values (?1, ?2, ?3)
         on conflict (activation, nonce) do update set at = excluded.at",
        params![id, nonce.as_str(), now],
    )?;
    Ok(())
}

/// Stores a nonce. Returns whether it is new within a day.
pub(crate) fn is_first(tx: &mut Tx<'_>, id: ActivationId, nonce: &Nonce, now: Timestamp) -> Result<bool> {
    let first = !nonce_seen(tx, id, nonce, now)?;
    if first {
        put_nonce(tx, id, nonce, now)?;
    }
    Ok(first)
}

/// Deletes nonces and refusals of more than a day ago, a bounded number at a time. Returns how many.
pub(super) fn forget(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64> {
    let before = now - REMEMBERED;
    let nonces = tx.execute(
        "delete from activation_nonces where (activation, nonce) in
           (select activation, nonce from activation_nonces where at < ?1 order by at limit 1000)",
        params![before],
    )?;
    let refused = tx.execute(
        "delete from refused_fingerprints where (license, fingerprint) in
           (select license, fingerprint from refused_fingerprints where at < ?1 order by at limit 1000)",
        params![before],
    )?;
    Ok(nonces + refused)
}

/// Returns the moments of the license's moves by its key alone within the time that counts, the oldest first.
pub(super) fn moves(tx: &mut Tx<'_>, license: LicenseId, now: Timestamp) -> Result<Vec<Timestamp>> {
    let sql = "select at from moves where license = ?1 and at > ?2 and by_key = ?3 order by at";
    Ok(tx.query_all(sql, params![license, now - MOVES_COUNT_FOR, true], |row| row.get(0))?)
}

pub(super) fn insert_move(
    tx: &mut Tx<'_>,
    license: LicenseId,
    from: ActivationId,
    to: ActivationId,
    by_key: bool,
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        "insert into moves (license, at, from_activation, to_activation, by_key) values (?1, ?2, ?3, ?4, ?5)
         on conflict (license, at, from_activation) do nothing",
        params![license, now, from, to, by_key],
    )?;
    Ok(())
}

/// Stores the refusal of a fingerprint that has no activation. Returns whether it differs from the last one.
pub(super) fn record_refusal(
    tx: &mut Tx<'_>,
    license: LicenseId,
    fingerprint: [u8; 32],
    code: ErrorCode,
    now: Timestamp,
) -> Result<bool> {
    let changed = tx.execute(
        "insert into refused_fingerprints (license, fingerprint, code, at) values (?1, ?2, ?3, ?4)
         on conflict (license, fingerprint) do update set code = excluded.code, at = excluded.at
         where refused_fingerprints.code <> excluded.code",
        params![license, fingerprint, code.as_str(), now],
    )?;
    Ok(changed == 1)
}

/// Selects active rows that are due at one moment and have had no heartbeat since another, the longest due first. The
/// order makes PostgreSQL use the index of due rows, however many active ones it expects.
macro_rules! overdue {
    ($due:literal, $heard:literal, $most:literal) => {
        concat!(
            " from activations where check_at <= ",
            $due,
            " and status || '' = 'active' and run_until <= ",
            $heard,
            " order by check_at limit ",
            $most
        )
    };
}
pub(super) use overdue;

/// Whether few enough active ones have had no heartbeat since this moment to be read one by one.
pub(super) fn few_overdue(tx: &mut Tx<'_>, now: Timestamp, free_since: Timestamp) -> Result<bool> {
    let counting = concat!("select count(*) from (select 1 as one", overdue!("?1", "?2", "?3"), ") as found");
    is_few(tx, counting, params![now, free_since, FEW + 1])
}

/// Activations that the job checks in one step, which takes a few milliseconds.
pub(super) const TO_CHECK: i64 = 256;

/// Returns the activations that the job should check, the longest due first.
pub(super) fn to_check(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<Due>> {
    let sql = "select id, license, status = 'active' and run_until > ?2 from activations
               where check_at <= ?1 order by check_at limit ?3";
    Ok(tx.query_all(sql, params![now, now - CLEARANCE, TO_CHECK], |row| {
        Ok(Due { id: row.get(0)?, license: row.get(1)?, lives_on: row.get(2)? })
    })?)
}

/// An activation that the job should check.
pub(super) struct Due {
    pub(super) id: ActivationId,
    pub(super) license: LicenseId,
    /// Whether heartbeats have come since its check was scheduled.
    pub(super) lives_on: bool,
}

/// Schedules the next check of these for when they would lapse, unless they have lapsed or are locked. Returns how many.
pub(super) fn check_again(tx: &mut Tx<'_>, ids: &[ActivationId], now: Timestamp) -> Result<u64> {
    let lives_on = now - CLEARANCE;
    let mut select = Sql::new("select id from activations where id in ");
    select.list(ids.iter().copied()).add(" and status = 'active' and run_until > ?", params![lives_on]);
    select.push(" order by id for update skip locked");
    let locked: Vec<ActivationId> = tx.query_all(&select, select.params(), |row| row.get(0))?;
    let mut update = Sql::new("update activations set check_at = run_until + ");
    update.add("?", params![CLEARANCE.0 * 1_000_000]).push(" where id in ").list(locked);
    Ok(tx.execute(&update, update.params())?)
}

/// Sets when the activation is checked for a lapse.
pub(super) fn set_check_at(tx: &mut Tx<'_>, id: ActivationId, at: Timestamp) -> Result<()> {
    tx.execute("update activations set check_at = ?2 where id = ?1", params![id, at])?;
    Ok(())
}

/// Ends the checks of an activation that holds no slot.
pub(super) fn stop_checking(tx: &mut Tx<'_>, id: ActivationId) -> Result<()> {
    tx.execute("update activations set check_at = null where id = ?1 and status <> 'active'", params![id])?;
    Ok(())
}
