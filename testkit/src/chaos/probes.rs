//! Somebody who posts and reads while something is broken, and looks later whether each acknowledged post is there.

use std::time::{Duration, Instant};

use rand::RngExt;
use rand::distr::Alphanumeric;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::check::{self, Wrong};
use super::ledger::{self, Outcome};
use super::workload::{BAD_DISK, World};

/// How long the text of a post is, so that some of them need new pages in every file.
const TEXT: usize = 9_000;

/// What was written and refused so far.
#[derive(Default)]
pub(super) struct Probes {
    /// Ids and titles of the acknowledged posts.
    written: Vec<(i64, String)>,
    /// How many posts were refused for now.
    pub(super) refused: u32,
    /// After how many of these `/readyz` said that something is wrong.
    degraded: u32,
    /// Whether it said why.
    explained: bool,
}

impl Probes {
    /// One post, and one read, which has to succeed whatever is broken. Answers whether the post was refused for now.
    pub(super) async fn write_and_read(&mut self, world: &World) -> bool {
        let fault = world.fault();
        let title = format!("probe-{}", ledger::now());
        let text: String = rand::rng().sample_iter(Alphanumeric).take(TEXT).map(char::from).collect();
        let body = json!({ "title": title, "content": text });
        let answer = world.api.call(Method::POST, "/posts", Some(&world.extra), Some(body)).await;
        let allowed = matches!(answer.outcome, Outcome::Ok | Outcome::Unknown) || matches!(answer.status, 429 | 503);
        if answer.wrong || !allowed {
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
        self.refused += u32::from(answer.status == 503);
        answer.status == 503
    }

    /// Takes down what `/readyz` says just after a write was refused.
    pub(super) fn note_readiness(&mut self, readiness: &Value) {
        self.degraded += u32::from(readiness["status"] == "degraded");
        self.explained |= explains(readiness);
    }

    /// Complains when enough was refused and `/readyz` had nothing to say about it.
    pub(super) fn judge_readiness(&self, world: &World) {
        let (fault, refused) = (world.fault(), self.refused);
        if refused >= 10 && self.degraded == 0 {
            world.complain(format!("{fault}: /readyz did not say degraded while {refused} writes were refused"));
        } else if self.degraded > 0 && !self.explained {
            world.complain(format!("{fault}: /readyz says degraded, but not why"));
        }
    }

    /// What is missing, or is not what was acknowledged, and the ids that were given twice.
    pub(super) async fn look(&self, world: &World, when: &str) -> Vec<check::Fault> {
        let fault = world.fault();
        let mut found = Vec::new();
        let mut add = |kind, text: String| found.push(check::Fault { kind, fault: fault.clone(), text });
        for (place, (id, title)) in self.written.iter().enumerate() {
            if self.written.iter().take(place).any(|(other, _)| other == id) {
                add(Wrong::Duplicated, format!("the id {id} was acknowledged twice"));
                continue;
            }
            match world.api.get(&format!("/posts/{id}"), None).await {
                Ok(post) if post["title"] == title.as_str() => {}
                Ok(post) => add(Wrong::Lost, format!("post {id} is not {title}, but {} {when}", post["title"])),
                Err(error) => world.complain(format!("{fault}: {error:#} {when}")),
            }
        }
        found
    }

    /// Posts and reads for a while.
    pub(super) async fn go_on(&mut self, world: &World, length: Duration) {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.write_and_read(world).await;
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Whether a part of a service gives one of the codes that its refusals have, or says what cannot be written.
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
