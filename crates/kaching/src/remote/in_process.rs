//! Nothing serves the data directory: this process opens it and is its own server.

use std::collections::BTreeMap;

use axum::Router;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use kaching_server::{App, local_router};
use tower::ServiceExt as _;

use super::Answer;
use crate::{
    data::{DataDir, Owned},
    failure::Failure,
    log, opened, settings,
};

/// The router without a listener.
pub(super) struct InProcess {
    router: Router,
    app: App,
    _owned: Owned,
}

impl InProcess {
    pub(super) async fn open(
        data: &DataDir,
        owned: Owned,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, Failure> {
        log::failures();
        let config = settings::read(data, environment)?;
        let issuer = config.issuer(config.server.listen);
        let app = opened::open(data, &config, issuer).await?;
        let router = local_router(&app, rustix::process::geteuid().as_raw());
        Ok(Self { router, app, _owned: owned })
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let (head, body) = self.begin(request).await?.into_parts();
        let body = body.collect().await;
        let body =
            body.map_err(|error| Failure::refused(format!("The answer could not be read: {error}.")))?;
        Ok(Answer::new(head.status, &head.headers, body.to_bytes()))
    }

    /// Asks, and leaves what comes to the caller.
    pub(super) async fn begin(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<axum::body::Body>, Failure> {
        let Ok(response) = self.router.clone().oneshot(request).await;
        Ok(response)
    }

    pub(super) async fn close(self) {
        self.app.authority().close().await;
    }
}
