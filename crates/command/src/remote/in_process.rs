//! The transport without a server: this process opens the data directory, or has opened it.

use std::collections::BTreeMap;

use axum::Router;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use kaching_server::{App, local_router};
use tower::ServiceExt as _;

use super::Answer;
use crate::{
    data_dir::{DataDir, DataDirLock},
    failure::Failure,
    log, open_local, settings,
};

/// The router without a listener.
pub(super) struct InProcess {
    router: Router,
    app: App,
    /// The lock of the directory, if this opened it.
    _owned: Option<DataDirLock>,
}

impl InProcess {
    pub(super) async fn open(
        data: &DataDir,
        owned: DataDirLock,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, Failure> {
        log::failures();
        let config = settings::read(data, environment)?;
        let issuer = config.issuer(config.server.listen);
        let app = open_local::open(data, &config, issuer).await?;
        Ok(Self { _owned: Some(owned), ..Self::of(&app) })
    }

    /// The router of an authority that this process has opened already.
    pub(super) fn of(app: &App) -> Self {
        let router = local_router(app, rustix::process::geteuid().as_raw());
        Self { router, app: app.clone(), _owned: None }
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let (head, body) = self.begin(request).await?.into_parts();
        let body = body.collect().await;
        let body =
            body.map_err(|error| Failure::refused(format!("The answer could not be read: {error}.")))?;
        Ok(Answer::new(head.status, &head.headers, body.to_bytes()))
    }

    /// Sends a request, and returns the answer with an unread body.
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
