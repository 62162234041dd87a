//! With what a statement is verified: named on the command line, or the authority's own.

use std::path::Path as File;

use kaching_api::Discovery;
use kaching_base::pasted;
use kaching_license::{Moment, RootKey, TrustedKeyset};
use serde_json::Value;

use crate::{
    failure::Failure,
    remote::{AuthorityTarget, IfMissing, Path},
};

pub(super) struct Trust {
    pub(super) roots: Vec<RootKey>,
    /// The keyset, or the reason why there is none.
    pub(super) keyset: Result<TrustedKeyset, String>,
}

impl Trust {
    /// The given root and keyset; the authority provides the one that is not given.
    pub(super) async fn gather(
        root: Option<String>,
        keyset: Option<String>,
        target: &AuthorityTarget,
    ) -> Result<Self, Failure> {
        let mut roots = match root {
            Some(text) => {
                vec![text_or_file(&text)?.parse::<RootKey>().map_err(Failure::from_error)?]
            }
            None => pinned(target)?,
        };
        let named = keyset.is_some();
        let keysets = match keyset {
            Some(text) => Ok(vec![keyset_in(text_or_file(&text)?)]),
            None => discovered(target).await.map(|found| {
                // A user who opens the authority, or has a token of it, trusts its root.
                if roots.is_empty() {
                    roots = found.roots.iter().filter_map(|root| root.parse().ok()).collect();
                }
                found.keysets
            }),
        };
        let keyset = match keysets {
            Ok(keysets) => first_verified(&keysets, &roots),
            Err(failure) if named => return Err(failure),
            Err(failure) => Err(failure.to_string()),
        };
        Ok(Self { roots, keyset })
    }
}

/// The root of the data directory.
fn pinned(target: &AuthorityTarget) -> Result<Vec<RootKey>, Failure> {
    let path = target.data.join("root.pub");
    if target.server.is_some() || !path.is_file() {
        return Ok(Vec::new());
    }
    let root = super::text_of(&path)?
        .parse()
        .map_err(|_| Failure::refused(format!("{} holds no root key.", path.display())))?;
    Ok(vec![root])
}

async fn discovered(target: &AuthorityTarget) -> Result<Discovery, Failure> {
    let mut client = target.connect(IfMissing::Refuse).await?;
    let answer = client.get(Path::at("/.well-known/kaching")).await;
    client.close().await;
    answer?.read()
}

fn first_verified(keysets: &[String], roots: &[RootKey]) -> Result<TrustedKeyset, String> {
    let mut why = "there is no keyset".to_owned();
    for keyset in keysets {
        match TrustedKeyset::verify(keyset, roots, None, Moment::Inspect) {
            Ok(trusted) => return Ok(trusted),
            Err(invalid) => why = format!("the keyset does not verify: {invalid}"),
        }
    }
    Err(why)
}

/// A keyset itself, or the one in a document: an activation's answer, or what a holder hands to its followers.
fn keyset_in(text: String) -> String {
    let document: Option<Value> = serde_json::from_str(&text).ok();
    document.and_then(|document| Some(document.get("keyset")?.as_str()?.to_owned())).unwrap_or(text)
}

fn text_or_file(text: &str) -> Result<String, Failure> {
    if File::new(text).is_file() { super::text_of(File::new(text)) } else { Ok(pasted(text)) }
}
