//! The mechanism that the five services share: settings, database, events, HTTP, authentication and the run of a
//! process. It contains no business rules.
//!
//! Code moves here when its second user appears. The modules are listed by floors, which are separated by empty lines:
//! a module imports only modules of its own floor and of the floors above it in this list, so there is no circle of
//! imports between floors, and a test forbids circles within a floor. Only [`services`] and [`events::topology`] know
//! the names of services and streams, because every service declares the whole topology, and only [`problems`] knows
//! the problems of services, because any service may serve their pages.

pub mod clock;
pub mod config;
pub mod error;
pub mod fail_points;
pub mod ids;
pub mod people;
pub mod pictures;
pub mod problems;
pub mod request_id;
pub mod services;
pub mod tasks;
pub mod text;

pub mod db;

pub mod outbox;

pub mod work;

mod disk;
pub mod events;

pub mod http;
pub mod openapi;

pub mod auth;
pub mod batch;
pub mod cache;
pub mod erasure;
pub mod export;

pub mod health;

pub mod command;
pub mod lifecycle;
pub mod program;
pub mod service;
pub mod telemetry;
mod watch;
