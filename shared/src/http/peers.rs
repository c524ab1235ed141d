//! The way to the other services over HTTP, for the few things that events do not carry.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode, header};
use tower::ServiceExt;

use super::client::own_client;
use crate::config::{ConfigError, Env};
use crate::services::SERVICES;

/// The largest body of an answer, in bytes. The largest one is a picture.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// The other services: at URLs, or in this process. Clones share them.
#[derive(Clone)]
pub struct Peers(Arc<Way>);

enum Way {
    Network {
        client: reqwest::Client,
        /// The beginning of the addresses of each service, by its name.
        urls: BTreeMap<&'static str, String>,
    },
    /// The routes of all services of this process.
    Process(OnceLock<Router>),
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
        // Auth is asked for nothing: its events and its keys come by other ways.
        for service in SERVICES.into_iter().filter(|service| service.name != "auth") {
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

    /// The services of this process. Until [`Peers::set_routes`] none of them can be reached.
    pub fn in_process() -> Self {
        Self(Arc::new(Way::Process(OnceLock::new())))
    }

    /// Sets the routes of the services of this process. A second call, or one for services at URLs, does nothing.
    pub fn set_routes(&self, routes: Router) {
        if let Way::Process(own) = &*self.0 {
            let _set_before = own.set(routes);
        }
    }

    /// Gets what a service has at a path, with a bearer token.
    ///
    /// # Errors
    /// [`PeerError`]; an answer that is larger than 64 MiB counts as one that broke off.
    pub async fn get(&self, service: &'static str, path: &str, token: &str) -> Result<Bytes, PeerError> {
        let broken = |error: String| PeerError::Unreachable(service, error);
        match &*self.0 {
            Way::Network { client, urls } => {
                let base = urls.get(service).ok_or_else(|| broken("it has no URL".to_owned()))?;
                let sent = client.get(format!("{base}{path}")).bearer_auth(token).send().await;
                let answer = sent.map_err(|error| broken(error.to_string()))?;
                if !answer.status().is_success() {
                    return Err(PeerError::Refused(service, answer.status()));
                }
                let body = Body::new(axum::http::Response::<reqwest::Body>::from(answer).into_body());
                to_bytes(body, MAX_BODY).await.map_err(|error| broken(error.to_string()))
            }
            Way::Process(routes) => {
                let routes = routes.get().ok_or_else(|| broken("it does not run yet".to_owned()))?.clone();
                let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
                let request = request.body(Body::empty()).map_err(|error| broken(error.to_string()))?;
                let answer = match routes.oneshot(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                };
                if !answer.status().is_success() {
                    return Err(PeerError::Refused(service, answer.status()));
                }
                to_bytes(answer.into_body(), MAX_BODY).await.map_err(|error| broken(error.to_string()))
            }
        }
    }
}
