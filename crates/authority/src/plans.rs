//! Plans: the tiers of a product.

mod apply;
mod audit_view;
mod preview;
pub(crate) mod sql;

use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{Code, ErrorCode, LeasePolicy, LicenseId, LicenseType, Limit, Limits, Price, Term};
use kaching_db::{Sql, Tx, params};
use kaching_domain::{EditList, EditPolicy, Plan, Refused, Terms, TermsChange, check_name};

use crate::{
    Authority, Cx, Error, List, Op, Page, Result, Sight, Versioned,
    address::split,
    list::{Key, Paging, Sorting, sorting},
    owners::{self, Owner},
    products,
    search::{self, Noun},
    sight::AliasedTable,
};

pub(crate) use apply::ApplyJob;

/// A plan with the code of its product, which is part of its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanDetails {
    pub plan: Plan,
    pub product: Code,
}

/// The input for a new plan.
#[derive(Clone, Debug)]
pub struct NewPlan {
    /// The product's code.
    pub product: String,
    pub code: Code,
    pub name: String,
    /// Higher is more.
    pub rank: i64,
    /// By default perpetual without a term, else standard.
    pub license_type: Option<LicenseType>,
    pub features: BTreeSet<Code>,
    pub limits: Limits,
    pub term: Option<Term>,
    pub policy: EditPolicy,
    pub price: Option<Price>,
}

/// The members of a plan to change; the others remain.
#[derive(Clone, Debug, Default)]
pub struct EditPlan {
    pub name: Option<String>,
    pub rank: Option<i64>,
    pub license_type: Option<LicenseType>,
    /// The features that it switches on.
    pub features: Option<EditList<Code>>,
    /// Limits to set; `None` inside removes one.
    pub limits: BTreeMap<Code, Option<Limit>>,
    pub term: Option<Option<Term>>,
    pub policy: EditPolicy,
    pub price: Option<Option<Price>>,
}

/// Which plans are listed.
#[derive(Clone, Debug, Default)]
pub struct PlanFilter {
    /// The product's code.
    pub product: Option<String>,
    /// Also archived ones.
    pub archived: bool,
}

/// The licenses to which a plan's terms are applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Apply {
    /// All licenses of the plan, by a job that begins immediately.
    All,
    /// Each license at its next renewal, which copies the plan's terms anyway.
    Renewing,
    /// These licenses, by a job that begins immediately.
    Licenses(Vec<LicenseId>),
}

/// A request to apply a plan.
#[derive(Clone, Debug)]
pub struct ApplyPlan {
    pub to: Apply,
    /// Also below present use.
    pub force: bool,
}

/// The effect of applying a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The number of licenses that get the terms, now or at their renewal.
    pub licenses: u64,
    /// The most frequent changes of their terms, each with its number of licenses.
    pub changes: Vec<(TermsChange, u64)>,
}

static SORTINGS: [Sorting; 3] =
    [sorting!("created_at", "n.id"), sorting!("code", "n.code", "n.id"), sorting!("rank", "n.rank", "n.id")];

impl Authority {
    /// Creates a plan of a product.
    ///
    /// # Errors
    /// If there is no such product, a part makes no sense, or the code is taken.
    pub async fn create_plan(&self, cx: Cx, new: NewPlan) -> Result<PlanDetails> {
        self.write("plans.create", cx, move |tx, op| {
            let product = products::find(tx, &Sight::All, &new.product)?;
            if product.archived_at.is_some() {
                return Err(Refused::new(
                    ErrorCode::WrongState,
                    format!("the product {} is archived", product.code),
                )
                .into());
            }
            let plan = plan_of(&new, product.id, op);
            check(tx, &plan)?;
            if !sql::insert(tx, &plan)? {
                let taken = sql::by_code(tx, product.id, plan.code.as_str())?;
                let archived = taken.is_some_and(|taken| taken.archived_at.is_some());
                return Err(products::exists("plan", format!("{}:{}", product.code, plan.code), archived));
            }
            op.catalogue_changed(product.id);
            let details = PlanDetails { plan, product: product.code };
            op.on("plan.create", details.plan.id);
            op.audit(tx, audit_view::of(&details).created())?;
            Ok(details)
        })
        .await
    }

