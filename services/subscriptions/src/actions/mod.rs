//! The writes of this service: one transaction each.

mod follow;
mod unfollow;

pub(crate) use follow::follow;
pub(crate) use unfollow::unfollow;
