use std::collections::BTreeSet;

use kaching_base::{
    Code, CustomerId, ErrorCode, FingerprintKind, LicenseId, LicenseType, Limit, PlanId, ProductId, Term,
    Timestamp,
};
use proptest::prelude::*;

use super::*;
use crate::{Binding, EditList, EditPolicy, Plan, Rejected, Terms, TermsChange};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn code(text: &str) -> Code {
    text.parse().unwrap()
}

fn term(days: i64) -> Term {
    Term::of_days(days).unwrap()
}

fn known() -> BTreeSet<Code> {
    ["federation", "audit_export"].map(code).into()
}

/// A plan with this rank, these numbers of slots and nodes, and a term.
fn plan(rank: u8, slots: u64, nodes: Option<u64>) -> Plan {
    let limits = [
        (Code::activations(), Limit::Slots { max: Some(slots) }),
        (code("nodes"), Limit::Level { max: nodes }),
    ];
    Plan {
        id: PlanId::from_bytes([rank; 16]),
        product: ProductId::from_bytes([9; 16]),
        code: code(&format!("plan{rank}")),
        name: format!("Plan {rank}"),
        rank: i64::from(rank),
        license_type: LicenseType::Standard,
        terms: Terms { limits: limits.into(), term: Some(term(365)), ..Terms::default() },
        price: None,
        created_at: NOW,
        updated_at: NOW,
        archived_at: None,
    }
}

fn made(plan: &Plan, draft: &Draft) -> Result<License, Rejected> {
    create(LicenseId::from_bytes([1; 16]), CustomerId::from_bytes([2; 16]), plan, &known(), draft, NOW)
}

fn license() -> License {
    made(&plan(2, 3, Some(25)), &Draft::default()).unwrap()
}

fn pointer(result: Result<License, Rejected>) -> String {
    match result {
        Err(Rejected::Invalid(invalid)) => invalid.pointer,
        other => panic!("{other:?}"),
    }
}

