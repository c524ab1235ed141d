//! Other people's clients, as the person who has registered them gets them, and the metadata for all clients.

use serde::Serialize;
use shared::auth::SCOPES;
use shared::clock::Timestamp;
use utoipa::ToSchema;

use crate::db::entities::clients::Model;

/// A client that the person has registered.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClientOut {
    /// The id, which is no secret.
    client_id: String,
    #[schema(example = "Chatty for my watch")]
    name: String,
    redirect_uris: Vec<String>,
    created_at: Timestamp,
}

impl From<Model> for ClientOut {
    fn from(client: Model) -> Self {
        let redirect_uris = client.redirect_uris().map(str::to_owned).collect();
        Self { client_id: client.id, name: client.name, redirect_uris, created_at: client.created_at }
    }
}

/// One's own clients.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClientsOut {
    pub(crate) clients: Vec<ClientOut>,
}

/// The addresses and abilities of this service, for OAuth clients (RFC 8414).
#[derive(Serialize, ToSchema)]
pub(crate) struct MetadataOut {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: String,
    jwks_uri: String,
    scopes_supported: [&'static str; 3],
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 2],
    code_challenge_methods_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 1],
    revocation_endpoint_auth_methods_supported: [&'static str; 1],
    /// Answers of the authorization endpoint name the issuer (RFC 9207).
    authorization_response_iss_parameter_supported: bool,
}

impl MetadataOut {
    /// Describes the service that is reached at this URL.
    pub(crate) fn of(public_url: &str) -> Self {
        let at = |path: &str| format!("{public_url}{path}");
        Self {
            issuer: public_url.to_owned(),
            authorization_endpoint: at("/auth/authorize"),
            token_endpoint: at("/auth/token"),
            revocation_endpoint: at("/auth/revoke"),
            jwks_uri: at("/.well-known/jwks.json"),
            scopes_supported: SCOPES,
            response_types_supported: ["code"],
            response_modes_supported: ["query"],
            grant_types_supported: ["authorization_code", "refresh_token"],
            code_challenge_methods_supported: ["S256"],
            token_endpoint_auth_methods_supported: ["none"],
            revocation_endpoint_auth_methods_supported: ["none"],
            authorization_response_iss_parameter_supported: true,
        }
    }
}
