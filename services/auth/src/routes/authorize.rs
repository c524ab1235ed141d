//! The page on which a person grants a client access (RFC 6749, section 3.1).
//!
//! The page asks for the password each time. So somebody else's page cannot make a browser consent, and no cookie is
//! needed.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::auth::Scopes;
use shared::error::Problem;
use shared::http::RemoteClient;
use url::Url;
use utoipa::{IntoParams, ToSchema};

use super::html;
use super::oauth_form::Form;
use crate::actions::{self, Grant, Login};
use crate::answers::TokenError;
use crate::db::entities::clients::Model as Client;
use crate::domain::mails::escape;
use crate::domain::oauth::is_verifier;
use crate::error::Error;
use crate::state::AppState;

/// The parameters, as they are described; they are read by hand, because unknown ones must be ignored.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
pub(crate) struct AuthorizeParams {
    /// `code`.
    response_type: Option<String>,
    client_id: Option<String>,
    /// One of the client's addresses.
    redirect_uri: Option<String>,
    /// `read`, `write` and `admin`, separated by spaces; `read` if it is missing.
    scope: Option<String>,
    /// Comes back with the code, so that the client knows its own request again.
    state: Option<String>,
    /// The challenge of RFC 7636.
    code_challenge: Option<String>,
    /// `S256`.
    code_challenge_method: Option<String>,
}

/// The form of the page, as it is described: the parameters of the page again, with the decision and a login.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(crate) struct ConsentForm {
    /// `allow`, or anything else to deny.
    #[schema(example = "deny")]
    decision: String,
    #[schema(value_type = String, required = false, max_length = 1536)]
    username: Option<String>,
    #[schema(value_type = String, required = false, format = Password, max_length = 1536)]
    password: Option<String>,
    /// For people with two-factor sign-in.
    #[schema(value_type = String, required = false, max_length = 1536)]
    code: Option<String>,
    /// `code`.
    #[schema(value_type = String, required = false, max_length = 1536, example = "code")]
    response_type: Option<String>,
    #[schema(value_type = String, required = false, max_length = 1536, example = "unknown")]
    client_id: Option<String>,
    #[schema(value_type = String, required = false, max_length = 1536, example = "https://app.example/callback")]
    redirect_uri: Option<String>,
    #[schema(value_type = String, required = false, max_length = 1536)]
    scope: Option<String>,
    #[schema(value_type = String, required = false, max_length = 1536)]
    state: Option<String>,
    #[schema(value_type = String, required = false, max_length = 1536)]
    code_challenge: Option<String>,
    #[schema(value_type = String, required = false, max_length = 1536)]
    code_challenge_method: Option<String>,
}

/// Shows a person what a client asks for.
#[utoipa::path(get, path = "/auth/authorize", tag = "auth", params(AuthorizeParams), responses(
    (status = 200, description = "A page that asks for the consent", body = String, content_type = "text/html"),
    (status = 303, description = "Back to the client, with an error"),
    (status = 400, description = "A page: the client or its address is unknown, so nobody is sent anywhere", body = String, content_type = "text/html"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn show_consent(State(s): State<AppState>, request: Request) -> Result<Response, Error> {
    let form = Form::of_query(request.uri().query());
    let back = match find_back(&s, &form).await? {
        Ok(back) => back,
        Err(page) => return Ok(page),
    };
    match back.read_request(&form) {
        Ok(grant) => Ok(consent_page(StatusCode::OK, &form, &back, &grant, "")),
        Err(error) => Ok(back.with_error(&error)),
    }
}

/// Takes the decision of the page.
#[utoipa::path(post, path = "/auth/authorize", tag = "auth",
    request_body(content = ConsentForm, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 303, description = "Back to the client, with a code or an error"),
    (status = 400, description = "A page: the client or its address is unknown, so nobody is sent anywhere", body = String, content_type = "text/html"),
    (status = 403, description = "The page again: password or code are wrong, or the account cannot be used", body = String, content_type = "text/html"),
    (status = 429, description = "Too many wrong passwords or codes", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many logins at once", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn decide_consent(
    State(s): State<AppState>,
    client: RemoteClient,
    request: Request,
) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let form = match Form::of_body(&parts.headers, body).await {
        Ok(form) => form,
        Err(error) => return Ok(bad_request(error.description())),
    };
    let back = match find_back(&s, &form).await? {
        Ok(back) => back,
        Err(page) => return Ok(page),
    };
    let grant = match back.read_request(&form) {
        Ok(grant) => grant,
        Err(error) => return Ok(back.with_error(&error)),
    };
    if form.find("decision").ok().flatten() != Some("allow") {
        return Ok(back.with_error(&TokenError::new("access_denied", "The person has not consented")));
    }
    let field = |name| form.find(name).ok().flatten().unwrap_or_default();
    let login = Login { client: &client, username: field("username"), password: field("password") };
    let proof = (login, field("code").trim());
    match actions::consent(&s.db, &s.hasher, &s.signer, &s.mails, s.limits_logins, proof, grant.clone()).await {
        Ok(code) => Ok(back.with(&[("code", &code)])),
        Err(
            error @ (Error::InvalidCredentials
            | Error::NotVerified
            | Error::AwaitsApproval
            | Error::Blocked
            | Error::WrongCode),
        ) => Ok(consent_page(StatusCode::FORBIDDEN, &form, &back, &grant, &error.to_string())),
        Err(error) => Err(error),
    }
}

/// The way back to a client, by a redirect URI that is registered for it.
struct Back {
    client: Client,
    redirect_uri: Url,
    state: Option<String>,
    issuer: String,
}