    /// Returns one plan by `<product>:<code>`.
    ///
    /// # Errors
    /// If there is none in sight.
    pub async fn plan(&self, sight: &Sight, address: String) -> Result<PlanDetails> {
        self.read_in_sight("plans.show", sight, move |tx, _, sight| find(tx, sight, &address)).await
    }

    /// Lists plans; sorted by `created_at`, `code` or `rank`.
    ///
    /// # Errors
    /// If the list makes no sense, or names a product that is not there.
    pub async fn plans(&self, sight: &Sight, list: List<PlanFilter>) -> Result<Page<PlanDetails>> {
        self.read_in_sight("plans.list", sight, move |tx, _, sight| {
            let paging = Paging::new(&list, &SORTINGS)?;
            let mut sql = Sql::new(sql::SELECT);
            sql.push(if list.filter.archived { " where 1 = 1" } else { " where n.archived_at is null" });
            sight.limit(&mut sql, AliasedTable::Plans);
            if let Some(code) = &list.filter.product {
                sql.add_if(" and n.product = ?", Some(products::find(tx, sight, code)?.id));
            }
            let few =
                " and n.id in (select target from search_words where noun = ? and word >= ? and word < ?)";
            search::condition(tx, &mut sql, Noun::Plan, list.q.as_deref(), few, few)?;
            paging.finish(&mut sql);
            let by_rank = paging.sorting.name == "rank";
            let found = tx.query_all(&sql, sql.params(), sql::read)?;
            Ok(paging.page(found, |PlanDetails { plan, .. }| {
                let key = if by_rank { Key::Number(plan.rank) } else { Key::Text(plan.code.to_string()) };
                (key, *plan.id.as_bytes())
            }))
        })
        .await
    }

    /// Changes the members that are given, for new licenses. Existing licenses keep the terms that they copied.
    ///
    /// # Errors
    /// If there is no such plan, or a part makes no sense.
    pub async fn edit_plan(&self, cx: Cx, address: String, edit: EditPlan) -> Result<PlanDetails> {
        self.change_plan("plans.edit", "plan.edit", cx, address, move |tx, plan, _| {
            let edited = edited(plan, &edit);
            check(tx, &edited)?;
            Ok(edited)
        })
        .await
    }

    /// Archives a plan: no license is created with it or changes to it. Licenses that have it keep it.
    ///
    /// # Errors
    /// If there is no such plan, or licenses of it run and that is not forced.
    pub async fn archive_plan(&self, cx: Cx, address: String, force: bool) -> Result<PlanDetails> {
        self.change_plan("plans.archive", "plan.archive", cx, address, move |tx, plan, op| {
            if plan.archived_at.is_none() && !force {
                owners::check_unused(tx, Owner::Plan(plan.id), op.now)?;
            }
            Ok(Plan { archived_at: plan.archived_at.or(Some(op.now)), ..plan.clone() })
        })
        .await
    }

