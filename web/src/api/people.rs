//! People to each other: who follows, mutes and blocks whom, feeds and notifications.

use axum::http::Method;
use serde::Deserialize;
use serde_json::json;
use shared::clock::Timestamp;

use super::{Api, Entity, Ignored, PostList, Sent, encode, page_of};
use crate::error::Error;

const AUTH: &str = "auth";
const SUBSCRIPTIONS: &str = "subscriptions";

/// The author of something.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Author {
    pub(crate) id: u64,
    pub(crate) username: String,
    pub(crate) avatar_url: String,
}

/// A person.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) id: u64,
    pub(crate) username: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) avatar_url: String,
    pub(crate) created_at: Option<Timestamp>,
}

/// A page of a list of people.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct UserList {
    pub(crate) users: Vec<User>,
    pub(crate) next: Option<String>,
    /// The number of all; lists of followers have it.
    #[serde(default)]
    pub(crate) total: u64,
}

/// A notification.
#[derive(Debug, Deserialize)]
pub(crate) struct Notification {
    pub(crate) kind: String,
    pub(crate) created_at: Timestamp,
    pub(crate) read: bool,
    pub(crate) users: Vec<Author>,
    pub(crate) user_count: u64,
    pub(crate) post: Option<NotifiedPost>,
    pub(crate) comment: Option<NotifiedComment>,
    pub(crate) warning: Option<NotifiedWarning>,
    pub(crate) report: Option<NotifiedReport>,
}

/// The post that a notification is about.
#[derive(Debug, Deserialize)]
pub(crate) struct NotifiedPost {
    pub(crate) id: u64,
    pub(crate) title: String,
}

/// The comment that a notification is about.
#[derive(Debug, Deserialize)]
pub(crate) struct NotifiedComment {
    pub(crate) id: u64,
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) entities: Vec<Entity>,
}

/// A warning of the moderators.
#[derive(Debug, Deserialize)]
pub(crate) struct NotifiedWarning {
    pub(crate) text: String,
}

/// The outcome of a report.
#[derive(Debug, Deserialize)]
pub(crate) struct NotifiedReport {
    pub(crate) outcome: Option<String>,
}

/// A page of a list of notifications.
#[derive(Debug, Deserialize)]
pub(crate) struct NotificationList {
    pub(crate) notifications: Vec<Notification>,
    pub(crate) next: Option<String>,
}

#[derive(Deserialize)]
struct Followed {
    user_ids: Vec<u64>,
}

#[derive(Deserialize)]
struct Unread {
    unread_count: u64,
}

/// The kinds of notifications that somebody does not want.
#[derive(Debug, Deserialize)]
pub(crate) struct NotificationSettings {
    pub(crate) muted: Vec<String>,
}

impl Api {
    /// Finds a person by the username; `None` if there is none.
    pub(crate) async fn user_named(&self, username: &str) -> Result<Option<User>, Error> {
        let found: UserList = self.get(AUTH, &format!("/users?username={}", encode(username))).await?;
        Ok(found.users.into_iter().next())
    }

    /// Gets a person.
    pub(crate) async fn user(&self, id: u64) -> Result<User, Error> {
        self.get(AUTH, &format!("/users/{id}")).await
    }

    /// Finds people by the beginning of a name.
    pub(crate) async fn search_users(&self, prefix: &str) -> Result<UserList, Error> {
        self.get(AUTH, &format!("/users?search={}&limit=5", encode(prefix))).await
    }

    /// Lists the posts of the people whom the visitor follows.
    pub(crate) async fn feed(&self, cursor: Option<&str>) -> Result<PostList, Error> {
        self.get(SUBSCRIPTIONS, &format!("/feed?{}", page_of(20, cursor))).await
    }

    /// Returns which of these people the visitor follows. At most 100 are asked for.
    pub(crate) async fn followed(&self, ids: &[u64]) -> Result<Vec<u64>, Error> {
        let ids: Vec<String> = ids.iter().take(100).map(u64::to_string).collect();
        let followed: Followed = self.get(SUBSCRIPTIONS, &format!("/following?user_id={}", ids.join(","))).await?;
        Ok(followed.user_ids)
    }

    /// Follows a person, or ends it.
    pub(crate) async fn follow(&self, user: u64, follows: bool) -> Result<Ignored, Error> {
        if follows {
            self.send(SUBSCRIPTIONS, Method::POST, &format!("/subscribe/{user}")).await
        } else {
            self.send(SUBSCRIPTIONS, Method::DELETE, &format!("/unsubscribe/{user}")).await
        }
    }

    /// Mutes a person, or ends it.
    pub(crate) async fn mute(&self, user: u64, mutes: bool) -> Result<Ignored, Error> {
        let method = if mutes { Method::POST } else { Method::DELETE };
        self.send(SUBSCRIPTIONS, method, &format!("/users/{user}/mute")).await
    }

    /// Blocks a person, or ends it.
    pub(crate) async fn block(&self, user: u64, blocks: bool) -> Result<Ignored, Error> {
        let method = if blocks { Method::POST } else { Method::DELETE };
        self.send(SUBSCRIPTIONS, method, &format!("/users/{user}/block")).await
    }

    /// Lists the people whom the visitor has muted.
    pub(crate) async fn mutes(&self) -> Result<UserList, Error> {
        self.get(SUBSCRIPTIONS, "/mutes?limit=100").await
    }

    /// Lists the people whom the visitor has blocked.
    pub(crate) async fn blocks(&self) -> Result<UserList, Error> {
        self.get(SUBSCRIPTIONS, "/blocks?limit=100").await
    }

    /// Lists the followers of a person, or those whom the person follows.
    pub(crate) async fn circle(
        &self,
        user: u64,
        followers: bool,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<UserList, Error> {
        let side = if followers { "followers" } else { "following" };
        self.get(SUBSCRIPTIONS, &format!("/users/{user}/{side}?{}", page_of(limit, cursor))).await
    }

    /// Lists notifications, newest first.
    pub(crate) async fn notifications(&self, unread: bool, cursor: Option<&str>) -> Result<NotificationList, Error> {
        let filter = if unread { "unread=true&" } else { "" };
        self.get(SUBSCRIPTIONS, &format!("/notifications?{filter}{}", page_of(30, cursor))).await
    }

    /// Counts the notifications that are not read yet.
    pub(crate) async fn unread_count(&self) -> Result<u64, Error> {
        let unread: Unread = self.get(SUBSCRIPTIONS, "/notifications/unread_count").await?;
        Ok(unread.unread_count)
    }

    /// Marks notifications as read, up to a time.
    pub(crate) async fn mark_read(&self, up_to: &str) -> Result<Ignored, Error> {
        let body = Sent::Json(json!({ "up_to": up_to }));
        self.call(SUBSCRIPTIONS, Method::POST, "/notifications/read", body, None).await
    }

    /// Gets the kinds of notifications that the visitor does not want.
    pub(crate) async fn notification_settings(&self) -> Result<NotificationSettings, Error> {
        self.get(SUBSCRIPTIONS, "/notifications/settings").await
    }

    /// Sets the kinds of notifications that the visitor does not want.
    pub(crate) async fn set_notification_settings(&self, muted: &[&str]) -> Result<Ignored, Error> {
        let body = Sent::Json(json!({ "muted": muted }));
        self.call(SUBSCRIPTIONS, Method::PUT, "/notifications/settings", body, None).await
    }
}
