//! What the five services share: mechanism, and no business rules.
//!
//! A thing moves here when its second user appears. The one place that knows the names of the streams is
//! [`events::topology`], because every service declares the whole topology.

pub mod batch;
pub mod cache;
pub mod clock;
pub mod command;
pub mod config;
pub mod error;
pub mod fail_points;
pub mod ids;
pub mod lifecycle;
pub mod openapi;
pub mod telemetry;
pub mod text;
mod watch;

pub mod auth;
pub mod db;
pub mod events;
pub mod http;
