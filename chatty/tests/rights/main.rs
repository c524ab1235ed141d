//! The proof of rights: every described operation is called by everybody, and the answers are compared with a table.
//!
//! The operations come from `openapi.json`. A new route without a row in the table fails the test, and so does a row
//! without a route.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the exception for tests does not reach their helper functions"
)]

mod examples;
mod table;
mod world;

use std::collections::BTreeMap;

use reqwest::Response;
use serde_json::Value;

use table::{CALLERS, Caller, Row, Rule, TABLE};
use world::World;

#[test]
fn every_operation_has_a_row_and_is_described_as_the_row_says() {
    let description: Value = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
    let mut described = BTreeMap::new();
    for (template, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let asks_for_token = operation["security"].to_string().contains("bearer");
            described.insert(format!("{} {template}", method.to_uppercase()), asks_for_token);
        }
    }
    let table: BTreeMap<String, bool> =
        TABLE.iter().map(|row| (row.operation.to_owned(), row.rule != Rule::Open)).collect();
    assert_eq!(described, table, "the operations, and true for each that asks for a token");
    assert_eq!(table.len(), TABLE.len(), "an operation has two rows");
}

/// First come all calls that must be refused, so that nothing at all may change; then all calls that are allowed.
#[tokio::test]
async fn every_operation_lets_those_through_whom_its_rule_allows_and_nobody_else() {
    let data = tempfile::tempdir().unwrap();
    let mut world = World::start(data.path()).await;
    let before = world.state().await;
    for row in &TABLE {
        for caller in CALLERS {
            let Some(refusal) = row.rule.refusal(caller, &row.method()) else { continue };
            let token = world.token(caller);
            let what = format!("{} as {caller:?}", row.operation);
            expect(world.call(row, &token).await, refusal, row, &what).await;
            if !row.method().is_safe() {
                assert_eq!(world.state().await, before, "{what} has changed something");
            }
        }
    }
    for row in &TABLE {
        for caller in CALLERS {
            if row.rule.refusal(caller, &row.method()).is_some() {
                continue;
            }
            let token = world.token(caller);
            let answer = match row.rule {
                // An allowed call may delete the things, which later rows need.
                Rule::Owner(_) | Rule::AccountOwner(_) => world.call_on_new_things(row, &token).await,
                // One caller stands for all: each call is about the caller's own account, and may end it.
                Rule::Account if caller == Caller::Stranger => {
                    let token = world.somebody_new().await;
                    world.call(row, &token).await
                }
                Rule::Account => continue,
                Rule::Open | Rule::Person | Rule::Admin | Rule::AccountAdmin => world.call_allowed(row, &token).await,
            };
            expect(answer, row.status, row, &format!("{} as {caller:?}", row.operation)).await;
        }
    }
}

/// Asserts the status of an answer, and that no cache keeps an answer that depends on a token.
async fn expect(answer: Response, status: u16, row: &Row, what: &str) {
    let (found, headers) = (answer.status().as_u16(), answer.headers().clone());
    // A stream of events has no end.
    let is_stream = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
    let body = if is_stream { String::new() } else { answer.text().await.unwrap() };
    assert_eq!(found, status, "{what}: {body}");
    let may_be_kept = headers.get("cache-control").is_none_or(|rule| rule != "no-store");
    assert!(row.rule == Rule::Open || !may_be_kept, "{what} may be kept by caches: {headers:?}");
}
