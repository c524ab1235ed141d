//! The writes of this service, a file per write. A write is one transaction: it changes rows, publishes their states
//! and commits.
//!
//! There are exceptions. Writes that come in bursts (likes, views and new comments) are collected and share
//! transactions, see [`shared_writes`]. Three tasks recount,
//! erase and make the sizes of pictures in many small transactions, see `recount`, `erase_person` and `make_sizes`.

mod avatar;
mod bookmark;
mod create_post;
mod delete_post;
mod known_answer;
mod make_sizes;
mod update_post;
mod upload_picture;
mod version_condition;

mod delete_comment;
mod update_comment;

pub(crate) mod shared_writes;

mod erase_person;
mod export_person;
mod recount;

pub(crate) use avatar::{remove_avatar, set_avatar};
pub(crate) use bookmark::{bookmark, unbookmark};
pub(crate) use create_post::{PostDraft, create_post};
pub(crate) use delete_comment::delete_comment;
pub(crate) use delete_post::delete_post;
pub(crate) use erase_person::PersonalPosts;
pub(crate) use export_person::ExportedPosts;
pub(crate) use make_sizes::run_sizes;
pub(crate) use recount::run_recounts;
pub(crate) use update_comment::update_comment;
pub(crate) use update_post::update_post;
pub(crate) use upload_picture::upload_picture;
pub(crate) use version_condition::VersionCondition;
