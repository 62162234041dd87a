//! The sample customers: a dozen written by hand, thousands computed, the same in each run.

use kaching_base::{Seconds, Timestamp};

/// A sample customer with its licenses.
pub(super) struct SampleCustomer {
    pub(super) reference: String,
    pub(super) name: String,
    pub(super) company: String,
    pub(super) email: String,
    pub(super) tags: Vec<&'static str>,
    pub(super) licenses: Vec<SampleLicense>,
}

/// A sample license with its installations.
pub(super) struct SampleLicense {
    pub(super) product: &'static str,
    pub(super) plan: &'static str,
    pub(super) starts: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
    pub(super) bind: Option<&'static str>,
    pub(super) suspended: Option<&'static str>,
    /// Names of the installations.
    pub(super) installations: Vec<String>,
}

/// Returns a few customers in every state.
pub(super) fn small(now: Timestamp) -> Vec<SampleCustomer> {
    let mut samples = regular(now);
    samples.extend(special(now));
    samples
}

/// Returns customers whose licenses are all in use.
fn regular(now: Timestamp) -> Vec<SampleCustomer> {
    vec![
        customer(
            1,
            "Acme Corp",
            "acme",
            &["key-account"],
            vec![
                installed("chorus", "team", &["eu-1"]),
                installed("agencyos", "team", &["Studio iMac", "Front desk"]),
            ],
        ),
        customer(2, "Globex", "globex", &[], vec![installed("chorus", "community", &["prod"])]),
        customer(
            3,
            "Initech",
            "initech",
            &["reseller"],
            vec![SampleLicense {
                expires: in_days(now, 13),
                installations: names(&["api-1", "api-2", "api-3"]),
                ..license("caio", "standard")
            }],
        ),
        customer(
            4,
            "Umbrella Research",
            "umbrella",
            &["key-account"],
            vec![
                installed("chorus", "enterprise", &["lab-cluster"]),
                installed("caio", "enterprise", &["gateway-1", "gateway-2"]),
            ],
        ),
    ]
}

/// Returns customers with a license that is suspended, bound, without an end, not yet valid, or near its end.
fn special(now: Timestamp) -> Vec<SampleCustomer> {
    vec![
        customer(
            5,
            "Hooli",
            "hooli",
            &["dunning"],
            vec![SampleLicense {
                suspended: Some("invoice 2026-118 unpaid"),
                installations: names(&["hq"]),
                ..license("chorus", "team")
            }],
        ),
        customer(6, "Pied Piper", "piedpiper", &["trial"], vec![installed("caio", "trial", &["laptop"])]),
        customer(
            7,
            "Stark Studios",
            "stark",
            &[],
            vec![SampleLicense { bind: Some("*.stark.example"), ..license("agencyos", "enterprise") }],
        ),
        customer(
            8,
            "Wayne Logistics",
            "wayne",
            &[],
            vec![
                installed("caio", "perpetual", &["dock-1"]),
                SampleLicense {
                    starts: in_days(now, 30),
                    expires: in_days(now, 395),
                    ..license("agencyos", "solo")
                },
            ],
        ),
        customer(
            9,
            "Tyrell",
            "tyrell",
            &["reseller"],
            vec![SampleLicense { expires: in_days(now, 1), ..license("agencyos", "solo") }],
        ),
    ]
}

/// Returns thousands of customers, as an authority has after some years.
pub(super) fn big(now: Timestamp) -> Vec<SampleCustomer> {
    const PLANS: [(&str, &str, &str); 10] = [
        ("agencyos", "solo", "Mac"),
        ("chorus", "community", "cluster"),
        ("caio", "standard", "instance"),
        ("agencyos", "team", "Office"),
        ("chorus", "team", "cluster"),
        ("agencyos", "solo", "Mac"),
        ("caio", "trial", "instance"),
        ("chorus", "enterprise", "cluster"),
        ("caio", "enterprise", "instance"),
        ("caio", "perpetual", "instance"),
    ];
    const TRADES: [&str; 8] =
        ["Logistics", "Media", "Foods", "Robotics", "Energy", "Health", "Studio", "Systems"];
    const NAMES: [&str; 12] = [
        "Aster", "Borealis", "Cobalt", "Dunes", "Ember", "Fjord", "Garnet", "Harbor", "Indigo", "Juniper",
        "Kestrel", "Lumen",
    ];
    let mut samples = small(now);
    for number in 100..2100_usize {
        let name = format!("{} {} {number}", NAMES[number % NAMES.len()], TRADES[number / 7 % TRADES.len()]);
        let licenses = (0..=usize::from(number % 3 == 0)).map(|which| {
            let (product, plan, installation) = PLANS[(number * 7 + which * 3) % PLANS.len()];
            let running =
                if plan == "enterprise" && product == "caio" { 4 } else { usize::from(number % 5 != 0) };
            let longest = if plan == "trial" { 30 } else { 700 };
            let days = i64::try_from(number * 37 % longest).unwrap_or(0) + 1;
            SampleLicense {
                expires: in_days(now, days).filter(|_| plan != "perpetual"),
                suspended: (number % 41 == 0).then_some("invoice unpaid"),
                installations: (1..=running).map(|at| format!("{installation} {at}")).collect(),
                ..license(product, plan)
            }
        });
        samples.push(customer(number, &name, &format!("customer{number}"), &[], licenses.collect()));
    }
    samples
}

fn customer(
    number: usize,
    name: &str,
    domain: &str,
    tags: &[&'static str],
    licenses: Vec<SampleLicense>,
) -> SampleCustomer {
    SampleCustomer {
        reference: format!("CUST-{number:03}"),
        name: name.to_owned(),
        company: name.to_owned(),
        email: format!("it@{domain}.example"),
        tags: tags.to_vec(),
        licenses,
    }
}

/// Returns the customer of the licenses for tests.
pub(super) fn tester() -> SampleCustomer {
    customer(0, "Tests", "tests", &[], Vec::new())
}

/// Returns a license with the terms of its plan, without installations.
pub(super) fn license(product: &'static str, plan: &'static str) -> SampleLicense {
    SampleLicense {
        product,
        plan,
        starts: None,
        expires: None,
        bind: None,
        suspended: None,
        installations: Vec::new(),
    }
}

fn installed(product: &'static str, plan: &'static str, installations: &[&str]) -> SampleLicense {
    SampleLicense { installations: names(installations), ..license(product, plan) }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Returns the midnight of a day after today.
fn in_days(now: Timestamp, days: i64) -> Option<Timestamp> {
    let midnight = now.seconds() - now.seconds().rem_euclid(86_400);
    Some(Timestamp::from_seconds(midnight) + Seconds::days(days))
}
