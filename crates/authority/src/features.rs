//! Features: capabilities that are on or off.

pub(crate) mod sql;

use kaching_base::{Code, ErrorCode};
use kaching_db::{Sql, Tx, params};
use kaching_domain::{Feature, Refused, check_line, check_name};
use serde_json::json;

use crate::{
    Authority, Cx, Error, List, Op, Page, Result, Sight, Versioned,
    address::split,
    audit_view::AuditView,
    list::{Key, Paging, Sorting, sorting},
    plans, products,
    search::{self, Noun},
    sight::AliasedTable,
};

/// A feature with the code of its product, which is part of its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureDetails {
    pub feature: Feature,
    pub product: Code,
}

/// The input for a new feature.
#[derive(Clone, Debug)]
pub struct NewFeature {
    /// The product's code.
    pub product: String,
    pub code: Code,
    pub title: String,
    pub benefit: String,
}

/// The members of a feature to change; the others remain.
#[derive(Clone, Debug, Default)]
pub struct EditFeature {
    pub title: Option<String>,
    pub benefit: Option<String>,
}

/// Which features are listed.
#[derive(Clone, Debug, Default)]
pub struct FeatureFilter {
    /// The product's code.
    pub product: Option<String>,
    /// Also archived ones.
    pub archived: bool,
}

static SORTINGS: [Sorting; 2] = [sorting!("created_at", "f.id"), sorting!("code", "f.code", "f.id")];

impl Authority {
    /// Creates a feature of a product.
    ///
    /// # Errors
    /// If there is no such product, a part makes no sense, or the code is taken.
    pub async fn create_feature(&self, cx: Cx, new: NewFeature) -> Result<FeatureDetails> {
        self.write("features.create", cx, move |tx, op| {
            let product = products::find(tx, &Sight::All, &new.product)?;
            let feature = Feature {
                id: op.id(),
                product: product.id,
                code: new.code.clone(),
                title: new.title.clone(),
                benefit: new.benefit.clone(),
                created_at: op.now,
                updated_at: op.now,
                archived_at: None,
            };
            check(&feature)?;
            if !sql::insert(tx, &feature)? {
                let taken = sql::by_address(tx, product.code.as_str(), feature.code.as_str())?;
                let archived = taken.is_some_and(|taken| taken.feature.archived_at.is_some());
                let address = format!("{}:{}", product.code, feature.code);
                return Err(products::exists("feature", address, archived));
            }
            op.catalogue_changed(product.id);
            let details = FeatureDetails { feature, product: product.code };
            op.on("feature.create", details.feature.id);
            op.audit(tx, audit_view(&details).created())?;
            Ok(details)
        })
        .await
    }

    /// Returns one feature by `<product>:<code>`.
    ///
    /// # Errors
    /// If there is none in sight.
    pub async fn feature(&self, sight: &Sight, address: String) -> Result<FeatureDetails> {
        self.read_in_sight("features.show", sight, move |tx, _, sight| {
            let (product, code) = split(&address, "feature")?;
            let named = (
                " where f.product = (select id from products where code = ?) and f.code = ?",
                AliasedTable::Features,
            );
            let values = [products::sql::printable(product), products::sql::printable(code)];
            let found = sight.find(tx, sql::SELECT, named, params![values[0], values[1]], sql::read)?;
            found.ok_or_else(|| unknown(product, code))
        })
        .await
    }

    /// Lists features; sorted by `created_at` or `code`.
    ///
    /// # Errors
    /// If the list makes no sense, or names a product that is not there.
    pub async fn features(&self, sight: &Sight, list: List<FeatureFilter>) -> Result<Page<FeatureDetails>> {
        self.read_in_sight("features.list", sight, move |tx, _, sight| {
            let paging = Paging::new(&list, &SORTINGS)?;
            let mut sql = Sql::new(sql::SELECT);
            sql.push(if list.filter.archived { " where 1 = 1" } else { " where f.archived_at is null" });
            sight.limit(&mut sql, AliasedTable::Features);
            if let Some(code) = &list.filter.product {
                sql.add_if(" and f.product = ?", Some(products::find(tx, sight, code)?.id));
            }
            let few =
                " and f.id in (select target from search_words where noun = ? and word >= ? and word < ?)";
            search::condition(tx, &mut sql, Noun::Feature, list.q.as_deref(), few, few)?;
            paging.finish(&mut sql);
            let found = tx.query_all(&sql, sql.params(), sql::read)?;
            Ok(paging.page(found, |f| (Key::Text(f.feature.code.to_string()), *f.feature.id.as_bytes())))
        })
        .await
    }

