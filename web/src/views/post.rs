//! Posts.

use super::{Moment, PersonView, Piece, Viewer, pieces};
use crate::api::{Picture, Post};

/// The length from which on lists show the beginning of a text only, in bytes.
const LONG: usize = 600;
/// The number of lines for the same.
const LINES: usize = 12;

/// A post, in a list or on its own page.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about a post and its reader")]
pub(crate) struct PostView {
    /// The id.
    pub(crate) id: u64,
    /// The title.
    pub(crate) title: String,
    /// The text.
    pub(crate) content: Vec<Piece>,
    /// True if the text is long, so that lists show its beginning only.
    pub(crate) long: bool,
    /// The author.
    pub(crate) author: PersonView,
    /// The time of its creation.
    pub(crate) created: Moment,
    /// True if it was changed afterwards.
    pub(crate) edited: bool,
    /// The pictures in their order.
    pub(crate) pictures: Vec<PictureView>,
    /// The number of likes.
    pub(crate) like_count: u64,
    /// The number of comments.
    pub(crate) comment_count: u64,
    /// The number of views.
    pub(crate) view_count: u64,
    /// True if the visitor likes it.
    pub(crate) liked: bool,
    /// True if the visitor has saved it; lists do not know it and say false.
    pub(crate) saved: bool,
    /// True if the visitor wrote it.
    pub(crate) mine: bool,
    /// The reason of a recommendation, as a sentence.
    pub(crate) because: Option<String>,
}

/// A picture of a post.
#[derive(Clone, Debug)]
pub(crate) struct PictureView {
    /// The path of the whole picture.
    pub(crate) url: String,
    /// The smaller ones for the attribute `srcset`, with their widths; empty if there are none.
    pub(crate) srcset: String,
    /// The width in pixels.
    pub(crate) width: u32,
    /// The height in pixels.
    pub(crate) height: u32,
    /// The description for people who cannot see it; empty if the author gives none.
    pub(crate) alt: String,
}

impl PostView {
    /// Shows a post.
    pub(crate) fn new(post: &Post, viewer: &Viewer<'_>) -> Self {
        Self {
            id: post.id,
            title: post.title.clone(),
            content: pieces(&post.content, &post.entities),
            long: post.content.len() > LONG || post.content.lines().count() > LINES,
            author: PersonView::of_author(&post.author),
            created: viewer.moment(post.created_at),
            edited: post.updated_at != post.created_at,
            pictures: post.images.iter().map(PictureView::new).collect(),
            like_count: post.like_count,
            comment_count: post.comment_count,
            view_count: post.view_count,
            liked: viewer.liked.contains(&post.id),
            saved: false,
            mine: viewer.user_id == Some(post.author.id),
            because: None,
        }
    }

    /// Returns the path of its page.
    pub(crate) fn path(&self) -> String {
        format!("/p/{}", self.id)
    }
}

impl PictureView {
    fn new(picture: &Picture) -> Self {
        let sizes: Vec<String> = picture.sizes.iter().map(|size| format!("{} {}w", size.url, size.width)).collect();
        let whole = format!("{} {}w", picture.url, picture.width);
        Self {
            url: picture.url.clone(),
            srcset: if sizes.is_empty() { String::new() } else { format!("{}, {whole}", sizes.join(", ")) },
            width: picture.width,
            height: picture.height,
            alt: picture.alt.clone().unwrap_or_default(),
        }
    }
}
