//! Customers, who buy licenses.

pub(crate) mod sql;

use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{CustomerId, Reference};
use kaching_db::{self as db, Sql, Tx, params};
use kaching_domain::{
    Customer, EditList, check_email, check_metadata, check_name, check_notes, check_tags, licenses::merge,
};
use serde_json::json;

use crate::{
    Authority, Cx, Error, List, Op, Page, Result, Sight, Versioned,
    audit_view::AuditView,
    list::{Key, Paging, Sorting, sorting},
    owners::{self, Owner},
    products::sql::printable,
    search::{
        self, Noun,
        fragments::{few_tags, many_tags},
    },
    sight::AliasedTable,
};

/// The input for a new customer.
#[derive(Clone, Debug, Default)]
pub struct NewCustomer {
    /// The vendor's own name for it.
    pub reference: Option<Reference>,
    pub name: String,
    pub email: Option<String>,
    pub company: Option<String>,
    pub tags: BTreeSet<String>,
    pub notes: String,
    pub metadata: BTreeMap<String, String>,
}

/// The members of a customer to change; the others remain.
#[derive(Clone, Debug, Default)]
pub struct EditCustomer {
    pub name: Option<String>,
    pub reference: Option<Option<Reference>>,
    pub email: Option<Option<String>>,
    pub company: Option<Option<String>>,
    pub tags: Option<EditList<String>>,
    pub notes: Option<String>,
    /// Entries to set; `None` inside removes one.
    pub metadata: BTreeMap<String, Option<String>>,
}

/// Which customers are listed.
#[derive(Clone, Debug, Default)]
pub struct CustomerFilter {
    pub tag: Option<String>,
    /// Entries that it has, with exactly these values.
    pub metadata: BTreeMap<String, String>,
    /// Also archived ones.
    pub archived: bool,
    /// Whether the caller may see personal data. If so, a search also finds it.
    pub personal: bool,
}

static SORTINGS: [Sorting; 2] = [sorting!("created_at", "c.id"), sorting!("name", "c.sort_name", "c.id")];

impl Authority {
    /// Creates a customer.
    ///
    /// # Errors
    /// If a part of it makes no sense, or the reference is taken.
    pub async fn create_customer(&self, cx: Cx, new: NewCustomer) -> Result<Customer> {
        self.write("customers.create", cx, move |tx, op| {
            let new = new.clone();
            let customer = Customer {
                id: op.id(),
                reference: new.reference,
                name: new.name,
                email: new.email,
                company: new.company,
                tags: new.tags,
                notes: new.notes,
                metadata: new.metadata,
                created_at: op.now,
                updated_at: op.now,
                archived_at: None,
            };
            check(&customer)?;
            if !sql::insert(tx, &customer)? {
                let holder = sql::reference_holder(tx, &customer)?;
                return Err(taken(holder.as_ref().unwrap_or(&customer)));
            }
            op.on("customer.create", customer.id);
            op.audit(tx, audit_view(&customer).created())?;
            Ok(customer)
        })
        .await
    }

    /// Returns one customer by id or reference.
    ///
    /// # Errors
    /// If there is none in sight.
    pub async fn customer(&self, sight: &Sight, address: String) -> Result<Customer> {
        self.read_in_sight("customers.show", sight, move |tx, _, sight| find(tx, sight, &address)).await
    }

    /// Lists customers; sorted by `created_at` or `name`.
    ///
    /// # Errors
    /// If the list makes no sense.
    pub async fn customers(&self, sight: &Sight, list: List<CustomerFilter>) -> Result<Page<Customer>> {
        self.read_in_sight("customers.list", sight, move |tx, _, sight| {
            let paging = Paging::new(&list, &SORTINGS)?;
            let mut sql = Sql::new(sql::SELECT);
            sql.push(if list.filter.archived { " where 1 = 1" } else { " where c.archived_at is null" });
            sight.limit(&mut sql, AliasedTable::Customers);
            let CustomerFilter { tag, metadata, .. } = &list.filter;
            let (few, many) = (few_tags!("c.id"), many_tags!("c.id"));
            search::tagged(tx, &mut sql, Noun::CustomerTag, tag.as_deref(), few, many)?;
            search::with_metadata(tx, &mut sql, Noun::CustomerMetadata, metadata, few, many)?;
            search::customer_condition(tx, &mut sql, list.q.as_deref(), list.filter.personal)?;
            paging.finish(&mut sql);
            let found = tx.query_all(&sql, sql.params(), sql::read)?;
            Ok(paging.page(found, |c| (Key::Text(sql::sort_name(&c.name)), *c.id.as_bytes())))
        })
        .await
    }