    async fn change_plan(
        &self,
        name: &'static str,
        action: &'static str,
        cx: Cx,
        address: String,
        mut change: impl FnMut(&mut Tx<'_>, &Plan, &Op) -> Result<Plan> + Send + 'static,
    ) -> Result<PlanDetails> {
        self.write(name, cx, move |tx, op| {
            let (product, code) = split(&address, "plan")?;
            let before = sql::lock_by_address(tx, product, code)?.ok_or_else(|| unknown(product, code))?;
            op.on(action, before.plan.id);
            op.check_version(&before)?;
            let plan = change(tx, &before.plan, op)?;
            if plan == before.plan {
                return Ok(before);
            }
            let plan = Plan { updated_at: op.now, ..plan };
            sql::update(tx, &plan)?;
            op.catalogue_changed(plan.product);
            let after = PlanDetails { plan, product: before.product.clone() };
            op.audit(tx, audit_view::of(&before).changed(audit_view::of(&after)))?;
            Ok(after)
        })
        .await
    }
}

/// Returns the plan of this `<product>:<code>`.
///
/// # Errors
/// If there is none in sight.
pub(crate) fn find(tx: &mut Tx<'_>, sight: &Sight, address: &str) -> Result<PlanDetails> {
    let (product, code) = split(address, "plan")?;
    let named =
        (" where n.product = (select id from products where code = ?) and n.code = ?", AliasedTable::Plans);
    let values = [products::sql::printable(product), products::sql::printable(code)];
    let found = sight.find(tx, sql::SELECT, named, params![values[0], values[1]], sql::read)?;
    found.ok_or_else(|| unknown(product, code))
}

pub(crate) fn unknown(product: &str, code: &str) -> Error {
    match (product.parse::<Code>(), code.parse::<Code>()) {
        (Ok(product), Ok(code)) => Error::not_found(format!("plan {product}:{code}")),
        _ => Error::not_found("such plan"),
    }
}

impl Versioned for PlanDetails {
    fn content(&self) -> String {
        audit_view::of(self).content(self.plan.id, self.plan.updated_at)
    }
}

fn plan_of(new: &NewPlan, product: kaching_base::ProductId, op: &mut Op) -> Plan {
    let unsaid = if new.term.is_none() { LicenseType::Perpetual } else { LicenseType::Standard };
    let terms = Terms {
        features: new.features.clone(),
        limits: new.limits.clone(),
        term: new.term,
        policy: new.policy.of(&LeasePolicy::default()),
    };
    Plan {
        id: op.id(),
        product,
        code: new.code.clone(),
        name: new.name.clone(),
        rank: new.rank,
        license_type: new.license_type.unwrap_or(unsaid),
        terms,
        price: new.price.clone(),
        created_at: op.now,
        updated_at: op.now,
        archived_at: None,
    }
}

fn edited(plan: &Plan, edit: &EditPlan) -> Plan {
    let mut edited = plan.clone();
    edited.name = edit.name.clone().unwrap_or(edited.name);
    edited.rank = edit.rank.unwrap_or(edited.rank);
    edited.license_type = edit.license_type.unwrap_or(edited.license_type);
    if let Some(features) = &edit.features {
        edited.terms.features = features.of(&edited.terms.features);
    }
    for (name, limit) in &edit.limits {
        match limit {
            Some(limit) => edited.terms.limits.insert(name.clone(), *limit),
            None => edited.terms.limits.remove(name),
        };
    }
    edited.terms.term = edit.term.unwrap_or(edited.terms.term);
    edited.terms.policy = edit.policy.of(&edited.terms.policy);
    edited.price = edit.price.clone().unwrap_or(edited.price);
    edited
}

fn check(tx: &mut Tx<'_>, plan: &Plan) -> Result<()> {
    check_name("/name", &plan.name)?;
    if !(0..=1_000_000).contains(&plan.rank) {
        return Err(Error::invalid("/rank", "a rank is 0 to 1000000; a higher plan has a higher rank"));
    }
    match (plan.license_type, plan.terms.term) {
        (LicenseType::Perpetual, Some(term)) => {
            let pointer = if term.days().is_some() { "/term_days" } else { "/term" };
            return Err(Error::invalid(
                pointer,
                "a perpetual plan has no term; give another type or no term",
            ));
        }
        (LicenseType::Perpetual, None) | (_, Some(_)) => {}
        (word, None) => {
            let detail = format!("a {word} plan has a term: give it, or the type perpetual");
            return Err(Error::invalid("/term_days", detail));
        }
    }
    if let Some(price) = &plan.price {
        price.check().map_err(|error| Error::parse("/price", &error))?;
    }
    plan.terms.check(&products::sql::feature_codes(tx, plan.product)?)?;
    Ok(())
}
