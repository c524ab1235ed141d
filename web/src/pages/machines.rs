//! Files for machines: styles and modules for browsers, lists for search engines, and the manifest for phones that install
//! the pages.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;
use shared::error::ApiError;
use shared::http::Path;

use crate::api::Api;
use crate::error::Error;
use crate::state::AppState;
use crate::visit::Look;

/// The number of posts in the map of the site, times twenty.
const MAP_PAGES: usize = 25;

/// Sends a style, a module or an icon. The hash in the path need not be the current one: a page of the version before, which
/// is still open, gets the file of this version, and does not keep it.
pub(crate) async fn get_asset(
    State(s): State<AppState>,
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = s.assets.find(&name).ok_or_else(|| ApiError::not_found("There is nothing at this path"))?;
    let is_current = s.assets.base.strip_prefix("/assets/") == Some(&*hash);
    let lifetime = if is_current { "public, max-age=31536000, immutable" } else { "no-cache" };
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let gzip = file.gzip.as_ref().filter(|_| accepted.split(',').any(|one| one.trim().starts_with("gzip")));
    let mut response = gzip.unwrap_or(&file.plain).clone().into_response();
    let answered = response.headers_mut();
    answered.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    answered.insert(header::CACHE_CONTROL, HeaderValue::from_static(lifetime));
    answered.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip.is_some() {
        answered.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Leads somebody who opens the address of a form, for example after a refusal, to the page on which the form is: the
/// nearest path above it that is a page.
pub(crate) async fn lead_to_page_of_form(method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let text = "This path does not take this method";
        return ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text).into_response();
    }
    let mut parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    parts.pop();
    // An id below another word than `p` has no page of its own.
    while parts.len() > 2 && parts.last().is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit())) {
        parts.pop();
    }
    // Comments stand on the page of their post.
    if parts.last() == Some(&"comments") {
        parts.pop();
    }
    Redirect::to(&format!("/{}", parts.join("/"))).into_response()
}

/// Tells search engines what they may read.
pub(crate) async fn get_robots(State(s): State<AppState>) -> impl IntoResponse {
    let text = format!(
        "User-agent: *\nDisallow: /search\nDisallow: /settings\nDisallow: /moderation\nDisallow: /report\n\
         Sitemap: {}/sitemap.xml\n",
        s.public_url
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text)
}

/// Lists the newest public posts for search engines (sitemaps.org, version 0.9).
pub(crate) async fn get_sitemap(State(s): State<AppState>) -> Result<Response, Error> {
    let api = Api::new(s.peers.clone(), HeaderMap::new(), None, None);
    let mut map = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    let mut cursor = None;
    for _page in 0..MAP_PAGES {
        let list = api.posts("", cursor.as_deref()).await?;
        for post in list.posts {
            map.push_str(&format!(
                "<url><loc>{}/p/{}</loc><lastmod>{}</lastmod></url>\n",
                s.public_url, post.id, post.updated_at
            ));
        }
        cursor = list.next;
        if cursor.is_none() {
            break;
        }
    }
    map.push_str("</urlset>\n");
    let headers = [(header::CONTENT_TYPE, "application/xml"), (header::CACHE_CONTROL, "public, max-age=3600")];
    Ok((headers, map).into_response())
}

/// Describes the pages to phones that install them (W3C Web Application Manifest).
pub(crate) async fn get_manifest(State(s): State<AppState>, headers: HeaderMap) -> impl IntoResponse {
    let look = Look::read(&s, &headers);
    let icon = |name: &str, sizes: &str, kind: &str, purpose: &str| json!({ "src": format!("{}/{name}", s.assets.base), "sizes": sizes, "type": kind, "purpose": purpose });
    let manifest = json!({
        "name": "Chatty",
        "short_name": "Chatty",
        "description": look.language.say("welcome-description"),
        "lang": look.language.code(),
        "id": "/",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#ffffff",
        "icons": [
            icon("icon.svg", "any", "image/svg+xml", "any"),
            icon("icon-192.png", "192x192", "image/png", "any"),
            icon("icon-512.png", "512x512", "image/png", "any"),
            icon("icon-maskable-512.png", "512x512", "image/png", "maskable"),
        ],
    });
    let headers = [(header::CONTENT_TYPE, "application/manifest+json"), (header::VARY, "Cookie, Accept-Language")];
    (headers, manifest.to_string())
}
