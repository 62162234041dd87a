use kaching_base::{Id, IdKind};
use kaching_db::{self as db, Row, Tx, params};

use crate::Result;

/// The statements that index the words of one kind of object again.
pub(crate) struct Reindex<T, I> {
    /// Selects and locks the next things behind an id that an earlier version may have indexed in another form.
    pub(crate) select: &'static str,
    pub(crate) read: fn(&Row<'_>) -> db::Result<T>,
    pub(crate) id: fn(&T) -> I,
    pub(crate) put_words: fn(&mut Tx<'_>, &T) -> Result<()>,
}

impl<T, K: IdKind> Reindex<T, Id<K>> {
    /// Indexes the next things behind this id, and returns the last one's.
    pub(super) fn step(&self, tx: &mut Tx<'_>, after: Id<K>) -> Result<Option<Id<K>>> {
        let found = tx.query_all(self.select, params![after], self.read)?;
        for one in &found {
            (self.put_words)(tx, one)?;
        }
        Ok(found.last().map(self.id))
    }
}
