//! Reading one's own writes at other services: the header `Chatty-Position`.
//!
//! The answer to a write tells the positions of what was published. A client sends them along with its next requests,
//! to whatever service. A service that keeps a copy of such a stream then waits until the copy has reached the position,
//! at most [`WAIT`]; after that it answers from what it has (docs/adr/0044).

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use sea_orm::DbErr;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use crate::error::ApiError;
use crate::events::Streams;
use crate::events::any_consumer::AnyConsumer;
use crate::outbox::Position;
use crate::work::Db;

/// The header, in requests and in answers.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("chatty-position");
/// The longest time that a request waits. Copies usually follow within milliseconds.
const WAIT: Duration = Duration::from_secs(1);
/// The first pause before a copy is looked at again. Each pause is twice as long as the one before, so that a request
/// costs at most ten looks.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The most positions in a request.
const MAX_POSITIONS: usize = 100;
/// The most requests of a process that wait at a time. Beyond that, requests are answered at once.
const MAX_WAITING: usize = 256;

/// The copies that a process keeps, of all its services. Clones share the bound on waiting requests.
#[derive(Clone)]
pub struct Copies {
    copies: Vec<(Db, Arc<dyn AnyConsumer>)>,
    waiting: Arc<Semaphore>,
}

impl Default for Copies {
    fn default() -> Self {
        Self { copies: Vec::new(), waiting: Arc::new(Semaphore::new(MAX_WAITING)) }
    }
}

impl Copies {
    /// Adds the copies that a service keeps in its database.
    #[must_use]
    pub fn of_service(mut self, db: &Db, streams: &Streams) -> Self {
        self.copies.extend(streams.consumers.iter().map(|consumer| (db.clone(), Arc::clone(consumer))));
        self
    }

    /// Waits until the copies have reached the positions that a request names. A request without positions does not
    /// wait.
    ///
    /// # Errors
    /// 400 when the header is not a list of positions.
    pub(super) async fn wait_for(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if !headers.contains_key(HEADER) {
            return Ok(());
        }
        let wanted = read(headers)?;
        // Boxed, because few requests wait, and otherwise the future of every request would have room for this one.
        Box::pin(self.wait(wanted)).await;
        Ok(())
    }

    async fn wait(&self, wanted: Vec<Position>) {
        let Ok(_permit) = self.waiting.try_acquire() else { return };
        let end = Instant::now() + WAIT;
        for position in &wanted {
            for (db, consumer) in self.copies.iter().filter(|(_, consumer)| consumer.stream() == position.stream) {
                let reached =
                    timeout(end.duration_since(Instant::now()), until_reached(db, consumer.as_ref(), position));
                match reached.await {
                    Ok(Ok(())) => {}
                    // The handler will find out, and has a better answer.
                    Ok(Err(error)) => tracing::debug!(%error, "A copy cannot be read, so nobody waits for it."),
                    Err(_elapsed) => tracing::debug!(stream = position.stream, "A copy has not followed in time."),
                }
            }
        }
    }
}

/// Looks at a copy until it has reached a position.
async fn until_reached(db: &Db, consumer: &dyn AnyConsumer, position: &Position) -> Result<(), DbErr> {
    let mut pause = FIRST_PAUSE;
    while !consumer.has_reached(db.read(), &position.key, position.version).await? {
        sleep(pause).await;
        pause *= 2;
    }
    Ok(())
}

/// Reads the positions that a request names.
fn read(headers: &HeaderMap) -> Result<Vec<Position>, ApiError> {
    let bad = || {
        let rule =
            "Chatty-Position must list at most 100 positions of the form stream/key@version, as answers give them";
        ApiError::bad_request("bad_position", rule)
    };
    let mut positions = Vec::new();
    for value in headers.get_all(HEADER) {
        let list = value.to_str().map_err(|_not_ascii| bad())?;
        for text in list.split(',') {
            positions.push(Position::parse(text.trim()).ok_or_else(bad)?);
        }
    }
    if positions.len() > MAX_POSITIONS { Err(bad()) } else { Ok(positions) }
}
