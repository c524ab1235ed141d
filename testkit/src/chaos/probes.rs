//! Probes of a broken system: posts and reads by one client beside the workload. Reads have to succeed, refusals have
//! to be explained, and each acknowledged post has to be there later.
//!
//! The probes do not go through the ledger. Their posts are looked up while the system still runs, which tells a post
//! that is lost by a restart from one that was never there.

use std::time::{Duration, Instant};

use rand::RngExt;
use rand::distr::Alphanumeric;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::check::{self, AnomalyKind};
use super::ledger::{self, Outcome};
use super::workload::{BAD_DISK, World};

/// The length of a post's text in bytes. It is so large that some posts need new pages in every file, which a full disk
/// does not have.
const TEXT: usize = 9_000;

/// The results of all probes so far.
#[derive(Default)]
pub(super) struct Probes {
    /// Ids and titles of the acknowledged posts.
    written: Vec<(i64, String)>,
    /// The number of posts that were temporarily refused (503).
    pub(super) refused: u32,
    /// The number of these refusals after which `/readyz` said `degraded`.
    degraded: u32,
    /// True if `/readyz` gave a reason at least once.
    explained: bool,
}

impl Probes {
    /// Writes one post, and reads a post and a list. The reads have to succeed whatever is broken. Returns whether the
    /// new post was temporarily refused.
    pub(super) async fn write_and_read(&mut self, world: &World) -> bool {
        let fault = world.fault();
        let title = format!("probe-{}", ledger::now());
        let text: String = rand::rng().sample_iter(Alphanumeric).take(TEXT).map(char::from).collect();
        let body = json!({ "title": title, "content": text });
        let answer = world.api.call(Method::POST, "/posts", Some(&world.extra), Some(body)).await;
        let allowed = matches!(answer.outcome, Outcome::Ok | Outcome::Unknown) || matches!(answer.status, 429 | 503);
        if answer.breaks_contract || !allowed {
            world.complain(format!("{fault}: POST /posts: {} {}", answer.status, answer.body));
        }
        if let (Outcome::Ok, Some(id)) = (answer.outcome, answer.body["post"]["id"].as_i64()) {
            self.written.push((id, title));
        }
        for path in
            [format!("/posts/{}", world.homes.first().copied().unwrap_or_default()), "/posts?limit=5".to_owned()]
        {
            let read = world.api.call(Method::GET, &path, None, None).await;
            if read.status != 200 && read.status != 429 {
                world.complain(format!("{fault}: GET {path}: {} {}", read.status, read.body));
            }
        }
        // 429 is a limit of the person and says nothing about the disk.
        self.refused += u32::from(answer.status == 503);
        answer.status == 503
    }

    /// Records the document of `/readyz`, read just after a write was refused.
    pub(super) fn record_readiness(&mut self, readiness: &Value) {
        self.degraded += u32::from(readiness["status"] == "degraded");
        self.explained |= explains(readiness);
    }

    /// Complains if `/readyz` never said `degraded` although writes were refused, or never said why.
    pub(super) fn check_readiness(&self, world: &World) {
        let (fault, refused) = (world.fault(), self.refused);
        // After a few refusals the service may have recovered before it was asked.
        if refused >= 10 && self.degraded == 0 {
            world.complain(format!("{fault}: /readyz did not say degraded while {refused} writes were refused"));
        } else if self.degraded > 0 && !self.explained {
            world.complain(format!("{fault}: /readyz says degraded, but not why"));
        }
    }

    /// Looks each acknowledged post up. Returns the posts that are missing or different, and the ids that were given
    /// out twice. `when` says in the text of an anomaly at which time the posts were looked up.
    pub(super) async fn find_anomalies(&self, world: &World, when: &str) -> Vec<check::Anomaly> {
        let fault = world.fault();
        let mut found = Vec::new();
        let mut add = |kind, text: String| found.push(check::Anomaly { kind, fault: fault.clone(), text });
        for (place, (id, title)) in self.written.iter().enumerate() {
            // The second of two posts with the same id cannot be looked up: the id leads to only one of them.
            if self.written.iter().take(place).any(|(other, _)| other == id) {
                add(AnomalyKind::Duplicated, format!("the id {id} was acknowledged twice"));
                continue;
            }
            match world.api.get(&format!("/posts/{id}"), None).await {
                Ok(post) if post["title"] == title.as_str() => {}
                Ok(post) => add(AnomalyKind::Lost, format!("post {id} is not {title}, but {} {when}", post["title"])),
                Err(error) => world.complain(format!("{fault}: {error:#} {when}")),
            }
        }
        found
    }

    /// Calls [`Self::write_and_read`] about ten times a second for this length of time.
    pub(super) async fn write_and_read_for(&mut self, world: &World, length: Duration) {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.write_and_read(world).await;
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Returns whether a readiness document gives a reason: one of the codes of refused writes, or a sentence.
fn explains(readiness: &Value) -> bool {
    match readiness {
        Value::String(text) => BAD_DISK.contains(&text.as_str()) || text.contains("disk") || text.contains("writ"),
        Value::Array(parts) => parts.iter().any(explains),
        Value::Object(parts) => {
            parts.get("writes").and_then(Value::as_str).is_some_and(|writes| writes != "up")
                || parts.values().any(explains)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_explains_itself_by_a_reason_and_not_by_a_word() {
        assert!(!explains(&json!({ "status": "degraded", "services": { "posts": { "database": "down" } } })));
        assert!(explains(&json!({ "status": "degraded", "services": { "posts": { "writes": "disk_full" } } })));
        assert!(explains(&json!({ "services": { "posts": { "database": "up", "reason": "The disk is full." } } })));
        assert!(explains(&json!({ "services": { "posts": { "writes": "stopped until it is restored" } } })));
        assert!(!explains(&json!({ "services": { "posts": { "writes": "up", "broker": "down" } } })));
    }
}
