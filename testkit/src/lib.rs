//! Support for tests and for running Chatty on one machine: private servers on free ports, the stack of all of them,
//! fault injection, and a harness for one service.
//!
//! Nothing here is part of a service. The crate exists so that the services' tests, the benchmarks and the operator's
//! `make stack` start the same servers with the same settings.

/// A harness that runs one service in the process of its tests.
#[cfg(feature = "app")]
pub mod app;
/// Bytes as strangers send them, for tests of parsers.
#[cfg(feature = "app")]
pub mod bytes;
/// Fault injection under load, with a check that nothing acknowledged was lost.
pub mod chaos;
#[cfg(feature = "app")]
mod deadline;
/// Checks against the descriptions of the API (OpenAPI) and of the events (AsyncAPI).
#[cfg(feature = "app")]
pub mod described;
/// Streams of events, as a test reads them.
#[cfg(feature = "app")]
pub mod event_stream;
/// Other services that a service under test asks over HTTP.
#[cfg(feature = "app")]
pub mod others;
/// Checks of a program's command line.
pub mod program;
/// Checks of a service's schema: recorded migrations, and entities that fit them.
#[cfg(feature = "app")]
pub mod schema;
/// Private instances of Postgres, RabbitMQ, nginx and the mail sink.
pub mod servers;
/// The distributed form of Chatty on this machine.
pub mod stack;
