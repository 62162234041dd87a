use std::{fs, io, io::Write as _, path::Path};

use kaching_base::{Base64Url, FingerprintKind};
use kaching_license::{Digest, domain_name};
use serde::{Deserialize, Serialize};

use crate::platform;

/// The identity of this installation at the authority: 1 to 256 bytes, compared byte for byte.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fingerprint {
    kind: FingerprintKind,
    value: String,
    /// The spelling of this domain that earlier versions used, where that was another.
    #[serde(skip)]
    earlier: Option<String>,
}

/// Why there is no fingerprint: a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// The file of a cluster id cannot be read or made.
    #[error("the cluster id cannot be kept in {path}: {source}; choose a path that this program may write")]
    File {
        /// The file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// The file of a cluster id is there and has nothing in it.
    #[error(
        "the cluster id in {path} is empty; copy the file from another node or a backup, or remove it: then a new id is \
         made, and this is another installation"
    )]
    Empty {
        /// The file.
        path: String,
    },
    /// A value is empty or too long.
    #[error("a fingerprint has 1 to 256 bytes, and this one has {0}")]
    Length(usize),
    /// A domain is not the name of one host.
    #[error("{0}")]
    Domain(String),
    /// The machine has no id that stays.
    #[error(
        "this machine has no id that stays ({0}); use Fingerprint::cluster with a file on a volume that stays, \
         or Fingerprint::instance with an id of your own"
    )]
    NoMachineId(String),
}

impl Fingerprint {
    /// A cluster's id, kept in a file: made on first use, then read. Copy the file to the cluster's other nodes.
    ///
    /// # Errors
    /// If the file can neither be read nor made, or others on the machine could replace it.
    pub fn cluster(path: impl AsRef<Path>) -> Result<Self, FingerprintError> {
        let path = path.as_ref();
        let failed = |source| FingerprintError::File { path: path.display().to_string(), source };
        let kept = platform::read_id(path);
        let value = match kept {
            Ok(value) => value,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path).map_err(failed)?,
            Err(error) => return Err(failed(error)),
        };
        match value.trim() {
            "" => Err(FingerprintError::Empty { path: path.display().to_string() }),
            value => Self::new(FingerprintKind::Cluster, value.to_owned()),
        }
    }

    /// The machine's id, hashed so that it cannot be recognised elsewhere. All users and sessions of the machine have the
    /// same one.
    ///
    /// # Errors
    /// In a container, where it would change or be everybody's, and on machines without an id of their own.
    pub fn machine() -> Result<Self, FingerprintError> {
        if platform::in_container() {
            return Err(FingerprintError::NoMachineId("it runs in a container".to_owned()));
        }
        let id = platform::machine_id().map_err(|error| FingerprintError::NoMachineId(error.to_string()))?;
        let hash = Digest::of(format!("kaching/machine/v1\n{id}"));
        Self::new(FingerprintKind::Device, hash.to_string())
    }

    /// The id of one running copy, chosen by the host.
    ///
    /// # Errors
    /// If it is empty or longer than 256 bytes.
    pub fn instance(id: impl Into<String>) -> Result<Self, FingerprintError> {
        Self::new(FingerprintKind::Instance, id.into())
    }

    /// A domain name, in its canonical form: lower case, Punycode, without a dot at its end.
    ///
    /// # Errors
    /// If it is not the name of one host: a URL, with a port, or a wildcard. The error names the host to use.
    pub fn domain(name: impl Into<String>) -> Result<Self, FingerprintError> {
        let name = name.into();
        let value = domain_name(&name).map_err(|error| FingerprintError::Domain(error.to_string()))?;
        let earlier = name.trim_end_matches('.').to_ascii_lowercase();
        let earlier = (earlier != value).then_some(earlier);
        Ok(Self { earlier, ..Self::new(FingerprintKind::Domain, value)? })
    }

    /// Any other string that stays the same for this device.
    ///
    /// # Errors
    /// If it is empty or longer than 256 bytes.
    pub fn custom(value: impl Into<String>) -> Result<Self, FingerprintError> {
        Self::new(FingerprintKind::Device, value.into())
    }

    /// Of a guard that a test has started.
    #[cfg(feature = "testing")]
    pub(crate) fn of_test() -> Self {
        Self { kind: FingerprintKind::Device, value: "test".to_owned(), earlier: None }
    }

    fn new(kind: FingerprintKind, value: String) -> Result<Self, FingerprintError> {
        match value.len() {
            1..=256 => Ok(Self { kind, value, earlier: None }),
            length => Err(FingerprintError::Length(length)),
        }
    }

    /// The kind of installation that it identifies.
    pub fn kind(&self) -> FingerprintKind {
        self.kind
    }

    /// The string itself.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Its SHA-256, as statements carry it.
    pub(crate) fn hash(&self) -> Digest {
        Digest::of(&self.value)
    }

    /// The same installation as earlier versions named it, where that was another name: their state and their leases are of
    /// that one.
    pub(crate) fn as_before(&self) -> Option<Self> {
        self.earlier.clone().map(|value| Self { kind: self.kind, value, earlier: None })
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.value) == (other.kind, &other.value)
    }
}

