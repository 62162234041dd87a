use clap::Args;
use kaching_api::{Token, TokenCreate};
use kaching_base::EndDate;

use crate::{
    failure::Failure,
    noun::Noun,
    output::Output,
    remote::{Client, Path},
};

/// Create an API token, and show its secret once
#[derive(Args)]
pub(crate) struct CreateToken {
    /// A name for people
    #[arg(long)]
    name: String,
    /// A scope; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = super::scopes())]
    scopes: Vec<String>,
    /// When it ends: 2027-12-31 (with that day, UTC) or an instant; never unless set
    #[arg(long, value_name = "DATE")]
    expires: Option<EndDate>,
}

impl CreateToken {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let body = TokenCreate {
            name: self.name,
            scopes: self.scopes.into_iter().collect(),
            expires_at: self.expires,
        };
        let answer = client.post(Path::admin("tokens"), &body).await?;
        output.answer(&answer, |token: Token| {
            let secret = token.secret.as_ref().map_or("", |secret| secret.expose());
            format!(
                "{}\n  {}\n\n{}",
                token.card(output),
                output.style.bold(secret),
                output
                    .style
                    .dim("This is the token: it is not shown again. Use it as --token, or in KACHING_TOKEN.")
            )
        })
    }
}
