//! `Idempotency-Key`: a client that repeats a write, because no answer came, gets the answer to the first one.
//!
//! The answer is stored in the transaction of the write, so it exists exactly when the write does. The header follows
//! the IETF draft "The Idempotency-Key HTTP Header Field".

mod table;

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, QueryTrait};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::time::{MissedTickBehavior, interval};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Type};

use crate::clock::Timestamp;
use crate::db::{CommitError, insert_rows, pad_to_power_of_two, try_lock_until_commit};
use crate::error::ApiError;
use crate::ids::UserId;
use crate::outbox::{Position, State};
use crate::request_id;
use crate::tasks::Cancel;
use crate::work::{Db, Tx};

pub use table::{ActiveModel, AnonymousMigration, Column, Entity, Migration, Model, PersonMigration};

pub(super) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// The header that marks a replayed answer.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, in bytes.
const MAX_KEY: usize = 255;
/// The time for which an answer is stored.
const RETENTION: Duration = Duration::from_secs(24 * 3_600);
/// The pause between two removals of expired answers.
const EXPIRED_INTERVAL: Duration = Duration::from_secs(3_600);
/// The number of answers that one statement removes, so that it locks no more rows than that.
const PAGE: u64 = 1_000;
/// The most answers to anonymous requests that are stored, whatever their age. Without a bound, a client without an
/// account could fill the disk.
const MAX_ANONYMOUS: u64 = 50_000;
/// The pause between two checks of that bound.
const SURPLUS_INTERVAL: Duration = Duration::from_secs(5);

/// The key of a request, if the client has sent one.
#[derive(Debug)]
pub struct IdempotencyKey {
    key: Option<String>,
    route: String,
    request: Option<KeyedRequest>,
}

/// A request with a key, in the form that is stored.
#[derive(Clone, Debug)]
pub struct KeyedRequest {
    /// The primary key of the stored answer: SHA-256 of person, method, path and key.
    pub id: Vec<u8>,
    /// SHA-256 of the parts that a repeated request must have in common with the first.
    body: Vec<u8>,
    /// The person who sent the request; `None` for one without a login.
    user: Option<UserId>,
    /// The person whom the answer is about.
    about: Option<UserId>,
}

/// An answer that can be stored and replayed.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    replayed: bool,
    location: Option<String>,
    etag: Option<String>,
    positions: Vec<String>,
}

impl Answer {
    /// Creates the answer to a first request.
    ///
    /// # Errors
    /// 500 when the body cannot be serialized.
    pub fn new(status: StatusCode, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(body).map_err(ApiError::internal)?;
        Ok(Self { status, body, replayed: false, location: None, etag: None, positions: Vec::new() })
    }

    /// Adds the header `Location` with the path of the created thing: the path of its list, and the id at the JSON
    /// pointer `id` of the body. It is called for a replay as well, because the header is not stored.
    #[must_use]
    pub fn with_location(mut self, list: &str, id: &str) -> Self {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        self.location = body.pointer(id).map(|id| format!("{list}/{id}"));
        self
    }

    /// Adds the header `Location` with the path that stands at the JSON pointer `path` of the body. It is called for a
    /// replay as well.
    #[must_use]
    pub fn with_location_in(mut self, path: &str) -> Self {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        self.location = body.pointer(path).and_then(|path| path.as_str()).map(str::to_owned);
        self
    }

    /// Adds the ETag of the created thing. It is not called for a replay, because the thing may have changed since.
    #[must_use]
    pub fn with_etag(mut self, etag: String) -> Self {
        self.etag = Some(etag);
        self
    }

    /// Adds the position of a state that was written for this request in a transaction of several requests, so that its
    /// client can wait for it elsewhere. Transactions of one request do so by themselves.
    #[must_use]
    pub fn with_position(mut self, state: &impl State) -> Self {
        self.positions.push(Position::of(state).to_string());
        self
    }

    /// Returns whether this is a replay of a stored answer.
    pub fn is_replayed(&self) -> bool {
        self.replayed
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let headers = response.headers_mut();
        for (name, value) in [(header::LOCATION, self.location), (header::ETAG, self.etag)] {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
        self.positions.iter().for_each(|position| request_id::note_position(|| position));
        if self.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all(HEADER).iter();
        let key = values.next().map(|value| {
            let text = value.to_str().unwrap_or_default();
            let plain = !text.is_empty() && text.len() <= MAX_KEY && text.bytes().all(|byte| byte.is_ascii_graphic());
            if plain && values.next().is_none() {
                return Ok(text.to_owned());
            }
            let rule = "Idempotency-Key must be given once, as 1 to 255 visible ASCII characters such as a UUID";
            Err(ApiError::bad_request("bad_idempotency_key", rule))
        });
        let route = format!("{} {}", parts.method, parts.uri.path());
        Ok(Self { key: key.transpose()?, route, request: None })
    }
}

impl IdempotencyKey {
    /// Returns the request in the form that is stored; `None` if it came without a key. `who` is `None` for an
    /// anonymous request. `body` holds the parts that a repeated request must have in common with the first.
    pub fn request(&self, who: Option<UserId>, body: &[&[u8]]) -> Option<KeyedRequest> {
        let key = self.key.as_ref()?;
        let sender = who.map_or(0, |user| user.0).to_be_bytes();
        let id = hash(&[&sender, self.route.as_bytes(), key.as_bytes()]);
        Some(KeyedRequest { id, body: hash(body), user: who, about: who })
    }

