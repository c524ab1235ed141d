//! The parts of pages: what a template of `templates/parts` shows, in the words and the order of a reader.
//!
//! A view is made from an answer of the API (`crate::api`) for one visitor: it knows whether the visitor likes a post,
//! and says times in the visitor's language.

mod comment;
mod moment;
mod notification;
mod page;
mod person;
mod post;
mod text;
mod viewer;

pub(crate) use comment::CommentView;
pub(crate) use moment::Moment;
pub(crate) use notification::NotificationView;
pub(crate) use page::{Field, Form, Me, Notice, Page};
pub(crate) use person::PersonView;
pub(crate) use post::PostView;
pub(crate) use text::{Piece, pieces};
pub(crate) use viewer::Viewer;
