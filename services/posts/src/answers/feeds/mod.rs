//! Feeds of posts for feed readers, in the two formats that readers know.
//!
//! Both formats are written from the same [`Feed`], which has whole URLs: a reader shows a feed far away from the host
//! that it came from.

pub(crate) mod atom;
pub(crate) mod json;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::people::Author;
use shared::pictures::Picture;
use shared::text::mentions::tags;

use crate::db::queries::posts::ShownPost;
use crate::domain::image::FileName;
use crate::streams::post::PostState;

/// Everything that may not stand in a part of a path or in a value of a query (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A list of posts that has feeds.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// All posts.
    Everybody,
    /// The posts of a person.
    Author(UserId),
    /// The posts with a hashtag, by its key.
    Tag(String),
}

impl Subject {
    /// Returns the path of the feed in the format `atom` or `json`.
    pub(crate) fn feed_path(&self, format: &str) -> String {
        match self {
            Self::Everybody => format!("/posts.{format}"),
            Self::Author(id) => format!("/users/{id}/feed.{format}"),
            Self::Tag(tag) => format!("/tags/{}/feed.{format}", utf8_percent_encode(tag, RESERVED)),
        }
    }

    /// Returns the path of the list that the feed shows the beginning of.
    fn list_path(&self) -> String {
        match self {
            Self::Everybody => "/posts".to_owned(),
            Self::Author(id) => format!("/posts?author={id}"),
            Self::Tag(tag) => format!("/posts?tag={}", utf8_percent_encode(tag, RESERVED)),
        }
    }
}

/// The newest posts of a list.
pub(crate) struct Feed {
    title: String,
    /// The URL in the format Atom, which also is the identity of the feed in both formats' sense.
    atom_url: String,
    json_url: String,
    list_url: String,
    /// The person whose posts these are; absent in a feed of several people.
    author: Option<FeedAuthor>,
    items: Vec<FeedItem>,
}

/// A person, as feeds name one.
#[derive(Clone)]
struct FeedAuthor {
    avatar: String,
    name: String,
    url: String,
}

/// A post in a feed.
struct FeedItem {
    /// The address of the post. It is also the post's identity, so it must never change.
    url: String,
    title: String,
    content: String,
    author: FeedAuthor,
    pictures: Vec<FeedPicture>,
    /// The keys of the hashtags in the content.
    tags: Vec<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A picture of a post in a feed.
struct FeedPicture {
    url: String,
    media_type: &'static str,
    /// The text for people who do not see the picture.
    alt: Option<String>,
}

impl Feed {
    /// Builds the feed of the newest posts of a list. URLs begin with `public_url`. `author` is the person whose posts
    /// these are, if the list is of one person.
    pub(crate) fn new(public_url: &str, subject: &Subject, author: Option<Author>, posts: Vec<ShownPost>) -> Self {
        let title = match (subject, &author) {
            (Subject::Tag(tag), _) => format!("#{tag} on Chatty"),
            (_, Some(author)) => format!("{} on Chatty", author.username),
            (_, None) => "Chatty".to_owned(),
        };
        Self {
            title,
            atom_url: format!("{public_url}{}", subject.feed_path("atom")),
            json_url: format!("{public_url}{}", subject.feed_path("json")),
            list_url: format!("{public_url}{}", subject.list_path()),
            author: author.map(|author| FeedAuthor::of(public_url, author)),
            items: posts.into_iter().filter_map(|post| FeedItem::of(public_url, post)).collect(),
        }
    }
}

impl FeedAuthor {
    fn of(public_url: &str, author: Author) -> Self {
        let url = format!("{public_url}/users/{}", author.id);
        Self { avatar: format!("{url}/avatar"), url, name: author.username }
    }
}

impl FeedItem {
    /// Builds the item from a post that was read from the database. `None` for a tombstone.
    fn of(public_url: &str, shown: ShownPost) -> Option<Self> {
        let post = PostState::from(shown.post);
        let author = Author::new(post.author_id?, shown.author);
        let content = post.content?;
        let pictures = post.images.unwrap_or_default();
        Some(Self {
            url: format!("{public_url}/posts/{}", post.id),
            title: post.title?,
            author: FeedAuthor::of(public_url, author),
            pictures: pictures.0.into_iter().filter_map(|one| FeedPicture::of(public_url, one)).collect(),
            tags: tags(&content),
            content,
            created_at: post.created_at?,
            updated_at: post.updated_at?,
        })
    }
}

impl FeedPicture {
    /// Builds the picture. `None` if its path has no known ending.
    fn of(public_url: &str, picture: Picture) -> Option<Self> {
        let file = FileName::parse(picture.url.rsplit('/').next()?)?;
        Some(Self { url: format!("{public_url}{}", picture.url), media_type: file.media_type(), alt: picture.alt })
    }
}
