//! The HTTP contract of the recommendations service, fed by events alone.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a failed expectation fails the test")]

mod bad_input;
mod copies;
mod posts;
mod program;
mod rights;
mod users;

mod world;
