//! A feed as JSON Feed 1.1 (<https://www.jsonfeed.org/version/1.1/>).

use serde::Serialize;
use shared::clock::Timestamp;
use utoipa::ToSchema;

use super::{Feed, FeedAuthor, FeedItem, FeedPicture};

/// The media type of JSON Feed.
pub(crate) const MEDIA_TYPE: &str = "application/feed+json";
/// The version of the format, as the format names it.
const VERSION: &str = "https://jsonfeed.org/version/1.1";

/// A feed in the format JSON Feed 1.1.
#[derive(Serialize, ToSchema)]
pub(crate) struct JsonFeed<'a> {
    /// The URL of the version of the format.
    version: &'static str,
    title: &'a str,
    /// The URL of the list of which this feed has the newest posts.
    home_page_url: &'a str,
    /// The URL of this feed.
    feed_url: &'a str,
    /// The person whose posts these are; none in a feed of several people.
    authors: Vec<JsonFeedAuthor<'a>>,
    /// The newest posts, the newest one first.
    items: Vec<JsonFeedItem<'a>>,
}

/// A person in a JSON Feed.
#[derive(Serialize, ToSchema)]
pub(crate) struct JsonFeedAuthor<'a> {
    /// The username.
    name: &'a str,
    url: &'a str,
    avatar: &'a str,
}

/// A post in a JSON Feed.
#[derive(Serialize, ToSchema)]
pub(crate) struct JsonFeedItem<'a> {
    /// The URL of the post, which never changes.
    id: &'a str,
    url: &'a str,
    title: &'a str,
    content_text: &'a str,
    /// The URL of the first picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    image: Option<&'a str>,
    date_published: Timestamp,
    date_modified: Timestamp,
    authors: [JsonFeedAuthor<'a>; 1],
    /// The hashtags, in the form by which they are compared.
    tags: &'a [String],
    attachments: Vec<JsonFeedAttachment<'a>>,
}

/// A picture in a JSON Feed.
#[derive(Serialize, ToSchema)]
pub(crate) struct JsonFeedAttachment<'a> {
    url: &'a str,
    mime_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    title: Option<&'a str>,
}

impl Feed {
    /// Returns the feed as the body of a JSON Feed.
    pub(crate) fn to_json(&self) -> JsonFeed<'_> {
        JsonFeed {
            version: VERSION,
            title: &self.title,
            home_page_url: &self.list_url,
            feed_url: &self.json_url,
            authors: self.author.iter().map(FeedAuthor::to_json).collect(),
            items: self.items.iter().map(FeedItem::to_json).collect(),
        }
    }
}

impl FeedItem {
    fn to_json(&self) -> JsonFeedItem<'_> {
        JsonFeedItem {
            id: &self.url,
            url: &self.url,
            title: &self.title,
            content_text: &self.content,
            image: self.pictures.first().map(|picture| picture.url.as_str()),
            date_published: self.created_at,
            date_modified: self.updated_at,
            authors: [self.author.to_json()],
            tags: &self.tags,
            attachments: self.pictures.iter().map(FeedPicture::to_json).collect(),
        }
    }
}

impl FeedAuthor {
    fn to_json(&self) -> JsonFeedAuthor<'_> {
        JsonFeedAuthor { name: &self.name, url: &self.url, avatar: &self.avatar }
    }
}

impl FeedPicture {
    fn to_json(&self) -> JsonFeedAttachment<'_> {
        JsonFeedAttachment { url: &self.url, mime_type: self.media_type, title: self.alt.as_deref() }
    }
}
