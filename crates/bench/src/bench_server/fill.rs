use kaching_authority::fill::{Fill, FilledInstallation};
use kaching_license::{Credential, Digest};
use kaching_server::App;

use super::{BenchServer, Installation};
use kaching_command::{failure::Failure, output::show_progress};

/// The most installations in the sample: more than a load can use in its time.
const SAMPLE: usize = 100_000;
/// The licenses that one call adds, with ten installations each.
const BATCH: u32 = 100;
/// The installations that one call adds to one license.
const ON_ONE: u32 = 1000;

impl BenchServer<'_> {
    /// Fills the database up to this many installations.
    pub(super) async fn fill(&mut self, app: &App, installations: u64) -> Result<(), Failure> {
        while self.filled < installations {
            show_progress(&format!(
                "{}: {} of {installations} installations are added",
                self.engine, self.filled
            ));
            let missing = u32::try_from(installations - self.filled).unwrap_or(u32::MAX);
            // `filled` grows with each batch, so that no two batches use the same numbers.
            let licenses = match (self.setting.on_one, missing) {
                (true, _) => None,
                (false, ..10) => Some(1),
                (false, _) => Some((missing / 10).min(BATCH)),
            };
            let each = if licenses.is_some() { missing.min(10) } else { missing.min(ON_ONE) };
            let fill = Fill { like: self.like, licenses, each, first: self.filled };
            let part = async { app.authority().fill(fill).await.map_err(Failure::from_error) };
            let filled = self.disk.unless_interrupted(part).await?;
            self.filled += filled.len() as u64;
            self.sample(app, filled, installations);
        }
        Ok(())
    }

    /// Fills each license that has a key up to this many installations.
    pub(super) async fn fill_each(&mut self, app: &App, installations: u32) -> Result<(), Failure> {
        let (licenses, filled) = &mut self.licenses;
        let each = installations.saturating_sub(*filled);
        show_progress(&format!("{}: {installations} installations are added to each license", self.engine));
        for like in licenses.iter() {
            // The number is part of the fingerprints, which must differ within a license.
            let fill = Fill { like: *like, licenses: None, each, first: u64::from(installations) };
            let part = async { app.authority().fill(fill).await.map_err(Failure::from_error) };
            self.disk.unless_interrupted(part).await?;
        }
        *filled = installations;
        Ok(())
    }

    /// Adds an even sample of the new installations to those that the load uses.
    fn sample(&mut self, app: &App, filled: Vec<FilledInstallation>, of: u64) {
        let ring = app.authority().keys();
        let step = usize::try_from(of).unwrap_or(usize::MAX).div_ceil(SAMPLE).max(1);
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
