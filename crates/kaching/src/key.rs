use clap::Subcommand;
use kaching_api::{Discovery, Key, Root};

use crate::{
    failure::Failure,
    flags::CsvRow,
    output::{Output, Table, word},
    remote::{Client, Path},
    words::day,
};

mod issuer;
mod list;
mod root;
mod rotate;
mod withdraw;

/// The keys that the authority signs with
#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    List(list::ListKeys),
    Rotate(rotate::RotateKey),
    Withdraw(withdraw::WithdrawKey),
    Issuer(issuer::ChangeIssuer),
    Root(root::ShowRoot),
}

impl KeyCommand {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run(client, output).await,
            Self::Rotate(verb) => verb.run(client, output).await,
            Self::Withdraw(verb) => verb.run(client, output).await,
            Self::Issuer(verb) => verb.run(client, output).await,
            Self::Root(verb) => verb.run(client, output).await,
        }
    }
}

fn path() -> Path {
    Path::admin("keys")
}

/// The root whose keyset comes first, which is the one that products pin.
async fn root(client: &mut Client) -> Result<Root, Failure> {
    let found: Discovery = client.get(Path::at("/.well-known/kaching")).await?.read()?;
    let root = found.roots.into_iter().next();
    root.map(|root| Root { root })
        .ok_or_else(|| Failure::refused("The authority has no root key yet: start it once."))
}

impl CsvRow for Key {
    const COLUMNS: &'static str = "kid purpose alg nbf exp current";
}

fn table(keys: &[Key], output: &Output) -> String {
    let mut table = Table::new(["KID", "PURPOSE", "ALG", "FROM", "UNTIL", "SIGNS NOW"])
        .shortens([("FROM", 11), ("UNTIL", 11)])
        .leaves_out(["ALG", "FROM", "PURPOSE"]);
    for key in keys {
        table.row([
            key.kid.clone(),
            word(&key.purpose),
            key.alg.to_string(),
            day(key.nbf, output.now),
            day(key.exp, output.now),
            if key.current { "yes".to_owned() } else { "no".to_owned() },
        ]);
    }
    table.fitted(output)
}
