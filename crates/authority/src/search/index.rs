//! Brings the words that an earlier version has stored into the form in which they are compared now.

use kaching_base::{Id, IdKind};
use kaching_db::{Tx, params};

use super::Reindex;
use crate::{Authority, Cx, Result, activations, customers, features, licenses, plans, products, tokens};

/// The form that [`words`](super::words) gives; the next number has everything indexed again.
const FORM: &str = "1";

impl Authority {
    /// Indexes what is stored, where that has not been done in the present form: in steps of one transaction for each,
    /// so that no server waits for long, and a start that is ended on the way begins again.
    pub(crate) async fn index_words(&self) -> Result<()> {
        if self.read("search.indexed", |tx, _| is_indexed(tx)).await? {
            return Ok(());
        }
        tracing::info!("names are indexed for searches, once");
        self.index("search.products", &products::sql::REINDEX).await?;
        self.index("search.features", &features::sql::REINDEX).await?;
        self.index("search.plans", &plans::sql::REINDEX).await?;
        self.index("search.customers", &customers::sql::REINDEX).await?;
        self.index("search.licenses", &licenses::sql::REINDEX).await?;
        self.index("search.tokens", &tokens::sql::REINDEX).await?;
        self.index("search.activations", &activations::sql::REINDEX).await?;
        self.write_regardless("search.set_indexed", Cx::system("search.index"), |tx, _| set_indexed(tx)).await
    }

    async fn index<T: 'static, K: IdKind>(
        &self,
        name: &'static str,
        reindex: &'static Reindex<T, Id<K>>,
    ) -> Result<()> {
        let mut after = Id::from_bytes([0; 16]);
        let next = |after| {
            self.write_regardless(name, Cx::system("search.index"), move |tx, _| reindex.step(tx, after))
        };
        while let Some(last) = next(after).await? {
            after = last;
        }
        Ok(())
    }
}

fn is_indexed(tx: &mut Tx<'_>) -> Result<bool> {
    let sql = "select 1 from settings where name = 'search_index' and value = ?1";
    Ok(tx.query_opt(sql, params![FORM], |row| row.get::<i64>(0))?.is_some())
}

fn set_indexed(tx: &mut Tx<'_>) -> Result<()> {
    tx.execute(
        "insert into settings (name, value) values ('search_index', ?1)
         on conflict (name) do update set value = excluded.value",
        params![FORM],
    )?;
    Ok(())
}
