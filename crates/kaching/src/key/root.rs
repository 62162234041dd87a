use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

use clap::Args;
use kaching_api::SealedRoot;
use serde_json::json;

use crate::{failure::Failure, output::Output, remote::Client};

/// Show the root public key: the line that a product pins
#[derive(Args)]
pub(crate) struct ShowRoot {
    /// Write the private half there, sealed by its passphrase, to be kept elsewhere: a restore needs it
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

impl ShowRoot {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let Some(path) = &self.save else {
            let root = super::root(client).await?;
            return output.either(&root, || root.root.clone());
        };
        let root: SealedRoot = client.post(super::path().then("root"), &json!({})).await?.read()?;
        let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let written = written.and_then(|mut file| {
            let kept = file.write_all(root.sealed.expose().as_bytes()).and_then(|()| file.sync_all());
            // A part of it would pass for a root that was kept.
            kept.inspect_err(|_| drop(fs::remove_file(path)))
        });
        written
            .map_err(|error| Failure::refused(format!("{} cannot be written: {error}.", path.display())))?;
        let shown = output.either(&json!({ "root": root.root, "file": path }), || {
            format!(
                "{} holds the private half of {}. Keep it, and its passphrase, away from this machine.",
                path.display(),
                root.root
            )
        });
        let done = format!("{} holds the private half of the root.", path.display());
        shown.map_err(|failure| failure.after(Some(done)))
    }
}
