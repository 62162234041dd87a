use kaching_base::{ActivationId, FingerprintKind, LicenseId, Timestamp};
use kaching_db::{Sql, Tx, params};
use kaching_domain::{Activation, ActivationStatus, activations::CLEARANCE};

use super::{shown, sql};
use crate::{
    Authority, Error, List, Page, Result, Sight,
    list::{Key, Paging, Sorting, sorting},
    search::{
        self, FEW, Noun,
        fragments::{few_words, many_words},
    },
    sight::AliasedTable,
};

/// Which activations are listed.
#[derive(Clone, Debug, Default)]
pub struct ActivationFilter {
    pub license: Option<LicenseId>,
    /// As it is shown: an active one whose time has passed is lapsed.
    pub status: Option<ActivationStatus>,
    pub kind: Option<FingerprintKind>,
}

static SORTINGS: [Sorting; 1] = [sorting!("created_at", "a.id")];

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

    fn condition(
        self,
        tx: &mut Tx<'_>,
        sql: &mut Sql,
        license: Option<LicenseId>,
        now: Timestamp,
    ) -> Result<()> {
        let free_since = now - CLEARANCE;
        match (self, license) {
            (Self::Any, _) => {}
            // A license has an index of its own.
            (Self::As(status), Some(_)) => {
                sql.add(" and a.status = ?", params![status.as_str()]);
            }
            (Self::As(status), None) => {
                sql.add(" and a.status = ? and a.status <> 'active'", params![status.as_str()]);
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
    /// Lists activations; sorted by `created_at`.
    ///
    /// # Errors
    /// If the list makes no sense.
    pub async fn activations(&self, sight: &Sight, list: List<ActivationFilter>) -> Result<Page<Activation>> {
        self.read_in_sight("activations.list", sight, move |tx, now, sight| {
            let paging = Paging::new(&list, &SORTINGS)?;
            let mut found = Vec::new();
            for written in Written::of(list.filter.status) {
                let mut sql = Sql::new(sql::SELECT);
                sql.push(" where 1 = 1");
                sight.limit(&mut sql, AliasedTable::Activations);
                written.condition(tx, &mut sql, list.filter.license, now)?;
                sql.add_if(" and a.license = ?", list.filter.license);
                sql.add_if(" and a.kind = ?", list.filter.kind.map(FingerprintKind::as_str));
                search::condition(
                    tx,
                    &mut sql,
                    Noun::Activation,
                    list.q.as_deref(),
                    few_words!("a.id"),
                    many_words!("a.id"),
                )?;
                paging.finish(&mut sql);
                found.extend(tx.query_all(&sql, sql.params(), sql::read)?);
            }
            paging.by_id(&mut found, |a| a.id);
            let page = paging.page(found, |a| (Key::None, *a.id.as_bytes()));
            let items = page.items.into_iter().map(|one| shown(one, now)).collect();
            Ok(Page { items, next: page.next })
        })
        .await
    }

    /// Returns one activation.
    ///
    /// # Errors
    /// If there is none in sight.
    pub async fn activation(&self, sight: &Sight, id: ActivationId) -> Result<Activation> {
        self.read_in_sight("activations.show", sight, move |tx, now, sight| {
            let named = (" where a.id = ? /*+ place */", AliasedTable::Activations);
            let found = sight.find(tx, sql::SELECT, named, params![id], sql::read)?;
            Ok(shown(found.ok_or_else(|| Error::not_found("activation with this id"))?, now))
        })
        .await
    }
}
