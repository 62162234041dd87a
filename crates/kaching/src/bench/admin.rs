use clap::Args;

use super::{
    disk::{Disk, tell},
    engines::Engines,
    figures::{Figures, rounded},
    load::{Caller, Measure},
    stand::{PRODUCT, Setting, Stand},
    wire,
};
use crate::{failure::Failure, remote::Path};

/// What operators look at, with many installations stored: lists, searches, counts
#[derive(Args)]
pub(crate) struct Admin {
    /// Installations that are stored, ten on each license
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(10..=10_000_000))]
    pub(super) activations: u64,
    /// How often each is asked
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) times: u32,
    #[command(flatten)]
    pub(super) engines: Engines,
}

/// Operators are few: so many ask at once.
const OPERATORS: u32 = 4;

impl Admin {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let setting = Setting { installations: self.activations, ..Setting::default() };
        self.engines
            .each(disk, setting, async |stand: &mut Stand<'_>| {
                let mut rows = Vec::new();
                for (what, path) in questions(self.activations) {
                    rows.push(self.ask(&*stand, what, &path).await?);
                }
                Ok(rows)
            })
            .await
    }

    async fn ask(&self, stand: &Stand<'_>, what: &str, path: &Path) -> Result<Figures, Failure> {
        tell(&format!("{}: {what}", stand.engine));
        let authorization = format!("Bearer {}", stand.token()?);
        let callers = (0..OPERATORS).map(|_| Looking {
            path: path.as_str().to_owned(),
            authorization: authorization.clone(),
            left: self.times.div_ceil(OPERATORS),
        });
        let (measured, _) = stand.load(callers.collect(), Measure::All).await?;
        let row = Figures::of("admin", Some(stand.engine), OPERATORS, &measured, None);
        Ok(Figures {
            of: Some(what.to_owned()),
            activations: Some(stand.filled),
            rss_mib: stand.rss_mib().map(|mib| rounded(mib, 1)),
            ..row
        })
    }
}

/// What a person looks for: a page, one of many, and what begins the words of all.
fn questions(activations: u64) -> Vec<(&'static str, Path)> {
    // A license of the middle, by the number that all about it is called after.
    let number = format!("{:08}", activations / 2 / 1000 * 1000 + 10);
    let list = |plural: &str| Path::admin(plural).with("limit", "50");
    vec![
        ("licenses", list("licenses")),
        ("licenses by end", list("licenses").with("sort", "expires_at")),
        (
            "licenses of a plan, suspended",
            list("licenses").with("plan", &format!("{PRODUCT}:team")).with("status", "suspended"),
        ),
        ("licenses in grace", list("licenses").with("state", "in_grace")),
        ("licenses with a rare word", list("licenses").with("q", &number)),
        ("licenses with the word of all", list("licenses").with("q", "order")),
        ("customers with a rare word", list("customers").with("q", &number)),
        ("customers with the word of all", list("customers").with("q", "customer")),
        ("activations", list("activations")),
        ("activations that lapsed", list("activations").with("status", "lapsed")),
        ("activations with the word of all", list("activations").with("q", "install")),
        ("audit", list("audit")),
        ("audit of an action", list("audit").with("action", "license.create")),
        ("reminders", list("reminders")),
        ("stats", Path::admin("stats")),
    ]
}

/// Asks the same again and again.
struct Looking {
    path: String,
    authorization: String,
    left: u32,
}

impl Caller for Looking {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        if self.left > 0 {
            wire::get(request, &self.path, &self.authorization);
        }
        self.left > 0
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), String> {
        self.left -= 1;
        wire::expect(200, status, body)
    }
}
