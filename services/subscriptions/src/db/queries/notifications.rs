//! The pages of notifications: notices, likes, follows, and what admins tell, merged by time.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbErr};
use shared::clock::Timestamp;
use shared::ids::UserId;

use super::crowds::{Crowd, Deeds};
use super::{moderation, notices};
use crate::db::entities::moderated_people::Warning;
use crate::db::entities::notices::Model as NoticeRow;
use crate::db::entities::report_outcomes::Model as Outcome;
use crate::domain::ids::PostId;
use crate::domain::notices::{Kind, Place, Position, Recipient, Thing};

/// A notification, without the names and texts that it shows.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    pub(crate) position: Position,
    pub(crate) kind: Kind,
    /// The post that it is about; `None` for a new follower.
    pub(crate) post: Option<PostId>,
    /// Up to three of the people who caused it, newest first.
    pub(crate) named: Vec<UserId>,
    /// The number of people who caused it.
    pub(crate) total: i64,
    /// The words of an admin; `None` if it comes from no admin.
    pub(crate) told: Option<Told>,
}

/// Something that an admin tells somebody.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Warning(Warning),
    Outcome(Outcome),
}

/// The notifications that somebody asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) person: UserId,
    pub(crate) username: &'a str,
    /// The kinds that the person does not want.
    pub(crate) muted: &'a [Kind],
    /// Only notifications that are older than this position; `None` from the newest one on.
    pub(crate) before: Option<Position>,
    /// Only notifications that are newer than this time.
    pub(crate) since: Option<Timestamp>,
    pub(crate) limit: u64,
}

/// Finds a page of notifications, newest first.
pub(crate) async fn find_page(db: &impl ConnectionTrait, wanted: &Wanted<'_>) -> Result<Vec<Notification>, DbErr> {
    let Wanted { person, limit, .. } = *wanted;
    let latest = Position { at: Timestamp::from_unix_micros(i64::MAX), place: Place(i64::MAX) };
    let range = (wanted.before.unwrap_or(latest), wanted.since);
    let (mut found, mut told) = (Vec::new(), HashSet::new());
    // Mentions come first: of two notices of one comment, the one that names the person is kept.
    for recipient in [Recipient::Username(wanted.username), Recipient::Id(person)] {
        let rows = notices::find_older(db, person, &recipient, wanted.muted, range, limit).await?;
        found.extend(rows.into_iter().filter(|row| told.insert(row.place)).filter_map(from_notice));
    }
    for (kind, deeds) in [(Kind::Like, Deeds::likes_of(person)), (Kind::Follow, Deeds::follows_of(person))] {
        if !wanted.muted.contains(&kind) {
            let crowds = deeds.find_crowds(db, range, limit).await?;
            found.extend(crowds.into_iter().map(|crowd| from_crowd(kind, crowd)));
        }
    }
    // Nobody can choose not to hear of a warning.
    let warnings = moderation::find_warnings(db, person, range).await?.into_iter();
    found.extend(warnings.map(|(position, warning)| from_admin(position, Kind::Warning, Told::Warning(warning))));
    if !wanted.muted.contains(&Kind::Report) {
        let outcomes = moderation::find_outcomes(db, person, range, limit).await?.into_iter();
        found.extend(outcomes.map(|(position, outcome)| from_admin(position, Kind::Report, Told::Outcome(outcome))));
    }
    found.sort_by_key(|notification| std::cmp::Reverse(notification.position));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

fn from_notice(row: NoticeRow) -> Option<Notification> {
    let position = Position { at: row.created_at, place: Place(row.place) };
    let kind = Kind::named(&row.kind)?;
    Some(Notification { position, kind, post: Some(row.post_id), named: vec![row.actor_id], total: 1, told: None })
}

fn from_admin(position: Position, kind: Kind, told: Told) -> Notification {
    Notification { position, kind, post: None, named: Vec::new(), total: 0, told: Some(told) }
}

fn from_crowd(kind: Kind, crowd: Crowd) -> Notification {
    let post = match crowd.position.place.thing() {
        Thing::Likes(post) => Some(post),
        _ => None,
    };
    Notification { position: crowd.position, kind, post, named: crowd.named, total: crowd.total, told: None }
}
