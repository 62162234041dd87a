//! A web service behind the license: whole, and one call of it behind a feature.
//!
//! `KACHING_URL=http://127.0.0.1:7700 KACHING_ROOT=kaching-root:… CHORUS_LICENSE_KEY=CHORUS-… cargo run --example web_layer`

#![expect(clippy::print_stdout, reason = "an example prints for the person who runs it")]
#![expect(clippy::disallowed_methods, reason = "an example has its settings from the environment")]

use std::{env::var, error::Error};

use axum::{
    Router,
    routing::{get, post},
};
use kaching_client::{Fingerprint, Guard, LicenseKey, RequireFeature, RequireLicense};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A product has its root key compiled in.
    let guard = Guard::builder(&var("KACHING_URL")?, &var("KACHING_ROOT")?)
        .product("chorus")
        .license_key(LicenseKey::from_env("CHORUS_LICENSE_KEY")?)
        .fingerprint(Fingerprint::cluster("target/chorus/cluster-id")?)
        .state_dir("target/chorus/license")
        .start_async()
        .await?;

    let links = post(async || "linked\n").layer(RequireFeature::new(guard.clone(), "federation"));
    let app = Router::new()
        .route("/links", links)
        .route("/jobs", get(async || "no jobs\n"))
        .route("/health", get(async || "ok\n"))
        // A service that answers 403 with the reason is back without a restart once the license is in order.
        .layer(RequireLicense::new(guard.clone()).exempt(|request| request.uri.path() == "/health"));

    let mut watch = guard.watch();
    tokio::spawn(async move {
        while let Some(state) = watch.changed().await {
            println!("The license: {state}.");
        }
    });
    println!("Try: curl -i -X POST http://127.0.0.1:8080/links");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, app).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
    guard.shutdown_async().await?;
    Ok(())
}
