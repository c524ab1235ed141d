//! The table of streams and queues. Every service declares the whole of it: a message without a queue would be gone.

/// The exchange that all events pass.
pub const EXCHANGE: &str = "chatty.events";

/// All services.
pub const SERVICES: [&str; 5] = ["auth", "posts", "subscriptions", "admin", "recommendations"];

/// A stream, who owns it, and who keeps copies.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The stream: routing key and binding key.
    pub stream: &'static str,
    /// The service that owns the aggregates.
    pub owner: &'static str,
    /// The services that consume it.
    pub consumers: &'static [&'static str],
}

/// Every stream of the suite.
pub const ROUTES: [Route; 8] = [
    Route { stream: "user", owner: "auth", consumers: &["posts", "subscriptions", "admin", "recommendations"] },
    Route { stream: "post", owner: "posts", consumers: &["subscriptions", "admin", "recommendations"] },
    Route { stream: "post_counts", owner: "posts", consumers: &["subscriptions", "admin", "recommendations"] },
    Route { stream: "comment", owner: "posts", consumers: &["admin"] },
    Route { stream: "like", owner: "posts", consumers: &["recommendations"] },
    Route { stream: "moderation.user", owner: "admin", consumers: &["auth"] },
    Route { stream: "moderation.post", owner: "admin", consumers: &["posts"] },
    Route { stream: "moderation.comment", owner: "admin", consumers: &["posts"] },
];

/// The queue of a service for a stream.
pub fn queue(service: &str, stream: &str) -> String {
    format!("{service}.{stream}.v1")
}

/// The queue for requests to send states again and to forget drifted rows.
pub fn resync_queue(service: &str) -> String {
    format!("{service}.resync.v1")
}

/// Where a queue's messages go that cannot be applied.
pub fn dead_letter_queue(queue: &str) -> String {
    format!("{queue}.dlq")
}

/// All (queue, stream) pairs of the suite; resync queues are reached by name only and have no stream.
pub fn queues() -> Vec<(String, Option<&'static str>)> {
    let events = ROUTES
        .iter()
        .flat_map(|route| route.consumers.iter().map(|service| (queue(service, route.stream), Some(route.stream))));
    events.chain(SERVICES.iter().map(|service| (resync_queue(service), None))).collect()
}

/// Who owns a stream.
pub fn owner(stream: &str) -> Option<&'static str> {
    ROUTES.iter().find(|route| route.stream == stream).map(|route| route.owner)
}
