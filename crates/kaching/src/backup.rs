use std::path::PathBuf;

use clap::Args;
use http::Method;
use kaching_api::BackupRequest;
use kaching_authority::backup::{BackupFile, Contents};
use kaching_command::serve::Signals;
use serde_json::{Value, json};

use crate::{
    failure::Failure,
    output::{Output, Table},
    passphrase::{Passphrase, Prompt},
    remote::{Call, Client, Path},
    settings,
};

mod progress;

pub(crate) use progress::Progress;

/// Write all data of the authority into one file, while it serves
#[derive(Args)]
pub(crate) struct Backup {
    /// The file, which must not exist
    file: PathBuf,
    /// Include the master key, sealed by a passphrase: a restore needs that key
    #[arg(long)]
    with_master_key: bool,
    #[command(flatten)]
    passphrase: Passphrase,
}

impl Backup {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let master_key_passphrase = match self.with_master_key {
            true => Some(self.passphrase.read(&settings::environment(), Prompt::Twice)?),
            false => None,
        };
        let failed = |error: kaching_authority::Error| Failure::from_error(error);
        let mut file = BackupFile::create(&self.file).map_err(failed)?;
        let call =
            Call::new(Method::POST, Path::admin("backup")).body(&BackupRequest { master_key_passphrase })?;
        let mut progress = Progress::new("read");
        let mut take = |bytes: &[u8]| {
            let present = file.write(bytes).map_err(failed)?;
            progress.show(present);
            Ok(())
        };
        // An interrupt is handled, so that no part of the file remains.
        let mut signals = Signals::listen()?;
        tokio::select! {
            streamed = client.stream(call, &mut take) => streamed?,
            () = signals.requested() => {
                return Err(Failure::refused("The backup was interrupted: nothing of it is kept."));
            }
        }
        progress.done();
        let contents = file.finish().map_err(failed)?;
        let shown = output.either(&document(&contents, &self.file), || {
            format!(
                "{} holds everything as it was at {}.\n{}",
                self.file.display(),
                contents.head.made_at,
                kept(&contents)
            )
        });
        shown.map_err(|failure| failure.after(Some(format!("the backup is in {}.", self.file.display()))))
    }
}

/// Returns the contents of a backup for programs.
pub(crate) fn document(contents: &Contents, file: &std::path::Path) -> Value {
    let mut document = tables(contents);
    let head = &contents.head;
    document["file"] = json!(file);
    document["bytes"] = json!(contents.bytes);
    document["sha256"] = json!(contents.sha256);
    document["made_at"] = json!(head.made_at);
    document["made_by"] = json!(head.made_by);
    document["epoch"] = json!(head.epoch);
    document["master_key"] = json!(head.master_key.is_some());
    document
}

/// Returns the number of rows of each table, and their checksums.
pub(crate) fn tables(contents: &Contents) -> Value {
    let table = |table: &kaching_authority::backup::TableCount| json!({ "table": table.name, "rows": table.rows, "sum": table.sum.to_string() });
    json!({ "rows": contents.rows(), "tables": contents.tables.iter().map(table).collect::<Vec<_>>() })
}

/// Returns the tables with their rows, for people.
pub(crate) fn table(contents: &Contents, output: &Output) -> String {
    let mut table = Table::new(["TABLE", "ROWS", "SUM"]);
    for counted in &contents.tables {
        let sum: String = counted.sum.to_string().chars().take(16).collect();
        table.row([counted.name.clone(), counted.rows.to_string(), sum]);
    }
    table.text(output.style)
}

fn kept(contents: &Contents) -> String {
    let size = format!("{} rows, {} bytes.", contents.rows(), contents.bytes);
    let keys = match contents.head.master_key {
        Some(_) => "The master key is in it, under your passphrase. Keep root.key elsewhere: it never is.",
        None => "Keep master.key and root.key elsewhere: neither is in it, and a restore needs both.",
    };
    format!("{size} {keys}")
}
