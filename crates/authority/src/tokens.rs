//! API tokens: programs with rights on the authority.

mod adopt;
mod first;
pub(crate) mod sql;

pub(crate) use adopt::adopt;

use std::collections::BTreeSet;

use kaching_base::{Base64Url, ErrorCode, Seconds, Secret, Timestamp, TokenId};
use kaching_db::{Sql, Tx, params};
use kaching_domain::{EditList, Scope, Token, check_name};
use serde_json::json;

use crate::{
    Actor, Authority, Cx, Error, List, Op, Page, Principal, Result, Rights, Sight, Versioned,
    audit_view::AuditView,
    list::{Key, Paging, Sorting, sorting},
    search::{self, Noun},
    sight::AliasedTable,
};

/// The values of a new token.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    pub name: String,
    pub scopes: BTreeSet<Scope>,
    pub expires_at: Option<Timestamp>,
}

/// A change of a token; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct EditToken {
    pub name: Option<String>,
    pub scopes: Option<EditList<Scope>>,
    pub expires_at: Option<Option<Timestamp>>,
}

/// A token with its secret, which is shown only once.
pub struct CreatedToken {
    pub token: Token,
    /// `kch_` and 256 bits.
    pub secret: Secret<String>,
}

/// Which tokens are listed.
#[derive(Clone, Debug, Default)]
pub struct TokenFilter {
    /// Also archived ones.
    pub archived: bool,
}

/// The interval at which the last use is recorded.
const USE_WRITTEN: Seconds = Seconds(60);

static SORTINGS: [Sorting; 1] = [sorting!("created_at", "t.id")];

impl Authority {
    /// Creates a token; `by` are the rights of the caller, beyond which it gives none.
    ///
    /// # Errors
    /// If it has no scope, its end is in the past, or it would have more rights than `by`.
    pub async fn create_token(&self, cx: Cx, new: NewToken, by: &Rights) -> Result<CreatedToken> {
        by.check_grants(Some(&new.scopes), Some(new.expires_at))?;
        self.write("tokens.create", cx, move |tx, op| {
            let secret = secret_of(&op.random());
            let token = make(tx, op, &new, &secret)?;
            Ok(CreatedToken { token, secret })
        })
        .await
    }

    /// Returns a token.
    ///
    /// # Errors
    /// If there is none in sight.
    pub async fn token(&self, sight: &Sight, id: String) -> Result<Token> {
        self.read_in_sight("tokens.show", sight, move |tx, _, sight| {
            let named = (" where t.id = ?", AliasedTable::Tokens);
            sight.find(tx, sql::SELECT, named, params![id_of(&id)?], sql::read)?.ok_or_else(|| unknown(&id))
        })
        .await
    }

    /// Lists tokens; sorted by `created_at`.
    ///
    /// # Errors
    /// If the list makes no sense.
    pub async fn tokens(&self, sight: &Sight, list: List<TokenFilter>) -> Result<Page<Token>> {
        self.read_in_sight("tokens.list", sight, move |tx, _, sight| {
            let paging = Paging::new(&list, &SORTINGS)?;
            let mut sql = Sql::new(sql::SELECT);
            sql.push(if list.filter.archived { " where 1 = 1" } else { " where t.archived_at is null" });
            sight.limit(&mut sql, AliasedTable::Tokens);
            let few =
                " and t.id in (select target from search_words where noun = ? and word >= ? and word < ?)";
            search::condition(tx, &mut sql, Noun::Token, list.q.as_deref(), few, few)?;
            paging.finish(&mut sql);
            let found = tx.query_all(&sql, sql.params(), sql::read)?;
            Ok(paging.page(found, |token| (Key::None, *token.id.as_bytes())))
        })
        .await
    }

    /// Changes a token; `by` are the rights of the caller, beyond which it gives none.
    ///
    /// # Errors
    /// If there is no such token, it would have no scope or more rights than `by`, its end is in the past, or its rights
    /// were changed in the database.
    pub async fn edit_token(&self, cx: Cx, id: String, edit: EditToken, by: &Rights) -> Result<Token> {
        let given = edit.scopes.as_ref().map(|scopes| scopes.of(&BTreeSet::new()));
        by.check_grants(given.as_ref(), edit.expires_at)?;
        let by = by.clone();
        self.change_token("tokens.edit", "token.edit", cx, id, move |token, op| {
            let (mut edited, edit) = (token.clone(), edit.clone());
            edited.name = edit.name.unwrap_or(edited.name);
            if let Some(scopes) = &edit.scopes {
                edited.scopes = scopes.of(&edited.scopes);
            }
            if let Some(end) = edit.expires_at {
                check_end(end, op.now)?;
                edited.expires_at = end;
                // A longer life gives all that the token may.
                if lives_longer(token, &edited) {
                    by.check_grants(Some(&edited.scopes), None)?;
                }
            }
            check(&edited)?;
            Ok(edited)
        })
        .await
    }

    /// Ends a token: it no longer works.
    ///
    /// # Errors
    /// If there is no such token.
    pub async fn archive_token(&self, cx: Cx, id: String) -> Result<Token> {
        self.change_token("tokens.archive", "token.archive", cx, id, |token, op| {
            Ok(Token { archived_at: token.archived_at.or(Some(op.now)), ..token.clone() })
        })
        .await
    }