fn refusal(result: Result<License, Rejected>) -> ErrorCode {
    match result {
        Err(Rejected::Refused(refused)) => refused.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_license_copies_its_plan() {
    let license = license();
    assert_eq!(*license.terms(), plan(2, 3, Some(25)).terms);
    assert_eq!(license.expires_at, Some(NOW.plus_days(365)));
    assert_eq!((license.revision, &*license.overrides), (1, &Overrides::default()));
}

#[test]
fn invalid_dates_are_reported_with_their_position() {
    let team = plan(2, 3, None);
    let at = |days: i64| Some(NOW.plus_days(days));
    let perpetual = Some(LicenseType::Perpetual);
    let cases = [
        (Draft { expires_at: at(-1), ..Draft::default() }, "/expires_at"),
        (Draft { expires_at: Some(NOW), ..Draft::default() }, "/expires_at"),
        (Draft { starts_at: at(20), expires_at: at(10), ..Draft::default() }, "/expires_at"),
        (Draft { starts_at: at(-400), ..Draft::default() }, "/starts_at"),
        (Draft { term: Some(term(3)), expires_at: at(9), ..Draft::default() }, "/days"),
        (Draft { license_type: perpetual, term: Some(term(3)), ..Draft::default() }, "/days"),
        (Draft { license_type: perpetual, expires_at: at(9), ..Draft::default() }, "/expires_at"),
        (Draft { starts_at_first_activation: true, starts_at: at(9), ..Draft::default() }, "/starts_at"),
        (Draft { starts_at_first_activation: true, expires_at: at(9), ..Draft::default() }, "/expires_at"),
        (Draft { features: [code("unknown")].into(), ..Draft::default() }, "/features"),
        (Draft { notes: "\0".to_owned(), ..Draft::default() }, "/notes"),
    ];
    for (draft, place) in cases {
        assert_eq!(pointer(made(&team, &draft)), place, "{draft:?}");
    }
    let mut endless = plan(2, 3, None);
    endless.terms.term = None;
    assert_eq!(pointer(made(&endless, &Draft::default())), "/days");
}

#[test]
fn the_first_activation_starts_the_days_that_were_said() {
    let draft = Draft { starts_at_first_activation: true, term: Some(term(10)), ..Draft::default() };
    let waiting = made(&plan(2, 3, None), &draft).unwrap();
    assert_eq!((waiting.starts_at, waiting.expires_at, waiting.state(NOW)), (None, None, State::Active));
    let later = NOW.plus_days(100);
    let started = start(&waiting, later).unwrap();
    assert_eq!((started.starts_at, started.expires_at), (Some(later), Some(later.plus_days(10))));
    assert_eq!(started.revision, waiting.revision + 1);
    assert_eq!(start(&started, later), None);
}

#[test]
fn statuses_follow_their_diagram() {
    let active = license();
    let suspended = suspend(&active, "unpaid", NOW).unwrap();
    let id = active.id.to_string();
    let revoked = revoke(&suspended, &id, NOW).unwrap();
    assert_eq!(suspended.suspended_reason.as_deref(), Some("unpaid"));
    assert_eq!(reinstate(&suspended, NOW).unwrap().status, Status::Active);
    assert_eq!(pointer(suspend(&active, "  ", NOW)), "/reason");
    assert_eq!(pointer(revoke(&active, "yes", NOW)), "/confirm");
    assert_eq!(refusal(suspend(&suspended, "again", NOW)), ErrorCode::WrongState);
    assert_eq!(reinstate(&active, NOW).unwrap_err().code, ErrorCode::WrongState);
    let (team, more) = (plan(2, 3, None), plan(3, 9, None));
    let change = ChangePlan { at: At::Now, force: true };
    for dead in [
        suspend(&revoked, "late", NOW),
        reinstate(&revoked, NOW).map_err(Rejected::from),
        revoke(&revoked, &id, NOW),
        renewed(&revoked, &team, Renew::Plan, NOW),
        change_plan(&revoked, &team, &more, change, &Present::default(), NOW),
    ] {
        assert_eq!(refusal(dead), ErrorCode::WrongState);
    }
    let deleted = delete(&active, NOW).unwrap();
    assert_eq!((deleted.status, deleted.archived_at), (Status::Revoked, Some(NOW)));
    assert_eq!(delete(&revoked, NOW).unwrap().revision, revoked.revision);
    assert_eq!(delete(&deleted, NOW), None);
}

#[test]
fn an_upgrade_keeps_what_was_given_beyond_the_plan() {
    let (team, enterprise) = (plan(2, 3, Some(25)), plan(3, 9, Some(100)));
    let draft = Draft {
        features: [code("federation")].into(),
        limits: [
            (code("nodes"), Limit::Level { max: Some(500) }),
            (Code::activations(), Limit::Slots { max: Some(2) }),
        ]
        .into(),
        ..Draft::default()
    };
    let license = made(&team, &draft).unwrap();
    let change = ChangePlan { at: At::Now, force: false };
    let upgraded = change_plan(&license, &team, &enterprise, change, &Present::default(), NOW).unwrap();
    let terms = upgraded.terms();
    assert!(terms.features.contains("federation"));
    assert_eq!(terms.level("nodes"), Some(500), "higher than the new plan's");
    assert_eq!(terms.slots(), Some(9), "held back from the old plan only");
    assert_eq!(upgraded.expires_at, license.expires_at);
    assert_eq!(upgraded.revision, license.revision + 1);
}

#[test]
fn a_downgrade_below_use_says_what_to_reduce() {
    let (team, solo) = (plan(2, 3, Some(25)), plan(1, 1, Some(3)));
    let license = license();
    let present = Present { active: 3, levels: [(code("nodes"), 10)].into() };
    let change =
        |force| change_plan(&license, &team, &solo, ChangePlan { at: At::Now, force }, &present, NOW);
    let Err(Rejected::Refused(refused)) = change(false) else { panic!("it is below present use") };
    assert_eq!(refused.code, ErrorCode::BelowPresentUse);
    assert!(refused.detail.contains("activations from 3 to 1"), "{}", refused.detail);
    assert!(refused.detail.contains("nodes from 10 to 3"), "{}", refused.detail);
    assert_eq!(change(true).unwrap().terms().slots(), Some(1));
}

fn renewed(license: &License, plan: &Plan, reach: Renew, now: Timestamp) -> Result<License, Rejected> {
    renew(license, plan, RenewLicense { reach, force: false }, &Present::default(), now)
}

#[test]
fn a_renewal_below_use_says_what_to_reduce() {
    let small = plan(2, 1, Some(3));
    let present = Present { active: 3, levels: [(code("nodes"), 10)].into() };
    let renew = |force| renew(&license(), &small, RenewLicense { reach: Renew::Plan, force }, &present, NOW);
    let Err(Rejected::Refused(refused)) = renew(false) else { panic!("it is below present use") };
    assert_eq!(refused.code, ErrorCode::BelowPresentUse);
    assert!(refused.detail.contains("activations from 3 to 1"), "{}", refused.detail);
    let forced = renew(true).unwrap();
    let change = TermsChange::between(&license().terms(), &forced.terms());
    let slots = |max| Limit::Slots { max: Some(max) };
    assert_eq!(change.limits_changed[&Code::activations()], (slots(3), slots(1)));
    let nodes = |max| Limit::Level { max: Some(max) };
    assert_eq!(change.limits_changed[&code("nodes")], (nodes(25), nodes(3)));
    // One slot is what there is where none is said.
    let (said, unsaid) =
        (&forced.terms(), &Terms { limits: Default::default(), ..Terms::clone(&forced.terms()) });
    let change_to_unsaid = TermsChange::between(said, unsaid);
    assert_eq!(change_to_unsaid.limits_removed, [(code("nodes"), nodes(3))].into());
    assert!(change_to_unsaid.limits_changed.is_empty());
    assert!(change.limits_removed.is_empty() && change.features_added.is_empty() && change.policy.is_empty());
}

#[test]
fn a_renewal_takes_no_time_away() {
    let team = plan(2, 3, None);
    let end = license().expires_at.unwrap();
    let earlier = Renew::Until(end.plus_days(-1));
    assert_eq!(pointer(renewed(&license(), &team, earlier, NOW)), "/expires_at");
    assert_eq!(renewed(&license(), &team, Renew::Until(end), NOW).unwrap().expires_at, Some(end));
}

#[test]
fn bindings_are_added_and_removed_in_any_spelling() {
    let bind = |kind, value: &str| Binding { kind, value: value.to_owned() };
    let present = vec![
        bind(FingerprintKind::Domain, "*.xn--bcher-kva.example"),
        bind(FingerprintKind::Cluster, "eu-1"),
    ];
    let bound = made(&plan(2, 3, None), &Draft { bindings: present, ..Draft::default() }).unwrap();
    let change = EditList::Change {
        add: vec![bind(FingerprintKind::Cluster, "eu-2"), bind(FingerprintKind::Cluster, "eu-1")],
        remove: vec![bind(FingerprintKind::Domain, "*.Bücher.example"), bind(FingerprintKind::Domain, " ")],
    };
    let said = EditLicense { bindings: Some(change), ..EditLicense::default() };
    let edited = edit(&bound, &known(), &said, &Present::default(), NOW).unwrap();
    let values: Vec<_> = edited.bindings.iter().map(|binding| binding.value.as_str()).collect();
    assert_eq!(values, ["eu-1", "eu-2"]);
}

#[test]
fn a_scheduled_change_waits_for_the_end_of_the_period() {
    let (team, solo) = (plan(2, 3, None), plan(1, 1, None));
    let license = license();
    let change = ChangePlan { at: At::PeriodEnd, force: false };
    let waiting = change_plan(&license, &team, &solo, change, &Present::default(), NOW).unwrap();
    assert_eq!((waiting.plan, waiting.revision), (license.plan, license.revision));
    let end = license.expires_at.unwrap();
    // A renewal moves the end of the license, not the moment that was agreed on.
    let renewed = renewed(&waiting, &team, Renew::Plan, NOW).unwrap();
    assert_eq!(due_change(&renewed, &team, &solo, NOW), None);
    let changed = due_change(&renewed, &team, &solo, end).unwrap();
    assert_eq!((changed.plan, changed.scheduled.clone()), (solo.id, None));
    assert_eq!(changed.revision, renewed.revision + 1);
    let to_itself = change_plan(&waiting, &team, &team, change, &Present::default(), NOW).unwrap();
    assert_eq!(to_itself, license, "to its own plan: the scheduled change is ended");
    assert_eq!(
        refusal(change_plan(&license, &team, &team, change, &Present::default(), NOW)),
        ErrorCode::WrongState
    );
}

#[test]
fn a_trial_that_is_bought_begins_its_period() {
    let mut trial = plan(1, 1, None);
    (trial.license_type, trial.terms.term) = (LicenseType::Trial, Some(term(30)));
    let mut forever = plan(3, 1, None);
    (forever.license_type, forever.terms.term) = (LicenseType::Perpetual, None);
    let license = made(&trial, &Draft::default()).unwrap();
    let later = NOW.plus_days(20);
    let change = ChangePlan { at: At::Now, force: false };
    let to = |plan: &Plan| change_plan(&license, &trial, plan, change, &Present::default(), later).unwrap();
    let bought = to(&plan(2, 3, None));
    assert_eq!((bought.license_type, bought.expires_at), (LicenseType::Standard, Some(later.plus_days(365))));
    assert_eq!((to(&forever).license_type, to(&forever).expires_at), (LicenseType::Perpetual, None));
}

#[test]
fn bindings_are_kept_in_one_form() {
    let bind = |kind, value: &str| Binding { kind, value: value.to_owned() };
    let with = |bindings: Vec<Binding>| {
        edit(
            &license(),
            &known(),
            &EditLicense { bindings: Some(bindings.into()), ..EditLicense::default() },
            &Present::default(),
            NOW,
        )
    };
    let kept = with(vec![
        bind(FingerprintKind::Domain, "*.Bücher.example"),
        bind(FingerprintKind::Domain, "*.xn--bcher-kva.example"),
        bind(FingerprintKind::Cluster, "Eu-1"),
    ])
    .unwrap();
    let values: Vec<_> = kept.bindings.iter().map(|binding| binding.value.as_str()).collect();
    assert_eq!(values, ["*.xn--bcher-kva.example", "Eu-1"]);
    assert_eq!(kept.revision, 2);
    for value in [
        "",
        "*.",
        "a b.example",
        "a..b",
        "*",
        "*.*.example.com",
        "https://a.example.com",
        "a.example.com:443",
    ] {
        assert_eq!(pointer(with(vec![bind(FingerprintKind::Domain, value)])), "/bindings/0", "{value:?}");
    }
    let error = with(vec![bind(FingerprintKind::Domain, "https://A.example.com:443/")]).unwrap_err();
    assert!(format!("{error:?}").contains("use a.example.com or *.a.example.com"), "{error:?}");
}

#[test]
fn a_license_is_not_bound_to_what_belongs_to_everybody() {
    let bind = |value: &str| Binding { kind: FingerprintKind::Domain, value: value.to_owned() };
    let with = |license: &License, values: &[&str]| {
        let bindings = Some(EditList::All(values.iter().map(|value| bind(value)).collect()));
        edit(license, &known(), &EditLicense { bindings, ..EditLicense::default() }, &Present::default(), NOW)
    };
    for value in [
        "*.com",
        "com",
        "*.COM.",
        "*.co.uk",
        "*.github.io",
        "*.ck",
        "*.foo.ck",
        "*.рф",
        "*.xn--p1ai",
        "*.azurewebsites.net",
    ] {
        assert_eq!(pointer(with(&license(), &["a.example.com", value])), "/bindings/1", "{value:?}");
    }
    // Names below one, names on no list, and the host that has the name itself.
    for value in [
        "*.example.com",
        "*.corp",
        "corp",
        "*.acme.github.io",
        "github.io",
        "*.www.ck",
        "*.local",
        "10.0.0.7",
    ] {
        assert!(with(&license(), &[value]).is_ok(), "{value:?}");
    }
    // A license that was bound to one before there was this rule keeps it until somebody takes it away.
    let old = License { bindings: vec![bind("*.com")], ..license() };
    assert!(with(&old, &["*.com", "*.example.com"]).is_ok());
    assert_eq!(pointer(with(&old, &["*.com", "*.org"])), "/bindings/1");
}

#[test]
fn labels_raise_no_revision() {
    let said = EditLicense {
        tags: Some(["vip".to_owned()].into()),
        notes: Some("calls on Mondays".to_owned()),
        metadata: [("order".to_owned(), Some("42".to_owned()))].into(),
        ..EditLicense::default()
    };
    let edited = edit(&license(), &known(), &said, &Present::default(), NOW).unwrap();
    assert_eq!(edited.revision, license().revision);
    assert_eq!(edited.metadata["order"], "42");
    let nothing = edit(&license(), &known(), &EditLicense::default(), &Present::default(), NOW).unwrap();
    assert_eq!(nothing, license());
}

#[test]
fn a_perpetual_license_that_waits_for_its_first_activation_may_be_given_a_start() {
    let draft = Draft {
        license_type: Some(LicenseType::Perpetual),
        starts_at_first_activation: true,
        ..Draft::default()
    };
    let waiting = made(&plan(2, 3, None), &draft).unwrap();
    let said = EditLicense { starts_at: Some(NOW.plus_days(3)), ..EditLicense::default() };
    let started = edit(&waiting, &known(), &said, &Present::default(), NOW).unwrap();
    assert_eq!((started.starts_at, started.expires_at), (Some(NOW.plus_days(3)), None));
}

#[test]
fn kinds_are_not_taken_from_under_the_bindings() {
    let bindings = vec![Binding { kind: FingerprintKind::Cluster, value: "c1".to_owned() }];
    let bound = made(&plan(2, 3, None), &Draft { bindings, ..Draft::default() }).unwrap();
    let policy = EditPolicy { kinds: Some([FingerprintKind::Device].into()), ..EditPolicy::default() };
    let said = EditLicense { policy, ..EditLicense::default() };
    assert_eq!(pointer(edit(&bound, &known(), &said, &Present::default(), NOW)), "/bindings/0");
}

#[test]
fn terms_by_the_calendar_keep_the_day_of_the_month() {
    let mut monthly = plan(2, 3, None);
    monthly.terms.term = Some("1m".parse().unwrap());
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let draft = Draft { starts_at: Some(at("2027-01-31T00:00:00Z")), ..Draft::default() };
    let mut license = made(&monthly, &draft).unwrap();
    let mut ends = vec![license.expires_at.unwrap().to_string()];
    for _ in 0..3 {
        license = renewed(&license, &monthly, Renew::Plan, at("2027-02-01T00:00:00Z")).unwrap();
        ends.push(license.expires_at.unwrap().to_string());
    }
    let days = ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"].map(|day| format!("{day}T00:00:00Z"));
    assert_eq!(ends, days);

    // A term that begins later, an end that is set and days keep no day.
    let late = renewed(&license, &monthly, Renew::Plan, at("2027-06-30T00:00:00Z")).unwrap();
    assert_eq!(late.expires_at, Some(at("2027-07-30T00:00:00Z")));
    for reach in [Renew::Until(at("2027-06-30T00:00:00Z")), Renew::Term(term(30))] {
        let set = renewed(&license, &monthly, reach, NOW).unwrap();
        let next = renewed(&set, &monthly, Renew::Plan, NOW).unwrap();
        assert_eq!(next.expires_at, Some(at("2027-07-30T00:00:00Z")));
    }

    // The first activation begins a term as well, a trial that is bought another one.
    let waiting = made(&monthly, &Draft { starts_at_first_activation: true, ..Draft::default() }).unwrap();
    let started = start(&waiting, at("2028-02-29T12:00:00Z")).unwrap();
    assert_eq!((started.expires_at, started.kept_day), (Some(at("2028-03-29T12:00:00Z")), Some(29)));
    let own = Draft { term: Some("1y".parse().unwrap()), ..draft };
    assert_eq!(made(&monthly, &own).unwrap().expires_at, Some(at("2028-01-31T00:00:00Z")));
}

proptest! {
    #[test]
    fn what_is_said_of_terms_is_what_is_granted(
        plan_on: [bool; 2], said_on: [bool; 2], nodes in proptest::option::of(0u64..100), lease in 900i64..=1800,
    ) {
        let on = |on: [bool; 2]| -> BTreeSet<Code> {
            known().into_iter().zip(on).filter(|(_, on)| *on).map(|(code, _)| code).collect()
        };
        let mut team = plan(2, 3, Some(25));
        team.terms.features = on(plan_on);
        let license = made(&team, &Draft::default()).unwrap();
        let said = EditLicense {
            features: Some(on(said_on).into()),
            limits: [(code("nodes"), Some(Limit::Level { max: nodes }))].into(),
            policy: EditPolicy { lease_s: Some(lease), ..EditPolicy::default() },
            ..EditLicense::default()
        };
        let edited = edit(&license, &known(), &said, &Present::default(), NOW).unwrap();
        let terms = edited.terms();
        prop_assert_eq!(&terms.features, &on(said_on));
        prop_assert_eq!(terms.level("nodes"), nodes);
        prop_assert_eq!(terms.policy.lease_s, lease);
        // Taking the limit away gives the plan's again.
        let back = EditLicense { limits: [(code("nodes"), None)].into(), ..EditLicense::default() };
        let back = edit(&edited, &known(), &back, &Present::default(), NOW).unwrap();
        prop_assert_eq!(back.terms().level("nodes"), Some(25));
    }

    #[test]
    fn a_renewal_never_shortens_and_starts_from_the_later_of_end_and_now(days in 1i64..4000, waited in 0i64..800) {
        let now = NOW.plus_days(waited);
        let renewed = renewed(&license(), &plan(2, 3, None), Renew::Term(term(days)), now).unwrap();
        let from = license().expires_at.unwrap().max(now);
        prop_assert_eq!(renewed.expires_at, Some(from.plus_days(days)));
        prop_assert_eq!(renewed.revision, 2);
    }

    #[test]
    fn a_change_without_force_never_leaves_use_above_a_lowered_limit(
        old in (1u64..20, 0u64..50), new in (1u64..20, 0u64..50), active in 0u64..20, nodes in 0u64..50,
    ) {
        let (from, to) = (plan(2, old.0, Some(old.1)), plan(3, new.0, Some(new.1)));
        let license = made(&from, &Draft::default()).unwrap();
        let present = Present { active, levels: [(code("nodes"), nodes)].into() };
        let change = ChangePlan { at: At::Now, force: false };
        let lowered = (new.0 < old.0 && active > new.0) || (new.1 < old.1 && nodes > new.1);
        match change_plan(&license, &from, &to, change, &present, NOW) {
            Ok(changed) => {
                prop_assert!(!lowered);
                prop_assert_eq!(changed.terms().slots(), Some(new.0));
            }
            Err(rejected) => {
                prop_assert!(lowered);
                prop_assert_eq!(refusal(Err(rejected)), ErrorCode::BelowPresentUse);
            }
        }
    }

    #[test]
    fn an_upgrade_gives_at_least_the_new_plan(
        raised in proptest::option::of(0u64..60), old in 0u64..50, new in 0u64..50,
    ) {
        let (from, to) = (plan(2, 3, Some(old)), plan(3, 3, Some(new)));
        let limits = raised.map(|max| (code("nodes"), Limit::Level { max: Some(max) }));
        let license = made(&from, &Draft { limits: limits.into_iter().collect(), ..Draft::default() }).unwrap();
        let change = ChangePlan { at: At::Now, force: true };
        let changed = change_plan(&license, &from, &to, change, &Present::default(), NOW).unwrap();
        prop_assert!(changed.terms().level("nodes").unwrap() >= new);
    }
}
