use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, StatusCode, header, request::Parts};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Denied, Guard, problem::Problem};

/// A layer over any HTTP service that lets no request through while nothing may run: it answers 403 with a problem
/// document, and the service inside is not called.
///
/// The bodies of the answers need to be made from text ([`From<String>`]), as those of axum are. Needs the feature
/// `tower`.
#[derive(Clone, Debug)]
pub struct RequireLicense(Rule);

/// A layer over any HTTP service, or a single route, that lets no request through while a feature may not be used.
///
/// As [`RequireLicense`], for [`Guard::require`]. A feature that no plan of the product has is an error of the program: it
/// answers 500.
#[derive(Clone, Debug)]
pub struct RequireFeature(Rule);

#[derive(Clone)]
struct Rule {
    guard: Guard,
    feature: Option<Arc<str>>,
    exempt: Option<Exempt>,
}

type Exempt = Arc<dyn Fn(&Parts) -> bool + Send + Sync>;

impl RequireLicense {
    /// Asks [`Guard::check`] for each request.
    pub fn new(guard: Guard) -> Self {
        Self(Rule { guard, feature: None, exempt: None })
    }

    /// Lets the requests through for which this returns true, even if the license denies them: health checks, for example.
    #[must_use]
    pub fn exempt(self, exempt: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        Self(Rule { exempt: Some(Arc::new(exempt)), ..self.0 })
    }
}

impl RequireFeature {
    /// Asks [`Guard::require`] for each request.
    pub fn new(guard: Guard, feature: impl Into<Arc<str>>) -> Self {
        Self(Rule { guard, feature: Some(feature.into()), exempt: None })
    }
}

impl Rule {
    fn check(&self) -> Result<(), Denied> {
        match &self.feature {
            Some(feature) => self.guard.require(feature),
            None => self.guard.check(),
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("feature", &self.feature).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for RequireLicense {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner, rule: self.0.clone() }
    }
}

impl<S> Layer<S> for RequireFeature {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner, rule: self.0.clone() }
    }
}

/// A service behind [`RequireLicense`] or [`RequireFeature`].
#[derive(Clone, Debug)]
pub struct Gated<S> {
    inner: S,
    rule: Rule,
}

impl<S, B, R> Service<Request<B>> for Gated<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Answer<S::Future> {
        let (exempt, request) = match &self.rule.exempt {
            Some(exempt) => {
                let (parts, body) = request.into_parts();
                (exempt(&parts), Request::from_parts(parts, body))
            }
            None => (false, request),
        };
        match self.rule.check() {
            Err(denied) if !exempt => Answer { turn: Turn::Denied { denied: Some(denied) } },
            _ => Answer { turn: Turn::Inside { answer: self.inner.call(request) } },
        }
    }
}

pin_project! {
    /// The answer of a [`Gated`] service.
    pub struct Answer<F> {
        #[pin]
        turn: Turn<F>,
    }
}

pin_project! {
    #[project = Turned]
    enum Turn<F> {
        Inside { #[pin] answer: F },
        Denied { denied: Option<Denied> },
    }
}

impl<F, R, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<String>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().turn.project() {
            Turned::Inside { answer } => answer.poll(cx),
            Turned::Denied { denied } => match denied.take() {
                Some(denied) => Poll::Ready(Ok(refused(&denied))),
                // Asked again after its end.
                None => Poll::Pending,
            },
        }
    }
}

fn refused<R: From<String>>(denied: &Denied) -> Response<R> {
    let problem = Problem::from(denied);
    if let Some(unknown) = &denied.unknown_name {
        tracing::error!("{unknown}");
    }
    let mut response = Response::new(R::from(problem.text()));
    *response.status_mut() = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::FORBIDDEN);
    let kind = header::HeaderValue::from_static(kaching_api::Problem::CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
