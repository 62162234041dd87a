//! Licenses whose end is near, so that their customers are reminded.

use kaching_base::{Code, CustomerId, LicenseId, Seconds, Timestamp};
use kaching_db::{self as db, Row, Sql, params};

use crate::{
    Authority, List, Page, Result, Sight,
    list::{Key, Paging, Sorting, sorting},
    sight::AliasedTable,
    stored::Fields,
};

/// A license whose end date is near.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminder {
    pub license: LicenseId,
    pub customer: CustomerId,
    pub customer_name: String,
    pub email: Option<String>,
    pub product: Code,
    pub plan: Code,
    pub expires_at: Timestamp,
    /// Whole days until then.
    pub days_left: i64,
    /// The reminder that is due: 30, 14, 7 or 1 days before.
    pub due: u32,
}

/// Days before the end at which reminders are due.
const DAYS: [u32; 4] = [1, 7, 14, 30];

static SORTINGS: [Sorting; 1] = [sorting!("expires_at", "l.expires_sort", "l.id")];

impl Authority {
    /// Lists the licenses whose reminder is due, the first to end first.
    ///
    /// # Errors
    /// If the list makes no sense.
    pub async fn reminders(&self, sight: &Sight, mut list: List<()>) -> Result<Page<Reminder>> {
        list.sort = list.sort.or_else(|| Some("expires_at".to_owned()));
        self.read_in_sight("reminders.list", sight, move |tx, now, sight| {
            let paging = Paging::new(&list, &SORTINGS)?;
            let mut sql = Sql::new(
                "select l.id, l.customer, c.name, c.email, (select code from products where id = l.product),
                        (select code from plans where id = l.plan), l.expires_at
                 from licenses l join customers c on c.id = l.customer where l.status = 'active'",
            );
            let last = now + Seconds::days(i64::from(DAYS[3]));
            sql.add(" and l.expires_sort > ? and l.expires_sort <= ?", params![now, last]);
            sight.limit(&mut sql, AliasedTable::Licenses);
            paging.finish(&mut sql);
            let found = tx.query_all(&sql, sql.params(), |row| read(row, now))?;
            Ok(paging.page(found, |it| (Key::Number(it.expires_at.micros()), *it.license.as_bytes())))
        })
        .await
    }
}

fn read(row: &Row<'_>, now: Timestamp) -> db::Result<Reminder> {
    let mut fields = Fields::of(row);
    let (license, customer, customer_name, email) =
        (fields.take()?, fields.take()?, fields.take()?, fields.take()?);
    let (product, plan, expires_at): (_, _, Timestamp) = (fields.take()?, fields.take()?, fields.take()?);
    let left = expires_at.since(now);
    let due = DAYS.into_iter().find(|days| left <= Seconds::days(i64::from(*days))).unwrap_or(DAYS[3]);
    let days_left = left.0.div_euclid(86_400);
    Ok(Reminder { license, customer, customer_name, email, product, plan, expires_at, days_left, due })
}
