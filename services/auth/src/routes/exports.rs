//! The archive of one's own data.

use std::io::ErrorKind;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::error::{ApiError, Problem};
use tokio_util::io::ReaderStream;

use super::me_extract::Me;
use super::not_stored::NOT_STORED;
use crate::actions;
use crate::answers::ExportOut;
use crate::error::Error;
use crate::state::AppState;

/// The path of the archive.
const PATH: &str = "/auth/me/export";

/// Gets one archive with everything that the suite holds about oneself: JSON and pictures, as a zip file.
///
/// The first request asks for it, and it is made in the background. Ask again at `Location` until it is there. It is kept
/// for a day; delete it to have a new one made.
#[utoipa::path(get, path = "/auth/me/export", tag = "users", security(("bearer" = [])), responses(
    (status = 200, description = "The archive", body = String, content_type = "application/zip"),
    (status = 202, description = "It is being made", body = ExportOut, headers(
        ("Location" = String, description = "Where to ask again"), ("Retry-After" = String, description = "When, in seconds"),
    )),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked, or a token of somebody else's client", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn get_export(State(s): State<AppState>, me: Me) -> Result<Response, Error> {
    let mut export = actions::request_export(&s.db, &s.mails, &me.user).await?;
    let mut found = None;
    if export.ready_at.is_some() {
        match s.archives.open(&export.name).await {
            Ok(opened) => found = Some(opened),
            // A restored database may name files that no longer exist.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                actions::delete_export(&s.db, me.user.user_id()).await?;
                export = actions::request_export(&s.db, &s.mails, &me.user).await?;
            }
            Err(error) => return Err(ApiError::internal(error).into()),
        }
    }
    let Some((file, size)) = found else {
        let fields = [(header::LOCATION, PATH), (header::RETRY_AFTER, "2")];
        return Ok((StatusCode::ACCEPTED, NOT_STORED, fields, Json(ExportOut::from(export))).into_response());
    };
    actions::note_export_read(&s.db, me.user.user_id()).await?;
    let day = export.requested_at.to_string();
    let name = format!("chatty-{}-{}.zip", me.user.username, day.get(..10).unwrap_or_default());
    let fields = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((NOT_STORED, fields, Body::from_stream(ReaderStream::new(file))).into_response())
}

/// Deletes the archive, or stops its making.
#[utoipa::path(delete, path = "/auth/me/export", tag = "users", security(("bearer" = [])), responses(
    (status = 204, description = "Deleted"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked, or a token of somebody else's client", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn delete_export(State(s): State<AppState>, me: Me) -> Result<StatusCode, Error> {
    actions::delete_export(&s.db, me.user.user_id()).await?;
    Ok(StatusCode::NO_CONTENT)
}