impl Eq for Fingerprint {}

/// Makes the id whole under another name first, so that no crash leaves half of it under its own.
fn make(path: &Path) -> io::Result<String> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let (mut id, mut mark) = ([0; 16], [0; 8]);
    for bytes in [&mut id[..], &mut mark[..]] {
        provider.secure_random.fill(bytes).map_err(|_| io::Error::other("no random bytes"))?;
    }
    let value = Base64Url(id).to_string();
    let parent = platform::parent(path);
    platform::private_dir(parent)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let whole = parent.join(format!(".{name}.{:016x}", u64::from_be_bytes(mark)));
    let made = write(&whole, &value).and_then(|()| fs::hard_link(&whole, path));
    // If the other name stays, it does no harm.
    let _ = fs::remove_file(&whole);
    match made {
        Ok(()) => {}
        // A process that starts at the same moment uses the id that the first one made.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return platform::read_id(path),
        // Some volumes know no second name for a file.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) =>
        {
            write(path, &value)?;
        }
        Err(error) => return Err(error),
    }
    platform::sync_dir(parent)?;
    Ok(value)
}

fn write(path: &Path, value: &str) -> io::Result<()> {
    let mut file = platform::new_file().open(path)?;
    file.write_all(value.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_id_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("var/cluster-id");
        let first = Fingerprint::cluster(&path).unwrap();
        assert_eq!(Fingerprint::cluster(&path).unwrap(), first);
        assert_eq!(first.kind(), FingerprintKind::Cluster);
        let error = Fingerprint::cluster(dir.path()).unwrap_err().to_string();
        assert!(error.contains("choose a path"), "{error}");
    }

    #[test]
    fn simultaneous_starts_have_the_same_cluster_id_and_leave_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster-id");
        let ids: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| Fingerprint::cluster(&path).unwrap())).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(make(&path).unwrap(), ids[0].value(), "who comes second takes what is there");
    }

    #[test]
    fn an_empty_cluster_id_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster-id");
        fs::write(&path, "\n").unwrap();
        let error = Fingerprint::cluster(&path).unwrap_err().to_string();
        assert!(error.contains("cluster-id is empty; copy"), "{error}");
    }

    #[test]
    fn a_length_has_bounds() {
        assert!(Fingerprint::instance("").is_err());
        assert!(Fingerprint::instance("x".repeat(257)).is_err());
    }

    #[test]
    fn a_domain_has_one_form() {
        let value = |name: &str| Fingerprint::domain(name).unwrap().value().to_owned();
        assert_eq!(value("App.Example.COM."), "app.example.com");
        assert_eq!(value("BÜCHER.example"), "xn--bcher-kva.example");
        let same = [Fingerprint::domain("bücher.example"), Fingerprint::domain("xn--bcher-kva.example")];
        assert_eq!(same[0].as_ref().unwrap(), same[1].as_ref().unwrap());
        for wrong in ["https://App.example.com:8443/login", "app.example.com:443", " app.example.com"] {
            let error = Fingerprint::domain(wrong).unwrap_err().to_string();
            assert!(error.ends_with("use app.example.com"), "{error}");
        }
        for wrong in ["", "*.example.com", "a b"] {
            assert!(Fingerprint::domain(wrong).is_err(), "{wrong:?}");
        }
    }
}
