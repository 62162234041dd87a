//! The rowid of a row that has an id: on SQLite it follows from the id, so that the row is found without the index of
//! ids, whose pages no cache holds where millions are stored.
//!
//! A statement asks for this by a hint behind the id, which changes nothing of what it means: a row that lies
//! elsewhere, since its place was taken, an older version wrote it or a VACUUM moved it, is found by its id. PostgreSQL
//! reads a comment.

use rusqlite::{Connection, ErrorCode, ffi, functions::FunctionFlags};

/// Behind `?1` or an expression that is an id: in `values`, behind `id` in the list of columns, or behind `a.id = `.
pub(crate) const HINT: &str = " /*+ place */";

/// The rowid of this id: the millisecond in which it was made, until 2109, and 21 of its random bits. So rows lie in
/// the order in which they are made, and of ten made in one millisecond two share a place once in fifty thousand times.
fn place(id: [u8; 16]) -> i64 {
    let millis = u64::from_be_bytes([0, 0, id[0], id[1], id[2], id[3], id[4], id[5]]);
    let random = u64::from_be_bytes([0, 0, 0, 0, 0, id[13], id[14], id[15]]);
    let place = (millis << 21) | (random & 0x1f_ffff);
    i64::try_from(place & (u64::MAX >> 1)).expect("63 bits")
}

/// Teaches a connection the function that [`placed`] calls.
pub(crate) fn teach(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("place", 1, flags, |call| {
        Ok(call.get_raw(0).as_blob().ok().and_then(|id| id.try_into().ok()).map(place))
    })
}

/// The statement with its hints carried out; `None` if it has none.
pub(crate) fn placed(text: &str) -> Option<String> {
    let mut hint = find(text)?;
    let (mut placed, mut rest) = (String::with_capacity(text.len() + 64), text);
    loop {
        let (before, id) = last_word(&rest[..hint]);
        match before.strip_suffix(" = ").map(last_word) {
            Some((before, column)) => {
                let row = column.strip_suffix("id").unwrap_or(column);
                placed.extend([before, row, "rowid = place(", id, ") and ", column, " = ", id]);
            }
            None if id.trim_matches('"') == "id" => placed.extend([before, "rowid, ", id]),
            None => placed.extend([before, "place(", id, "), ", id]),
        }
        rest = &rest[hint + HINT.len()..];
        match find(rest) {
            Some(next) => hint = next,
            None => return Some(placed + rest),
        }
    }
}

/// The start of the next hint. Every statement is searched before it runs: for one byte, which is quick.
fn find(text: &str) -> Option<usize> {
    const BEFORE: usize = " /*".len();
    let mut starts = text.match_indices('+').filter_map(|(plus, _)| plus.checked_sub(BEFORE));
    starts.find(|start| text.as_bytes()[*start..].starts_with(HINT.as_bytes()))
}

fn last_word(text: &str) -> (&str, &str) {
    text.split_at(text.rfind([' ', '(', '\n']).map_or(0, |at| at + 1))
}

/// Whether a row could not be written because another one lies at its place.
pub(crate) fn is_taken(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(code, _)
        if code.code == ErrorCode::ConstraintViolation && code.extended_code == ffi::SQLITE_CONSTRAINT_ROWID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_millisecond_and_21_random_bits() {
        let id = |text: &str| u128::from_str_radix(text, 16).unwrap().to_be_bytes();
        assert_eq!(place(id("0000000000017fffbfffffffffe00003")), (1 << 21) | 3);
        // 2026-11-27T00:00:00Z, in 2109, and what is no UUIDv7.
        assert_eq!(place(id("01a21a4d400070008000000000100000")), (0x01a2_1a4d_4000 << 21) | (1 << 20));
        assert_eq!(place(id("03ffffffffff70008000000000000000")), i64::MAX - 0x1f_ffff);
        assert!(place([0xff; 16]) > 0);
    }

    #[test]
    fn hints_are_carried_out() {
        for (text, carried_out) in [
            (
                "insert into things (id /*+ place */, n) values (?1 /*+ place */, ?2), (?3 /*+ place */, ?4)",
                "insert into things (rowid, id, n) values (place(?1), ?1, ?2), (place(?3), ?3, ?4)",
            ),
            (
                "select a.n from a join b on b.id = a.b /*+ place */ where a.id = ?1 /*+ place */",
                "select a.n from a join b on b.rowid = place(a.b) and b.id = a.b where a.rowid = place(?1) and a.id = ?1",
            ),
            (
                "update a set n = ?2 where id = ?1 /*+ place */",
                "update a set n = ?2 where rowid = place(?1) and id = ?1",
            ),
            (
                "insert into \"a\" (\"b\", \"id\" /*+ place */) values (?1, ?2 /*+ place */)",
                "insert into \"a\" (\"b\", rowid, \"id\") values (?1, place(?2), ?2)",
            ),
        ] {
            assert_eq!(placed(text).as_deref(), Some(carried_out));
        }
        for text in ["select n from a where id = ?1", "select n + 1 from a", "+", "select 'äö+ /*+'"] {
            assert_eq!(placed(text), None);
        }
    }
}
