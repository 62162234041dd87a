use std::{fs, path::PathBuf};

use clap::Args;
use kaching_base::pasted;
use serde::Serialize;
use serde_json::Value;

use crate::{
    failure::Failure, flags::argument, output::Output, remote::AuthorityTarget, settings::read_text,
};

mod key;
mod page;
mod statement;
mod trust;

/// The longest input: longer than any statement, or a problem document that contains one.
const LONGEST: u64 = 256 * 1024;

/// Show the contents of a license key or signed statement, and whether it verifies
#[derive(Args)]
pub(crate) struct Inspect {
    /// A license key, a lease or other statement, a file that holds one, or - for standard input
    #[arg(value_name = "KEY|LEASE|FILE|-")]
    what: String,
    /// The root key to trust, in place of the authority's: kaching-root:…, or a file with it
    #[arg(long, value_name = "ROOT|FILE")]
    root: Option<String>,
    /// The keyset to verify with, in place of the authority's: a statement, or a file with it
    #[arg(long, value_name = "KEYSET|FILE")]
    keyset: Option<String>,
}

/// The result.
#[derive(Serialize)]
struct Inspection {
    /// `license_key`, `root_key`, or the type of a statement.
    what: String,
    /// `None` if that is not known.
    verified: Option<bool>,
    /// One sentence.
    verdict: String,
    /// The header of a statement.
    #[serde(skip_serializing_if = "Value::is_null")]
    header: Value,
    /// The contents.
    says: Value,
}

impl Inspect {
    pub(crate) async fn run(self, target: &AuthorityTarget, output: &Output) -> Result<(), Failure> {
        let text = read(&self.what)?;
        let finding = if let Some(statement) = statement_in(&text) {
            let trust = trust::Trust::gather(self.root, self.keyset, target).await?;
            statement::inspect(&statement, &trust, output.now)?
        } else if text.starts_with("kaching-root:") {
            root(&text)
        } else {
            key::inspect(&text, target).await?
        };
        output.either(&finding, || page::text(&finding, output))?;
        match finding.verified {
            Some(true) => Ok(()),
            Some(false) => Err(Failure::refused(finding.verdict)),
            None => Err(Failure::unreached(finding.verdict)),
        }
    }
}

/// Returns the text itself, or that of the file with this name.
fn read(what: &str) -> Result<String, Failure> {
    let path = PathBuf::from(what);
    if what == "-" || !path.is_file() {
        return argument(what);
    }
    text_of(&path)
}

fn text_of(path: &std::path::Path) -> Result<String, Failure> {
    let failed =
        |why: &dyn std::fmt::Display| Failure::usage(format!("{} cannot be read: {why}.", path.display()));
    let length = fs::metadata(path).map_err(|error| failed(&error))?.len();
    if length > LONGEST {
        return Err(failed(&"it is far longer than a key or statement"));
    }
    read_text(path).map(|text| pasted(&text)).map_err(|error| failed(&error))
}

/// The statement that a text is, or that an answer of the API carries. Such an answer has lost its white space with the
/// rest of what people paste; a statement has none.
fn statement_in(text: &str) -> Option<String> {
    let looks = |text: &str| text.split('.').count() == 3 && text.starts_with("ey");
    if looks(text) {
        return Some(text.to_owned());
    }
    let document: Value = serde_json::from_str(text).ok()?;
    ["lease", "statement", "refusal", "license", "keyset"]
        .iter()
        .filter_map(|name| document.get(name)?.as_str())
        .find(|text| looks(text))
        .map(str::to_owned)
}

fn root(text: &str) -> Inspection {
    let parsed = text.parse::<kaching_license::RootKey>();
    let verdict = match &parsed {
        Ok(_) => "This is a root public key: products pin it.".to_owned(),
        Err(error) => format!("This is no root key: {error}."),
    };
    let says = parsed.as_ref().map(|root| serde_json::json!({ "kid": root.kid() })).unwrap_or_default();
    Inspection {
        what: "root_key".to_owned(),
        verified: Some(parsed.is_ok()),
        verdict,
        header: Value::Null,
        says,
    }
}
