//! The license in the product's own API: an administrator enters the key while the product runs.
//!
//! `KACHING_URL=http://127.0.0.1:7700 KACHING_ROOT=kaching-root:… ADMIN_TOKEN=… cargo run --example router`

#![expect(clippy::print_stdout, reason = "an example prints for the person who runs it")]
#![expect(clippy::disallowed_methods, reason = "an example has its settings from the environment")]

use std::{env::var, error::Error};

use axum::{Extension, Router, extract::Request, middleware::Next, response::Response};
use kaching_client::{Fingerprint, Guard};

/// The mark of the product's sign-in in a request of an administrator.
#[derive(Clone)]
struct Admin;

/// The product's own sign-in, in its shortest form.
async fn sign_in(Extension(token): Extension<String>, mut request: Request, next: Next) -> Response {
    let offered = request.headers().get("authorization").and_then(|header| header.to_str().ok());
    if offered.and_then(|header| header.strip_prefix("Bearer ")) == Some(&token) {
        request.extensions_mut().insert(Admin);
    }
    next.run(request).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A product has its root key compiled in. The license key comes later, and stays for the next start.
    let guard = Guard::builder(&var("KACHING_URL")?, &var("KACHING_ROOT")?)
        .product("chorus")
        .fingerprint(Fingerprint::cluster("target/chorus-router/cluster-id")?)
        .state_dir("target/chorus-router/license")
        .start_unlicensed_async()
        .await?;
    println!("The license: {}", guard.state());

    let licensing = kaching_client::router(guard.clone())
        .allow_writes(|request| request.extensions.get::<Admin>().is_some())
        .into_router();
    let app = Router::new()
        .nest("/api/v1/licensing", licensing)
        .layer(axum::middleware::from_fn(sign_in))
        .layer(Extension(var("ADMIN_TOKEN")?));

    println!("Try: curl http://127.0.0.1:8080/api/v1/licensing/status");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, app).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
    guard.shutdown_async().await?;
    Ok(())
}
