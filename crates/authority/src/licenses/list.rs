use std::collections::BTreeMap;

use kaching_base::{LicenseId, LicenseType, Secret, Timestamp, pasted};
use kaching_db::{Sql, Tx, params};
use kaching_domain::{License, State, Status};
use kaching_license::LicenseKey;

use super::{LicenseDetails, details::Related, sql};
use crate::{
    Authority, List, Page, Result, Sight, customers,
    keys::KeyRing,
    list::{Key, Paging, Sorting, sorting},
    plans, products,
    search::{
        self, Noun,
        fragments::{few_tags, many_tags},
    },
    sight::AliasedTable,
};

/// Which licenses are listed.
#[derive(Clone, Debug, Default)]
pub struct LicenseFilter {
    /// The product's code.
    pub product: Option<String>,
    /// `<product>:<code>`.
    pub plan: Option<String>,
    /// Id or reference.
    pub customer: Option<String>,
    pub status: Option<Status>,
    pub state: Option<State>,
    pub license_type: Option<LicenseType>,
    pub tag: Option<String>,
    /// Entries that it has, with exactly these values.
    pub metadata: BTreeMap<String, String>,
    pub expires_before: Option<Timestamp>,
    pub expires_after: Option<Timestamp>,
    /// Also deleted ones.
    pub archived: bool,
    /// Whether the caller may see personal data. If so, a search also finds it.
    pub personal: bool,
}

static SORTINGS: [Sorting; 2] =
    [sorting!("created_at", "l.id"), sorting!("expires_at", "l.expires_sort", "l.id")];

impl Authority {
    /// Lists licenses; sorted by `created_at` or `expires_at`, where licenses without an end come last. `q` finds them
    /// by their customer's words, with the right to see personal data those of its mail address, their tags and metadata,
    /// or their id or key.
    ///
    /// # Errors
    /// If the list makes no sense, or names a product, plan or customer that is not in sight.
    pub async fn licenses(&self, sight: &Sight, list: List<LicenseFilter>) -> Result<Page<LicenseDetails>> {
        let keys = self.keys();
        self.read_in_sight("licenses.list", sight, move |tx, now, sight| {
            let paging = Paging::new(&list, &SORTINGS)?;
            let mut sql = Sql::new(sql::SELECT);
            sql.push(if list.filter.archived { " where 1 = 1" } else { " where l.archived_at is null" });
            sight.limit(&mut sql, AliasedTable::Licenses);
            let by_expiry = paging.sorting.name == "expires_at";
            filter(tx, &mut sql, sight, &list.filter, by_expiry, now)?;
            match named(tx, &keys, list.q.as_deref(), now)? {
                Some(id) => {
                    sql.add_if(" and l.id = ?", Some(id));
                }
                None => search::license_condition(tx, &mut sql, list.q.as_deref(), list.filter.personal)?,
            }
            paging.finish(&mut sql);
            let found = tx.query_all(&sql, sql.params(), sql::read)?;
            let Page { items, next } = paging.page(found, place);
            let mut related = Related::of(tx, &items, now)?;
            let items = items.into_iter().map(|license| related.details(tx, license, now));
            Ok(Page { items: items.collect::<Result<_>>()?, next })
        })
        .await
    }
}

/// The one license that a query names: by its id, or by a key that opens it.
fn named(tx: &mut Tx<'_>, keys: &KeyRing, q: Option<&str>, now: Timestamp) -> Result<Option<LicenseId>> {
    let Some(text) = q.map(pasted).map(Secret::new) else { return Ok(None) };
    match (text.expose().parse::<LicenseId>(), LicenseKey::parse(text.expose())) {
        (Ok(id), _) => Ok(Some(id)),
        (_, Ok(key)) => Ok(sql::by_key(tx, &keys.lookup(&key), now)?.map(|license| license.id)),
        _ => Ok(None),
    }
}

fn place(license: &License) -> (Key, [u8; 16]) {
    let end = license.expires_at.map_or(i64::MAX, Timestamp::micros);
    (Key::Number(end), *license.id.as_bytes())
}

fn filter(
    tx: &mut Tx<'_>,
    sql: &mut Sql,
    sight: &Sight,
    filter: &LicenseFilter,
    by_expiry: bool,
    now: Timestamp,
) -> Result<()> {
    if let Some(code) = &filter.product {
        sql.add_if(" and l.product = ?", Some(products::find(tx, sight, code)?.id));
    }
    if let Some(address) = &filter.plan {
        sql.add_if(" and l.plan = ?", Some(plans::find(tx, sight, address)?.plan.id));
    }
    if let Some(address) = &filter.customer {
        sql.add_if(" and l.customer = ?", Some(customers::find(tx, sight, address)?.id));
    }
    sql.add_if(" and l.license_type = ?", filter.license_type);
    let (few, many) = (few_tags!("l.id"), many_tags!("l.id"));
    search::tagged(tx, sql, Noun::LicenseTag, filter.tag.as_deref(), few, many)?;
    search::with_metadata(tx, sql, Noun::LicenseMetadata, &filter.metadata, few, many)?;
    if let Some(status) = filter.status {
        // A customer has few licenses: its index is the one to take, so that of the status is hidden.
        let hidden = filter.customer.is_some();
        sql.add(
            if hidden { " and l.status || '' = ?" } else { " and l.status = ?" },
            params![status.as_str()],
        );
    }
    sql::range::dates(tx, sql, filter, by_expiry)?;
    match filter.state {
        Some(state) => sql::range::state(tx, sql, state, by_expiry, now),
        None => Ok(()),
    }
}
