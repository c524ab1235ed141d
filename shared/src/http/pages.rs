//! The pages of the web client beside the routes of the API: on one port, and told apart by their paths.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use utoipa::openapi::OpenApi;

use crate::error::Problem;

/// The first segments of the paths that belong to every port, or to the API without being described.
const UNDESCRIBED: [&str; 6] = ["dev", "docs", "livez", "metrics", "openapi.json", "readyz"];

/// The pages: their routes, and the page that tells of a failure.
#[derive(Clone)]
pub struct Pages {
    /// The routes.
    pub router: Router,
    /// Builds the page about a failure. The path and query that were asked for are given, and of the headers of the
    /// request those that a page depends on.
    pub error_page: ErrorPage,
}

/// Builds the page about a failure, as HTML. Status and headers are set by the caller.
pub type ErrorPage = Arc<dyn Fn(&PageRequest, &PageError) -> Response + Send + Sync>;

/// The request that has failed.
pub struct PageRequest {
    /// The path, with its query.
    pub path: String,
    /// True if the request changes nothing, so that it can be sent again by a link.
    pub is_read: bool,
    /// The headers `Cookie` and `Accept-Language`.
    pub headers: HeaderMap,
}

/// The failure.
pub struct PageError {
    /// The problem that a route of the API would answer with.
    pub problem: Problem,
    /// The time after which another try makes sense, in seconds.
    pub retry_after: Option<u64>,
}

/// Decides which failures are told by a page. Clones share it.
#[derive(Clone)]
pub(super) struct PageErrors {
    pub(super) error_page: ErrorPage,
    /// The first segments of the paths of the API.
    api: Arc<HashSet<String>>,
}

impl PageErrors {
    /// Takes all paths for pages that do not begin like a path of this API.
    pub(super) fn new(error_page: ErrorPage, api: &OpenApi) -> Self {
        let described = api.paths.paths.keys().map(|path| first_segment(path).to_owned());
        let api = described.chain(UNDESCRIBED.map(str::to_owned)).collect();
        Self { error_page, api: Arc::new(api) }
    }

    /// Returns what is kept of a request for a page about its failure; `None` for a request to the API.
    pub(super) fn keep(&self, request: &Request) -> Option<PageRequest> {
        if self.api.contains(first_segment(request.uri().path())) {
            return None;
        }
        let names = [header::COOKIE, header::ACCEPT_LANGUAGE];
        let headers = request.headers().iter().filter(|(name, _)| names.contains(name));
        let headers = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let is_read = request.method().is_safe();
        Some(PageRequest { path: path.to_owned(), is_read, headers })
    }
}

fn first_segment(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use utoipa::openapi::path::{HttpMethod, OperationBuilder};
    use utoipa::openapi::{InfoBuilder, PathItem, PathsBuilder};

    use super::*;

    #[test]
    fn paths_of_the_api_are_told_from_pages() {
        let item = || PathItem::new(HttpMethod::Get, OperationBuilder::new());
        let paths = PathsBuilder::new().path("/posts/{id}", item()).path("/posts.atom", item()).build();
        let api = OpenApi::new(InfoBuilder::new().build(), paths);
        let errors = PageErrors::new(Arc::new(|_, _| Response::default()), &api);
        let is_page = |path: &str| errors.keep(&Request::get(path).body(Body::empty()).unwrap()).is_some();
        for path in ["/posts/1", "/posts", "/posts/x/y", "/posts.atom", "/docs/none", "/readyz", "/dev/mail"] {
            assert!(!is_page(path), "{path}");
        }
        for path in ["/", "/p/1", "/post", "/@ann", "/wp-login.php", "//posts2"] {
            assert!(is_page(path), "{path}");
        }
    }
}
