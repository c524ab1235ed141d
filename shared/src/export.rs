//! The export of everything that a service holds about a person. Auth collects the parts of all services into one
//! archive for the person.
//!
//! The parts are served at `/internal/SERVICE/export`, which no gateway routes. They also need a token that only auth can
//! sign, with an audience of its own: an access token does not open them, and an export token opens nothing else.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::extract::{FromRef, State};
use axum::routing::get;
use axum::{Json, Router};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::auth::{Auth, ExportOf};
use crate::db::Reads;
use crate::error::ApiError;
use crate::http::{Path, Query};
use crate::ids::UserId;
use crate::work::Db;

/// The number of rows in a page.
const PAGE: u64 = 500;

/// The data that a service exports.
#[async_trait]
pub trait ExportedData: Send + Sync + 'static {
    /// The kinds of rows, each of which becomes a file.
    const KINDS: &'static [&'static str];

    /// Reads rows of a kind in the order of their cursors, beginning after a cursor. `kind` is one of
    /// [`ExportedData::KINDS`].
    ///
    /// # Errors
    /// When the database refuses.
    async fn page(
        &self,
        db: &Reads,
        kind: &str,
        user: UserId,
        after: i64,
        limit: u64,
    ) -> Result<Vec<ExportedRow>, DbErr>;

    /// Reads a file that a row names. `None` when there is none of this name that belongs to the person.
    ///
    /// # Errors
    /// When the database or the store of files refuses.
    async fn file(&self, _db: &Reads, _user: UserId, _name: &str) -> Result<Option<Bytes>, ApiError> {
        Ok(None)
    }
}

/// A row of exported data.
#[derive(Debug)]
pub struct ExportedRow {
    /// The place in the order of the rows of its kind.
    pub cursor: i64,
    /// The row, as the person gets it.
    pub row: Value,
    /// The file that belongs to it.
    pub file: Option<String>,
}

/// A page of rows.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExportPage {
    /// The rows, as the person gets them.
    pub rows: Vec<Value>,
    /// The files that belong to them.
    pub files: Vec<String>,
    /// The cursor of the next page; `None` after the last one.
    pub next: Option<i64>,
}

/// Returns the path of a service's kinds. The pages of a kind are below it.
pub fn path(service: &str) -> String {
    format!("/internal/{service}/export")
}

/// Returns the path below which the files of a service's rows are.
pub fn files_path(service: &str) -> String {
    format!("/internal/{service}/export-files")
}

struct Exports<D> {
    auth: Auth,
    db: Db,
    data: Arc<D>,
}

impl<D> Clone for Exports<D> {
    fn clone(&self) -> Self {
        Self { auth: self.auth.clone(), db: self.db.clone(), data: Arc::clone(&self.data) }
    }
}

impl<D> FromRef<Exports<D>> for Auth {
    fn from_ref(state: &Exports<D>) -> Self {
        state.auth.clone()
    }
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: i64,
}

/// Creates the routes of a service's exported data.
pub(crate) fn router<D: ExportedData>(service: &str, auth: Auth, db: Db, data: D) -> Router {
    let path = path(service);
    Router::new()
        .route(&path, get(async |_of: ExportOf| Json(D::KINDS)))
        .route(&format!("{path}/{{kind}}"), get(read_page::<D>))
        .route(&format!("{}/{{name}}", files_path(service)), get(read_file::<D>))
        .with_state(Exports { auth, db, data: Arc::new(data) })
}

async fn read_page<D: ExportedData>(
    State(exports): State<Exports<D>>,
    ExportOf(user): ExportOf,
    Path(kind): Path<String>,
    Query(After { after }): Query<After>,
) -> Result<Json<ExportPage>, ApiError> {
    if !D::KINDS.contains(&kind.as_str()) {
        return Err(ApiError::not_found("There is no such kind"));
    }
    let rows = exports.data.page(exports.db.read(), &kind, user, after, PAGE).await?;
    let is_full = u64::try_from(rows.len()).is_ok_and(|count| count >= PAGE);
    let next = rows.last().map(|row| row.cursor).filter(|_| is_full);
    let files = rows.iter().filter_map(|row| row.file.clone()).collect();
    Ok(Json(ExportPage { rows: rows.into_iter().map(|row| row.row).collect(), files, next }))
}

async fn read_file<D: ExportedData>(
    State(exports): State<Exports<D>>,
    ExportOf(user): ExportOf,
    Path(name): Path<String>,
) -> Result<Bytes, ApiError> {
    let file = exports.data.file(exports.db.read(), user, &name).await?;
    file.ok_or_else(|| ApiError::not_found("There is no such file"))
}
