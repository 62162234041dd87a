use std::{sync::Arc, time::Duration};

use crate::{
    handover::{HandoverError, HandoverSource},
    transport::{Call, Http, Reply, Route, Transport as _},
};

/// A [`HandoverSource`] at a URL: what another node answers to `GET`, the mountable router's `lease` for example.
///
/// Plain HTTP is sufficient inside a cluster: the answer is verified, and is no secret.
pub struct LeaseUrl {
    http: Http,
    url: String,
}

/// A node of the same installation is near, and others may be asked instead.
const PATIENCE: Duration = Duration::from_secs(2);

impl LeaseUrl {
    /// The URL, like `http://10.0.0.1:8080/api/v1/licensing/lease`.
    pub fn new(url: impl Into<String>) -> Self {
        let url = url.into();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Self { http: Http::new(&url, Route::default(), provider), url }
    }
}

impl HandoverSource for LeaseUrl {
    fn fetch(&self) -> Result<Vec<u8>, HandoverError> {
        let path = String::new();
        let call = Call { method: "GET", path, body: Vec::new(), authorization: None, timeout: PATIENCE };
        match self.http.send(&call) {
            Reply::Answer { status: 200, body, .. } => Ok(body),
            Reply::Answer { status, .. } => Err(format!("{} answers {status}", self.url).into()),
            Reply::Unreachable(why) => Err(format!("{}: {why}", self.url).into()),
        }
    }
}
