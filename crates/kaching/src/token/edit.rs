use clap::Args;
use kaching_api::{ListEdit, Token, TokenEdit};
use kaching_base::{EndDate, ParseError};

use crate::{failure::Failure, flags::changes_something, output::Output, remote::Client};

/// Change an API token; what is not named stays
#[derive(Args)]
pub(crate) struct Edit {
    /// The token's id
    #[arg(value_name = "TOKEN")]
    id: String,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// One more thing that it may do; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", value_parser = super::SCOPES)]
    scopes: Vec<String>,
    /// What it may do no more; may be given several times
    #[arg(long = "without-scope", value_name = "SCOPE", value_parser = super::SCOPES)]
    without_scopes: Vec<String>,
    /// When it ends; `never` is never
    #[arg(long, value_name = "DATE|never", value_parser = end)]
    expires: Option<End>,
}

#[derive(Clone)]
struct End(Option<EndDate>);

impl Edit {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let edit = TokenEdit {
            name: self.name,
            scopes: ListEdit::change(self.scopes, self.without_scopes),
            expires_at: self.expires.map(|End(at)| at),
        };
        changes_something(&edit)?;
        let answer = client.patch(super::path(&self.id), &edit).await?;
        output.answer(&answer, |token: Token| super::card(&token, output))
    }
}

fn end(text: &str) -> Result<End, ParseError> {
    if text == "never" { Ok(End(None)) } else { text.parse().map(|at| End(Some(at))) }
}