/// Finds the client and checks its redirect URI. Until both are right, a person must not be sent anywhere, so a failure
/// is answered by a page.
async fn find_back(s: &AppState, form: &Form) -> Result<Result<Back, Response>, Error> {
    let fields = (form.get("client_id"), form.get("redirect_uri"), form.find("state"));
    let (Ok(id), Ok(redirect_uri), Ok(state)) = fields else {
        return Ok(Err(bad_request("The request needs client_id and redirect_uri, each once.")));
    };
    let client = match actions::find_client(&s.db, id, redirect_uri).await {
        Ok(client) => client,
        Err(Error::ClientNotFound) => {
            return Ok(Err(bad_request("No registered application has this id and this address.")));
        }
        Err(error) => return Err(error),
    };
    let Ok(redirect_uri) = Url::parse(redirect_uri) else {
        return Ok(Err(bad_request("The address of the application is no URL.")));
    };
    Ok(Ok(Back { client, redirect_uri, state: state.map(str::to_owned), issuer: s.public_url.to_string() }))
}

fn bad_request(reason: &str) -> Response {
    let advice = "<p>Go back to the application and try again. If that does not help, tell its makers.</p>";
    let body = format!("<p>{}</p>{advice}", escape(reason));
    html::page(StatusCode::BAD_REQUEST, "This request cannot be answered", &body)
}

impl Back {
    /// Reads what the client asks for.
    fn read_request(&self, form: &Form) -> Result<Grant, TokenError> {
        if form.get("response_type")? != "code" {
            return Err(TokenError::new("unsupported_response_type", "Only code is supported"));
        }
        let is_s256 = form.find("code_challenge_method")? == Some("S256");
        let code_challenge = form.find("code_challenge")?.filter(|challenge| is_s256 && is_verifier(challenge));
        let needed = "A code_challenge with the method S256 is required";
        let code_challenge = code_challenge.ok_or_else(|| TokenError::new("invalid_request", needed))?;
        let scopes: Result<Scopes, ()> = form.find("scope")?.unwrap_or("read").parse();
        let scopes = scopes.map_err(|()| TokenError::new("invalid_scope", "Use read, write and admin"))?;
        Ok(Grant {
            client: self.client.clone(),
            redirect_uri: form.get("redirect_uri")?.to_owned(),
            scopes,
            code_challenge: code_challenge.to_owned(),
        })
    }

    fn with_error(&self, error: &TokenError) -> Response {
        self.with(&[("error", error.code()), ("error_description", error.description())])
    }

    /// Sends the person back to the client with these parameters. The issuer lets a client that uses several services
    /// notice which of them has answered (RFC 9207).
    fn with(&self, parameters: &[(&str, &str)]) -> Response {
        let mut url = self.redirect_uri.clone();
        let state = self.state.as_deref().map(|state| ("state", state));
        url.query_pairs_mut().extend_pairs(parameters.iter().copied().chain(state)).append_pair("iss", &self.issuer);
        let headers = [(header::LOCATION, url.as_str()), (header::CACHE_CONTROL, "no-store")];
        (StatusCode::SEE_OTHER, headers, Body::empty()).into_response()
    }

    /// Returns the part of the redirect URI that a content security policy can name: the origin, or the scheme of an
    /// app.
    fn origin(&self) -> String {
        match self.redirect_uri.origin() {
            url::Origin::Opaque(_) => format!("{}:", self.redirect_uri.scheme()),
            origin @ url::Origin::Tuple(..) => origin.ascii_serialization(),
        }
    }
}

/// Builds the page that asks for the consent. `problem` is the reason why the last decision failed; it is empty at
/// first.
fn consent_page(status: StatusCode, form: &Form, back: &Back, grant: &Grant, problem: &str) -> Response {
    let name = escape(&back.client.name);
    let problem =
        if problem.is_empty() { String::new() } else { format!("<p role=\"alert\">{}.</p>", escape(problem)) };
    let wishes = [
        (grant.scopes.read, "see what you can see"),
        (grant.scopes.write, "post, comment, like and follow in your name"),
        (grant.scopes.admin, "moderate in your name, if you are an administrator"),
    ];
    let wishes: String =
        wishes.iter().filter(|(asked, _)| *asked).map(|(_, wish)| format!("<li>{wish}</li>")).collect();
    let fields =
        ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"];
    let hidden: String = fields
        .into_iter()
        .filter_map(|field| Some((field, form.find(field).ok().flatten()?)))
        .map(|(field, value)| format!("<input type=\"hidden\" name=\"{field}\" value=\"{}\">", escape(value)))
        .collect();
    let body = format!(
        "{problem}<p>The application <strong>{name}</strong> wants to</p><ul>{wishes}</ul>\
         <p>It gets neither your password nor your e-mail address, and you can end its access in your list of sessions. \
         You will be sent to <code>{}</code>.</p>\
         <form method=\"post\" action=\"/auth/authorize\">{hidden}\
         <p><label>Username<br><input name=\"username\" autocomplete=\"username\" required></label></p>\
         <p><label>Password<br><input type=\"password\" name=\"password\" autocomplete=\"current-password\" required></label></p>\
         <p><label>Code of your authenticator app or a recovery code, if you have two-factor sign-in<br>\
         <input name=\"code\" autocomplete=\"one-time-code\"></label></p>\
         <button name=\"decision\" value=\"allow\">Allow</button> \
         <button name=\"decision\" value=\"deny\" formnovalidate>Deny</button></form>",
        escape(&back.origin())
    );
    html::page_that_leads_to(&back.origin(), status, "Grant access", &body)
}
