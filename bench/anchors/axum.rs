//! The program that Chatty's reads are compared with: an axum server that answers every GET with the same bytes. It
//! looks nothing up, so its cost is the least that a read can have.
//!
//! To run this program alone: `anchor-axum 127.0.0.1:9000 body.json`
#![expect(clippy::print_stdout, reason = "a program for people who run it alone")]

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use tokio::net::TcpListener;

/// The headers of each answer. They are as long as those of Chatty, so that both programs send equally many bytes.
const HEADERS: [(&str, &str); 4] = [
    ("content-type", "application/json"),
    ("etag", "\"1.1\""),
    ("x-content-type-options", "nosniff"),
    ("x-request-id", "0123456789abcdef0123456789abcdef"),
];

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().context("the first argument is an address, such as 127.0.0.1:9000")?;
    let file = arguments.next().context("the second argument is a file with the body")?;
    let body = Bytes::from(std::fs::read(&file).with_context(|| file.clone())?);
    let headers: Arc<[(HeaderName, HeaderValue)]> =
        HEADERS.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).into();
    let answer = move || {
        let mut response = Response::new(Body::from(body.clone()));
        response.headers_mut().extend(headers.iter().cloned());
        std::future::ready(response)
    };
    let app = Router::new().route("/{*path}", get(answer));
    let listener = TcpListener::bind(&address).await?;
    println!("listening on {address}");
    Ok(axum::serve(listener, app).await?)
}
