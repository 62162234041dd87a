//! Each read shows what is in the reader's sight and nothing else, and answers anything else like what does not exist.

use std::{collections::BTreeSet, fs, path::Path};

use kaching_authority::{
    Apply, ApplyPlan, AuditFilter, Authority, Error, LicenseFilter, LicenseKey, List, NewLicense, NewToken,
    Rights, Sight,
    activations::ActivationFilter,
    domain::{Scope, licenses::Draft},
    fill::Fill,
};
use kaching_base::{ActivationId, CustomerId, ErrorCode, ProductId, Term};
use kaching_testkit::World;

use super::setting::{coded, customer, cx, entries, feature, license, plan, product, refusal};

/// Reads of the authority that take no sight, with the reason.
const WITHOUT_SIGHT: [(&str, &[&str]); 3] = [
    (
        "the caller shows a license key or a lease, which names the one license that is read",
        &[
            "catalogue.build",
            "catalogue.show",
            "changes.look",
            "licenses.licensed",
            "licenses.validate",
            "status.show",
        ],
    ),
    ("it is a part of an operation that changes something", &["plans.outlook"]),
    (
        "the authority reads for its own work",
        &[
            "activations.repeated_due",
            "activations.respelled",
            "activations.spellings",
            "activations.to_check",
            "backup.epoch",
            "backup.last",
            "backup.look_due",
            "changes.read",
            "changes.tell",
            "clock.epoch",
            "keys.stored",
            "licenses.count_ending",
            "licenses.due",
            "retention.last",
            "retention.look_due",
            "root.checked",
            "search.indexed",
            "tokens.authenticate",
            "tokens.none",
            "usage.waiting",
        ],
    ),
];

/// Reads of data that belongs to the authority alone, and to no product or customer.
const OF_THE_AUTHORITY: [&str; 2] = ["tokens.", "jobs."];

/// A product with one of everything, for one customer.
struct Side {
    product: ProductId,
    code: &'static str,
    customer: CustomerId,
    license: String,
    key: LicenseKey,
    activation: ActivationId,
    token: String,
    job: String,
    /// The ids of all that belongs to it.
    ids: BTreeSet<String>,
}

impl Side {
    async fn make(world: &World, code: &'static str, reference: &str, activations: u32) -> Self {
        let authority = &world.authority;
        let product = authority.create_product(cx(), product(code)).await.unwrap();
        let feature = authority.create_feature(cx(), feature(code, "federation")).await.unwrap();
        let plan = authority.create_plan(cx(), plan(code, "team", 1, 9, 9)).await.unwrap();
        let customer = authority.create_customer(cx(), customer(code, reference)).await.unwrap();
        let draft = Draft { term: Some(Term::of_days(20).unwrap()), ..Draft::default() };
        let new =
            NewLicense { customer: reference.to_owned(), product: code.to_owned(), draft, ..license("team") };
        let made = authority.create_license(cx(), new).await.unwrap();
        let like = made.license.id;
        let first = u64::from(activations);
        let filled = authority.fill(Fill { like, licenses: None, each: activations, first }).await.unwrap();
        let scopes = [Scope::Read].into();
        let token = NewToken { name: code.to_owned(), scopes, expires_at: None };
        let token = authority.create_token(cx(), token, &Rights::all()).await.unwrap().token.id.to_string();
        let before = jobs(authority, &Sight::All).await;
        let apply = ApplyPlan { to: Apply::All, force: false };
        authority.apply_plan(cx(), format!("{code}:team"), apply).await.unwrap();
        let job = jobs(authority, &Sight::All).await.difference(&before).next().unwrap().clone();
        let mut ids: BTreeSet<String> = filled.iter().map(|one| one.activation.to_string()).collect();
        ids.extend([product.id.to_string(), feature.feature.id.to_string(), plan.plan.id.to_string()]);
        ids.extend([customer.id.to_string(), like.to_string(), token.clone(), job.clone()]);
        Self {
            product: product.id,
            code,
            customer: customer.id,
            license: like.to_string(),
            key: made.key.unwrap(),
            activation: filled[0].activation,
            token,
            job,
            ids,
        }
    }

    fn address(&self, code: &str) -> String {
        format!("{}:{code}", self.code)
    }
}

/// The ids of the jobs in sight.
async fn jobs(authority: &Authority, sight: &Sight) -> BTreeSet<String> {
    let page = authority.jobs(sight, List::default()).await.unwrap();
    page.items.into_iter().map(|job| job.id.to_string()).collect()
}

