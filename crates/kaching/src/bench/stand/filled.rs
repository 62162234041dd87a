use kaching_authority::fill::{Fill, FilledInstallation};
use kaching_license::{Credential, Digest};
use kaching_server::App;

use super::{Installation, Stand};
use crate::{bench::disk::tell, failure::Failure, settings::sentence};

/// Installations whose credentials are kept: what a load can ask of in its time.
const KEPT: usize = 100_000;
/// Licenses, of ten installations each, that one transaction adds.
const BATCH: u32 = 100;
/// Installations of one license that one transaction adds.
const ON_ONE: u32 = 1000;

impl Stand<'_> {
    /// Fills the database up to so many installations.
    pub(super) async fn fill(&mut self, app: &App, installations: u64) -> Result<(), Failure> {
        while self.filled < installations {
            tell(&format!("{}: {} of {installations} installations are made", self.engine, self.filled));
            let missing = u32::try_from(installations - self.filled).unwrap_or(u32::MAX);
            // The numbers of licenses go up, and no two batches begin with the same.
            let licenses = match (self.setting.on_one, missing) {
                (true, _) => None,
                (false, ..10) => Some(1),
                (false, _) => Some((missing / 10).min(BATCH)),
            };
            let each = if licenses.is_some() { missing.min(10) } else { missing.min(ON_ONE) };
            let fill = Fill { like: self.like, licenses, each, first: self.filled };
            let part =
                async { app.authority().fill(fill).await.map_err(|error| sentence(&error.to_string())) };
            let filled = self.disk.unless_interrupted(part).await?;
            self.filled += filled.len() as u64;
            self.keep(app, filled, installations);
        }
        Ok(())
    }

    /// Fills each license that has a key up to so many installations.
    pub(super) async fn fill_each(&mut self, app: &App, installations: u32) -> Result<(), Failure> {
        let (licenses, filled) = &mut self.licenses;
        let each = installations.saturating_sub(*filled);
        tell(&format!("{}: {installations} installations are made on each license", self.engine));
        for like in licenses.iter() {
            // The number is part of their names, which no two on one license may have.
            let fill = Fill { like: *like, licenses: None, each, first: u64::from(installations) };
            let part =
                async { app.authority().fill(fill).await.map_err(|error| sentence(&error.to_string())) };
            self.disk.unless_interrupted(part).await?;
        }
        *filled = installations;
        Ok(())
    }

    /// Keeps as many as are enough, with the same distance between them.
    fn keep(&mut self, app: &App, filled: Vec<FilledInstallation>, of: u64) {
        let ring = app.authority().keys();
        let step = usize::try_from(of).unwrap_or(usize::MAX).div_ceil(KEPT).max(1);
        if step > self.step {
            let kept = std::mem::take(&mut self.installations);
            self.installations = kept.into_iter().step_by(step / self.step).collect();
            self.step = step;
        }
        self.installations.extend(filled.into_iter().step_by(step).map(|one| Installation {
            credential: Credential::derive(ring.credential_key(), one.activation, 1),
            fpr: Digest::of(&one.fingerprint).to_string(),
            number: one.number,
            lease: String::new(),
        }));
    }
}
