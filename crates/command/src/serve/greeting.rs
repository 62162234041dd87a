use std::path::PathBuf;

use kaching_authority::{CustomerFilter, List, ProductFilter, Sight};
use kaching_server::{Addresses, App, config::PublicUrl};
use serde::Serialize;

use crate::{
    data_dir::DataDir,
    output::{Card, Style},
};

/// The addresses and keys of a server, printed when it is ready.
#[derive(Serialize)]
pub(super) struct Greeting {
    listen: String,
    admin_listen: String,
    public_url: String,
    issuer: String,
    data: PathBuf,
    socket: Option<PathBuf>,
    root: Option<String>,
    first_token: Option<PathBuf>,
    /// Whether the authority has no product and no customer.
    #[serde(skip)]
    empty: bool,
}

impl Greeting {
    pub(super) async fn of(app: &App, data: &DataDir, addresses: &Addresses, issuer: &PublicUrl) -> Self {
        let first_token = data.join("first-token");
        Self {
            listen: addresses.product.to_string(),
            admin_listen: addresses.private.unwrap_or(addresses.product).to_string(),
            public_url: issuer.as_str().to_owned(),
            issuer: app.issuer().as_str().to_owned(),
            data: data.path().to_owned(),
            socket: addresses.socket.clone(),
            root: app.authority().keys().roots.first().map(ToString::to_string),
            first_token: first_token.exists().then_some(first_token),
            empty: is_empty(app).await,
        }
    }

    pub(super) fn text(&self, style: Style) -> String {
        let admin = (self.admin_listen != self.listen).then_some(self.admin_listen.as_str());
        let issuer = (self.issuer != self.public_url).then_some(self.issuer.as_str());
        let card = Card::new(format!("Kaching serves products on {}", self.public_url))
            .maybe("Speaks for", issuer)
            .line("Listens on", &self.listen)
            .maybe("Operators on", admin)
            .line("Data in", self.data.display().to_string())
            .maybe("Products pin", self.root.as_deref())
            .maybe("First API token", self.first_token.as_ref().map(|path| path.display().to_string()))
            .text(style);
        let next = if self.empty {
            "`kaching seed` for sample data, or `kaching product create --help`"
        } else {
            "`kaching stats` for statistics, or `kaching doctor` for a check"
        };
        let next = format!(
            "Next, in another terminal: {next}.\n\
             Ctrl-C ends this server; running products continue with their leases."
        );
        format!("{card}\n{}", style.dim(&next))
    }
}

/// Whether the authority has no product and no customer, not even an archived one. Only then sample data is suggested.
async fn is_empty(app: &App) -> bool {
    let products = ProductFilter { archived: true };
    let products = List { limit: Some(1), filter: products, ..List::default() };
    let customers = CustomerFilter { archived: true, ..CustomerFilter::default() };
    let customers = List { limit: Some(1), filter: customers, ..List::default() };
    let products =
        app.authority().products(&Sight::All, products).await.is_ok_and(|page| page.items.is_empty());
    products
        && app.authority().customers(&Sight::All, customers).await.is_ok_and(|page| page.items.is_empty())
}