    /// Returns the principal that holds this secret. The use is recorded at most once a minute.
    ///
    /// # Errors
    /// `unauthenticated`, if it is no token, no longer works, or has other rights than it was given.
    pub async fn authenticate(&self, secret: Secret<String>) -> Result<Principal> {
        let keys = self.keys();
        let key = keys.tokens()?;
        let lookup = key.lookup(&secret);
        let found =
            self.read("tokens.authenticate", move |tx, now| Ok((sql::by_lookup(tx, &lookup)?, now))).await?;
        let (Some((token, rights)), now) = found else { return Err(unauthenticated()) };
        if !token.works(now) {
            return Err(unauthenticated());
        }
        if !key.confirms(&token, &lookup, &rights) {
            tracing::warn!(token = %token.id, "an API token has other rights in the database than it was given, and is refused");
            return Err(unauthenticated());
        }
        if token.last_used_at.is_none_or(|at| now.since(at) >= USE_WRITTEN) {
            let id = token.id;
            let noted = self.write("tokens.used", Cx::system("tokens"), move |tx, op| {
                sql::set_used(tx, id, op.now, op.now - USE_WRITTEN)
            });
            // An operator who looks for a fault of the clock or the disk is still let in.
            if let Err(error) = noted.await {
                tracing::debug!(token = %id, %error, "the use of an API token could not be written down");
            }
        }
        Ok(Principal {
            actor: Actor::Token(token.id),
            rights: Rights { scopes: token.scopes, until: token.expires_at },
            sight: Sight::All,
            fresh_until: None,
        })
    }

    async fn change_token(
        &self,
        name: &'static str,
        action: &'static str,
        cx: Cx,
        id: String,
        mut change: impl FnMut(&Token, &Op) -> Result<Token> + Send + 'static,
    ) -> Result<Token> {
        self.write(name, cx, move |tx, op| {
            let before = sql::lock_by_id(tx, id_of(&id)?)?.ok_or_else(|| unknown(&id))?;
            op.on(action, before.id);
            op.check_version(&before)?;
            let after = change(&before, op)?;
            if after == before {
                return Ok(before);
            }
            let (lookup, rights) = sql::codes(tx, before.id)?;
            // Ending a token is always right; any other change would confirm rights that were never granted.
            if after.archived_at.is_none() && !op.keys.tokens()?.confirms(&before, &lookup, &rights) {
                return Err(changed_outside());
            }
            let after = Token { updated_at: op.now, ..after };
            sql::update(tx, &after, &lookup, &op.keys.tokens()?.rights(&after, &lookup))?;
            op.audit(tx, audit_view(&before).changed(audit_view(&after)))?;
            Ok(after)
        })
        .await
    }
}

/// Stores a new token, with its entry.
fn make(tx: &mut Tx<'_>, op: &mut Op, new: &NewToken, secret: &Secret<String>) -> Result<Token> {
    let token = Token {
        id: op.id(),
        name: new.name.clone(),
        scopes: new.scopes.clone(),
        expires_at: new.expires_at,
        last_used_at: None,
        created_at: op.now,
        updated_at: op.now,
        archived_at: None,
    };
    check(&token)?;
    check_end(token.expires_at, op.now)?;
    let key = op.keys.tokens()?;
    let lookup = key.lookup(secret);
    sql::insert(tx, &token, &lookup, &key.rights(&token, &lookup))?;
    op.on("token.create", token.id);
    op.audit(tx, audit_view(&token).created())?;
    Ok(token)
}

/// `kch_` and 256 bits in base64url.
fn secret_of(random: &[u8; 32]) -> Secret<String> {
    Secret::new(format!("kch_{}", Base64Url(random)))
}

fn check(token: &Token) -> Result<()> {
    check_name("/name", &token.name)?;
    if token.scopes.is_empty() {
        let all: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        return Err(Error::invalid("/scopes", format!("a token needs a scope: {}", all.join(", "))));
    }
    Ok(())
}

fn check_end(end: Option<Timestamp>, now: Timestamp) -> Result<()> {
    match end {
        Some(at) if at <= now => Err(Error::invalid("/expires_at", "the token would have ended already")),
        _ => Ok(()),
    }
}

fn id_of(text: &str) -> Result<TokenId> {
    text.parse().map_err(|_| unknown(text))
}

/// The text may be a secret by mistake: only an id is repeated.
fn unknown(text: &str) -> Error {
    match text.parse::<TokenId>() {
        Ok(id) => Error::not_found(format!("token {id}")),
        Err(_) => Error::not_found("token with this id; ids look like tok_…"),
    }
}

fn unauthenticated() -> Error {
    Error::coded(ErrorCode::Unauthenticated, "this token is unknown or has ended; ask an operator for one")
}

fn lives_longer(before: &Token, after: &Token) -> bool {
    before.expires_at.is_some_and(|before| after.expires_at.is_none_or(|after| after > before))
}

fn changed_outside() -> Error {
    Error::coded(
        ErrorCode::WrongState,
        "the rights of this token were changed in the database, not by this authority, so it does not work: archive it, and make another",
    )
}

impl Versioned for Token {
    fn content(&self) -> String {
        audit_view(self).content(self.id, self.updated_at)
    }
}

impl Versioned for CreatedToken {
    fn content(&self) -> String {
        self.token.content()
    }
}

fn audit_view(token: &Token) -> AuditView {
    AuditView {
        open: json!({
            "scopes": token.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
            "expires_at": token.expires_at,
            "archived_at": token.archived_at,
        }),
        personal: json!({ "name": token.name }),
        customer: None,
    }
}
