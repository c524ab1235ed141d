//! Other people's clients: registration by the person who makes the client, and the metadata for clients.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use shared::error::{FieldErrors, Problem};
use shared::http::{Path, ValidJson, Validate};
use shared::text;
use utoipa::ToSchema;

use super::me_extract::Me;
use crate::actions;
use crate::answers::{ClientOut, ClientsOut, MetadataOut};
use crate::db::queries::clients;
use crate::domain::oauth::{self, MAX_REDIRECT_URIS};
use crate::error::Error;
use crate::state::AppState;

/// A new client.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientIn {
    /// Shown to people who are asked for their consent.
    #[schema(example = "Chatty for my watch", min_length = 1, max_length = 64)]
    name: String,
    /// The addresses to which people are sent back: https, http on the client's own machine, or the scheme of an app.
    #[schema(example = json!(["https://app.example/callback"]), min_items = 1, max_items = 5)]
    redirect_uris: Vec<String>,
}

impl Validate for ClientIn {
    fn validate(&self, errors: &mut FieldErrors) {
        text::check_line(errors, "name", &self.name, 1, 64);
        if self.redirect_uris.is_empty() || self.redirect_uris.len() > MAX_REDIRECT_URIS {
            errors.add("redirect_uris", "must have 1 to 5 entries");
        }
        for (place, uri) in self.redirect_uris.iter().take(MAX_REDIRECT_URIS).enumerate() {
            if let Err(rule) = oauth::check_redirect_uri(uri) {
                errors.add(&format!("redirect_uris/{place}"), rule);
            }
        }
    }
}

/// Registers a client, which may then ask people for access to their accounts.
#[utoipa::path(post, path = "/auth/clients", tag = "auth", security(("bearer" = [])), request_body = ClientIn, responses(
    (status = 201, description = "Registered", body = ClientOut, headers(("Location" = String, description = "The client"))),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked, or a token of somebody else's client", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Too many clients", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn register_client(
    State(s): State<AppState>,
    me: Me,
    ValidJson(new): ValidJson<ClientIn>,
) -> Result<impl IntoResponse, Error> {
    let client = actions::register_client(&s.db, &me.user, new.name, &new.redirect_uris).await?;
    let location = [(header::LOCATION, format!("/auth/clients/{}", client.id))];
    Ok((StatusCode::CREATED, location, Json(ClientOut::from(client))))
}

/// Lists the clients that one has registered, newest first.
#[utoipa::path(get, path = "/auth/clients", tag = "auth", security(("bearer" = [])), responses(
    (status = 200, description = "The clients", body = ClientsOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked, or a token of somebody else's client", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn list_clients(State(s): State<AppState>, me: Me) -> Result<Json<ClientsOut>, Error> {
    let own = clients::list_of(s.db.read(), me.user.id).await?;
    Ok(Json(ClientsOut { clients: own.into_iter().map(ClientOut::from).collect() }))
}

/// Deletes a client, and ends all sessions that people have opened with it.
#[utoipa::path(delete, path = "/auth/clients/{id}", tag = "auth", security(("bearer" = [])), params(("id" = String, Path, description = "The client's id")), responses(
    (status = 204, description = "Deleted"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked, or a token of somebody else's client", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such client of one's own", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn delete_client(
    State(s): State<AppState>,
    me: Me,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    actions::delete_client(&s.db, &me.user, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells OAuth clients the addresses and abilities of this service (RFC 8414).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "auth", responses(
    (status = 200, description = "The metadata", body = MetadataOut),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_metadata(State(s): State<AppState>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=3600")], Json(MetadataOut::of(&s.public_url)))
}
