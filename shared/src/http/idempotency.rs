//! `Idempotency-Key`: who repeats a request that creates something, because no answer came, gets the first answer.
//!
//! The answer is stored in the transaction of the write, so that it is there exactly when the write is. It follows the
//! IETF draft "The Idempotency-Key HTTP Header Field".

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, Index, OnConflict};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, QueryTrait};
use sea_orm_migration::prelude::{ColumnDef, DeriveMigrationName, MigrationName, MigrationTrait, SchemaManager, Table};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::time::{MissedTickBehavior, interval};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Type};

use crate::clock::Timestamp;
use crate::db::{Db, Tx, insert_rows, not_locked_until_commit, padded};
use crate::error::ApiError;
use crate::ids::UserId;
use crate::lifecycle::Cancel;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, in bytes.
const KEY: usize = 255;
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// How often old answers are removed, and how many in one statement.
const TIDY: Duration = Duration::from_secs(3_600);
const PAGE: u64 = 1_000;
/// How many answers to nobody in particular are kept, whatever their age, and how often they are looked at: somebody without an
/// account could fill the disk with them otherwise.
const ANONYMOUS: u64 = 50_000;
const LOOK: Duration = Duration::from_secs(5);

/// The key that came with a request, if any.
#[derive(Debug)]
pub struct IdempotencyKey {
    key: Option<String>,
    route: String,
    request: Option<KeyedRequest>,
}

/// A request with a key, as the database knows it.
#[derive(Clone, Debug)]
pub struct KeyedRequest {
    /// What the stored answer is found by.
    pub id: Vec<u8>,
    /// What must then be the same.
    body: Vec<u8>,
    /// Nobody has logged in for it.
    anonymous: bool,
}

/// An answer that can be stored and given again.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    replayed: bool,
    location: Option<String>,
    etag: Option<String>,
}

impl Answer {
    /// A first answer.
    ///
    /// # Errors
    /// When the body does not become JSON.
    pub fn new(status: StatusCode, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(body).map_err(ApiError::internal)?;
        Ok(Self { status, body, replayed: false, location: None, etag: None })
    }

    /// Adds the path of the thing that was created: that of its list, and the id at this JSON pointer of the body. An answer
    /// that is given again has it too.
    #[must_use]
    pub fn located(mut self, list: &str, id: &str) -> Self {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        self.location = body.pointer(id).map(|id| format!("{list}/{id}"));
        self
    }

    /// Adds the ETag of what was created. An answer that is given again has none: the thing may have changed.
    #[must_use]
    pub fn tagged(mut self, etag: String) -> Self {
        self.etag = Some(etag);
        self
    }

    /// Whether it was given before.
    pub fn is_again(&self) -> bool {
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
            let plain = !text.is_empty() && text.len() <= KEY && text.bytes().all(|byte| byte.is_ascii_graphic());
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
    /// The request as the database knows it; `None`: it came without a key. `body` are the parts that a repeated request
    /// must have in common with the first.
    pub fn request(&self, who: Option<UserId>, body: &[&[u8]]) -> Option<KeyedRequest> {
        let key = self.key.as_ref()?;
        let anonymous = who.is_none();
        let who = who.map_or(0, |user| user.0).to_be_bytes();
        Some(KeyedRequest { id: hash(&[&who, self.route.as_bytes(), key.as_bytes()]), body: hash(body), anonymous })
    }

    /// Asks for the answer to an earlier request with this key, by this person, to this path; `None`: it is the first.
    /// `body` is as in [`IdempotencyKey::request`].
    ///
    /// # Errors
    /// 422 when the first one had another body; 409 while the first one is still being worked on.
    pub async fn find(&mut self, tx: &Tx, who: Option<UserId>, body: &[&[u8]]) -> Result<Option<Answer>, ApiError> {
        let Some(request) = self.request(who, body) else { return Ok(None) };
        let known = find(tx, std::slice::from_ref(&request)).await?.remove(&request.id);
        self.request = Some(request);
        known.transpose()
    }

    /// Makes the answer, and stores it for 24 h if a key came with the request.
    ///
    /// # Errors
    /// What the database says.
    pub async fn answer(&self, tx: &Tx, status: StatusCode, body: &impl Serialize) -> Result<Answer, ApiError> {
        let answer = Answer::new(status, body)?;
        let request = self.request.iter().map(|request| (request.clone(), answer.clone()));
        keep(tx, request.collect()).await?;
        Ok(answer)
    }
}

/// What is known of these requests, by their ids: the answer to an earlier one; 422 when that had another body; 409 while
/// that is still being worked on. Those that are missing are the first, and stay locked until the transaction ends.
///
/// # Errors
/// What the database says.
pub async fn find(tx: &Tx, requests: &[KeyedRequest]) -> Result<HashMap<Vec<u8>, Result<Answer, ApiError>>, DbErr> {
    let mut known = HashMap::new();
    if requests.is_empty() {
        return Ok(known);
    }
    // Held to the end of the transaction: who gets it finds what its twin has stored.
    let ids: Vec<&[u8]> = requests.iter().map(|request| request.id.as_slice()).collect();
    for busy in not_locked_until_commit(tx, &ids).await? {
        let text = "A request with this Idempotency-Key is being worked on; try again in a moment";
        known.insert(busy.to_vec(), Err(ApiError::conflict("request_in_progress", text)));
    }
    let rows = Entity::find().filter(Column::Id.is_in(padded(requests.iter().map(|request| request.id.clone()))));
    let rows = rows.all(&**tx).await?.into_iter();
    let rows: HashMap<Vec<u8>, Model> = rows.map(|row| (row.id.clone(), row)).collect();
    for request in requests {
        let row = rows.get(&request.id).filter(|row| tx.clock().now().since(row.created_at) < KEPT);
        if let (Some(row), false) = (row, known.contains_key(&request.id)) {
            known.insert(request.id.clone(), again(row, request));
        }
    }
    Ok(known)
}

/// The stored answer, if it belongs to the same request.
fn again(row: &Model, request: &KeyedRequest) -> Result<Answer, ApiError> {
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
    })
}

