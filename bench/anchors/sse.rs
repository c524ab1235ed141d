//! The program that Chatty's streams are compared with: an axum server that hands what is published under a topic to
//! every open stream of this topic. It authenticates nobody and stores nothing, so its cost is the least that a stream
//! can have.
//!
//! To run this program alone: `anchor-sse 127.0.0.1:9000 50`
#![expect(clippy::print_stdout, reason = "a program for people who run it alone")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, Receiver, Sender};

/// The most messages that wait for a stream.
const QUEUE: usize = 32;

type Topics = Arc<[Sender<Arc<str>>]>;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().context("the first argument is an address, such as 127.0.0.1:9000")?;
    let topics: usize = arguments.next().context("the second argument is a number of topics")?.parse()?;
    let topics: Topics = (0..topics).map(|_| broadcast::channel(QUEUE).0).collect();
    let app = Router::new()
        .route("/topics/{topic}/stream", get(open_stream))
        .route("/topics/{topic}", post(publish))
        .with_state(topics);
    let listener = TcpListener::bind(&address).await?;
    println!("listening on {address}");
    Ok(axum::serve(listener, app).await?)
}

async fn open_stream(State(topics): State<Topics>, Path(topic): Path<usize>) -> Response {
    let Some(topic) = topics.get(topic) else { return StatusCode::NOT_FOUND.into_response() };
    let next = async |mut receiver: Receiver<Arc<str>>| {
        let message = receiver.recv().await.ok()?;
        Some((Ok::<_, Infallible>(Event::default().event("post").id("1").data(&*message)), receiver))
    };
    let events = stream::unfold(topic.subscribe(), next);
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(10))).into_response()
}

async fn publish(State(topics): State<Topics>, Path(topic): Path<usize>, body: String) -> StatusCode {
    let Some(topic) = topics.get(topic) else { return StatusCode::NOT_FOUND };
    // Nobody may listen yet.
    let _listeners = topic.send(body.into());
    StatusCode::NO_CONTENT
}
