//! The streams that this service publishes: decisions, a stream per kind of target, and the outcomes of reports. The owner
//! of a target applies the decisions about it.

mod decisions;
mod erasure_done;
mod moderation_comment;
mod moderation_post;
mod moderation_user;
mod report_outcome;

use shared::auth::ended_sessions;
use shared::erasure;
use shared::events::Streams;

pub(crate) use erasure_done::ErasureDone;
pub(crate) use moderation_comment::CommentDecision;
pub(crate) use moderation_post::PostDecision;
pub(crate) use moderation_user::UserDecision;
pub(crate) use report_outcome::OutcomeState;

use crate::db::entities::{audit, cases, comments, counts, decisions as decided, posts, reports, users};

/// Registers the sources of all streams, the columns that hold versions of this service's aggregates, and the columns
/// that hold ids of any stream's aggregates. A restore from a backup raises these versions, and assigns new ids above
/// the highest id that is found.
pub(crate) fn register(streams: Streams) -> Streams {
    let streams = erasure::register::<ErasureDone>(streams)
        .source(decisions::Decisions::<UserDecision>::new())
        .source(decisions::Decisions::<PostDecision>::new())
        .source(decisions::Decisions::<CommentDecision>::new())
        .source(report_outcome::OutcomeSource)
        .versions(decided::Column::Version)
        .versions(cases::Column::Version)
        .versions(reports::Column::Version)
        .sequence("report_outcome", reports::Column::Id)
        .references("report_outcome", cases::Column::LastReportId)
        .references("user", cases::Column::AuthorId)
        .references("user", cases::Column::ResolverId)
        .references("user", reports::Column::ReporterId)
        .references("user", reports::Column::AuthorId)
        .references("user", posts::Column::AuthorId)
        .references("user", comments::Column::AuthorId)
        .references("post", comments::Column::PostId)
        .references("user", decided::Column::ActorId)
        .references("user", audit::Column::ActorId)
        .references("user", users::Column::Id)
        .references("session_end", ended_sessions::Column::Id)
        .references("post", posts::Column::Id)
        .references("post", counts::Column::Id)
        .references("comment", comments::Column::Id);
    // A target's id belongs to one kind, but the column holds all kinds. A restore only needs upper bounds, so the
    // column is registered for each kind: an id that is too high does no harm.
    ["user", "post", "comment"].into_iter().fold(streams, |streams, stream| {
        let streams = streams.references(stream, decided::Column::TargetId).references(stream, audit::Column::TargetId);
        streams.references(stream, cases::Column::TargetId).references(stream, reports::Column::TargetId)
    })
}