/// Two sides that have nothing in common; the second has two activations.
async fn sides(world: &World) -> [Side; 2] {
    [Side::make(world, "chorus", "CUST-001", 1).await, Side::make(world, "opera", "CUST-002", 2).await]
}

/// Which of the sides these ids belong to. A reader who does not see everything sees nothing that belongs to neither.
fn owners(sides: &[Side; 2], sight: &Sight, ids: impl IntoIterator<Item = String>) -> BTreeSet<usize> {
    let owner = |id: String| {
        let found = sides.iter().position(|side| side.ids.contains(&id));
        assert!(found.is_some() || *sight == Sight::All, "{id} belongs to neither");
        found
    };
    ids.into_iter().filter_map(owner).collect()
}

fn is_shown<T>(answer: Result<T, Error>) -> bool {
    answer.is_ok() || {
        assert_eq!(refusal(answer), coded(ErrorCode::NotFound));
        false
    }
}

/// Collects the sides for which an expression that asks for one object has an answer.
macro_rules! shown {
    ($sides:ident, $side:ident => $ask:expr) => {{
        let mut found = BTreeSet::new();
        for (at, $side) in $sides.iter().enumerate() {
            if is_shown($ask.await) {
                found.insert(at);
            }
        }
        found
    }};
}

/// Collects the sides of which a list shows something.
macro_rules! listed {
    ($sides:ident, $sight:ident, $list:expr, $item:ident => $id:expr) => {{
        let page = $list.await.unwrap();
        owners($sides, $sight, page.items.into_iter().map(|$item| $id.to_string()))
    }};
}

/// Runs the read of this name, and returns the sides that it shows.
async fn read(name: &str, authority: &Authority, sight: &Sight, sides: &[Side; 2]) -> BTreeSet<usize> {
    let a = authority;
    match name {
        "products.show" => shown!(sides, side => a.product(sight, side.code.to_owned())),
        "products.list" => listed!(sides, sight, a.products(sight, List::default()), one => one.id),
        "features.show" => shown!(sides, side => a.feature(sight, side.address("federation"))),
        "features.list" => listed!(sides, sight, a.features(sight, List::default()), one => one.feature.id),
        "plans.show" => shown!(sides, side => a.plan(sight, side.address("team"))),
        "plans.list" => listed!(sides, sight, a.plans(sight, List::default()), one => one.plan.id),
        "customers.show" => shown!(sides, side => a.customer(sight, side.customer.to_string())),
        "customers.list" => listed!(sides, sight, a.customers(sight, List::default()), one => one.id),
        "licenses.show" => shown!(sides, side => a.license(sight, side.license.clone())),
        "licenses.find" => shown!(sides, side => a.find_license(sight, side.key.clone())),
        "licenses.list" => listed!(sides, sight, a.licenses(sight, List::default()), one => one.license.id),
        "activations.show" => shown!(sides, side => a.activation(sight, side.activation)),
        "activations.list" => {
            listed!(sides, sight, a.activations(sight, List::default()), one => one.activation.id)
        }
        "tokens.show" => shown!(sides, side => a.token(sight, side.token.clone())),
        "tokens.list" => listed!(sides, sight, a.tokens(sight, List::default()), one => one.id),
        "jobs.show" => shown!(sides, side => a.job(sight, side.job.clone())),
        "jobs.list" => owners(sides, sight, jobs(a, sight).await),
        "reminders.list" => listed!(sides, sight, a.reminders(sight, List::default()), one => one.license),
        "audit.list" => {
            let page = a.audit_entries(sight, List { limit: Some(200), ..List::default() }).await.unwrap();
            owners(sides, sight, page.items.into_iter().filter_map(|one| one.target))
        }
        "stats.count" => {
            let stats = a.stats(sight).await.unwrap();
            let found = match stats.activations {
                0 => BTreeSet::new(),
                1 => [0].into(),
                2 => [1].into(),
                _ => [0, 1].into(),
            };
            assert_eq!(
                (stats.total, stats.active, stats.expiring_soon),
                (found.len() as u64, stats.total, stats.total)
            );
            found
        }
        other => panic!("the read {other} has no case in this test: add one that asks for both sides"),
    }
}

/// The names of the reads in the sources that call this method of the authority.
fn names(method: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), method, &mut found);
    found
}

fn collect(folder: &Path, method: &str, found: &mut BTreeSet<String>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, method, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices(method) {
            let (before, rest) = (text[..at].trim_end(), &text[at + method.len()..]);
            let name = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
            let is_ours = before.ends_with("self") || before.ends_with("authority");
            found.extend(name.filter(|_| is_ours).map(|(name, _)| name.to_owned()));
        }
    }
}

