//! Everything that one port serves, and the steps that every request passes, in their order.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower::service_fn;
use tower::util::MapRequestLayer;
use tracing::Instrument;
use utoipa::openapi::OpenApi;

use super::docs;
use super::guard::GuardedRouter;
use super::limits::{RateLimits, StrictPaths, Tally};
use super::measure::{self, Endpoints, Measured, Measurement, measure};
use super::pages::{PageErrors, Pages};
use super::positions::{self, Copies};
use super::probes::{CanServe, Probes};
use super::remote_client::Peer;
use super::render::{self, render};
use super::rules::{self, Accepted};
use crate::config::{Settings, TrustedProxies};
use crate::error::ApiError;
use crate::request_id::{self, Current, Noted};

/// The routes of one port, with the steps that every request passes: measure, check, limit, guard, render. Clones share
/// it.
///
/// The steps are functions that call each other and not layers of the router, because axum boxes and clones the service
/// of each layer for every request: six layers cost more than the rest of a read from memory.
#[derive(Clone)]
pub struct App {
    pub(super) routes: GuardedRouter,
    endpoints: Endpoints,
    proxies: Arc<TrustedProxies>,
    /// The limits on the rate of requests; absent if there are none.
    limits: Option<Arc<RateLimits>>,
    /// The copies that requests may wait for; absent if there are none.
    copies: Option<Copies>,
    /// The pages about failures; absent if there are no pages.
    page_errors: Option<PageErrors>,
}

/// The settings that decide which client a request counts for, and whether it counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Protection {
    /// The gateways that are believed when they name the client of a request.
    pub(super) proxies: TrustedProxies,
    /// True if the rate of requests is limited.
    rate_limit: bool,
}

impl Protection {
    pub(super) fn of(settings: &Settings) -> Self {
        Self { proxies: settings.trusted_proxies.clone(), rate_limit: settings.rate_limit }
    }
}

impl App {
    /// Creates an app that serves these routes, the probes and the API reference.
    pub fn new(routes: Router, openapi: OpenApi, probes: Probes) -> Self {
        Self::of(routes.merge(docs::router(openapi)).merge(probes.router), probes.can_serve)
    }

    /// Creates an app that serves these routes with the API reference, the pages, and the probes. Failures are told by a
    /// page, unless the path begins like one of the API.
    pub fn with_pages(routes: Router, openapi: OpenApi, pages: Pages, probes: Probes) -> Self {
        let page_errors = Some(PageErrors::new(pages.error_page, &openapi));
        Self { page_errors, ..Self::new(routes.merge(pages.router), openapi, probes) }
    }

    /// Creates an app that serves the pages alone, and the probes.
    pub fn of_pages(pages: Pages, probes: Probes) -> Self {
        let no_api = OpenApi::default();
        let page_errors = Some(PageErrors::new(pages.error_page, &no_api));
        Self { page_errors, ..Self::of(pages.router.merge(probes.router), probes.can_serve) }
    }

    /// Creates an app that serves the probes only, for a separate port.
    pub fn of_probes(probes: Probes) -> Self {
        Self::of(probes.router, probes.can_serve)
    }

