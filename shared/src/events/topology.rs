//! The topology: every stream with its owner and its consumers, and the names of all queues and exchanges.
//!
//! Every service declares the whole topology, not only its own queues. The broker confirms a message once it is in all
//! queues that are bound at that moment, so a message that is published before a consumer's queue exists never reaches
//! that consumer. docs/events.md lists the same names. `.v1` in the name of a queue stands for its arguments: other
//! arguments need another name, because RabbitMQ refuses to declare an existing queue differently.

use crate::services::SERVICE_NAMES;

/// The direct exchange for all events. The routing key of a message is its stream.
pub const EXCHANGE: &str = "chatty.events";

/// A stream with its owner and its consumers.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The name of the stream, which is also its routing key and binding key.
    pub stream: &'static str,
    /// The one service that owns the aggregates of the stream (rule R1 in docs/convergence.md).
    pub owner: &'static str,
    /// The services that keep a copy of the stream.
    pub consumers: &'static [&'static str],
}

/// All streams of the suite.
pub const ROUTES: [Route; 15] = [
    Route { stream: "user", owner: "auth", consumers: &["posts", "subscriptions", "admin", "recommendations"] },
    Route { stream: "session_end", owner: "auth", consumers: &["posts", "subscriptions", "admin", "recommendations"] },
    Route { stream: "post", owner: "posts", consumers: &["subscriptions", "admin", "recommendations"] },
    Route { stream: "post_counts", owner: "posts", consumers: &["subscriptions", "admin", "recommendations"] },
    Route { stream: "comment", owner: "posts", consumers: &["subscriptions", "admin"] },
    Route { stream: "like", owner: "posts", consumers: &["subscriptions", "recommendations"] },
    Route { stream: "personal_block", owner: "subscriptions", consumers: &["auth", "posts", "recommendations"] },
    Route { stream: "moderation.user", owner: "admin", consumers: &["auth", "subscriptions"] },
    Route { stream: "moderation.post", owner: "admin", consumers: &["posts"] },
    Route { stream: "moderation.comment", owner: "admin", consumers: &["posts"] },
    Route { stream: "report_outcome", owner: "admin", consumers: &["subscriptions"] },
    Route { stream: "erasure_done.posts", owner: "posts", consumers: &["auth"] },
    Route { stream: "erasure_done.subscriptions", owner: "subscriptions", consumers: &["auth"] },
    Route { stream: "erasure_done.admin", owner: "admin", consumers: &["auth"] },
    Route { stream: "erasure_done.recommendations", owner: "recommendations", consumers: &["auth"] },
];

/// Returns the name of the queue from which a service consumes a stream.
pub fn queue(service: &str, stream: &str) -> String {
    format!("{service}.{stream}.v1")
}

/// Returns the name of the queue for requests to a service: to send states again, to count again, or to forget drifted
/// rows. The queue is bound to no stream; requests are published to it by its name, through the default exchange.
pub fn resync_queue(service: &str) -> String {
    format!("{service}.resync.v1")
}

/// Returns the name of the dead-letter queue of `queue`, for messages that cannot be applied.
pub fn dead_letter_queue(queue: &str) -> String {
    format!("{queue}.dlq")
}

/// Returns the name of the fanout exchange on which the replicas of a service publish the states that they have
/// applied.
pub fn replicas_exchange(service: &str) -> String {
    format!("chatty.applied.{service}")
}

/// Returns the name of the fanout exchange that brings messages of the comparison (ADR 14) to all replicas of a
/// service.
pub fn comparison_exchange(service: &str) -> String {
    format!("chatty.compare.{service}")
}

/// Returns the names of all queues of the suite, each with the stream that it is bound to; `None` for resync queues.
/// Dead-letter queues are not listed.
pub fn queues() -> Vec<(String, Option<&'static str>)> {
    let events = ROUTES
        .iter()
        .flat_map(|route| route.consumers.iter().map(|service| (queue(service, route.stream), Some(route.stream))));
    events.chain(SERVICE_NAMES.iter().map(|service| (resync_queue(service), None))).collect()
}

/// Returns the service that owns a stream; `None` for a stream that is not in the table.
pub fn owner(stream: &str) -> Option<&'static str> {
    ROUTES.iter().find(|route| route.stream == stream).map(|route| route.owner)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_route_goes_from_a_service_to_other_services() {
        let streams: HashSet<&str> = ROUTES.iter().map(|route| route.stream).collect();
        assert_eq!(streams.len(), ROUTES.len(), "a stream has one owner");
        for route in ROUTES {
            let named = route.consumers.iter().chain([&route.owner]);
            assert!(named.clone().all(|name| SERVICE_NAMES.contains(name)), "{route:?} names an unknown service");
            assert_eq!(named.collect::<HashSet<_>>().len(), route.consumers.len() + 1, "{route:?} names one twice");
        }
    }
}
