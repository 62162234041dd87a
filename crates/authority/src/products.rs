//! Products, which are licensed.

pub(crate) mod sql;

use kaching_base::{Code, LeaseAlgorithm};
use kaching_db::{Sql, Tx, params};
use kaching_domain::{Contact, KeyPrefix, Product, check_email, check_name, check_url};
use kaching_license::KeyFormat;
use serde_json::json;

use crate::{
    Authority, Cx, Error, List, Op, Page, Result, Sight, Versioned,
    audit_view::AuditView,
    list::{Key, Paging, Sorting, sorting},
    owners::{self, Owner},
    search::{self, Noun},
    sight::AliasedTable,
    stored,
};

/// The input for a new product.
#[derive(Clone, Debug)]
pub struct NewProduct {
    pub code: Code,
    pub name: String,
    /// The code in upper case by default.
    pub key_prefix: Option<String>,
    pub contact: Contact,
    /// EdDSA by default.
    pub lease_alg: Option<LeaseAlgorithm>,
    /// Short by default.
    pub key_format: Option<KeyFormat>,
}

/// The members of a product to change; the others remain.
#[derive(Clone, Debug, Default)]
pub struct EditProduct {
    pub name: Option<String>,
    pub key_prefix: Option<String>,
    pub contact: EditContact,
    pub lease_alg: Option<LeaseAlgorithm>,
    pub key_format: Option<KeyFormat>,
}

/// The members of a contact to change; `None` inside removes one.
#[derive(Clone, Debug, Default)]
pub struct EditContact {
    pub url: Option<Option<String>>,
    pub email: Option<Option<String>>,
}

/// Which products are listed.
#[derive(Clone, Debug, Default)]
pub struct ProductFilter {
    /// Also archived ones.
    pub archived: bool,
}

static SORTINGS: [Sorting; 2] = [sorting!("created_at", "p.id"), sorting!("code", "p.code", "p.id")];

impl Authority {
    /// Creates a product.
    ///
    /// # Errors
    /// If a part of it makes no sense, or the code is taken.
    pub async fn create_product(&self, cx: Cx, new: NewProduct) -> Result<Product> {
        if let Some(algorithm) = new.lease_alg {
            self.ensure_signing_key(algorithm).await?;
        }
        self.write("products.create", cx, move |tx, op| {
            let product = product_of(&new, op)?;
            if !sql::insert(tx, &product)? {
                let taken = sql::by_code(tx, product.code.as_str())?.unwrap_or(product);
                return Err(exists("product", &taken.code, taken.archived_at.is_some()));
            }
            op.on("product.create", product.id);
            op.audit(tx, audit_view(&product).created())?;
            Ok(product)
        })
        .await
    }

    /// Returns one product by its code.
    ///
    /// # Errors
    /// If there is none in sight.
    pub async fn product(&self, sight: &Sight, code: String) -> Result<Product> {
        self.read_in_sight("products.show", sight, move |tx, _, sight| find(tx, sight, &code)).await
    }

    /// Lists products; sorted by `created_at` or `code`.
    ///
    /// # Errors
    /// If the list makes no sense.
    pub async fn products(&self, sight: &Sight, list: List<ProductFilter>) -> Result<Page<Product>> {
        self.read_in_sight("products.list", sight, move |tx, _, sight| {
            let paging = Paging::new(&list, &SORTINGS)?;
            let mut sql = Sql::new(sql::SELECT);
            sql.push(if list.filter.archived { " where 1 = 1" } else { " where p.archived_at is null" });
            sight.limit(&mut sql, AliasedTable::Products);
            let few =
                " and p.id in (select target from search_words where noun = ? and word >= ? and word < ?)";
            search::condition(tx, &mut sql, Noun::Product, list.q.as_deref(), few, few)?;
            paging.finish(&mut sql);
            let products = tx.query_all(&sql, sql.params(), sql::read)?;
            Ok(paging.page(products, |p| (Key::Text(p.code.to_string()), *p.id.as_bytes())))
        })
        .await
    }

    /// Changes the members that are given.
    ///
    /// # Errors
    /// If there is no such product, or a part makes no sense.
    pub async fn edit_product(&self, cx: Cx, code: String, edit: EditProduct) -> Result<Product> {
        if let Some(algorithm) = edit.lease_alg {
            self.ensure_signing_key(algorithm).await?;
        }
        self.change_product("products.edit", "product.edit", cx, code, move |_, product, _| {
            let mut edited = product.clone();
            edited.name = edit.name.clone().unwrap_or(edited.name);
            if let Some(prefix) = &edit.key_prefix {
                edited.key_prefix = prefix_of(prefix)?;
            }
            edited.contact.url = edit.contact.url.clone().unwrap_or(edited.contact.url);
            edited.contact.email = edit.contact.email.clone().unwrap_or(edited.contact.email);
            edited.lease_alg = edit.lease_alg.unwrap_or(edited.lease_alg);
            edited.key_format = edit.key_format.unwrap_or(edited.key_format);
            check(&edited)?;
            Ok(edited)
        })
        .await
    }