/// Stores answers for 24 h; those to nobody in particular for less when there are too many.
///
/// # Errors
/// What the database says.
pub async fn keep(tx: &Tx, answers: Vec<(KeyedRequest, Answer)>) -> Result<(), DbErr> {
    let now = tx.clock().now();
    let rows = answers.into_iter().map(|(request, answer)| ActiveModel {
        id: Set(request.id),
        body: Set(request.body),
        status: Set(answer.status.as_u16().into()),
        answer: Set(answer.body),
        created_at: Set(now),
        anonymous_at: Set(request.anonymous.then_some(now)),
    });
    // One that is older than 24 h may still be there.
    let replace = OnConflict::column(Column::Id)
        .update_columns([Column::Body, Column::Status, Column::Answer, Column::CreatedAt, Column::AnonymousAt])
        .to_owned();
    insert_rows(&**tx, rows.collect(), Some(replace)).await
}

impl IntoParams for IdempotencyKey {
    fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(KEY)).build();
        let header = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some("A new UUID for each thing to create: repeating the request answers the same for 24 h"))
            .schema(Some(text));
        vec![header.build()]
    }
}

/// SHA-256 of parts that cannot flow into each other.
fn hash(parts: &[&[u8]]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_vec()
}

/// Removes answers that are out of date, now and then, until cancelled.
pub async fn tidy(db: Db, cancel: Cancel) {
    let (mut rounds, mut looks) = (interval(TIDY), interval(LOOK));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let removed = tokio::select! {
            _ = rounds.tick() => remove_old(&db).await,
            _ = looks.tick() => remove_surplus(&db, ANONYMOUS).await,
            () = cancel.cancelled() => return,
        };
        if let Err(error) = removed {
            tracing::warn!(%error, "Old answers to idempotent requests could not be removed; trying again later.");
        }
    }
}

/// An hour later than they are out of date, in case the clocks of two replicas differ.
async fn remove_old(db: &Db) -> Result<(), DbErr> {
    remove(db, &Column::CreatedAt.lt(db.clock().now() - KEPT - TIDY)).await
}

/// Removes the oldest answers to nobody in particular, until no more than `most` are left.
///
/// # Errors
/// What the database says.
pub async fn remove_surplus(db: &Db, most: u64) -> Result<(), DbErr> {
    let anonymous = Entity::find().select_only().column(Column::AnonymousAt).filter(Column::AnonymousAt.is_not_null());
    let surplus = anonymous.order_by_desc(Column::AnonymousAt).offset(most);
    let newest: Option<Timestamp> = surplus.into_tuple().one(db.read()).await?;
    match newest {
        Some(newest) => remove(db, &Column::AnonymousAt.lte(newest)).await,
        None => Ok(()),
    }
}

async fn remove(db: &Db, which: &Expr) -> Result<(), DbErr> {
    loop {
        let page = Entity::find().select_only().column(Column::Id).filter(which.clone()).limit(PAGE).into_query();
        // The second condition is for an answer that has taken the place of an old one in the meantime.
        let removed =
            Entity::delete_many().filter(Column::Id.in_subquery(page)).filter(which.clone()).exec(db.relay()).await?;
        if removed.rows_affected == 0 {
            return Ok(());
        }
    }
}

/// A stored answer.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    /// SHA-256 of person, method, path and key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    /// SHA-256 of what a repeated request must have in common with the first.
    pub body: Vec<u8>,
    /// The status of the answer.
    pub status: i32,
    /// Its body, as JSON.
    pub answer: Vec<u8>,
    /// When it was given.
    pub created_at: Timestamp,
    /// The same, if nobody had logged in for it.
    pub anonymous_at: Option<Timestamp>,
}

/// The table stands alone.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Creates the table.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Id).blob().not_null().primary_key())
            .col(ColumnDef::new(Column::Body).blob().not_null())
            .col(ColumnDef::new(Column::Status).integer().not_null())
            .col(ColumnDef::new(Column::Answer).blob().not_null())
            .col(ColumnDef::new(Column::CreatedAt).timestamp_with_time_zone().not_null())
            .to_owned();
        manager.create_table(table).await?;
        let index =
            Index::create().name("ix_idempotency_keys_created_at").table(Entity).col(Column::CreatedAt).to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Tells answers to nobody in particular from the others.
pub struct AnonymousMigration;

impl MigrationName for AnonymousMigration {
    fn name(&self) -> &'static str {
        "idempotency_anonymous"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AnonymousMigration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = ColumnDef::new(Column::AnonymousAt).timestamp_with_time_zone().null().to_owned();
        manager.alter_table(Table::alter().table(Entity).add_column(column).to_owned()).await?;
        let index =
            Index::create().name("ix_idempotency_keys_anonymous_at").table(Entity).col(Column::AnonymousAt).to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
