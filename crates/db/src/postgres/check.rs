//! The requirements on a database before anything is stored in it.

use postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::fault;
use crate::{Error, Result};

/// The schema is `pg_catalog` where a search path names nothing else: no tables are made there.
const LOOK: &str = "select getdatabaseencoding() as encoding,
    has_schema_privilege(nullif(current_schema(), 'pg_catalog'), 'create') as may_create,
    quote_ident(current_schema()) as schema, quote_ident(current_user) as role,
    quote_ident(current_database()) as database, current_setting('search_path') as search_path";

/// Says what is wrong with the database, and what to do about it.
///
/// Each of these would pass until the first name that the encoding lacks, or fail in words of SQL when the schema is
/// made.
///
/// # Errors
/// [`Error::Unavailable`] if its encoding is not UTF-8, or if its role has no schema in which it may create tables.
pub(super) fn check(client: &mut Client) -> Result<()> {
    let answers = client.simple_query(LOOK).map_err(|error| Error::Unavailable(fault::reason(&error)))?;
    let row = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    match row.and_then(refusal) {
        None => Ok(()),
        Some(why) => Err(Error::Unavailable(why)),
    }
}

fn refusal(row: &SimpleQueryRow) -> Option<String> {
    let text = |column| row.get(column).unwrap_or_default();
    let (role, database) = (text("role"), text("database"));
    let encoding = text("encoding");
    if encoding != "UTF8" {
        return Some(format!(
            "the encoding of {database} is {encoding}, and it must be UTF8: make another with `create database \
             kaching template template0 encoding 'UTF8' locale 'C'`, name it in the address, and copy what {database} \
             holds with pg_dump"
        ));
    }
    match row.get("may_create") {
        Some("t") => None,
        Some(_) => {
            let schema = text("schema");
            Some(format!(
                "the role {role} may not create tables in the schema {schema} of {database}: as a superuser or the \
                 schema's owner, run `grant create on schema {schema} to {role}`"
            ))
        }
        None => {
            let path = text("search_path");
            Some(format!(
                "the role {role} can use no schema of its search_path ('{path}') in {database}: run `create schema \
                 kaching authorization {role}` and `alter role {role} in database {database} set search_path = \
                 kaching`; where a schema has its tables already, name that one instead"
            ))
        }
    }
}
