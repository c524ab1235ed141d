//! The route of the stream of events that a client keeps open.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::auth::CurrentUser;
use shared::cache::Json;
use shared::http::{Query, Unending, read_ids};

use super::notifications::find_shown;
use crate::answers::NotificationOut;
use crate::db::entities::live_items;
use crate::db::queries::notifications::{self, Notification, Wanted};
use crate::db::queries::{live_items as items, notification_settings};
use crate::domain::ids::PostId;
use crate::domain::live::{self, FOLLOWERS};
use crate::domain::notices::{Place, Thing};
use crate::error::Error;
use crate::memory::live::{Listener, Live, recipients};
use crate::state::AppState;

/// The pause after which a stream without events sends a comment.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The most events that are sent again. Whoever has missed more reads the pages anew.
const MOST_MISSED: u64 = 100;

/// The posts whose counters a client wants to follow.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamFilter {
    /// Up to 100 ids of posts, separated by commas: their counters are sent at once and whenever they change.
    #[serde(default)]
    #[param(
        required = false, value_type = String, pattern = "^-?[0-9]{1,16}(,-?[0-9]{1,16}){0,99}$", example = "1,2,3"
    )]
    posts: Option<String>,
}

/// Tells me of what happens, as server-sent events, until my token expires.
///
/// `ready` comes first. `{"resumed": true}` means that what was missed since `Last-Event-ID` follows, nothing twice;
/// `false` that the stream begins now, and pages should be read anew. Then come `post` (a new post of somebody whom I
/// follow), `notification` (as in `GET /notifications`; a like or follower repeats the group that it joins) and `counts`
/// (the counters of a post named in `posts`). `end` comes last and gives the reason: `token_expired`, `session_ended`,
/// `account_blocked` or `stopping`. A stream that ends without it did not keep up: open it again with `Last-Event-ID`.
/// A comment comes every ten seconds.
#[utoipa::path(
    get, path = "/stream", tag = "notifications", security(("bearer" = [])),
    params(
        StreamFilter,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was received.")
    ),
    responses((status = 200, description = "Server-sent events", content_type = "text/event-stream", body = String))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn open_stream(
    State(s): State<AppState>,
    user: CurrentUser,
    Query(filter): Query<StreamFilter>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Error> {
    let posts = filter.posts.as_deref().map(|ids| read_ids("posts", ids, PostId)).transpose()?.unwrap_or_default();
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<i64>().ok());
    // First of all, so that nothing that happens from now on is missed.
    let listener = s.feed.live.listen(&user, posts.clone())?;
    let (head, trimmed_to) = items::find_head(s.db.read()).await?;
    s.feed.live.begin_at(head);
    let missed = match seen.filter(|seen| live::can_resume(*seen, head, trimmed_to)) {
        Some(seen) => find_missed(&s, &user, seen, head).await?.map(|events| (seen, events)),
        None => None,
    };
    let (begin, missed) = missed.map_or((head, None), |(seen, events)| (seen, Some(events)));
    let ready = event("ready", &json!({ "resumed": missed.is_some() })).id(begin.to_string());
    let mut waiting = VecDeque::from([ready]);
    waiting.extend(s.feed.render_counts(&posts).await?.iter().map(|(_, counts)| event("counts", counts)));
    waiting.extend(missed.into_iter().flatten());
    let mark = Unending::default();
    let reader = Reader { s, user, listener, waiting, sent: head, has_ended: false, _mark: mark.clone() };
    let events = Sse::new(stream::unfold(reader, Reader::next)).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    // For gateways that would hold the events back.
    Ok((Extension(mark), [("cache-control", "no-store"), ("x-accel-buffering", "no")], events))
}

fn event(name: &str, data: &impl serde::Serialize) -> Event {
    // A value that cannot be written as JSON would be a defect of this program; the event then has no data.
    Event::default().event(name).json_data(data).unwrap_or_default()
}

fn numbered(name: &str, seq: i64, data: &impl serde::Serialize) -> Event {
    event(name, data).id(seq.to_string())
}

/// An open stream as its client reads it.
struct Reader {
    s: AppState,
    user: CurrentUser,
    listener: Listener,
    /// The events that were not sent yet.
    waiting: VecDeque<Event>,
    /// The number up to which everything was sent or is waiting.
    sent: i64,
    has_ended: bool,
    _mark: Unending,
}