    fn of(routes: Router, can_serve: CanServe) -> Self {
        let router = routes
            .fallback(|| async { ApiError::not_found("There is nothing at this path") })
            // The router adds `Allow` to the answer of this fallback.
            .method_not_allowed_fallback(|method: Method| async move {
                if method == Method::OPTIONS {
                    return StatusCode::NO_CONTENT.into_response();
                }
                let text = "This path does not take this method";
                ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text).into_response()
            })
            // After the fallback for methods, so that a wrong method also counts for its route.
            .route_layer(MapRequestLayer::new(note_route));
        Self {
            routes: GuardedRouter::new(router, can_serve),
            endpoints: Endpoints::default(),
            proxies: Arc::default(),
            limits: None,
            copies: None,
            page_errors: None,
        }
    }

    /// Lets web pages of these origins call the routes. Browsers keep all others from reading answers.
    #[must_use]
    pub fn allow_origins(self, origins: &[HeaderValue]) -> Self {
        Self { routes: self.routes.allow_origins(origins), ..self }
    }

    /// Lets requests wait for these copies, see [`Copies`].
    #[must_use]
    pub fn wait_for(self, copies: Copies) -> Self {
        Self { copies: Some(copies), ..self }
    }

    /// Obeys these settings; see [`App::limit_requests`].
    #[must_use]
    pub(crate) fn protect(self, protection: &Protection, strict: Vec<StrictPaths>) -> Self {
        let app = Self { proxies: Arc::new(protection.proxies.clone()), ..self };
        if protection.rate_limit { app.limit_requests(strict) } else { app }
    }

    /// Limits the rate of requests, that of `strict` paths more than others.
    #[must_use]
    pub fn limit_requests(self, strict: Vec<StrictPaths>) -> Self {
        Self { limits: Some(Arc::new(RateLimits::new(strict))), ..self }
    }

    /// Answers a request of this process, for tests. The rules that only concern the network do not apply. The caller
    /// is trusted like a gateway to name the client.
    pub async fn answer(&self, mut request: Request) -> Response {
        request.extensions_mut().insert(Peer::Own);
        self.answer_from(request, false).await.map(Body::new)
    }

    /// Answers a request that came over the network.
    pub(super) async fn answer_network(&self, request: Request) -> Measured {
        self.answer_from(request, true).await
    }

    async fn answer_from(&self, request: Request, over_network: bool) -> Measured {
        let measurement = self.endpoints.begin(request.method());
        let service = service_fn(|request| async {
            Ok::<_, Infallible>(self.process(request, &measurement, over_network).await)
        });
        measure(measurement.clone(), service, request).await
    }

    /// Checks the request, calls its route, and renders the answer.
    async fn process(&self, mut request: Request, measurement: &Measurement, over_network: bool) -> Response {
        let method = request.method().clone();
        let tally = self.limits.as_ref().map(Tally::new);
        let request_id = request_id::choose(request.headers());
        let page = self.page_errors.as_ref().and_then(|pages| Some((pages.error_page.clone(), pages.keep(&request)?)));
        let (response, noted, Accepted { gzip }) = match rules::check(&request, over_network) {
            Ok(accepted) => {
                // Making a span costs as much as finding the route, so there is one at `RUST_LOG=debug` only.
                let span = tracing::debug_span!("request", http.method = %method, request.id = request_id);
                let current = Current::new(request_id.clone());
                let answer = async {
                    match self.admit(&mut request, tally.as_ref()) {
                        Ok(()) => self.routes.answer(request).await,
                        Err(error) => error.into_response(),
                    }
                };
                let answer = current.scope(measurement.scope(answer)).instrument(span);
                let (response, noted) = answer.await;
                (response, noted, accepted)
            }
            Err(error) => (error.into_response(), Noted::default(), Accepted::default()),
        };
        let endpoint = measurement.endpoint();
        let context = render::Context { method, request_id, endpoint, accepts_gzip: gzip, noted, page };
        let mut response = render(response, context).await;
        if let Some(tally) = tally {
            tally.describe(response.headers_mut());
        }
        response
    }

    /// Finds the client of a request, for the handlers, and counts the request under the limits.
    fn admit(&self, request: &mut Request, tally: Option<&Tally>) -> Result<(), ApiError> {
        let peer = request.extensions().get::<Peer>().copied();
        let client = peer.map(|peer| peer.client(&self.proxies, request.headers()));
        if let Some(tally) = tally {
            let has_token = request.headers().contains_key(header::AUTHORIZATION);
            let address = client.and_then(|client| client.0);
            tally.take_address(address, request.method(), request.uri().path(), has_token)?;
            request.extensions_mut().insert(tally.clone());
        }
        // For the extractors of the sender, because only who is known may wait.
        if let Some(copies) = &self.copies
            && request.headers().contains_key(positions::HEADER)
        {
            request.extensions_mut().insert(copies.clone());
        }
        if let Some(client) = client {
            request_id::note_client(client.0);
            request.extensions_mut().insert(client);
        }
        Ok(())
    }
}

/// Reports the route of a request from within the router, the only place that knows it.
fn note_route(request: Request) -> Request {
    if let Some(route) = request.extensions().get::<MatchedPath>() {
        measure::note_route(route);
    }
    request
}
