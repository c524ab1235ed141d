//! Private instances of the real servers: free ports, own folders, loopback only.

/// A disk so small that it can be filled.
pub mod disk;
/// Ports, folders, accounts and programs of this machine.
pub mod machine;
/// The mail sink: SMTP in, JSON out.
pub mod mail;
/// A private nginx with the repository's configuration.
pub mod nginx;
/// A private Postgres.
pub mod postgres;
/// One process: start it, wait until it is ready, stop it and all that it started.
pub mod process;
/// A TCP proxy that misbehaves when told to.
pub mod proxy;
/// A private RabbitMQ with its own port mapper.
pub mod rabbitmq;