#[tokio::test]
async fn each_read_shows_what_is_in_sight() {
    let reads = names(".read_in_sight(");
    assert!(reads.len() >= 18, "only {reads:?}: is the scan broken?");
    World::each(|world| {
        let reads = reads.clone();
        async move {
            let sides = sides(&world).await;
            let [own, other] = &sides;
            let nobody = CustomerId::from_bytes([9; 16]);
            let cases: [(Sight, &[usize]); 7] = [
                (Sight::All, &[0, 1]),
                (Sight::Products([own.product, other.product].into()), &[0, 1]),
                (Sight::Products([other.product].into()), &[1]),
                (Sight::Products([].into()), &[]),
                (Sight::Customer(own.customer), &[0]),
                (Sight::Customer(other.customer), &[1]),
                (Sight::Customer(nobody), &[]),
            ];
            for (sight, expected) in cases {
                for name in &reads {
                    let expected: BTreeSet<_> =
                        match OF_THE_AUTHORITY.iter().any(|noun| name.starts_with(noun))
                            && sight != Sight::All
                        {
                            true => BTreeSet::new(),
                            false => expected.iter().copied().collect(),
                        };
                    let found = read(name, &world.authority, &sight, &sides).await;
                    assert_eq!(found, expected, "{name} within {sight:?}");
                }
            }
        }
    })
    .await;
}

#[test]
fn a_read_without_a_sight_has_a_reason() {
    let listed: BTreeSet<_> =
        WITHOUT_SIGHT.iter().flat_map(|(_, names)| *names).map(|name| (*name).to_owned()).collect();
    assert_eq!(names(".read("), listed, "use read_in_sight, or list the read here with the reason");
}

#[tokio::test]
async fn filters_and_searches_reveal_nothing_out_of_sight() {
    World::each(|world| async move {
        let authority = &world.authority;
        let [own, other] = sides(&world).await;
        let sight = Sight::Customer(own.customer);
        let filters = [
            LicenseFilter { product: Some(other.code.to_owned()), ..LicenseFilter::default() },
            LicenseFilter { plan: Some(other.address("team")), ..LicenseFilter::default() },
            LicenseFilter { customer: Some("CUST-002".to_owned()), ..LicenseFilter::default() },
        ];
        for filter in filters {
            let list = List { filter, ..List::default() };
            assert!(is_shown(authority.licenses(&Sight::All, list.clone()).await));
            assert!(!is_shown(authority.licenses(&sight, list).await));
        }
        for filter in [
            ActivationFilter { product: Some(other.code.to_owned()), ..ActivationFilter::default() },
            ActivationFilter { customer: Some("CUST-002".to_owned()), ..ActivationFilter::default() },
        ] {
            let list = List { filter, ..List::default() };
            assert_eq!(authority.activations(&Sight::All, list.clone()).await.unwrap().items.len(), 2);
            assert!(!is_shown(authority.activations(&sight, list).await));
        }
        for q in [other.key.expose().to_owned(), other.license.clone(), other.code.to_owned()] {
            let list = List { q: Some(q), ..List::default() };
            assert_eq!(authority.licenses(&Sight::All, list.clone()).await.unwrap().items.len(), 1);
            assert!(authority.licenses(&sight, list).await.unwrap().items.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn a_customer_sees_no_personal_data_of_the_one_before() {
    World::each(|world| async move {
        let authority = &world.authority;
        let [own, other] = sides(&world).await;
        authority.suspend_license(cx(), own.license.clone(), "a word to Acme".to_owned()).await.unwrap();
        authority.transfer_license(cx(), own.license.clone(), "CUST-002".to_owned()).await.unwrap();
        authority.reinstate_license(cx(), own.license.clone()).await.unwrap();
        let filter =
            AuditFilter { target: Some(own.license.clone()), personal: true, ..AuditFilter::default() };
        let list = List { filter, ..List::default() };
        let seen =
            authority.audit_entries(&Sight::Customer(other.customer), list.clone()).await.unwrap().items;
        let all = entries(authority, &own.license).await;
        assert_eq!(seen.len(), all.len(), "the license belongs to the second customer now");
        assert!(all.iter().any(|(entry, _)| entry.personal.is_some()));
        let suspended = seen.iter().find(|entry| entry.action == "license.suspend").unwrap();
        assert_eq!(suspended.personal, None);
        let before = authority.audit_entries(&Sight::Customer(own.customer), list).await.unwrap().items;
        assert!(before.is_empty(), "it belongs to the first one no longer");
    })
    .await;
}
