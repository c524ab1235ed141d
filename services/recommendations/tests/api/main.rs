//! Tests of the API of recommendations. Each test feeds the real service with events.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a failed expectation fails the test")]

mod bad_input;
mod blocks;
mod copies;
mod erasure;
mod posts;
mod program;
mod rights;
mod users;

mod world;
