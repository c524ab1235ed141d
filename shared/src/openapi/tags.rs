//! The tags, by which the reference groups operations.

use std::collections::BTreeSet;

use utoipa::openapi::tag::{Tag, TagBuilder};

/// All tags with their descriptions, in the order of the reference.
const TAGS: &[(&str, &str)] = &[
    ("auth", "Coming in and coming back: registration, logins, sessions, tokens, and other people's clients"),
    ("users", "People, and one's own account"),
    ("posts", "Posts with their pictures and views, search, and bookmarks"),
    ("comments", "Comments on posts, in threads"),
    ("likes", "Likes of posts"),
    ("subscriptions", "Following people, the feed, and the people that one keeps away"),
    ("notifications", "News about oneself"),
    ("recommendations", "Posts and people that fit one's taste"),
    ("reports", "Telling administrators about something bad"),
    ("feeds", "Posts for feed readers"),
    ("admin", "Decisions and figures of administrators"),
];

/// Returns the tags that operations use. A tag without a description is added at the end.
pub(super) fn describe(used: &BTreeSet<String>) -> Vec<Tag> {
    let known = TAGS.iter().filter(|(name, _)| used.contains(*name));
    let known = known.map(|(name, description)| TagBuilder::new().name(*name).description(Some(*description)).build());
    let other = used.iter().filter(|name| !TAGS.iter().any(|(known, _)| known == name));
    known.chain(other.map(Tag::new)).collect()
}
