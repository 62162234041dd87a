//! Who bought what: a dozen by hand, thousands by arithmetic, the same each time.

use kaching_base::{Seconds, Timestamp};

/// A customer, and what they bought.
pub(super) struct Sale {
    pub(super) reference: String,
    pub(super) name: String,
    pub(super) company: String,
    pub(super) email: String,
    pub(super) tags: Vec<&'static str>,
    pub(super) licenses: Vec<Sold>,
}

/// A license, and where it runs.
pub(super) struct Sold {
    pub(super) product: &'static str,
    pub(super) plan: &'static str,
    pub(super) starts: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
    pub(super) bind: Option<&'static str>,
    pub(super) suspended: Option<&'static str>,
    /// Names of the installations.
    pub(super) installations: Vec<String>,
}

/// What is looked at first.
pub(super) fn small(now: Timestamp) -> Vec<Sale> {
    let in_days = |days: i64| Some(midnight(now) + Seconds::days(days));
    vec![
        sale(
            1,
            "Acme Corp",
            "acme",
            &["key-account"],
            vec![
                Sold { installations: names(&["eu-1"]), ..sold("chorus", "team") },
                Sold { installations: names(&["Studio iMac", "Front desk"]), ..sold("agencyos", "team") },
            ],
        ),
        sale(
            2,
            "Globex",
            "globex",
            &[],
            vec![Sold { installations: names(&["prod"]), ..sold("chorus", "community") }],
        ),
        sale(
            3,
            "Initech",
            "initech",
            &["reseller"],
            vec![Sold {
                expires: in_days(13),
                installations: names(&["api-1", "api-2", "api-3"]),
                ..sold("caio", "standard")
            }],
        ),
        sale(
            4,
            "Umbrella Research",
            "umbrella",
            &["key-account"],
            vec![
                Sold { installations: names(&["lab-cluster"]), ..sold("chorus", "enterprise") },
                Sold { installations: names(&["gateway-1", "gateway-2"]), ..sold("caio", "enterprise") },
            ],
        ),
        sale(
            5,
            "Hooli",
            "hooli",
            &["dunning"],
            vec![Sold {
                suspended: Some("invoice 2026-118 unpaid"),
                installations: names(&["hq"]),
                ..sold("chorus", "team")
            }],
        ),
        sale(
            6,
            "Pied Piper",
            "piedpiper",
            &["trial"],
            vec![Sold { installations: names(&["laptop"]), ..sold("caio", "trial") }],
        ),
        sale(
            7,
            "Stark Studios",
            "stark",
            &[],
            vec![Sold { bind: Some("*.stark.example"), ..sold("agencyos", "enterprise") }],
        ),
        sale(
            8,
            "Wayne Logistics",
            "wayne",
            &[],
            vec![
                Sold { installations: names(&["dock-1"]), ..sold("caio", "perpetual") },
                Sold { starts: in_days(30), expires: in_days(395), ..sold("agencyos", "solo") },
            ],
        ),
        sale(
            9,
            "Tyrell",
            "tyrell",
            &["reseller"],
            vec![Sold { expires: in_days(1), ..sold("agencyos", "solo") }],
        ),
    ]
}

/// Thousands, as an authority has after some years.
pub(super) fn big(now: Timestamp) -> Vec<Sale> {
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
    let mut sales = small(now);
    for number in 100..2100_usize {
        let name = format!("{} {} {number}", NAMES[number % NAMES.len()], TRADES[number / 7 % TRADES.len()]);
        let licenses = (0..=usize::from(number % 3 == 0)).map(|which| {
            let (product, plan, installation) = PLANS[(number * 7 + which * 3) % PLANS.len()];
            let running =
                if plan == "enterprise" && product == "caio" { 4 } else { usize::from(number % 5 != 0) };
            let longest = if plan == "trial" { 30 } else { 700 };
            let days = i64::try_from(number * 37 % longest).unwrap_or(0) + 1;
            Sold {
                expires: (plan != "perpetual").then(|| midnight(now) + Seconds::days(days)),
                suspended: (number % 41 == 0).then_some("invoice unpaid"),
                installations: (1..=running).map(|at| format!("{installation} {at}")).collect(),
                ..sold(product, plan)
            }
        });
        sales.push(sale(number, &name, &format!("customer{number}"), &[], licenses.collect()));
    }
    sales
}

fn sale(number: usize, name: &str, domain: &str, tags: &[&'static str], licenses: Vec<Sold>) -> Sale {
    Sale {
        reference: format!("CUST-{number:03}"),
        name: name.to_owned(),
        company: name.to_owned(),
        email: format!("it@{domain}.example"),
        tags: tags.to_vec(),
        licenses,
    }
}

fn sold(product: &'static str, plan: &'static str) -> Sold {
    Sold {
        product,
        plan,
        starts: None,
        expires: None,
        bind: None,
        suspended: None,
        installations: Vec::new(),
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn midnight(now: Timestamp) -> Timestamp {
    Timestamp::from_seconds(now.seconds() - now.seconds().rem_euclid(86_400))
}
