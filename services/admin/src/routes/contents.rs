//! The routes by which admins read posts, comments and people, removed or not.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use serde::Deserialize;
use shared::auth::AdminUser;
use shared::http::{Listed, Page, Path, Query};
use shared::ids::UserId;

use super::moderation::Tagged;
use crate::answers::{Judged, JudgedComments, JudgedPosts};
use crate::db::queries::contents::{self, Copied, Wanted};
use crate::db::queries::{cases, decisions};
use crate::domain::ids::{CommentId, PostId};
use crate::domain::target::Kind;
use crate::error::Error;
use crate::state::AppState;

/// The filter of a list of posts or comments.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RemovedFilter {
    /// True: only what admins have removed. False: only what is neither removed nor deleted.
    #[param(required = false, value_type = bool)]
    removed: Option<bool>,
}

/// Lists posts as admins see them, newest first.
#[utoipa::path(
    get, path = "/admin/posts", tag = "admin", security(("bearer" = [])),
    params(RemovedFilter, Page),
    responses((status = 200, body = JudgedPosts))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id))]
pub(crate) async fn list_judged_posts(
    State(s): State<AppState>,
    admin: AdminUser,
    Query(filter): Query<RemovedFilter>,
    page: Page,
) -> Result<Listed<JudgedPosts>, Error> {
    let wanted = Wanted { removed: filter.removed, after: page.after, limit: page.fetch() };
    let mut found = contents::list_posts(s.db.read(), wanted).await?;
    let next = page.cut(&mut found, |one| one.id);
    let posts = judge(&s, Kind::Post, found).await?;
    Ok(page.answer(JudgedPosts { posts, next: next.clone() }, next.as_deref()))
}

/// Lists comments as admins see them, newest first.
#[utoipa::path(
    get, path = "/admin/comments", tag = "admin", security(("bearer" = [])),
    params(RemovedFilter, Page),
    responses((status = 200, body = JudgedComments))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id))]
pub(crate) async fn list_judged_comments(
    State(s): State<AppState>,
    admin: AdminUser,
    Query(filter): Query<RemovedFilter>,
    page: Page,
) -> Result<Listed<JudgedComments>, Error> {
    let wanted = Wanted { removed: filter.removed, after: page.after, limit: page.fetch() };
    let mut found = contents::list_comments(s.db.read(), wanted).await?;
    let next = page.cut(&mut found, |one| one.id);
    let comments = judge(&s, Kind::Comment, found).await?;
    Ok(page.answer(JudgedComments { comments, next: next.clone() }, next.as_deref()))
}

/// Reads a post, also a removed one.
#[utoipa::path(
    get, path = "/admin/posts/{id}", tag = "admin", security(("bearer" = [])), params(("id" = PostId, Path)),
    responses((status = 200, body = Judged, headers(("ETag" = String, description = "`\"v.r\"`: decisions and the rest"))))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn get_judged_post(
    State(s): State<AppState>,
    admin: AdminUser,
    Path(id): Path<PostId>,
) -> Result<Tagged<Json<Judged>>, Error> {
    get(&s, Kind::Post, id.0).await
}

/// Reads a comment, also a removed one.
#[utoipa::path(
    get, path = "/admin/comments/{id}", tag = "admin", security(("bearer" = [])), params(("id" = CommentId, Path)),
    responses((status = 200, body = Judged, headers(("ETag" = String, description = "`\"v.r\"`: decisions and the rest"))))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn get_judged_comment(
    State(s): State<AppState>,
    admin: AdminUser,
    Path(id): Path<CommentId>,
) -> Result<Tagged<Json<Judged>>, Error> {
    get(&s, Kind::Comment, id.0).await
}

/// Reads a person with the block and the warnings.
#[utoipa::path(
    get, path = "/admin/users/{id}", tag = "admin", security(("bearer" = [])), params(("id" = UserId, Path)),
    responses((status = 200, body = Judged, headers(("ETag" = String, description = "`\"v.r\"`: decisions and the rest"))))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn get_judged_user(
    State(s): State<AppState>,
    admin: AdminUser,
    Path(id): Path<UserId>,
) -> Result<Tagged<Json<Judged>>, Error> {
    get(&s, Kind::User, id.0).await
}

async fn get(s: &AppState, kind: Kind, id: i64) -> Result<Tagged<Json<Judged>>, Error> {
    let found = contents::find_all(s.db.read(), kind, [id]).await?;
    let judged = judge(s, kind, found).await?.pop().ok_or(Error::NotFound(kind))?;
    Ok(([(header::ETAG, judged.etag())], Json(judged)))
}

/// Adds the decisions about targets of one kind, and their cases.
async fn judge(s: &AppState, kind: Kind, found: Vec<Copied>) -> Result<Vec<Judged>, Error> {
    let ids = || found.iter().map(|one| one.id);
    let decided = decisions::find_all(s.db.read(), kind, ids()).await?;
    let mut decided: HashMap<i64, _> = decided.into_iter().map(|row| (row.target_id, row)).collect();
    let reported = cases::find_of_all(s.db.read(), kind, ids()).await?;
    let mut reported: HashMap<i64, _> = reported.into_iter().map(|row| (row.target_id, row)).collect();
    let judged = found.into_iter().map(|one| {
        let id = one.id;
        Judged::of(kind, one, decided.remove(&id), reported.remove(&id))
    });
    Ok(judged.collect())
}
