use kaching_base::{ActivationId, FingerprintKind, LicenseId, Seconds};
use kaching_db::{Sql, params};
use kaching_domain::{Activation, ActivationStatus};

use super::{shown, sql};
use crate::{
    Authority, Error, List, Page, Result,
    list::{Key, Paging, Sorting, sorting},
    search::{self, Noun},
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

impl Authority {
    /// Lists activations; sorted by `created_at`.
    ///
    /// # Errors
    /// If the list makes no sense.
    pub async fn activations(&self, list: List<ActivationFilter>) -> Result<Page<Activation>> {
        self.read("activations.list", move |tx, now| {
            let paging = Paging::new(&list, &SORTINGS)?;
            let mut sql = Sql::new(sql::SELECT);
            sql.push(" where 1 = 1");
            sql.add_if(" and a.license = ?", list.filter.license);
            sql.add_if(" and a.kind = ?", list.filter.kind.map(FingerprintKind::as_str));
            let free_since = now - Seconds(60);
            match list.filter.status {
                None => {}
                Some(ActivationStatus::Active) => {
                    sql.add(" and a.status = 'active' and a.run_until > ?", params![free_since]);
                }
                Some(ActivationStatus::Lapsed) => {
                    let lapsed = " and (a.status = 'lapsed' or (a.status = 'active' and a.run_until <= ?))";
                    sql.add(lapsed, params![free_since]);
                }
                Some(status) => {
                    sql.add(" and a.status = ?", params![status.as_str()]);
                }
            }
            let few =
                " and a.id in (select target from search_words where noun = ? and word >= ? and word < ?)";
            search::condition(tx, &mut sql, Noun::Activation, list.q.as_deref(), few, few)?;
            paging.finish(&mut sql);
            let found = tx.query_all(&sql, sql.params(), sql::read)?;
            let page = paging.page(found, |a| (Key::None, *a.id.as_bytes()));
            let items = page.items.into_iter().map(|one| shown(one, now)).collect();
            Ok(Page { items, next: page.next })
        })
        .await
    }

    /// One activation.
    ///
    /// # Errors
    /// If there is none.
    pub async fn activation(&self, id: ActivationId) -> Result<Activation> {
        self.read("activations.show", move |tx, now| {
            let found = sql::by_id(tx, id)?.ok_or_else(|| Error::not_found("activation with this id"))?;
            Ok(shown(found, now))
        })
        .await
    }
}
