//! The comparison of copies with their owners, which never ends and uses messages only (ADR 14).
//!
//! In each round an owner sends its copies the versions that it published a while ago, and a copy sends the owner the
//! next parts of each stream, which the owner answers with its own states. A copy asks again for states that it lacks
//! or that differ. In this way the owner also learns whether a copy holds newer states than the owner does. If so, it
//! publishes nothing, because it would assign versions and ids a second time (ADR 15).
//!
//! Nothing here is durable: the messages go over a fanout exchange that stores nothing. A lost message is sent again in
//! the next round, and a late one does no harm, because each side reads its own database after it has received the
//! other's rows.

mod copies;
mod message;
mod owner;
mod timing;

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};

use super::context::Context;
use super::streams::Streams;
use crate::db;
use crate::tasks::Backoff;
use copies::Copies;
use message::Message;
use owner::Owner;
pub use timing::Timing;

/// The longest time for the query that decides which replica compares.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns whether the service has to ask copies before it publishes. It has to if it owns a stream of which a copy can
/// be reached.
pub(crate) fn has_copies(context: &Context, streams: &Streams) -> bool {
    !owner::reachable_copies(context, &streams.sources).is_empty()
}

/// Takes part in the comparison for the streams that the service owns and for the copies that it keeps, until
/// cancelled.
pub async fn run(context: Context, streams: Streams, timing: Timing) {
    let mut owner = Owner::new(context.clone(), streams.sources, timing);
    let mut copies = Copies::new(context.clone(), streams.consumers, timing);
    let mut received = receive_messages(context.clone());
    let mut rounds = interval_at(Instant::now() + timing.interval, timing.interval);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_check = Instant::now();
    let mut is_comparing = is_comparing_replica(&context).await;
    loop {
        tokio::select! {
            payload = received.next() => {
                let Some(payload) = payload else { return };
                // A message that this version does not know is skipped: services are updated one after the other.
                let Ok(message) = serde_json::from_slice::<Message>(&payload) else { continue };
                handle(&mut owner, &mut copies, message, is_comparing).await;
            }
            _ = rounds.tick() => {
                // Another replica may have taken the lock over, or this one after another died.
                is_comparing = is_comparing_replica(&context).await;
                owner.start_round().await;
                if is_comparing {
                    copies.start_round().await;
                }
            }
            () = sleep_until(next_check) => {
                let pause = owner.ask_due().await;
                copies.recheck_suspects().await;
                next_check = Instant::now() + pause;
            }
            () = context.cancel.cancelled() => return,
        }
    }
}

/// Handles a message. Every replica receives it. Repairing and answering with states is left to the replica that
/// compares; a question about held rows is answered by all, and rows that are ahead of the owner are noticed by all,
/// because each has to stop publishing.
async fn handle(owner: &mut Owner, copies: &mut Copies, message: Message, is_comparing: bool) {
    let handled = match message {
        Message::Published { stream, rows } if is_comparing => copies.on_published(&stream, rows).await,
        Message::States { stream, after, until, states } if is_comparing => {
            copies.on_states(&stream, after.as_ref(), until, states).await
        }
        Message::Published { .. } | Message::States { .. } => Ok(()),
        Message::Ask { stream, keys } => copies.on_ask(stream, keys).await,
        Message::Page { stream, copy, after, until, rows } => {
            owner.on_page(stream, copy, after, until, rows, is_comparing).await
        }
        Message::Holds { stream, copy, keys, rows } => owner.on_holds(stream, copy, keys, rows).await,
    };
    if let Err(error) = handled {
        tracing::debug!(%error, "A part could not be compared; it is tried again.");
    }
}

/// Returns whether this replica is the one of its service that compares: the one that holds the sweeper's lock. A
/// database that does not answer in time counts as no, because comparing needs the database.
async fn is_comparing_replica(context: &Context) -> bool {
    matches!(timeout(LOCK_TIMEOUT, db::try_sweeper_lock(context.db.relay())).await, Ok(Ok(true)))
}

/// Receives the messages of the comparison for this service without end: it subscribes again when the subscription is
/// lost.
fn receive_messages(context: Context) -> BoxStream<'static, Vec<u8>> {
    type State = (Context, Option<BoxStream<'static, Vec<u8>>>, Backoff);
    let next = |(context, mut subscription, mut backoff): State| async move {
        loop {
            if let Some(open) = &mut subscription {
                if let Some(payload) = open.next().await {
                    return Some((payload, (context, subscription, backoff)));
                }
                subscription = None;
            } else if let Ok(open) = context.broker.subscribe_to_comparison(context.service).await {
                backoff.reset();
                subscription = Some(open);
                continue;
            }
            sleep(backoff.next_pause()).await;
        }
    };
    stream::unfold((context, None, Backoff::default()), next).boxed()
}
