//! The comparison of copies with their owners that goes on all the time, by messages only.
//!
//! Each round an owner tells the copies what it published a while ago, and a copy asks the owner for its states of the next
//! part of each stream. The copy asks again for what is missing or differs. The owner learns on the way whether a copy has
//! seen more of it than its own database holds, and then publishes nothing: it would give out versions and ids anew.
//!
//! Nothing here is durable: services tell each other over an exchange that keeps nothing. What got lost is said again in the
//! next round, and what comes late does no harm, since each side reads its own database after it has heard.

mod copy;
mod owner;
mod recent;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};

use super::broker::BrokerError;
use super::consumer::Context;
use super::envelope::Key;
use super::reconcile::GRACE;
use super::{Streams, topology};
use crate::config::Settings;
use crate::db;
use crate::lifecycle::Backoff;
use copy::Copies;
use owner::Owner;
pub(crate) use recent::Published;
pub use recent::Recent;

/// Rows of one message at most.
const PAGE: u64 = 500;
/// The longest time for the question which replica compares.
const LOCK: Duration = Duration::from_secs(2);

/// Keys and versions.
type Rows = Vec<(Key, i64)>;

/// The pace of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The time from one round to the next.
    pub round: Duration,
    /// The time that a copy may lag before something counts as missing.
    pub grace: Duration,
}

impl Pace {
    /// The pace that the settings ask for.
    pub fn of(settings: &Settings) -> Self {
        Self { round: settings.compare_every, grace: GRACE }
    }

    /// The time between two looks whether something is due.
    fn pulse(self) -> Duration {
        Duration::from_secs(1).min(self.grace / 4)
    }
}

/// A message from one service to another.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Message {
    /// The owner to a copy: this was published a while ago.
    Published { stream: String, rows: Rows },
    /// A copy to the owner: its rows behind `after` up to `until`, or up to the end. The owner answers with its states.
    Page { stream: String, copy: String, after: Option<Key>, until: Option<Key>, rows: Rows },
    /// The owner to a copy: its states behind `after` up to `until`, or up to the end.
    States { stream: String, after: Option<Key>, until: Option<Key>, states: Vec<Value> },
    /// The owner to a copy: which versions it has of these keys, or without keys, of the newest that it knows.
    Ask { stream: String, keys: Option<Vec<Key>> },
    /// A copy to the owner: the answer to that.
    Holds { stream: String, copy: String, keys: Option<Vec<Key>>, rows: Rows },
}

impl Context {
    /// Tells another service something. Whether it could be told.
    async fn tell(&self, service: &str, message: &Message) -> bool {
        let told = match serde_json::to_vec(message) {
            Ok(payload) => self.broker.tell(service, &payload).await,
            Err(error) => Err(BrokerError::new(error.to_string())),
        };
        if let Err(error) = &told {
            tracing::debug!(%error, service, "Another service could not be told; it is said again.");
        }
        told.is_ok()
    }
}

/// Answers whether the service has to ask its copies before it publishes: it owns a stream, and a copy can be reached.
pub(crate) fn has_copies(context: &Context, streams: &Streams) -> bool {
    !owner::copies(context, &streams.sources).is_empty()
}

/// Compares until cancelled.
pub async fn run(context: Context, streams: Streams, pace: Pace) {
    let mut owner = Owner::new(context.clone(), streams.sources, pace);
    let mut copies = Copies::new(context.clone(), streams.consumers, pace);
    let mut heard = hearing(context.clone());
    let mut rounds = interval_at(Instant::now() + pace.round, pace.round);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_pulse = Instant::now();
    let mut compares = compares(&context).await;
    loop {
        tokio::select! {
            payload = heard.next() => {
                let Some(payload) = payload else { return };
                // A later version may say what this one does not know.
                let Ok(message) = serde_json::from_slice::<Message>(&payload) else { continue };
                handle(&mut owner, &mut copies, message, compares).await;
            }
            _ = rounds.tick() => {
                compares = self::compares(&context).await;
                owner.round().await;
                if compares {
                    copies.round().await;
                }
            }
            () = sleep_until(next_pulse) => {
                let pause = owner.pulse().await;
                copies.look().await;
                next_pulse = Instant::now() + pause;
            }
            () = context.cancel.cancelled() => return,
        }
    }
}

async fn handle(owner: &mut Owner, copies: &mut Copies, message: Message, compares: bool) {
    let handled = match message {
        Message::Published { stream, rows } if compares => copies.on_published(&stream, rows).await,
        Message::States { stream, after, until, states } if compares => {
            copies.on_states(&stream, after.as_ref(), until, states).await
        }
        Message::Published { .. } | Message::States { .. } => Ok(()),
        Message::Ask { stream, keys } => copies.on_ask(stream, keys).await,
        Message::Page { stream, copy, after, until, rows } => {
            owner.on_page(stream, copy, after, until, rows, compares).await
        }
        Message::Holds { stream, copy, keys, rows } => owner.on_holds(stream, copy, keys, rows).await,
    };
    if let Err(error) = handled {
        tracing::debug!(%error, "A part could not be compared; it is tried again.");
    }
}

/// Answers whether this replica is the one of its service that compares.
async fn compares(context: &Context) -> bool {
    matches!(timeout(LOCK, db::try_sweeper_lock(context.db.relay())).await, Ok(Ok(true)))
}

/// The messages that other services send to this one. Listens again when the connection was lost.
fn hearing(context: Context) -> BoxStream<'static, Vec<u8>> {
    type Listening = (Context, Option<BoxStream<'static, Vec<u8>>>, Backoff);
    let next = |(context, mut listening, mut backoff): Listening| async move {
        loop {
            if let Some(open) = &mut listening {
                if let Some(payload) = open.next().await {
                    return Some((payload, (context, listening, backoff)));
                }
                listening = None;
            } else if let Ok(open) = context.broker.hear(context.service).await {
                backoff.reset();
                listening = Some(open);
                continue;
            }
            sleep(backoff.pause()).await;
        }
    };
    stream::unfold((context, None, Backoff::default()), next).boxed()
}

/// The services that keep copies of a stream.
fn consumers_of(stream: &str) -> &'static [&'static str] {
    topology::ROUTES.iter().find(|route| route.stream == stream).map_or(&[], |route| route.consumers)
}

/// The source or consumer of a stream.
fn of_stream<'a, T: ?Sized>(all: &'a [Arc<T>], stream: &str, name: impl Fn(&T) -> &'static str) -> Option<&'a Arc<T>> {
    all.iter().find(|one| name(one) == stream)
}
