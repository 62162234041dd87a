//! The rows that a reader may see. Every read takes a [`Sight`] and puts it in the WHERE of its statement, so that what is
//! out of sight answers like what does not exist.

use std::collections::BTreeSet;

use kaching_base::{
    ActivationId, CustomerId, FeatureId, Id, IdKind, LicenseId, PlanId, ProductId, Timestamp,
};
use kaching_db::{self as db, Param, Row, Sql, Tx, params};

use crate::{Authority, Result};

/// Which part of the data a principal may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Everything.
    All,
    /// These products, with the licenses of them, and the customers who have one.
    Products(BTreeSet<ProductId>),
    /// One customer with its licenses and their activations, and the products and plans that they are of.
    Customer(CustomerId),
}

/// A table that is read, with the alias of its statements.
#[derive(Clone, Copy)]
pub(crate) enum AliasedTable {
    /// `products p`
    Products,
    /// `features f`
    Features,
    /// `plans n`
    Plans,
    /// `customers c`
    Customers,
    /// `licenses l`
    Licenses,
    /// `activations a`
    Activations,
    /// `tokens t`, which belong to the authority alone.
    Tokens,
    /// The jobs `j`, which belong to the authority alone.
    Jobs,
}

impl AliasedTable {
    /// The condition that a row belongs to some products: the text before and after their list. `None` if no row does.
    fn of_products(self) -> Option<[&'static str; 2]> {
        match self {
            Self::Products => Some([" and p.id in ", ""]),
            Self::Features => Some([" and f.product in ", ""]),
            Self::Plans => Some([" and n.product in ", ""]),
            Self::Customers => {
                Some([" and exists (select 1 from licenses o where o.customer = c.id and o.product in ", ")"])
            }
            Self::Licenses => Some([" and l.product in ", ""]),
            Self::Activations => {
                Some([" and exists (select 1 from licenses o where o.id = a.license and o.product in ", ")"])
            }
            Self::Tokens | Self::Jobs => None,
        }
    }

    /// The condition that a row belongs to a customer. `None` if no row does.
    fn of_customer(self) -> Option<&'static str> {
        match self {
            Self::Products => Some(" and p.id in (select product from licenses where customer = ?)"),
            Self::Features => Some(" and f.product in (select product from licenses where customer = ?)"),
            Self::Plans => Some(
                " and exists (select 1 from licenses o
                              where o.customer = ? and (o.plan = n.id or o.scheduled_plan = n.id))",
            ),
            Self::Customers => Some(" and c.id = ?"),
            Self::Licenses => Some(" and l.customer = ?"),
            Self::Activations => {
                Some(" and exists (select 1 from licenses o where o.id = a.license and o.customer = ?)")
            }
            Self::Tokens | Self::Jobs => None,
        }
    }
}

impl Sight {
    /// Adds the condition that a row of this table is in sight to a statement that has a WHERE already.
    pub(crate) fn limit(&self, sql: &mut Sql, table: AliasedTable) {
        let conditions = match self {
            Self::All => return,
            Self::Products(products) => table.of_products().map(|[before, after]| {
                sql.push(before).list(products.iter().copied()).push(after);
            }),
            Self::Customer(customer) => table.of_customer().map(|condition| {
                sql.add(condition, params![*customer]);
            }),
        };
        if conditions.is_none() {
            sql.push(" and 1 = 0");
        }
    }

    /// Returns the row that `condition` names, if there is one in sight. `select` ends before its WHERE.
    pub(crate) fn find<T>(
        &self,
        tx: &mut Tx<'_>,
        select: &'static str,
        (condition, table): (&'static str, AliasedTable),
        values: &[Param<'_>],
        read: impl FnMut(&Row<'_>) -> db::Result<T>,
    ) -> Result<Option<T>> {
        let mut sql = Sql::new(select);
        sql.add(condition, values);
        self.limit(&mut sql, table);
        Ok(tx.query_opt(&sql, sql.params(), read)?)
    }
    /// Returns those of these ids, written as text, that name a row in sight.
    pub(crate) fn targets<'t>(
        &self,
        tx: &mut Tx<'_>,
        texts: impl Iterator<Item = &'t str> + Clone,
    ) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        let select = Sql::new("select l.id from licenses l where l.id in ");
        self.add_targets(
            tx,
            texts.clone().filter_map(|text| text.parse::<LicenseId>().ok()),
            (select, AliasedTable::Licenses),
            &mut found,
        )?;
        let select = Sql::new("select a.id from activations a where a.id in ");
        self.add_targets(
            tx,
            texts.clone().filter_map(|text| text.parse::<ActivationId>().ok()),
            (select, AliasedTable::Activations),
            &mut found,
        )?;
        let select = Sql::new("select c.id from customers c where c.id in ");
        self.add_targets(
            tx,
            texts.clone().filter_map(|text| text.parse::<CustomerId>().ok()),
            (select, AliasedTable::Customers),
            &mut found,
        )?;
        let select = Sql::new("select p.id from products p where p.id in ");
        self.add_targets(
            tx,
            texts.clone().filter_map(|text| text.parse::<ProductId>().ok()),
            (select, AliasedTable::Products),
            &mut found,
        )?;
        let select = Sql::new("select f.id from features f where f.id in ");
        self.add_targets(
            tx,
            texts.clone().filter_map(|text| text.parse::<FeatureId>().ok()),
            (select, AliasedTable::Features),
            &mut found,
        )?;
        let select = Sql::new("select n.id from plans n where n.id in ");
        self.add_targets(
            tx,
            texts.filter_map(|text| text.parse::<PlanId>().ok()),
            (select, AliasedTable::Plans),
            &mut found,
        )?;
        Ok(found)
    }

    /// Adds those of these ids whose row is in sight.
    fn add_targets<K: IdKind>(
        &self,
        tx: &mut Tx<'_>,
        ids: impl Iterator<Item = Id<K>>,
        (mut sql, table): (Sql, AliasedTable),
        found: &mut BTreeSet<String>,
    ) -> Result<()> {
        let ids: BTreeSet<Id<K>> = ids.collect();
        if ids.is_empty() {
            return Ok(());
        }
        sql.list(ids);
        self.limit(&mut sql, table);
        let in_sight = tx.query_all(&sql, sql.params(), |row| row.get::<Id<K>>(0))?;
        found.extend(in_sight.iter().map(ToString::to_string));
        Ok(())
    }
}

impl Authority {
    /// Runs queries on one consistent view for a reader with this sight, which each statement applies.
    pub(crate) async fn read_in_sight<T, F>(
        &self,
        name: &'static str,
        sight: &Sight,
        mut query: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>, Timestamp, &Sight) -> Result<T> + Send + 'static,
    {
        let sight = sight.clone();
        self.read(name, move |tx, now| query(tx, now, &sight)).await
    }
}
