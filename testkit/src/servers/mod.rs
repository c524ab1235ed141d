//! Private instances of the real servers, on free ports of the loopback address and in folders of their own, so that
//! tests never touch the machine's servers and may run side by side.

/// Small disks, files that cannot be changed, and system calls that fail.
pub mod disk;
/// Ports, folders, accounts and programs of this machine.
pub mod machine;
/// The mail sink: SMTP in, JSON out.
pub mod mail;
/// A private nginx with the repository's configuration.
pub mod nginx;
/// A private Postgres, and its standby.
pub mod postgres;
/// One process: its start, its readiness, its end, and the end of all that it has started.
pub mod process;
/// A TCP proxy that disturbs connections when told to.
pub mod proxy;
/// A private RabbitMQ or a cluster, with a port mapper of its own.
pub mod rabbitmq;
