use clap::Args;
use kaching_api::{ListEdit, Token, TokenEdit};
use kaching_base::EndDate;

use crate::{
    failure::Failure,
    flags::{Clearable, changes_something, clearable},
    noun::Noun,
    output::Output,
    remote::Client,
};

/// Change an API token
#[derive(Args)]
pub(crate) struct EditToken {
    /// The token's id
    #[arg(value_name = "TOKEN")]
    id: String,
    /// A name for people
    #[arg(long)]
    name: Option<String>,
    /// A scope to add; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", value_parser = super::scopes())]
    scopes: Vec<String>,
    /// A scope to remove; may be given several times
    #[arg(long = "without-scope", value_name = "SCOPE", value_parser = super::scopes())]
    without_scopes: Vec<String>,
    /// When it ends, or `never`
    #[arg(long, value_name = "DATE|never", value_parser = clearable("never", str::parse::<EndDate>))]
    expires: Option<Clearable<EndDate>>,
}

impl EditToken {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let edit = TokenEdit {
            name: self.name,
            scopes: ListEdit::change(self.scopes, self.without_scopes),
            expires_at: self.expires.map(|Clearable(at)| at),
        };
        changes_something(&edit)?;
        let answer = client.patch(Token::path(&self.id), &edit).await?;
        output.answer(&answer, |token: Token| token.card(output))
    }
}
