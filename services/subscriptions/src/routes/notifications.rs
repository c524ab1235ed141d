//! The routes of notifications: what others did that concerns the reader.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared::auth::CurrentUser;
use shared::clock::Timestamp;
use shared::error::FieldErrors;
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, Listed, Page, Query, ValidJson, Validate};
use utoipa::ToSchema;

use crate::actions;
use crate::answers::{MarkedRead, NotificationList, NotificationSettings, Shown, UnreadCount};
use crate::db::queries::notifications::{self, Notification, Wanted};
use crate::db::queries::{comments, notification_settings, posts, users};
use crate::domain::notices::{Kind, Place, Position, Thing};
use crate::error::Error;
use crate::state::AppState;

/// The most notifications that are counted.
const MOST_COUNTED: u64 = 100;

/// The filter of a list of notifications.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct NotificationFilter {
    /// True: only those that are not read.
    #[serde(default)]
    #[param(required = false, value_type = bool)]
    unread: bool,
}

/// Lists my notifications, newest first.
///
/// Likes of one post on one day (UTC) are told together, and so are the new followers of one day. Somebody who is blocked,
/// muted or gone causes none, and one's own deeds cause none. Admins tell of warnings, and of reports that have ended.
#[utoipa::path(
    get, path = "/notifications", tag = "notifications", security(("bearer" = [])),
    params(NotificationFilter, Page<(i64, i64)>),
    responses((status = 200, body = NotificationList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn list_notifications(
    State(s): State<AppState>,
    user: CurrentUser,
    Query(filter): Query<NotificationFilter>,
    page: Page<(i64, i64)>,
) -> Result<Listed<NotificationList>, Error> {
    let settings = notification_settings::find(s.db.read(), user.id).await?;
    let position = |(at, place): (i64, i64)| Position { at: Timestamp::from_unix_micros(at), place: Place(place) };
    let wanted = Wanted {
        person: user.id,
        username: &user.username,
        muted: &settings.muted,
        before: page.after.map(position),
        since: settings.read_up_to.filter(|_| filter.unread),
        limit: page.fetch(),
    };
    let mut found = notifications::find_page(s.db.read(), &wanted).await?;
    let next = page.cut(&mut found, |found| (found.position.at.unix_micros(), found.position.place.0));
    let shown = find_shown(&s, &found).await?;
    Ok(page.answer(NotificationList::of(found, settings.read_up_to, &shown, next.clone()), next.as_deref()))
}

/// Reads the names and texts that these notifications show.
pub(super) async fn find_shown(s: &AppState, found: &[Notification]) -> Result<Shown, Error> {
    let db = s.db.read();
    let people = users::find_visible(db, found.iter().flat_map(|found| found.named.iter().copied())).await?;
    let usernames = people.into_values().filter_map(|row| Some((row.id, row.username?))).collect();
    let titles = posts::find_titles(db, found.iter().filter_map(|found| found.post)).await?;
    let comment = |found: &Notification| match found.position.place.thing() {
        Thing::Comment(id) => Some(id),
        _ => None,
    };
    let contents = comments::find_contents(db, found.iter().filter_map(comment)).await?;
    Ok(Shown { usernames, titles, contents })
}

/// Counts my notifications that are not read, up to 100.
#[utoipa::path(
    get, path = "/notifications/unread_count", tag = "notifications", security(("bearer" = [])),
    responses((status = 200, body = UnreadCount))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn count_unread(State(s): State<AppState>, user: CurrentUser) -> Result<Json<UnreadCount>, Error> {
    let settings = notification_settings::find(s.db.read(), user.id).await?;
    let wanted = Wanted {
        person: user.id,
        username: &user.username,
        muted: &settings.muted,
        before: None,
        since: settings.read_up_to,
        limit: MOST_COUNTED,
    };
    let unread = notifications::find_page(s.db.read(), &wanted).await?;
    Ok(Json(UnreadCount { unread_count: unread.len() as u64 }))
}

/// The time up to which somebody has read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadIn {
    /// `created_at` of the newest notification that was seen.
    up_to: Timestamp,
}

impl Validate for ReadIn {
    fn validate(&self, _errors: &mut FieldErrors) {}
}

/// Marks everything up to a time as read. The marker never goes back.
#[utoipa::path(
    post, path = "/notifications/read", tag = "notifications", security(("bearer" = [])), params(IdempotencyKey), request_body = ReadIn,
    responses((status = 200, body = MarkedRead))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn mark_read(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    ValidJson(sent): ValidJson<ReadIn>,
) -> Result<Answer, Error> {
    actions::mark_read(&s.db, key, user.id, sent.up_to).await
}

/// Reads my choices about notifications.
#[utoipa::path(
    get, path = "/notifications/settings", tag = "notifications", security(("bearer" = [])),
    responses((status = 200, body = NotificationSettings))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn get_notification_settings(
    State(s): State<AppState>,
    user: CurrentUser,
) -> Result<Json<NotificationSettings>, Error> {
    let settings = notification_settings::find(s.db.read(), user.id).await?;
    Ok(Json(NotificationSettings { muted: settings.muted, read_up_to: settings.read_up_to }))
}

/// The choices of a person about notifications.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotificationSettingsIn {
    /// The kinds that the person does not want. A warning is always told.
    #[schema(max_items = 6, value_type = HashSet<Kind>)]
    muted: Vec<Kind>,
}

impl Validate for NotificationSettingsIn {
    fn validate(&self, errors: &mut FieldErrors) {
        if self.muted.contains(&Kind::Warning) {
            errors.add("muted", "must not name warning: a warning is always told");
        }
        let distinct: HashSet<Kind> = self.muted.iter().copied().collect();
        if distinct.len() < self.muted.len() {
            errors.add("muted", "must name each kind at most once");
        }
    }
}

/// Chooses the kinds of notifications that I do not want.
#[utoipa::path(
    put, path = "/notifications/settings", tag = "notifications", security(("bearer" = [])), params(IdempotencyKey),
    request_body = NotificationSettingsIn,
    responses((status = 200, body = NotificationSettings))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn set_notification_settings(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    ValidJson(sent): ValidJson<NotificationSettingsIn>,
) -> Result<Answer, Error> {
    actions::mute_kinds(&s.db, key, user.id, &sent.muted).await
}
