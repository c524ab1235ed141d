//! Comments.

use super::{Moment, PersonView, Piece, Viewer, pieces};
use crate::api::Comment;

/// The depth of answers below which no further ones are taken.
const DEEPEST: u64 = 8;

/// A comment below a post.
#[derive(Clone, Debug)]
pub(crate) struct CommentView {
    /// The id.
    pub(crate) id: u64,
    /// The id of the post.
    pub(crate) post_id: u64,
    /// The number of comments above it that it answers: 0 for one that answers the post.
    pub(crate) depth: u64,
    /// The author; absent for a comment that was taken away and keeps its place because it was answered.
    pub(crate) author: Option<PersonView>,
    /// The text; empty without an author.
    pub(crate) content: Vec<Piece>,
    /// The time of its creation.
    pub(crate) created: Moment,
    /// True if it was changed afterwards.
    pub(crate) edited: bool,
    /// True if the visitor wrote it.
    pub(crate) mine: bool,
    /// True if the visitor may answer it.
    pub(crate) can_answer: bool,
}

impl CommentView {
    /// Shows a comment.
    pub(crate) fn new(comment: &Comment, viewer: &Viewer<'_>) -> Self {
        let author = comment.author.as_ref();
        Self {
            id: comment.id,
            post_id: comment.post_id,
            depth: comment.depth,
            author: author.map(PersonView::of_author),
            content: pieces(comment.content.as_deref().unwrap_or_default(), &comment.entities),
            created: viewer.moment(comment.created_at),
            edited: comment.updated_at != comment.created_at,
            mine: author.is_some_and(|author| viewer.user_id == Some(author.id)),
            can_answer: viewer.user_id.is_some() && author.is_some() && comment.depth < DEEPEST,
        }
    }
}