    /// Finds the answer to an earlier request with this key by the same person, with the same method and to the same
    /// path. `None` if this request is the first or has no key. `who` and `body` are as in [`IdempotencyKey::request`].
    ///
    /// # Errors
    /// 422 when the earlier request had another body; 409 while it is still being processed; database errors.
    pub async fn find(&mut self, tx: &Tx, who: Option<UserId>, body: &[&[u8]]) -> Result<Option<Answer>, ApiError> {
        let Some(request) = self.request(who, body) else { return Ok(None) };
        let known = find(tx, std::slice::from_ref(&request)).await?.remove(&request.id);
        self.request = Some(request);
        known.transpose()
    }

    /// Makes a write of this person at most once: a repeated request gets the answer to the first one, which was stored in
    /// the same transaction. `sent` holds the parts that a repeated request must have in common with the first.
    ///
    /// # Errors
    /// The errors of `write`, after which nothing is stored, so that the request may be tried again; those of
    /// [`IdempotencyKey::find`]; those of the transaction.
    pub async fn write_once<T, E>(
        self,
        db: &Db,
        sender: UserId,
        sent: &[&[u8]],
        write: impl AsyncFnOnce(&mut Tx) -> Result<T, E>,
    ) -> Result<Answer, E>
    where
        T: Serialize,
        E: From<ApiError> + From<DbErr> + From<CommitError>,
    {
        self.answer_once(db, sender, sent, StatusCode::OK, write).await
    }

    /// Like [`IdempotencyKey::write_once`], for a write that creates something: the answer is 201.
    ///
    /// # Errors
    /// As there.
    pub async fn create_once<T, E>(
        self,
        db: &Db,
        sender: UserId,
        sent: &[&[u8]],
        write: impl AsyncFnOnce(&mut Tx) -> Result<T, E>,
    ) -> Result<Answer, E>
    where
        T: Serialize,
        E: From<ApiError> + From<DbErr> + From<CommitError>,
    {
        self.answer_once(db, sender, sent, StatusCode::CREATED, write).await
    }

