//! The end of an account by its owner, and the receipt.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::error::{FieldErrors, Problem};
use shared::http::{Path, ValidJson, Validate};
use utoipa::ToSchema;

use super::accept::Accepted;
use super::links::lead_to_page;
use super::me_extract::Me;
use super::not_stored::NOT_STORED;
use crate::actions;
use crate::answers::{ErasedOut, ReceiptOut};
use crate::db::queries::receipts;
use crate::domain::{password, secret};
use crate::error::Error;
use crate::state::AppState;

/// The proof that it is the owner who leaves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaveIn {
    #[schema(format = Password, min_length = 1, max_length = 128)]
    password: String,
}

impl Validate for LeaveIn {
    fn validate(&self, errors: &mut FieldErrors) {
        if !password::has_valid_length(&self.password) {
            errors.add("password", "must have 1 to 128 characters");
        }
    }
}

/// Deletes one's account and erases everything in it, in all services.
///
/// The account is gone with the answer. Posts, pictures, comments, likes and subscriptions follow within seconds; the
/// receipt shows how far that is. Its address comes by mail as well.
#[utoipa::path(delete, path = "/auth/me", tag = "users", security(("bearer" = [])), request_body = LeaveIn, responses(
    (status = 202, description = "Deleted; the rest is being erased", body = ErasedOut, headers(("Location" = String, description = "The receipt"))),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The password is wrong, or blocked", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong passwords", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many passwords are being checked", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn leave(
    State(s): State<AppState>,
    me: Me,
    ValidJson(leave): ValidJson<LeaveIn>,
) -> Result<impl IntoResponse, Error> {
    let receipt = actions::erase_account(&s.db, &s.hasher, &s.mails, &me.user, &leave.password).await?;
    let location = [(header::LOCATION, receipt.clone())];
    let message = "Account deleted, and everything in it is being erased";
    Ok((StatusCode::ACCEPTED, NOT_STORED, location, Json(ErasedOut { message, receipt })))
}

/// Tells how far the erasure of an account is. Whoever has the address may see it: it holds numbers only. A client that
/// prefers a page is led to it.
#[utoipa::path(get, path = "/auth/erasures/{token}", tag = "users", params(("token" = String, Path, description = "From the answer or the mail")), responses(
    (status = 200, description = "The receipt", body = ReceiptOut),
    (status = 303, description = "The page, for a client that prefers one", headers(("Location" = String, description = "The page"))),
    (status = 404, description = "No such receipt", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_receipt(
    State(s): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    if Accepted::of(&headers).prefers_page() {
        return lead_to_page(&s.public_url, "/receipt", &token);
    }
    let found = receipts::find(s.db.read(), &secret::hash(&token)).await?;
    let (receipt, confirmations) = found.ok_or(Error::ReceiptNotFound)?;
    let receipt = ReceiptOut::of(&receipt, &confirmations);
    let headers = [(header::VARY, "accept"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Json(receipt)).into_response())
}
