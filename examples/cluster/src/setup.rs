use std::{fs, io, path::Path};

use kaching_client::{Builder, Fingerprint, Guard, LicenseKey};
use serde::{Deserialize, Serialize};

use crate::error::{RunError, SetupError};

/// The setup of a cluster's license, as it is kept on disk.
///
/// The root key is among it only because this is an example, whose authority may be made a moment before: a product
/// has the line compiled in, since anybody who can change it decides whose licenses count.
#[derive(Clone)]
pub struct Setup {
    /// The license authority.
    pub authority: String,
    /// The authority's root key.
    pub root: String,
    /// The cluster's name for people.
    pub name: String,
    /// The license key; none where it was entered at set-up, and is in the license state.
    pub license_key: Option<LicenseKey>,
}

/// The file. The client keeps the license key, the lease and all that belongs to it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    authority: String,
    root: String,
    name: String,
}

const FILE: &str = "setup.json";
/// The client's directory.
const STATE: &str = "license";

impl Setup {
    /// Reads the setup in a directory, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(data: &Path) -> Result<Option<Self>, SetupError> {
        let path = data.join(FILE);
        let failed = |source| SetupError { path: path.clone(), source };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let Kept { authority, root, name } =
            serde_json::from_str(&text).map_err(|error| failed(io::Error::other(error)))?;
        Ok(Some(Self { authority, root, name, license_key: None }))
    }

    /// Checks the license by activating this cluster, and keeps what later starts need; says what is granted.
    ///
    /// # Errors
    /// If there is no valid license: then nothing is kept, but for the cluster's id.
    pub fn keep(mut self, data: &Path) -> Result<String, RunError> {
        let license_key = self.license_key.take();
        let guard = self.guard(data)?.name(&self.name).start_unlicensed()?;
        if let Some(license_key) = license_key {
            guard.activate(license_key)?;
        }
        let license = guard.license();
        guard.shutdown()?;
        let kept = Kept { authority: self.authority, root: self.root, name: self.name };
        let text = serde_json::to_vec_pretty(&kept).map_err(io::Error::other)?;
        fs::write(data.join(FILE), text)?;
        let plan = license.granted.map(|granted| granted.plan_name).unwrap_or_default();
        Ok(format!("{} runs on the {plan} plan; what it needs is kept in {}", kept.name, data.display()))
    }

    /// Gives this cluster's slot back, while no process of it runs, and removes setup and license key; its id is kept.
    ///
    /// # Errors
    /// If the authority cannot be asked, or a process of the cluster runs: then the setup is kept.
    pub fn release(&self, data: &Path) -> Result<String, RunError> {
        let guard = self.guard(data)?.start_unlicensed()?;
        guard.deactivate()?;
        guard.shutdown()?;
        fs::remove_dir_all(data.join(STATE))?;
        fs::remove_file(data.join(FILE))?;
        Ok(format!("{} gave its slot back", self.name))
    }

    /// A guard for this cluster, yet to be started.
    pub(crate) fn guard(&self, data: &Path) -> Result<Builder, RunError> {
        let builder = Guard::builder(&self.authority, &self.root)
            .product("chorus")
            .fingerprint(Fingerprint::cluster(data.join("cluster-id"))?)
            .state_dir(data.join(STATE))
            .version(env!("CARGO_PKG_VERSION"));
        Ok(match &self.license_key {
            Some(license_key) => builder.license_key(license_key.clone()),
            None => builder,
        })
    }
}