    /// Changes the members that are given.
    ///
    /// # Errors
    /// If there is no such feature, or a part makes no sense.
    pub async fn edit_feature(&self, cx: Cx, address: String, edit: EditFeature) -> Result<FeatureDetails> {
        self.change_feature("features.edit", "feature.edit", cx, address, move |_, feature, _| {
            let mut edited = feature.clone();
            edited.title = edit.title.clone().unwrap_or(edited.title);
            edited.benefit = edit.benefit.clone().unwrap_or(edited.benefit);
            check(&edited)?;
            Ok(edited)
        })
        .await
    }

    /// Archives a feature: no catalogue lists it any more. Licenses that have it keep it.
    ///
    /// # Errors
    /// If there is no such feature, or a plan switches it on and that is not forced.
    pub async fn archive_feature(&self, cx: Cx, address: String, force: bool) -> Result<FeatureDetails> {
        let archive = move |tx: &mut Tx<'_>, feature: &Feature, op: &Op| {
            if feature.archived_at.is_none() && !force {
                check_unused(tx, feature)?;
            }
            Ok(Feature { archived_at: feature.archived_at.or(Some(op.now)), ..feature.clone() })
        };
        self.change_feature("features.archive", "feature.archive", cx, address, archive).await
    }

    async fn change_feature(
        &self,
        name: &'static str,
        action: &'static str,
        cx: Cx,
        address: String,
        mut change: impl FnMut(&mut Tx<'_>, &Feature, &Op) -> Result<Feature> + Send + 'static,
    ) -> Result<FeatureDetails> {
        self.write(name, cx, move |tx, op| {
            let (product, code) = split(&address, "feature")?;
            let before = sql::lock_by_address(tx, product, code)?.ok_or_else(|| unknown(product, code))?;
            op.on(action, before.feature.id);
            op.check_version(&before)?;
            let feature = change(tx, &before.feature, op)?;
            if feature == before.feature {
                return Ok(before);
            }
            let feature = Feature { updated_at: op.now, ..feature };
            sql::update(tx, &feature)?;
            op.catalogue_changed(feature.product);
            let after = FeatureDetails { feature, product: before.product.clone() };
            op.audit(tx, audit_view(&before).changed(audit_view(&after)))?;
            Ok(after)
        })
        .await
    }
}

fn unknown(product: &str, code: &str) -> Error {
    match (product.parse::<Code>(), code.parse::<Code>()) {
        (Ok(product), Ok(code)) => Error::not_found(format!("feature {product}:{code}")),
        _ => Error::not_found("such feature"),
    }
}

/// Refuses while plans that are not archived have the feature. Licenses keep it in any case.
fn check_unused(tx: &mut Tx<'_>, feature: &Feature) -> Result<()> {
    let plans = plans::sql::of_product(tx, feature.product)?;
    let plans = plans.iter().filter(|plan| plan.archived_at.is_none());
    let with: Vec<_> = plans.filter(|plan| plan.terms.features.contains(&feature.code)).collect();
    if with.is_empty() {
        return Ok(());
    }
    let plans = with.iter().map(|plan| plan.code.as_str()).collect::<Vec<_>>().join(", ");
    let detail = format!(
        "plans have the feature {} on ({plans}): take it out of them first, or force it",
        feature.code
    );
    Err(Refused::new(ErrorCode::WrongState, detail).into())
}

impl Versioned for FeatureDetails {
    fn content(&self) -> String {
        audit_view(self).content(self.feature.id, self.feature.updated_at)
    }
}

fn check(feature: &Feature) -> Result<()> {
    check_name("/title", &feature.title)?;
    Ok(check_line("/benefit", &feature.benefit, 300)?)
}

fn audit_view(details: &FeatureDetails) -> AuditView {
    let FeatureDetails { feature, product } = details;
    AuditView::open(json!({
        "product": product,
        "code": feature.code,
        "title": feature.title,
        "benefit": feature.benefit,
        "archived_at": feature.archived_at,
    }))
}
