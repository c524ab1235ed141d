//! The API reference at `/docs`, the pages of problems below it, and the description of the API at `/openapi.json`.
//!
//! Each file is built and compressed when it is first requested, and then answered from memory with an ETag.

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

use super::compress::{MIN_SIZE, accepts_gzip, gzip};
use super::conditional::{Verdict, evaluate};
use super::problem_pages;
use crate::error::ApiError;

/// The content security policy of the reference: all parts come from this origin, and no other page may frame it. The
/// reference sets inline styles while it draws.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The path of the description, which is also its name among the files.
const DESCRIPTION: &str = "/openapi.json";

/// A file of the reference, ready to be sent.
struct File {
    content_type: String,
    /// The opaque part of the entity tag of the uncompressed form.
    etag: String,
    bytes: Bytes,
    /// The compressed form. Absent for small files and for pictures, which compression does not make smaller.
    gzip: Option<Bytes>,
}

impl File {
    fn new(content_type: String, bytes: Bytes) -> Result<Self, ApiError> {
        let digest = Sha256::digest(&bytes);
        let etag = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let is_compressed = bytes.len() as u64 >= MIN_SIZE && !content_type.starts_with("image/");
        let gzip = is_compressed.then(|| gzip(&bytes, Compression::default())).transpose()?;
        Ok(Self { content_type, etag, bytes, gzip })
    }

    fn answer(&self, method: &Method, headers: &HeaderMap) -> Response {
        let accepts = headers.get_all(header::ACCEPT_ENCODING).iter().any(accepts_gzip);
        let gzip = self.gzip.as_ref().filter(|_| accepts);
        let etag = if gzip.is_some() { format!("\"{}-gzip\"", self.etag) } else { format!("\"{}\"", self.etag) };
        let verdict = evaluate(method, headers, |opaque| opaque == self.etag);
        let mut response = match verdict {
            Verdict::Failed => return version_mismatch(),
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
            set(header::CONTENT_TYPE, &self.content_type);
            if gzip.is_some() {
                set(header::CONTENT_ENCODING, "gzip");
            }
        }
        if self.gzip.is_some() {
            set(header::VARY, "Accept-Encoding");
        }
        set(header::ETAG, &etag);
        // Browsers ask again each time, because a new version of the program has new files under the same names.
        set(header::CACHE_CONTROL, "no-cache");
        set(header::CONTENT_SECURITY_POLICY, POLICY);
        set(header::REFERRER_POLICY, "no-referrer");
        response
    }
}

fn version_mismatch() -> Response {
    ApiError::new(StatusCode::PRECONDITION_FAILED, "version_mismatch", "The file has changed since").into_response()
}

/// The reference, with the files that were requested so far.
struct Docs {
    config: Arc<Config<'static>>,
    openapi: OpenApi,
    files: Mutex<HashMap<String, Arc<File>>>,
}

impl Docs {
    /// Returns a file by its name below `/docs/`, or the description by its path. Builds the file on the first request.
    async fn get_or_build(self: Arc<Self>, name: String) -> Result<Arc<File>, ApiError> {
        let known = self.files.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some(file) = known {
            return Ok(file);
        }
        // Compressing the largest file takes a tenth of a second, during which other requests must go on.
        let work = tokio::task::spawn_blocking(move || {
            let file = Arc::new(self.build(&name)?);
            self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::clone(&file));
            Ok(file)
        });
        work.await.map_err(ApiError::internal)?
    }

    fn build(&self, name: &str) -> Result<File, ApiError> {
        if name == DESCRIPTION {
            let text = self.openapi.to_json().map_err(ApiError::internal)?;
            return File::new("application/json".to_owned(), text.into());
        }
        let not_found = || ApiError::not_found("There is nothing at this path");
        if let Some(code) = problem_pages::code_of(name) {
            let page = problem_pages::build(code).ok_or_else(not_found)?;
            return File::new("text/html; charset=utf-8".to_owned(), page.into());
        }
        let file = serve(name, Arc::clone(&self.config)).map_err(ApiError::internal)?;
        let file = file.ok_or_else(not_found)?;
        File::new(file.content_type, file.bytes.into_owned().into())
    }
}

/// Builds the routes of the reference and of the description.
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
    Ok(docs.get_or_build("index.html".to_owned()).await?.answer(&method, &headers))
}

async fn read_file(
    State(docs): State<Arc<Docs>>,
    Path(file): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    // With a slash in front, the name would be the path of the description.
    Ok(docs.get_or_build(file.trim_start_matches('/').to_owned()).await?.answer(&method, &headers))
}

async fn read_description(
    State(docs): State<Arc<Docs>>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    Ok(docs.get_or_build(DESCRIPTION.to_owned()).await?.answer(&method, &headers))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::health;
    use crate::http::{App, Disclosure};

    async fn ask(path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, usize) {
        let app = App::new(
            Router::new(),
            crate::openapi::base_document(),
            health::probes(Vec::new(), Disclosure::Restricted),
        );
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
    async fn each_problem_has_a_page() {
        for path in ["/docs/problems", "/docs/problems/"] {
            assert_eq!(ask(path, &[]).await.0, 200, "{path}");
        }
        for kind in crate::problems::kinds() {
            let path = crate::problems::type_of(kind.code);
            let (status, headers, size) = ask(&path, &[]).await;
            assert_eq!(
                (status, headers["content-type"].to_str().unwrap()),
                (200, "text/html; charset=utf-8"),
                "{path}"
            );
            assert!(size > 500 && headers.contains_key("content-security-policy"), "{path}");
        }
        for path in ["/docs/problems/nothing", "/docs/problems/not_found/", "/docs/problems//not_found"] {
            assert_eq!(ask(path, &[]).await.0, 404, "{path}");
        }
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
