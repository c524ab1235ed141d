//! Outgoing mail. An action queues a mail in its own transaction; a worker sends it later, so that a mail server that
//! is down fails no request.

mod queue;

mod mailer;
mod smtp;

mod measured;
mod retry;
mod worker;

pub mod parked;

pub(crate) use mailer::Mailer;
pub use mailer::check;
pub(crate) use measured::Measured;
pub(crate) use queue::MailQueue;
pub(crate) use worker::run;
