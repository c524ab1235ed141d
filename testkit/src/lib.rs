//! What the tests and the stack share: real servers on free ports, and the stack of all of them.

/// One service under test.
#[cfg(feature = "app")]
pub mod app;
/// Faults, and what must survive them.
pub mod chaos;
/// The descriptions of API and events.
#[cfg(feature = "app")]
pub mod described;
/// Programs, tried from outside.
pub mod program;
/// Private instances of Postgres, RabbitMQ, nginx and the mail sink.
pub mod servers;
/// The distributed form of Chatty on this machine.
pub mod stack;
