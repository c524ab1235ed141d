//! The responses about notifications.

use std::collections::HashMap;

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::people::Author;
use shared::text::mentions::{Entity, find_entities};
use utoipa::ToSchema;

use crate::db::queries::notifications::{Notification, Told};
use crate::domain::ids::{CommentId, PostId};
use crate::domain::notices::{Kind, Thing};

/// Something that has happened and concerns the reader.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotificationOut {
    kind: Kind,
    /// The time of it; of likes and followers that are told together, that of the newest one.
    created_at: Timestamp,
    /// True when the reader has marked it as read.
    read: bool,
    /// Up to three of the people who caused it, newest first.
    users: Vec<Author>,
    /// The number of people who caused it.
    user_count: i64,
    /// The post that it is about; null for new followers, and for what admins tell.
    post: Option<NotifiedPost>,
    /// The comment that it is about; null if it is about none.
    comment: Option<NotifiedComment>,
    /// The warning by an admin; null if it is none.
    warning: Option<NotifiedWarning>,
    /// The reader's report that has ended; null if it is about none.
    report: Option<NotifiedReport>,
}

/// A warning by an admin.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotifiedWarning {
    text: String,
}

/// A report of the reader that has ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotifiedReport {
    id: i64,
    /// `post`, `comment` or `user`.
    target_kind: String,
    target_id: i64,
    /// `acted` if admins have done something about it, or `dismissed`.
    outcome: Option<String>,
}

/// The post that a notification is about.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotifiedPost {
    id: PostId,
    title: String,
}

/// The comment that a notification is about.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotifiedComment {
    id: CommentId,
    content: String,
    /// The mentions and hashtags in the content.
    entities: Vec<Entity>,
}

/// The names and texts that a page of notifications shows.
pub(crate) struct Shown {
    pub(crate) usernames: HashMap<UserId, String>,
    pub(crate) titles: HashMap<PostId, String>,
    pub(crate) contents: HashMap<CommentId, String>,
}

impl NotificationOut {
    /// Builds the response body of a notification, whose reader has read everything up to `read_up_to`.
    pub(crate) fn of(found: Notification, read_up_to: Option<Timestamp>, shown: &Shown) -> Self {
        let author = |id: UserId| Some(Author::new(id, shown.usernames.get(&id)?.clone()));
        let comment = match found.position.place.thing() {
            Thing::Comment(id) => Some(id),
            _ => None,
        };
        let (warning, report) = match found.told {
            Some(Told::Warning(warning)) => (Some(NotifiedWarning { text: warning.text }), None),
            Some(Told::Outcome(row)) => {
                let (id, target_kind, target_id, outcome) = (row.id, row.target_kind, row.target_id, row.outcome);
                (None, Some(NotifiedReport { id, target_kind, target_id, outcome }))
            }
            None => (None, None),
        };
        Self {
            kind: found.kind,
            created_at: found.position.at,
            read: read_up_to.is_some_and(|read| found.position.at <= read),
            users: found.named.into_iter().filter_map(author).collect(),
            user_count: found.total,
            post: found.post.and_then(|id| Some(NotifiedPost { id, title: shown.titles.get(&id)?.clone() })),
            comment: comment.and_then(|id| {
                let content = shown.contents.get(&id)?.clone();
                Some(NotifiedComment { id, entities: find_entities(&content), content })
            }),
            warning,
            report,
        }
    }
}

/// A page of notifications.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotificationList {
    notifications: Vec<NotificationOut>,
    /// Cursor of the next page.
    next: Option<String>,
}

impl NotificationList {
    /// Builds a page from the notifications on it, with the names and texts that they show.
    pub(crate) fn of(
        found: Vec<Notification>,
        read_up_to: Option<Timestamp>,
        shown: &Shown,
        next: Option<String>,
    ) -> Self {
        let notifications = found.into_iter().map(|found| NotificationOut::of(found, read_up_to, shown)).collect();
        Self { notifications, next }
    }
}

/// The number of notifications that are not read.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnreadCount {
    /// The number, at most 100: then there may be more.
    #[schema(minimum = 0, maximum = 100)]
    pub(crate) unread_count: u64,
}

/// The marker after a change.
#[derive(Serialize, ToSchema)]
pub(crate) struct MarkedRead {
    /// Everything up to this time is read.
    pub(crate) read_up_to: Timestamp,
}

/// The choices of a person about notifications.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotificationSettings {
    /// The kinds that the person does not want.
    pub(crate) muted: Vec<Kind>,
    /// Everything up to this time is read; null before the first reading.
    pub(crate) read_up_to: Option<Timestamp>,
}
