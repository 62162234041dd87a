use std::collections::BTreeSet;

use kaching_base::{Timestamp, TokenId};
use kaching_db::{self as db, Json, Param, Row, Tx, params};
use kaching_domain::{Scope, Token};

use crate::{
    Result,
    search::{self, Noun, Reindex, words_of},
    stored::Fields,
    table::Table,
};

/// All columns in the order of [`read`]. An update does not write the last use, which [`set_used`] records.
macro_rules! columns {
    () => {
        "t.id, t.created_at, t.last_used_at, t.name, t.scopes, t.expires_at, t.updated_at, t.archived_at"
    };
}

const TOKENS: Table =
    Table { name: "tokens", columns: columns!(), fixed: 3, derived: &["hash", "rights"], placed: false };

macro_rules! select {
    ($rest:literal) => {
        concat!("select ", columns!(), " from tokens t", $rest)
    };
}
pub(super) const SELECT: &str = select!("");

pub(super) fn read(row: &Row<'_>) -> db::Result<Token> {
    let mut fields = Fields::of(row);
    Ok(Token {
        id: fields.take()?,
        created_at: fields.take()?,
        last_used_at: fields.take()?,
        name: fields.take()?,
        scopes: scopes(&fields.json()?)?,
        expires_at: fields.take()?,
        updated_at: fields.take()?,
        archived_at: fields.take()?,
    })
}

fn scopes(words: &BTreeSet<String>) -> db::Result<BTreeSet<Scope>> {
    let known = words.iter().map(|word| Scope::from_word(word));
    known.collect::<Option<_>>().ok_or_else(|| db::Error::Value("a token has an unknown scope".to_owned()))
}

fn words(token: &Token) -> Json<Vec<&'static str>> {
    Json(token.scopes.iter().map(|scope| scope.as_str()).collect())
}

pub(super) fn lock_by_id(tx: &mut Tx<'_>, id: TokenId) -> Result<Option<Token>> {
    Ok(tx.query_opt(select!(" where t.id = ?1 for update"), params![id], read)?)
}

/// Returns the token with this hash, with the code that authenticates its rights.
pub(super) fn by_lookup(tx: &mut Tx<'_>, lookup: &[u8; 32]) -> Result<Option<(Token, Vec<u8>)>> {
    let sql = concat!("select ", columns!(), ", t.rights from tokens t where t.hash = ?1");
    Ok(tx.query_opt(sql, params![lookup[..]], |row| {
        Ok((read(row)?, row.get::<Option<Vec<u8>>>(8)?.unwrap_or_default()))
    })?)
}

/// Returns the hash that looks a token up, and the code that authenticates its rights.
pub(super) fn codes(tx: &mut Tx<'_>, id: TokenId) -> Result<([u8; 32], Vec<u8>)> {
    let sql = "select hash, rights from tokens where id = ?1";
    Ok(tx.query_one(sql, params![id], |row| {
        Ok((row.get::<[u8; 32]>(0)?, row.get::<Option<Vec<u8>>>(1)?.unwrap_or_default()))
    })?)
}

/// Returns every token, by id, locked for update.
pub(super) fn lock_all(tx: &mut Tx<'_>) -> Result<Vec<Token>> {
    Ok(tx.query_all(select!(" order by t.id for update"), &[], read)?)
}

pub(super) fn set_codes(tx: &mut Tx<'_>, id: TokenId, lookup: &[u8; 32], rights: &[u8; 32]) -> Result<()> {
    let sql = "update tokens set hash = ?2, rights = ?3 where id = ?1";
    tx.execute(sql, params![id, lookup[..], rights[..]])?;
    Ok(())
}

/// Calls `write` with the values of all columns, with the hash by which the token is found and the code that authenticates
/// its rights.
fn with_values<T>(
    token: &Token,
    lookup: &[u8; 32],
    rights: &[u8; 32],
    write: impl FnOnce(&[Param<'_>]) -> T,
) -> T {
    write(params![
        token.id,
        token.created_at,
        token.last_used_at,
        token.name,
        words(token),
        token.expires_at,
        token.updated_at,
        token.archived_at,
        lookup[..],
        rights[..]
    ])
}

pub(super) fn insert(tx: &mut Tx<'_>, token: &Token, lookup: &[u8; 32], rights: &[u8; 32]) -> Result<()> {
    with_values(token, lookup, rights, |values| TOKENS.insert(tx, values, ""))?;
    put_words(tx, token)
}

pub(super) fn update(tx: &mut Tx<'_>, token: &Token, lookup: &[u8; 32], rights: &[u8; 32]) -> Result<()> {
    with_values(token, lookup, rights, |values| TOKENS.update(tx, values))?;
    put_words(tx, token)
}

/// Indexes tokens again that an earlier version may have indexed in another form.
pub(crate) const REINDEX: Reindex<Token, TokenId> = Reindex {
    select: select!(
        " where t.id > ?1 and octet_length(t.name) > length(t.name)
          order by t.id limit 500 for update"
    ),
    read,
    id: |one| one.id,
    put_words,
};

fn put_words(tx: &mut Tx<'_>, token: &Token) -> Result<()> {
    search::put(tx, Noun::Token, token.id, &words_of([token.name.as_str()]))
}

/// Records the last use unless that was done since `before`.
pub(super) fn set_used(tx: &mut Tx<'_>, id: TokenId, at: Timestamp, before: Timestamp) -> Result<()> {
    tx.execute(
        "update tokens set last_used_at = ?2 where id = ?1 and (last_used_at is null or last_used_at <= ?3)",
        params![id, at, before],
    )?;
    Ok(())
}

/// Returns whether no token was ever made.
pub(super) fn none(tx: &mut Tx<'_>) -> Result<bool> {
    Ok(tx.query_opt("select 1 as one from tokens limit 1", &[], |row| row.get::<i64>(0))?.is_none())
}

/// Waits for other processes that start at the same moment, so that they continue one after the other.
pub(super) fn wait_for_others(tx: &mut Tx<'_>) -> Result<()> {
    let sql = "select value from settings where name = 'epoch' for update";
    tx.query_opt(sql, &[], |row| row.get::<String>(0))?;
    Ok(())
}
