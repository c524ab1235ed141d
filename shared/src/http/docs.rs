//! The API reference at `/docs` and its description at `/openapi.json`: made once, compressed once, with ETags.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::Compression;
use sha2::{Digest, Sha256};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, serve};

use super::compressed::{SMALL, gzip, takes_gzip};
use super::conditional::{Verdict, evaluate};
use crate::error::ApiError;

/// Everything comes from here, and nothing is framed. The reference sets styles of its own while it draws.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const DESCRIPTION: &str = "/openapi.json";

/// A file of the reference as it is sent.
struct File {
    kind: String,
    etag: String,
    bytes: Bytes,
    /// Absent where it is not worth it.
    gzip: Option<Bytes>,
}

impl File {
    fn new(kind: String, bytes: Bytes) -> Result<Self, ApiError> {
        let digest = Sha256::digest(&bytes);
        let etag = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let worth = bytes.len() as u64 >= SMALL && !kind.starts_with("image/");
        let gzip = worth.then(|| gzip(&bytes, Compression::default())).transpose()?;
        Ok(Self { kind, etag, bytes, gzip })
    }

    fn answer(&self, method: &Method, headers: &HeaderMap) -> Response {
        let accepts = headers.get_all(header::ACCEPT_ENCODING).iter().any(takes_gzip);
        let gzip = self.gzip.as_ref().filter(|_| accepts);
        let etag = if gzip.is_some() { format!("\"{}-gzip\"", self.etag) } else { format!("\"{}\"", self.etag) };
        let verdict = evaluate(method, headers, |opaque| opaque == self.etag);
        let mut response = match verdict {
            Verdict::Failed => return changed(),
            Verdict::NotModified => StatusCode::NOT_MODIFIED.into_response(),
            Verdict::Go => Body::from(gzip.unwrap_or(&self.bytes).clone()).into_response(),
        };
        let out = response.headers_mut();
        let mut set = |name, value: &str| {
            if let Ok(value) = HeaderValue::try_from(value) {
                out.insert(name, value);
            }
        };
        if verdict == Verdict::Go {
            set(header::CONTENT_TYPE, &self.kind);
            if gzip.is_some() {
                set(header::CONTENT_ENCODING, "gzip");
            }
        }
        if self.gzip.is_some() {
            set(header::VARY, "Accept-Encoding");
        }
        set(header::ETAG, &etag);
        // Asked again each time, for a new version of the program has new files under the same names.
        set(header::CACHE_CONTROL, "no-cache");
        set(header::CONTENT_SECURITY_POLICY, POLICY);
        set(header::REFERRER_POLICY, "no-referrer");
        response
    }
}

fn changed() -> Response {
    ApiError::new(StatusCode::PRECONDITION_FAILED, "version_mismatch", "The file has changed since").into_response()
}

/// The files that somebody has asked for.
struct Docs {
    config: Arc<Config<'static>>,
    openapi: OpenApi,
    files: Mutex<HashMap<String, Arc<File>>>,
}

impl Docs {
    /// A file by its name below `/docs/`, or the description by its path.
    async fn find(self: Arc<Self>, name: String) -> Result<Arc<File>, ApiError> {
        let known = self.files.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some(file) = known {
            return Ok(file);
        }
        // Compressing the largest takes a tenth of a second.
        let work = tokio::task::spawn_blocking(move || {
            let file = Arc::new(self.make(&name)?);
            self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::clone(&file));
            Ok(file)
        });
        work.await.map_err(ApiError::internal)?
    }

    fn make(&self, name: &str) -> Result<File, ApiError> {
        if name == DESCRIPTION {
            let text = self.openapi.to_json().map_err(ApiError::internal)?;
            return File::new("application/json".to_owned(), text.into());
        }
        let file = serve(name, Arc::clone(&self.config)).map_err(ApiError::internal)?;
        let file = file.ok_or_else(|| ApiError::not_found("There is nothing at this path"))?;
        File::new(file.content_type, file.bytes.into_owned().into())
    }
}

/// The routes of the reference.
pub(super) fn router(openapi: OpenApi) -> Router {
    let config = Arc::new(Config::from(DESCRIPTION));
    let docs = Arc::new(Docs { config, openapi, files: Mutex::default() });
    Router::new()
        .route("/docs", get(|| async { Redirect::to("/docs/") }))
        .route("/docs/", get(read_index))
        .route("/docs/{*file}", get(read_file))
        .route(DESCRIPTION, get(read_description))
        .with_state(docs)
}

async fn read_index(State(docs): State<Arc<Docs>>, method: Method, headers: HeaderMap) -> Result<Response, ApiError> {
    Ok(docs.find("index.html".to_owned()).await?.answer(&method, &headers))
}

async fn read_file(
    State(docs): State<Arc<Docs>>,
    Path(file): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    // A name with a slash at its front would be the description's path.
    Ok(docs.find(file.trim_start_matches('/').to_owned()).await?.answer(&method, &headers))
}

async fn read_description(
    State(docs): State<Arc<Docs>>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    Ok(docs.find(DESCRIPTION.to_owned()).await?.answer(&method, &headers))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::http::{App, Inside};

    async fn ask(path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, usize) {
        let app = App::new(Router::new(), crate::openapi::frame(), Vec::new(), Inside::Kept);
        let request =
            headers.iter().fold(Request::builder().uri(path), |request, (name, value)| request.header(*name, *value));
        let (parts, body) = app.answer(request.body(Body::empty()).unwrap()).await.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), parts.headers, bytes.len())
    }

    #[tokio::test]
    async fn the_reference_goes_out_compressed_and_is_known_again() {
        for path in ["/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"] {
            let (status, plain, size) = ask(path, &[]).await;
            assert_eq!((status, plain.get("content-encoding")), (200, None), "{path}");
            assert_eq!(plain["vary"], "Accept-Encoding", "{path}");
            let (_, compressed, smaller) = ask(path, &[("accept-encoding", "br, gzip;q=0.8")]).await;
            assert_eq!(compressed["content-encoding"], "gzip", "{path}");
            assert!(smaller * 3 < size, "{path}: {smaller} of {size} bytes");
            assert_ne!(plain["etag"], compressed["etag"], "{path}");
            for etag in [&plain["etag"], &compressed["etag"]] {
                let (status, _, size) = ask(path, &[("if-none-match", etag.to_str().unwrap())]).await;
                assert_eq!((status, size), (304, 0), "{path}");
            }
        }
        assert_eq!(ask("/docs/nothing.js", &[]).await.0, 404);
        assert_eq!(ask("/docs//openapi.json", &[]).await.0, 404);
    }

    #[tokio::test]
    async fn a_page_loads_from_here_alone_and_is_not_framed() {
        let (status, headers, _) = ask("/docs/", &[]).await;
        assert_eq!((status, &headers["content-type"]), (200, &HeaderValue::from_static("text/html")));
        let policy = headers["content-security-policy"].to_str().unwrap();
        for rule in ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert_eq!(headers["referrer-policy"], "no-referrer");
    }
}