    async fn answer_once<T, E>(
        mut self,
        db: &Db,
        sender: UserId,
        sent: &[&[u8]],
        status: StatusCode,
        write: impl AsyncFnOnce(&mut Tx) -> Result<T, E>,
    ) -> Result<Answer, E>
    where
        T: Serialize,
        E: From<ApiError> + From<DbErr> + From<CommitError>,
    {
        let mut tx = db.begin().await?;
        if let Some(known) = self.find(&tx, Some(sender), sent).await? {
            tx.rollback().await?;
            return Ok(known);
        }
        let written = match write(&mut tx).await {
            Ok(written) => written,
            Err(error) => {
                // Now, because dropping the transaction would free the key only later.
                tx.rollback().await?;
                return Err(error);
            }
        };
        let answer = self.answer(&tx, status, &written).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Notes the person whom the answer to an anonymous request is about, so that [`forget_person`] deletes it too.
    /// [`IdempotencyKey::find`] must have been called before.
    pub fn note_person(&mut self, person: Option<UserId>) {
        if let Some(request) = &mut self.request {
            request.about = person;
        }
    }

    /// Builds the answer, and stores it for 24 h if the request has a key. [`IdempotencyKey::find`] must have been
    /// called before.
    ///
    /// # Errors
    /// 500 when the body cannot be serialized; database errors.
    pub async fn answer(&self, tx: &Tx, status: StatusCode, body: &impl Serialize) -> Result<Answer, ApiError> {
        let answer = Answer::new(status, body)?;
        let request = self.request.iter().map(|request| (request.clone(), answer.clone()));
        store(tx, request.collect()).await?;
        Ok(answer)
    }
}

/// Finds the outcomes of earlier requests with the same ids, by id: the stored answer, a 422 when the earlier request
/// had another body, or a 409 while it is still being processed. A request without an outcome is the first one, and its
/// key stays locked until the transaction ends.
///
/// # Errors
/// Database errors.
pub async fn find(tx: &Tx, requests: &[KeyedRequest]) -> Result<HashMap<Vec<u8>, Result<Answer, ApiError>>, DbErr> {
    let mut known = HashMap::new();
    if requests.is_empty() {
        return Ok(known);
    }
    // The lock is held to the end of the transaction. So a repeated request that gets it finds the stored answer.
    let ids: Vec<&[u8]> = requests.iter().map(|request| request.id.as_slice()).collect();
    for busy in try_lock_until_commit(&**tx, &ids).await? {
        let text = "A request with this Idempotency-Key is being worked on; try again in a moment";
        known.insert(busy.to_vec(), Err(ApiError::conflict("request_in_progress", text)));
    }
    let rows =
        Entity::find().filter(Column::Id.is_in(pad_to_power_of_two(requests.iter().map(|request| request.id.clone()))));
    let rows = rows.all(&**tx).await?.into_iter();
    let rows: HashMap<Vec<u8>, Model> = rows.map(|row| (row.id.clone(), row)).collect();
    for request in requests {
        let row = rows.get(&request.id).filter(|row| tx.clock().now().since(row.created_at) < RETENTION);
        if let (Some(row), false) = (row, known.contains_key(&request.id)) {
            known.insert(request.id.clone(), replay(row, request));
        }
    }
    Ok(known)
}

/// Returns the stored answer, or 422 when it belongs to a request with another body.
fn replay(row: &Model, request: &KeyedRequest) -> Result<Answer, ApiError> {
    if row.body != request.body {
        let other = "This Idempotency-Key belongs to a request with another body";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", other));
    }
    let status = u16::try_from(row.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    Ok(Answer {
        status: status.unwrap_or(StatusCode::OK),
        body: row.answer.clone(),
        replayed: true,
        location: None,
        etag: None,
        positions: Vec::new(),
    })
}

/// Stores answers for 24 h. Answers to anonymous requests are removed earlier when there are too many.
///
/// # Errors
/// Database errors.
pub async fn store(tx: &Tx, answers: Vec<(KeyedRequest, Answer)>) -> Result<(), DbErr> {
    let now = tx.clock().now();
    let rows = answers.into_iter().map(|(request, answer)| ActiveModel {
        id: Set(request.id),
        body: Set(request.body),
        status: Set(answer.status.as_u16().into()),
        answer: Set(answer.body),
        created_at: Set(now),
        anonymous_at: Set(request.user.is_none().then_some(now)),
        user_id: Set(request.about),
    });
    // An expired answer with the same id may not have been removed yet.
    let replace = OnConflict::column(Column::Id)
        .update_columns([
            Column::Body,
            Column::Status,
            Column::Answer,
            Column::CreatedAt,
            Column::AnonymousAt,
            Column::UserId,
        ])
        .to_owned();
    insert_rows(&**tx, rows.collect(), Some(replace)).await
}

/// Deletes the stored answers that are about a person.
///
/// # Errors
/// Database errors.
pub async fn forget_person(tx: &Tx, user: UserId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user)).exec(&**tx).await.map(|_| ())
}

impl IntoParams for IdempotencyKey {
    fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX_KEY));
        let text = text.pattern(Some("^[!-~]+$")).build();
        let header = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some("A new UUID for each write: repeating the request with it answers the same for 24 h"))
            .schema(Some(text));
        vec![header.build()]
    }
}

/// SHA-256 of several parts. Their lengths are hashed too, so that `a, bc` and `ab, c` differ.
fn hash(parts: &[&[u8]]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_vec()
}

/// Removes expired and surplus answers periodically, until cancelled.
pub async fn run_upkeep(db: Db, cancel: Cancel) {
    let (mut expired_ticks, mut surplus_ticks) = (interval(EXPIRED_INTERVAL), interval(SURPLUS_INTERVAL));
    expired_ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    surplus_ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let removed = tokio::select! {
            _ = expired_ticks.tick() => remove_expired(&db).await,
            _ = surplus_ticks.tick() => remove_surplus(&db, MAX_ANONYMOUS).await,
            () = cancel.cancelled() => return,
        };
        if let Err(error) = removed {
            tracing::warn!(%error, "Old answers to idempotent requests could not be removed; trying again later.");
        }
    }
}

/// Removes expired answers, an hour after they have expired, because the clocks of two replicas may differ.
async fn remove_expired(db: &Db) -> Result<(), DbErr> {
    remove(db, &Column::CreatedAt.lt(db.clock().now() - RETENTION - EXPIRED_INTERVAL)).await
}

/// Removes the oldest answers to anonymous requests, until at most `most` are left.
///
/// # Errors
/// Database errors.
pub async fn remove_surplus(db: &Db, most: u64) -> Result<(), DbErr> {
    let anonymous = Entity::find().select_only().column(Column::AnonymousAt).filter(Column::AnonymousAt.is_not_null());
    let surplus = anonymous.order_by_desc(Column::AnonymousAt).offset(most);
    let newest_surplus: Option<Timestamp> = surplus.into_tuple().one(db.read()).await?;
    match newest_surplus {
        Some(newest) => remove(db, &Column::AnonymousAt.lte(newest)).await,
        None => Ok(()),
    }
}

/// Removes the answers that a condition selects, page by page.
async fn remove(db: &Db, which: &Expr) -> Result<(), DbErr> {
    loop {
        let page = Entity::find().select_only().column(Column::Id).filter(which.clone()).limit(PAGE).into_query();
        // The condition is repeated: a new answer may have taken the place of an old one since the page was read.
        let removed =
            Entity::delete_many().filter(Column::Id.in_subquery(page)).filter(which.clone()).exec(db.relay()).await?;
        if removed.rows_affected == 0 {
            return Ok(());
        }
    }
}