    /// Changes the members that are given.
    ///
    /// # Errors
    /// If there is no such customer, a part makes no sense, or the reference is taken.
    pub async fn edit_customer(&self, cx: Cx, address: String, edit: EditCustomer) -> Result<Customer> {
        self.change_customer("customers.edit", "customer.edit", cx, address, move |_, customer, _| {
            let (mut edited, edit) = (customer.clone(), edit.clone());
            edited.name = edit.name.unwrap_or(edited.name);
            edited.reference = edit.reference.unwrap_or(edited.reference);
            edited.email = edit.email.unwrap_or(edited.email);
            edited.company = edit.company.unwrap_or(edited.company);
            if let Some(tags) = &edit.tags {
                edited.tags = tags.of(&edited.tags);
            }
            edited.notes = edit.notes.unwrap_or(edited.notes);
            merge(&mut edited.metadata, &edit.metadata);
            check(&edited)?;
            Ok(edited)
        })
        .await
    }

    /// Archives a customer: no license is created for it any more. Its licenses remain.
    ///
    /// # Errors
    /// If there is no such customer, or licenses of it run and that is not forced.
    pub async fn archive_customer(&self, cx: Cx, address: String, force: bool) -> Result<Customer> {
        let archive = move |tx: &mut Tx<'_>, customer: &Customer, op: &Op| {
            if customer.archived_at.is_none() && !force {
                owners::check_unused(tx, Owner::Customer(customer.id), op.now)?;
            }
            Ok(Customer { archived_at: customer.archived_at.or(Some(op.now)), ..customer.clone() })
        };
        self.change_customer("customers.archive", "customer.archive", cx, address, archive).await
    }

    async fn change_customer(
        &self,
        name: &'static str,
        action: &'static str,
        cx: Cx,
        address: String,
        mut change: impl FnMut(&mut Tx<'_>, &Customer, &Op) -> Result<Customer> + Send + 'static,
    ) -> Result<Customer> {
        self.write(name, cx, move |tx, op| {
            let id = find(tx, &Sight::All, &address)?.id;
            let before = sql::lock_by_id(tx, id)?.ok_or_else(unknown)?;
            op.on(action, before.id);
            op.check_version(&before)?;
            let after = change(tx, &before, op)?;
            if after == before {
                return Ok(before);
            }
            if after.reference != before.reference
                && let Some(holder) = sql::reference_holder(tx, &after)?
            {
                return Err(taken(&holder));
            }
            let after = Customer { updated_at: op.now, ..after };
            sql::update(tx, &after)?;
            op.audit(tx, audit_view(&before).changed(audit_view(&after)))?;
            Ok(after)
        })
        .await
        .map_err(|error| match error {
            // Another took the reference between our read and our write.
            Error::Database(db::Error::Unique(_)) => {
                Error::exists("another customer has this reference already")
            }
            other => other,
        })
    }
}

/// Returns the customer of this id or reference.
///
/// # Errors
/// If there is none in sight.
pub(crate) fn find(tx: &mut Tx<'_>, sight: &Sight, address: &str) -> Result<Customer> {
    let found = match address.parse::<CustomerId>() {
        Ok(id) => {
            sight.find(tx, sql::SELECT, (" where c.id = ?", AliasedTable::Customers), params![id], sql::read)
        }
        Err(_) => {
            let named = (" where c.reference = ?", AliasedTable::Customers);
            sight.find(tx, sql::SELECT, named, params![printable(address)], sql::read)
        }
    }?;
    found.ok_or_else(|| match (address.parse::<CustomerId>(), address.parse::<Reference>()) {
        (Ok(id), _) => Error::not_found(format!("customer {id}")),
        (_, Ok(reference)) => Error::not_found(format!("customer {reference}")),
        _ => unknown(),
    })
}

fn unknown() -> Error {
    Error::not_found("such customer")
}

/// Returns the error for a reference that is taken. It names an archived holder, which lists hide.
fn taken(holder: &Customer) -> Error {
    let reference = holder.reference.as_ref().map_or("", Reference::as_str);
    Error::exists(match holder.archived_at {
        None => format!("there is a customer with the reference {reference} already"),
        Some(_) => format!(
            "the archived customer {} has the reference {reference}: edit that one to have another reference or \
             none, or choose another here",
            holder.id
        ),
    })
}

impl Versioned for Customer {
    fn content(&self) -> String {
        audit_view(self).content(self.id, self.updated_at)
    }
}

fn check(customer: &Customer) -> Result<()> {
    check_name("/name", &customer.name)?;
    if let Some(email) = &customer.email {
        check_email("/email", email)?;
    }
    if let Some(company) = &customer.company {
        check_name("/company", company)?;
    }
    // Such a reference would be taken for an id.
    if customer.reference.as_ref().is_some_and(|r| r.as_str().parse::<CustomerId>().is_ok()) {
        return Err(Error::invalid("/reference", "this reference looks like an id; choose another"));
    }
    check_tags(&customer.tags)?;
    check_notes(&customer.notes)?;
    Ok(check_metadata(&customer.metadata)?)
}

fn audit_view(customer: &Customer) -> AuditView {
    AuditView {
        open: json!({ "reference": customer.reference, "archived_at": customer.archived_at }),
        personal: json!({
            "name": customer.name,
            "email": customer.email,
            "company": customer.company,
            "tags": customer.tags,
            "notes": customer.notes,
            "metadata": customer.metadata,
        }),
        customer: Some(customer.id),
    }
}