impl Reader {
    /// Waits for the next event; `None` when the stream has ended.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some((Ok(event), self));
            }
            if self.has_ended {
                return None;
            }
            match self.listener.next().await? {
                Live::Post { seq, post } => self.queue_post(seq, &post),
                // Boxed, because the futures of queries are large, and most streams wait most of the time.
                Live::Notices(notices) => Box::pin(self.queue_notices(&notices)).await?,
                Live::Counts(counts) => self.waiting.push_back(event("counts", &counts)),
                Live::End(reason) => {
                    self.waiting.push_back(event("end", &json!({ "reason": reason.name() })));
                    self.has_ended = true;
                }
            }
        }
    }

    fn queue_post(&mut self, seq: i64, post: &Json) {
        // Announced again for a stream that was opened later.
        if seq > self.sent {
            self.sent = seq;
            self.waiting.push_back(numbered("post", seq, post));
        }
    }

    /// Queues the notifications of some items. `None` when they cannot be read: then the stream ends, and its client
    /// comes back for them.
    async fn queue_notices(&mut self, notices: &[live_items::Model]) -> Option<()> {
        let new: Vec<&live_items::Model> = notices.iter().filter(|item| item.seq > self.sent).collect();
        let found = render_notices(&self.s, &self.user, &new).await.ok()?;
        self.sent = new.last().map_or(self.sent, |item| item.seq);
        let mut found: Vec<(i64, Value)> = found.into_iter().collect();
        found.sort_unstable_by_key(|(seq, _)| *seq);
        self.waiting.extend(found.iter().map(|(seq, notification)| numbered("notification", *seq, notification)));
        Some(())
    }
}

/// Reads what a person has missed after the number `seen` up to `head`, as events. `None` if it is too much.
async fn find_missed(s: &AppState, user: &CurrentUser, seen: i64, head: i64) -> Result<Option<Vec<Event>>, Error> {
    let missed = items::find_missed(s.db.read(), user.id, &recipients(user), (seen, head), MOST_MISSED + 1).await?;
    if missed.len() as u64 > MOST_MISSED {
        return Ok(None);
    }
    let notices: Vec<&live_items::Model> = missed.iter().filter(|item| item.recipient != FOLLOWERS).collect();
    let notifications = render_notices(s, user, &notices).await?;
    let mut events = Vec::new();
    for item in &missed {
        match Place(item.place).thing() {
            Thing::Post(id) if item.recipient == FOLLOWERS => {
                events.extend(s.feed.render(&[id]).await?.iter().map(|post| numbered("post", item.seq, post)));
            }
            _ => events.extend(
                notifications.get(&item.seq).map(|notification| numbered("notification", item.seq, notification)),
            ),
        }
    }
    Ok(Some(events))
}

/// Renders the notifications of some items, by their numbers. Items of one crowd, such as the likes of a post within a
/// day, are one notification, of the last of them. What the person does not want to hear of, or may not see, is left out.
async fn render_notices(
    s: &AppState,
    user: &CurrentUser,
    notices: &[&live_items::Model],
) -> Result<HashMap<i64, Value>, Error> {
    let Some(oldest) = notices.iter().map(|item| item.created_at).min() else { return Ok(HashMap::new()) };
    let settings = notification_settings::find(s.db.read(), user.id).await?;
    let wanted = Wanted {
        person: user.id,
        username: &user.username,
        muted: &settings.muted,
        before: None,
        since: Some(oldest - Duration::from_micros(1)),
        limit: MOST_MISSED,
    };
    let found = notifications::find_page(s.db.read(), &wanted).await?;
    let mut numbers: HashMap<(Place, _), i64> = HashMap::new();
    for item in notices {
        // Crowds are of one day; other things have one time only.
        numbers.insert((Place(item.place), item.created_at.start_of_day()), item.seq);
    }
    let number = |found: &Notification| numbers.get(&(found.position.place, found.position.at.start_of_day())).copied();
    let found: Vec<(i64, Notification)> = found.into_iter().filter_map(|one| Some((number(&one)?, one))).collect();
    let pages: Vec<Notification> = found.iter().map(|(_, one)| one.clone()).collect();
    let shown = find_shown(s, &pages).await?;
    let render = |(seq, one): (i64, Notification)| {
        let notification = NotificationOut::of(one, settings.read_up_to, &shown);
        Some((seq, serde_json::to_value(notification).ok()?))
    };
    Ok(found.into_iter().filter_map(render).collect())
}
