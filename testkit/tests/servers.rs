//! Tests that the private servers do what other tests and the stack rely on. These tests need the packages that
//! `testkit/install.sh` finds or installs.
#![cfg(feature = "servers")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that meets what it did not expect fails")]

mod servers {
    mod failover;
    mod mail;
    mod nginx;
    mod postgres;
    mod rabbitmq;
    mod refusals;
}
