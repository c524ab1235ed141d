//! Files for machines: search engines, and phones that install the pages.

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::Error;
use crate::state::AppState;
use crate::visit::Look;
use axum::extract::State;
use shared::http::RemoteClient;

use crate::api::Api;

/// The number of posts in the map of the site, times twenty.
const MAP_PAGES: usize = 25;

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
pub(crate) async fn get_sitemap(State(s): State<AppState>, _client: RemoteClient) -> Result<Response, Error> {
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
    let icon = |name: &str, sizes: &str, kind: &str, purpose: &str| {
        json!({ "src": format!("{}/{name}", s.assets.base), "sizes": sizes, "type": kind, "purpose": purpose })
    };
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
    ([(header::CONTENT_TYPE, "application/manifest+json")], manifest.to_string())
}
