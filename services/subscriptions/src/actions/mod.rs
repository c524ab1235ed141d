//! The writes of this service: one transaction each. The erasure of a person takes several, see `erase_person`.

mod erase_person;
mod export_person;
mod follow;
mod unfollow;

pub(crate) use erase_person::PersonalSubscriptions;
pub(crate) use export_person::ExportedSubscriptions;
pub(crate) use follow::follow;
pub(crate) use unfollow::unfollow;
