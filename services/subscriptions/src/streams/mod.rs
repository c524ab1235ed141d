//! The states that this service owns. Blocks between people are published. Subscriptions and mutes are not, because no
//! other service consumes them; they only reach the memory of this service's own replicas.

pub(crate) mod erasure_done;
pub(crate) mod personal_block;

use shared::auth::{ended_sessions, personal_blocks};
use shared::erasure;
use shared::events::{Key, State, Streams};

use crate::db::entities::{
    comments, counts, likes, live_head, live_items, moderated_people, mutes, notices, notification_settings, posts,
    report_outcomes, subscriptions, users,
};

impl State for subscriptions::Model {
    const STREAM: &'static str = "subscription";

    fn key(&self) -> Key {
        Key(vec![self.follower_id.0, self.followee_id.0])
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl State for mutes::Model {
    const STREAM: &'static str = "mute";

    fn key(&self) -> Key {
        Key(vec![self.user_id.0, self.muted_id.0])
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl State for live_head::Model {
    const STREAM: &'static str = "live_head";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.seq
    }
}

/// Registers the columns that hold versions of this service's aggregates, and those that hold ids of any stream's
/// aggregates. A restore from a backup raises these versions, and assigns new ids above the highest id that is found.
pub(crate) fn register(streams: Streams) -> Streams {
    let streams = erasure::register::<erasure_done::ErasureDone>(streams)
        .source(personal_block::PersonalBlockSource)
        .versions(personal_blocks::Column::Version)
        .versions(subscriptions::Column::Version)
        .versions(mutes::Column::Version)
        // A restore raises this number too, so that nobody resumes from one that was given to something else.
        .versions(live_head::Column::Seq)
        .references("user", subscriptions::Column::FollowerId)
        .references("user", subscriptions::Column::FolloweeId)
        .references("user", users::Column::Id)
        .references("session_end", ended_sessions::Column::Id)
        .references("user", posts::Column::AuthorId)
        .references("post", posts::Column::Id)
        .references("post", counts::Column::Id)
        .references("comment", comments::Column::Id)
        .references("user", comments::Column::AuthorId)
        .references("user", comments::Column::PostAuthorId)
        .references("post", comments::Column::PostId)
        .references("user", likes::Column::UserId)
        .references("user", likes::Column::PostAuthorId)
        .references("post", likes::Column::PostId)
        .references("user", notices::Column::ActorId)
        .references("post", notices::Column::PostId)
        .references("user", live_items::Column::ActorId)
        .references("user", moderated_people::Column::Id)
        .references("report_outcome", report_outcomes::Column::Id)
        .references("user", report_outcomes::Column::ReporterId)
        .references("user", mutes::Column::UserId)
        .references("user", mutes::Column::MutedId)
        .references("user", personal_blocks::Column::UserId)
        .references("user", personal_blocks::Column::BlockedId)
        .references("user", notification_settings::Column::UserId);
    // The column holds ids of all kinds of targets, and a restore only needs upper bounds.
    let target = || report_outcomes::Column::TargetId;
    streams.references("user", target()).references("post", target()).references("comment", target())
}
