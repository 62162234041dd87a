//! The token with which the first operator of a fresh authority begins.

use std::{fs, path::Path};

use kaching_domain::Scope;

use super::{NewToken, make, secret_of, sql};
use crate::{Authority, Cx, Result, keys::write_private};

impl Authority {
    /// A fresh authority writes a token with every right to `first-token` in this directory, for its first
    /// operator.
    ///
    /// # Errors
    /// If the file or the database cannot be written.
    pub(crate) async fn make_first_token(&self, directory: &Path) -> Result<()> {
        if !self.read("tokens.none", |tx, _| sql::none(tx)).await? {
            return Ok(());
        }
        let random = self.entropy.seed();
        let path = directory.join("first-token");
        // The file comes first: a crash between the two leaves a file that the next start replaces, not a token
        // whose secret is lost.
        write_private(&path, &format!("{}\n", secret_of(&random).expose()))?;
        let new =
            NewToken { name: "first token".to_owned(), scopes: [Scope::Admin].into(), expires_at: None };
        let made = self.write_regardless("tokens.create_first", Cx::system("first-start"), move |tx, op| {
            // Another process that starts at the same moment may have made it.
            sql::wait_for_others(tx)?;
            if sql::none(tx)? { make(tx, op, &new, &secret_of(&random)).map(|_| true) } else { Ok(false) }
        });
        if !made.await? {
            let _ = fs::remove_file(&path);
        }
        Ok(())
    }
}
