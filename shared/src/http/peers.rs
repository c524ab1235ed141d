//! The way to the services over HTTP: for the few things that events do not carry, and for the pages.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

use super::app::App;
use super::client::own_client;
use crate::config::{ConfigError, Env};
use crate::services::SERVICES;

/// The largest body of an answer, in bytes. The largest one is a picture.
const MAX_BODY: usize = 64 * 1024 * 1024;
/// The limit for an answer, a little more than the services allow themselves.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// The limit for an answer without an end of its own. Streams end with their access token, long before.
const ENDLESS: Duration = Duration::from_secs(24 * 60 * 60);

/// The services: at URLs, or in this process. Clones share them.
#[derive(Clone)]
pub struct Peers(Arc<Way>);

enum Way {
    Network {
        client: reqwest::Client,
        /// The beginning of the addresses of each service, by its name.
        urls: BTreeMap<&'static str, String>,
    },
    /// The app of this process, which has the routes of all services.
    Process(OnceLock<App>),
}

/// The reason why another service gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The service could not be reached, or broke off.
    #[error("{0} cannot be reached: {1}")]
    Unreachable(&'static str, String),
    /// The service refused.
    #[error("{0} answers {1}")]
    Refused(&'static str, StatusCode),
}

impl PeerError {
    /// Returns true when the same request may succeed later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(..) => true,
            Self::Refused(_, status) => *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error(),
        }
    }
}

impl Peers {
    /// Reads the URLs of the services, such as `POSTS_URL`, from the environment. A service without one is on this
    /// machine, at its own port.
    ///
    /// # Errors
    /// The first variable that is no URL of the web, or that the TLS backend cannot be initialised.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let mut urls = BTreeMap::new();
        for service in SERVICES {
            let given = env.get(service.url_variable).map(|url| url.trim_end_matches('/').to_owned());
            let url = given.unwrap_or_else(|| format!("http://127.0.0.1:{}", service.port));
            if crate::config::parse_web_url(&url).is_none() {
                return Err(ConfigError::new(service.url_variable, "must be a URL such as http://127.0.0.1:8001"));
            }
            urls.insert(service.name, url);
        }
        let client = own_client().map_err(|error| ConfigError::new("TLS", error))?;
        Ok(Self(Arc::new(Way::Network { client, urls })))
    }

    /// The services of this process. Until [`Peers::set_app`] none of them can be reached.
    pub fn in_process() -> Self {
        Self(Arc::new(Way::Process(OnceLock::new())))
    }

    /// Sets the app of this process. A second call, or one for services at URLs, does nothing.
    pub fn set_app(&self, app: App) {
        if let Way::Process(own) = &*self.0 {
            let _set_before = own.set(app);
        }
    }

    /// Gets what a service has at a path, with a bearer token.
    ///
    /// # Errors
    /// [`PeerError`]; an answer that is larger than 64 MiB counts as one that broke off.
    pub async fn get(&self, service: &'static str, path: &str, token: &str) -> Result<Bytes, PeerError> {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        let request = request.body(Bytes::new());
        let request = request.map_err(|error| PeerError::Unreachable(service, error.to_string()))?;
        let answer = self.send(service, request).await?;
        if !answer.status().is_success() {
            return Err(PeerError::Refused(service, answer.status()));
        }
        let body = to_bytes(answer.into_body(), MAX_BODY).await;
        body.map_err(|error| PeerError::Unreachable(service, error.to_string()))
    }

    /// Sends a request, whose URI is a path and a query, and returns the answer, whichever status it has. The whole
    /// answer must come within 20 s.
    ///
    /// # Errors
    /// [`PeerError::Unreachable`].
    pub async fn send(&self, service: &'static str, request: Request<Bytes>) -> Result<Response, PeerError> {
        self.send_within(service, request, TIME_LIMIT).await
    }

    /// Sends a request for an answer that has no end, such as a stream of events.
    ///
    /// # Errors
    /// [`PeerError::Unreachable`].
    pub async fn open(&self, service: &'static str, request: Request<Bytes>) -> Result<Response, PeerError> {
        self.send_within(service, request, ENDLESS).await
    }

    async fn send_within(
        &self,
        service: &'static str,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response, PeerError> {
        let broken = |error: String| PeerError::Unreachable(service, error);
        match &*self.0 {
            Way::Network { client, urls } => {
                let base = urls.get(service).ok_or_else(|| broken("it has no URL".to_owned()))?;
                let (parts, body) = request.into_parts();
                let sent = client.request(parts.method, format!("{base}{}", parts.uri)).timeout(limit);
                let answer = sent.headers(parts.headers).body(body).send().await;
                let answer = answer.map_err(|error| broken(error.to_string()))?;
                Ok(axum::http::Response::<reqwest::Body>::from(answer).map(Body::new))
            }
            Way::Process(app) => {
                let app = app.get().ok_or_else(|| broken("it does not run yet".to_owned()))?;
                // Boxed, because a page is answered by the same app, whose future would contain itself.
                Ok(Box::pin(app.answer(request.map(Body::from))).await)
            }
        }
    }
}
