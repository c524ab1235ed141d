//! The writes of this service: one transaction each. The erasure of a person takes several, see `erase_person`.

mod block;
mod erase_person;
mod export_person;
mod follow;
mod mute;
mod notification_settings;
mod unblock;
mod unfollow;
mod unmute;

pub(crate) use block::block;
pub(crate) use erase_person::PersonalSubscriptions;
pub(crate) use export_person::ExportedSubscriptions;
pub(crate) use follow::follow;
pub(crate) use mute::mute;
pub(crate) use notification_settings::{mark_read, mute_kinds};
pub(crate) use unblock::unblock;
pub(crate) use unfollow::unfollow;
pub(crate) use unmute::unmute;
