use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use kaching_client::{ActivationId, Clock, LicenseKey, LicenseKeyError};

use crate::{error::SetupError, setup::Setup};

/// The options of the service.
#[derive(Clone)]
pub struct Options {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The directory of the cluster's id and its license state. Processes on the same directory are one node.
    pub data: PathBuf,
    /// The name of this node; its cluster has the name of the first one.
    pub name: String,
    /// The source of its license.
    pub license: Source,
    /// The activation whose slot this cluster takes.
    pub takeover: Option<ActivationId>,
    /// Whether a normal end gives the slot back.
    pub release: bool,
    /// The token of the cluster's admin, who may enter a key or renew; without one nobody may.
    pub admin_token: Option<String>,
    /// Another clock than the machine's, for a demonstration of wrong ones.
    pub clock: Option<Arc<dyn Clock>>,
}

/// The source of a node's license.
#[derive(Clone)]
pub enum Source {
    /// From the license authority.
    Authority(Setup),
    /// From the other nodes of its cluster: their addresses, and the root key that they must show.
    Nodes(Vec<String>, String),
}

/// The task of the program.
pub enum Task {
    /// Check the license and keep everything for later starts.
    Setup(Setup, PathBuf),
    /// Give the slot back for good.
    Release(Setup, PathBuf),
    /// Run.
    Run(Options),
    /// Ask the process that listens on this address whether it runs: the health check of a container without a shell.
    Health(SocketAddr),
}

/// Why the arguments make no sense: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// An argument is missing, unknown or malformed.
    #[error("{0}")]
    Usage(String),
    /// There is no license key.
    #[error(transparent)]
    LicenseKey(#[from] LicenseKeyError),
    /// The setup cannot be read.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// The arguments as they were given.
#[derive(Default)]
struct Given {
    listen: Option<String>,
    authority: Option<String>,
    root: Option<String>,
    data: Option<String>,
    name: Option<String>,
    follow: Vec<String>,
    takeover: Option<String>,
    release: bool,
}

impl Task {
    /// How it is called.
    pub const USAGE: &str = "\
cluster setup --authority URL --root kaching-root:… --data DIR [--name NAME]
cluster --data DIR [--listen 127.0.0.1:8080] [--name NAME] [--takeover act_…] [--release]
cluster release --data DIR
cluster --follow http://NODE [--follow …] --root kaching-root:… --data DIR --name NAME [--listen …]
cluster health [--listen 127.0.0.1:8080]
with the license key in CHORUS_LICENSE_KEY, or in the file that CHORUS_LICENSE_KEY_FILE names, unless it was set up";

    /// Reads the arguments, without the program's name, and license key and admin token from the environment.
    ///
    /// # Errors
    /// With what is missing or wrong.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self, OptionsError> {
        let mut arguments = arguments.peekable();
        if arguments.next_if(|argument| argument == "health").is_some() {
            return Given::read(arguments)?.address().map(Self::Health);
        }
        let sets_up = arguments.next_if(|argument| argument == "setup").is_some();
        let releases = arguments.next_if(|argument| argument == "release").is_some();
        let given = Given::read(arguments)?;
        let data = PathBuf::from(given.data.clone().ok_or_else(|| missing("--data"))?);
        if sets_up {
            return Ok(Self::Setup(given.setup()?, data));
        }
        if releases {
            return Ok(Self::Release(load(&data)?, data));
        }
        given.options(data).map(Self::Run)
    }
}

impl Given {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, OptionsError> {
        let mut given = Self::default();
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| usage(&format!("{flag} needs a value.")));
            match flag.as_str() {
                "--listen" => given.listen = Some(value()?),
                "--authority" => given.authority = Some(value()?),
                "--root" => given.root = Some(value()?),
                "--data" => given.data = Some(value()?),
                "--name" => given.name = Some(value()?),
                "--follow" => given.follow.push(value()?.trim_end_matches('/').to_owned()),
                "--takeover" => given.takeover = Some(value()?),
                "--release" => given.release = true,
                _ => return Err(usage(&format!("{flag} is not known."))),
            }
        }
        Ok(given)
    }

    fn setup(self) -> Result<Setup, OptionsError> {
        Ok(Setup {
            authority: self.authority.ok_or_else(|| missing("--authority"))?,
            root: self.root.ok_or_else(|| missing("--root"))?,
            name: self.name.unwrap_or_else(|| "cluster".to_owned()),
            license_key: Some(LicenseKey::from_env("CHORUS_LICENSE_KEY")?),
        })
    }

    fn address(&self) -> Result<SocketAddr, OptionsError> {
        let listen = self.listen.as_deref().unwrap_or("127.0.0.1:8080");
        let wrong = |_| usage(&format!("--listen is an address like 127.0.0.1:8080, not {listen}."));
        listen.parse().map_err(wrong)
    }

    fn options(self, data: PathBuf) -> Result<Options, OptionsError> {
        let listen = self.address()?;
        let activation = |_| usage("--takeover is the id of an activation, like act_01….");
        let takeover = self.takeover.as_deref().map(str::parse).transpose().map_err(activation)?;
        let (given_name, release) = (self.name.clone(), self.release);
        let license = if !self.follow.is_empty() {
            Source::Nodes(self.follow, self.root.ok_or_else(|| missing("--root"))?)
        } else if self.authority.is_some() {
            Source::Authority(self.setup()?)
        } else {
            Source::Authority(load(&data)?)
        };
        let name = given_name.unwrap_or_else(|| match &license {
            Source::Authority(setup) => setup.name.clone(),
            Source::Nodes(..) => "node".to_owned(),
        });
        let admin_token = std::env::var_os("CLUSTER_ADMIN_TOKEN").and_then(|token| token.into_string().ok());
        let admin_token = admin_token.filter(|token| !token.is_empty());
        Ok(Options { listen, data, name, license, takeover, release, admin_token, clock: None })
    }
}

/// What an earlier start set up.
fn load(data: &Path) -> Result<Setup, OptionsError> {
    let nothing = || usage(&format!("nothing was set up in {}: --authority is needed.", data.display()));
    Setup::load(data)?.ok_or_else(nothing)
}

fn missing(flag: &str) -> OptionsError {
    usage(&format!("{flag} is missing."))
}

fn usage(wrong: &str) -> OptionsError {
    OptionsError::Usage(format!("{wrong}\n{}", Task::USAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        for (line, named) in [
            ("", "--data is missing"),
            ("--data", "--data needs a value"),
            ("--verbose", "--verbose is not known"),
            ("setup --data z", "--authority is missing"),
            ("--data /nowhere", "nothing was set up"),
            ("release", "--data is missing"),
            ("release --data /nowhere", "nothing was set up"),
            ("--follow http://x --data z", "--root is missing"),
            ("--follow http://x --root y --data z --listen here", "--listen is an address"),
            ("health --listen here", "--listen is an address"),
            ("--follow http://x --root y --data z --takeover lic_1", "--takeover is the id"),
        ] {
            let error = Task::read(line.split_whitespace().map(str::to_owned)).err().unwrap().to_string();
            assert!(error.contains(named), "{line}: {error}");
        }
    }
}