    /// Archives a product: no plan or license is created for it any more. Existing ones remain.
    ///
    /// # Errors
    /// If there is no such product, or licenses of it run and that is not forced.
    pub async fn archive_product(&self, cx: Cx, code: String, force: bool) -> Result<Product> {
        let archive = move |tx: &mut Tx<'_>, product: &Product, op: &Op| {
            if product.archived_at.is_none() && !force {
                owners::check_unused(tx, Owner::Product(product.id), op.now)?;
            }
            Ok(Product { archived_at: product.archived_at.or(Some(op.now)), ..product.clone() })
        };
        self.change_product("products.archive", "product.archive", cx, code, archive).await
    }

    async fn change_product(
        &self,
        name: &'static str,
        action: &'static str,
        cx: Cx,
        code: String,
        mut change: impl FnMut(&mut Tx<'_>, &Product, &Op) -> Result<Product> + Send + 'static,
    ) -> Result<Product> {
        self.write(name, cx, move |tx, op| {
            let Some(before) = sql::lock_by_code(tx, &code)? else { return Err(unknown(&code)) };
            op.on(action, before.id);
            op.check_version(&before)?;
            let after = change(tx, &before, op)?;
            if after == before {
                return Ok(before);
            }
            let after = Product { updated_at: op.now, ..after };
            sql::update(tx, &after)?;
            op.catalogue_changed(after.id);
            op.audit(tx, audit_view(&before).changed(audit_view(&after)))?;
            Ok(after)
        })
        .await
    }
}

/// Returns the product of this code.
///
/// # Errors
/// If there is none in sight.
pub(crate) fn find(tx: &mut Tx<'_>, sight: &Sight, code: &str) -> Result<Product> {
    let named = (" where p.code = ?", AliasedTable::Products);
    let found = sight.find(tx, sql::SELECT, named, params![sql::printable(code)], sql::read)?;
    found.ok_or_else(|| unknown(code))
}

/// Returns the error for a code that is taken. It names an archived holder, which lists hide; a code never becomes free.
pub(crate) fn exists(noun: &str, code: impl std::fmt::Display, archived: bool) -> Error {
    Error::exists(if archived {
        format!("an archived {noun} has the code {code}, which is not given again: choose another")
    } else {
        format!("there is a {noun} {code} already")
    })
}

impl Versioned for Product {
    fn content(&self) -> String {
        audit_view(self).content(self.id, self.updated_at)
    }
}

fn unknown(code: &str) -> Error {
    match code.parse::<Code>() {
        Ok(code) => Error::not_found(format!("product {code}")),
        Err(_) => Error::not_found("such product"),
    }
}

fn product_of(new: &NewProduct, op: &mut Op) -> Result<Product> {
    let key_prefix = match &new.key_prefix {
        Some(prefix) => prefix_of(prefix)?,
        None => KeyPrefix::of(&new.code),
    };
    let product = Product {
        id: op.id(),
        code: new.code.clone(),
        name: new.name.clone(),
        key_prefix,
        contact: new.contact.clone(),
        lease_alg: new.lease_alg.unwrap_or(LeaseAlgorithm::EdDsa),
        key_format: new.key_format.unwrap_or(KeyFormat::Short),
        created_at: op.now,
        updated_at: op.now,
        archived_at: None,
    };
    check(&product)?;
    Ok(product)
}

fn prefix_of(text: &str) -> Result<KeyPrefix> {
    text.parse().map_err(|error| Error::parse("/key_prefix", &error))
}

fn check(product: &Product) -> Result<()> {
    check_name("/name", &product.name)?;
    if let Some(url) = &product.contact.url {
        check_url("/contact/url", url)?;
    }
    if let Some(email) = &product.contact.email {
        check_email("/contact/email", email)?;
    }
    check_key_format(product.key_format)
}

/// Refuses a key format that this authority does not make: it makes short keys.
pub(crate) fn check_key_format(format: KeyFormat) -> Result<()> {
    match format {
        KeyFormat::Short => Ok(()),
        _ => Err(Error::invalid("/key_format", "this authority makes keys of the format short only")),
    }
}

fn audit_view(product: &Product) -> AuditView {
    AuditView {
        open: json!({
            "code": product.code,
            "name": product.name,
            "key_prefix": product.key_prefix.as_str(),
            "lease_alg": product.lease_alg,
            "key_format": stored::key_format(product.key_format),
            "contact_url": product.contact.url,
            "archived_at": product.archived_at,
        }),
        personal: json!({ "contact_email": product.contact.email }),
        customer: None,
    }
}
