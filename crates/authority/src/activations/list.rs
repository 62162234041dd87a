use kaching_base::{ActivationId, FingerprintKind, Timestamp};
use kaching_db::{Sql, Tx, params};
use kaching_domain::{ActivationStatus, activations::CLEARANCE};

use super::{
    ActivationDetails, ActivationFilter,
    sql::{
        self,
        selection::{self, Lead, LicenseOwners},
    },
};
use crate::{
    Authority, Error, List, Page, Result, Sight, customers,
    list::{Key, Paging, Sorting, sorting},
    products,
    search::{
        self, FEW, Noun,
        fragments::{few_words, many_words},
    },
    sight::AliasedTable,
};

static SORTINGS: [Sorting; 1] = [sorting!("created_at", "a.id")];

/// Rows that one statement looks at where no index leads to those that match.
const WINDOW: i64 = FEW;
/// Such statements of one call. A page may be shorter than its limit afterwards, where others follow.
const WINDOWS: u32 = 200;

/// A condition on the stored status. Lapsed activations are read in two parts, each in the order of the list, since no
/// index would serve one condition for both.
#[derive(Clone, Copy)]
enum Written {
    Any,
    As(ActivationStatus),
    /// Active, and its time has not passed.
    Running,
    /// Active, and its time has passed: the job has not recorded it yet.
    Overdue,
}

impl Written {
    fn of(shown: Option<ActivationStatus>) -> Vec<Self> {
        match shown {
            None => vec![Self::Any],
            Some(ActivationStatus::Active) => vec![Self::Running],
            Some(ActivationStatus::Lapsed) => vec![Self::As(ActivationStatus::Lapsed), Self::Overdue],
            Some(status) => vec![Self::As(status)],
        }
    }

    fn condition(self, tx: &mut Tx<'_>, sql: &mut Sql, lead: Lead, now: Timestamp) -> Result<()> {
        let free_since = now - CLEARANCE;
        match (self, lead) {
            (Self::Any, _) => {}
            (Self::As(status), Lead::Status | Lead::Walk) => {
                sql.add(" and a.status = ? and a.status <> 'active'", params![status.as_str()]);
            }
            // A license has an index of its own, and so have others.
            (Self::As(status), _) => {
                sql.add(" and a.status || '' = ?", params![status.as_str()]);
            }
            (Self::Running, _) => {
                sql.add(" and a.status = 'active' and a.run_until > ?", params![free_since]);
            }
            (Self::Overdue, _) => {
                // Heartbeats only raise `run_until`: an overdue activation is also due to be checked, and found by that.
                match sql::few_overdue(tx, now, free_since)? {
                    true => sql.add(
                        concat!(" and a.id in (select id", sql::overdue!("?", "?", "?"), ")"),
                        params![now, free_since, FEW],
                    ),
                    // The list is walked: the index of licenses by status leads to nearly all.
                    false => {
                        sql.add(" and a.status || '' = 'active' and a.run_until <= ?", params![free_since])
                    }
                };
            }
        }
        Ok(())
    }
}

impl Authority {
    /// Lists activations; sorted by `created_at`. A page may be shorter than its limit where others follow.
    ///
    /// # Errors
    /// If the list makes no sense, or names a customer or product that is not in sight.
    pub async fn activations(
        &self,
        sight: &Sight,
        list: List<ActivationFilter>,
    ) -> Result<Page<ActivationDetails>> {
        self.read_in_sight("activations.list", sight, move |tx, now, sight| {
            let selection = Selection::of(tx, sight, list.filter.clone())?;
            let limit = Paging::new(&list, &SORTINGS)?.limit;
            let mut rest = list.clone();
            let mut items = Vec::new();
            for _ in 0..WINDOWS {
                let mut paging = Paging::new(&rest, &SORTINGS)?;
                paging.limit = limit - items.len();
                let page = selection.page(tx, sight, list.q.as_deref(), &paging, now)?;
                items.extend(page.items);
                rest.after = page.next;
                if rest.after.is_none() || items.len() == limit {
                    break;
                }
            }
            Ok(Page { items, next: rest.after })
        })
        .await
    }

    /// Returns one activation.
    ///
    /// # Errors
    /// If there is none in sight.
    pub async fn activation(&self, sight: &Sight, id: ActivationId) -> Result<ActivationDetails> {
        self.read_in_sight("activations.show", sight, move |tx, now, sight| {
            let named = (" where a.id = ? /*+ place */", AliasedTable::Activations);
            let found = sight.find(tx, sql::SELECT_DETAILS, named, params![id], sql::read_details)?;
            Ok(found.ok_or_else(|| Error::not_found("activation with this id"))?.shown(now))
        })
        .await
    }
}

/// A filter with what was found out about it.
struct Selection {
    filter: ActivationFilter,
    owners: LicenseOwners,
    lead: Lead,
}

impl Selection {
    fn of(tx: &mut Tx<'_>, sight: &Sight, filter: ActivationFilter) -> Result<Self> {
        let customer =
            filter.customer.as_ref().map(|address| customers::find(tx, sight, address)).transpose()?;
        let product = filter.product.as_ref().map(|code| products::find(tx, sight, code)).transpose()?;
        let owners = LicenseOwners {
            customer: customer.map(|customer| customer.id),
            product: product.map(|product| product.id),
        };
        let lead = selection::lead(tx, &filter, owners)?;
        Ok(Self { filter, owners, lead })
    }

    /// Whether rows are looked at one by one that may not match.
    fn looks_at_each(&self) -> bool {
        let Self { filter, owners, lead } = self;
        let each = filter.kind.is_some()
            || filter.health.is_some()
            || filter.version.is_some()
            || filter.address.is_some()
            || owners.customer.is_some()
            || owners.product.is_some();
        each && *lead == Lead::Walk
    }

    fn page(
        &self,
        tx: &mut Tx<'_>,
        sight: &Sight,
        q: Option<&str>,
        paging: &Paging,
        now: Timestamp,
    ) -> Result<Page<ActivationDetails>> {
        let end = if self.looks_at_each() { sql::end_of_window(tx, paging, WINDOW)? } else { None };
        let mut found = Vec::new();
        for written in Written::of(self.filter.status) {
            let mut sql = Sql::new(sql::SELECT_DETAILS);
            sql.push(" where 1 = 1");
            sight.limit(&mut sql, AliasedTable::Activations);
            written.condition(tx, &mut sql, self.lead, now)?;
            sql.add_if(" and a.license = ?", self.filter.license);
            sql.add_if(" and a.kind = ?", self.filter.kind.map(FingerprintKind::as_str));
            selection::conditions(&mut sql, &self.filter, self.owners, self.lead);
            let (few, many) = (few_words!("a.id"), many_words!("a.id"));
            search::condition(tx, &mut sql, Noun::Activation, q, few, many)?;
            sql.add_if(if paging.descending { " and a.id >= ?" } else { " and a.id <= ?" }, end);
            paging.finish(&mut sql);
            found.extend(tx.query_all(&sql, sql.params(), sql::read_details)?);
        }
        paging.by_id(&mut found, |one| one.activation.id);
        let mut page = paging.page(found, |one| (Key::None, *one.activation.id.as_bytes()));
        // The window may have ended before the page was full.
        page.next = page.next.or_else(|| end.map(|end| paging.cursor(Key::None, *end.as_bytes())));
        let items = page.items.into_iter().map(|one| one.shown(now)).collect();
        Ok(Page { items, next: page.next })
    }
}
