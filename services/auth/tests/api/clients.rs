//! Other people's clients: registration, consent, codes, scopes and revocation.

use std::time::Duration;

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::auth::{Role, Scopes};
use testkit::app::{Answer, TestApp, claims};

use crate::people::{PASSWORD, events, log_in, member, spawn, text};

const FORM: &str = "application/x-www-form-urlencoded";
const CALLBACK: &str = "https://app.example/callback?from=chatty";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Registers a client as the bearer, and returns its id.
async fn register(app: &TestApp, token: &str) -> String {
    let body = json!({ "name": "A <b>watch</b>", "redirect_uris": [CALLBACK, "http://127.0.0.1/cb"] });
    let answer = app.post("/auth/clients", body).bearer(token).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let id = text(&answer.json, "client_id");
    assert_eq!(answer.headers["location"], format!("/auth/clients/{id}"));
    id
}

/// The parameters of a request for access, with some of them changed or left out (`None`).
fn parameters(client: &str, changes: &[(&str, Option<&str>)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let usual = [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("scope", "write"),
        ("state", "a&b=c"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("unknown", "ignored"),
    ];
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in usual {
        let value = changes.iter().find(|(changed, _)| *changed == name).map_or(Some(value), |(_, value)| *value);
        value.map(|value| query.append_pair(name, value));
    }
    query.finish()
}

async fn show(app: &TestApp, parameters: &str) -> Answer {
    app.get(&format!("/auth/authorize?{parameters}")).send().await
}

/// Takes the decision on the page.
async fn decide(app: &TestApp, parameters: &str, fields: &[(&str, &str)]) -> Answer {
    let mut form = url::form_urlencoded::Serializer::new(parameters.to_owned() + "&");
    form.extend_pairs(fields);
    app.call(Method::POST, "/auth/authorize", None).body(FORM, form.finish()).send().await
}

/// The parameter of the address to which an answer leads.
fn sent_back(answer: &Answer, name: &str) -> Option<String> {
    assert_eq!(answer.status, 303, "{}", answer.text);
    let url = url::Url::parse(answer.headers["location"].to_str().unwrap()).unwrap();
    assert!(url.as_str().starts_with("https://app.example/callback?from=chatty&"), "{url}");
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

/// Consents as a person, and returns the code.
async fn consent(app: &TestApp, client: &str, name: &str, scope: &str, password: &str) -> String {
    let parameters = parameters(client, &[("scope", Some(scope))]);
    let fields = [("decision", "allow"), ("username", name), ("password", password)];
    let answer = decide(app, &parameters, &fields).await;
    assert_eq!(sent_back(&answer, "state").as_deref(), Some("a&b=c"));
    assert!(sent_back(&answer, "iss").unwrap().starts_with("http://"));
    sent_back(&answer, "code").unwrap()
}

/// Exchanges a code for tokens, with some of the fields changed.
async fn exchange(app: &TestApp, client: &str, code: &str, changes: &[(&str, &str)]) -> Answer {
    let usual = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in usual {
        form.append_pair(name, changes.iter().find(|(changed, _)| *changed == name).map_or(value, |(_, value)| value));
    }
    app.call(Method::POST, "/auth/token", None).body(FORM, form.finish()).send().await
}

async fn granted(app: &TestApp, client: &str, name: &str, scope: &str) -> Value {
    let code = consent(app, client, name, scope, PASSWORD).await;
    let answer = exchange(app, client, &code, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

#[track_caller]
fn is_error(answer: &Answer, error: &str) {
    assert_eq!((answer.status, &answer.json["error"]), (400, &json!(error)), "{}", answer.text);
}

#[tokio::test]
async fn a_client_gets_what_the_person_grants_and_never_the_account_itself() {
    let app = spawn().await;
    let (id, own, _) = member(&app, "ann").await;
    let client = register(&app, &own).await;
    let (_, maker, _) = member(&app, "bob").await;
    assert_eq!(app.get("/auth/clients").bearer(&maker).send().await.json, json!({ "clients": [] }));
    let page = show(&app, &parameters(&client, &[])).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("A &lt;b&gt;watch&lt;/b&gt;") && !page.text.contains("<b>watch"), "{}", page.text);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.ends_with("form-action 'self' https://app.example") && policy.contains("frame-ancestors 'none'"));

    let tokens = granted(&app, &client, "ann", "read").await;
    assert_eq!((&tokens["scope"], claims(&text(&tokens, "access_token")).scope), (&json!("read"), "read".parse().ok()));
    let token = text(&tokens, "access_token");
    let me = app.get("/auth/me").bearer(&token).send().await;
    assert_eq!((me.status, me.json["id"].as_i64(), &me.json["email"]), (200, Some(id), &Value::Null));
    let refused = app.patch("/auth/me", json!({ "bio": "x" })).bearer(&token).send().await;
    refused.is_problem(403, "The access token was not granted the scope for this");
    assert_eq!(refused.headers["www-authenticate"], "Bearer error=\"insufficient_scope\", scope=\"write\"");

    let tokens = granted(&app, &client, "ann", "write").await;
    let (token, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    assert_eq!(tokens["scope"], "read write");
    assert_eq!(app.patch("/auth/me", json!({ "bio": "x" })).bearer(&token).send().await.status, 200);
    let change = json!({ "current_password": PASSWORD, "password": "another horse, another lamp" });
    let email = json!({ "email": "thief@example.org", "password": PASSWORD });
    for (method, path, body) in [
        (Method::POST, "/auth/password/change", change),
        (Method::POST, "/auth/email", email),
        (Method::GET, "/auth/sessions", Value::Null),
        (Method::DELETE, "/auth/sessions", Value::Null),
        (Method::DELETE, "/auth/me", json!({ "password": PASSWORD })),
        (Method::GET, "/auth/two-factor", Value::Null),
        (Method::POST, "/auth/two-factor/app", json!({ "password": PASSWORD })),
        (Method::POST, "/auth/clients", json!({ "name": "x", "redirect_uris": [CALLBACK] })),
        (Method::GET, "/auth/clients", Value::Null),
    ] {
        let body = Some(body).filter(|body| !body.is_null());
        let answer = app.call(method, path, body).bearer(&token).send().await;
        answer.is_problem(403, "Only Chatty itself may do this, not a client that you have granted access");
    }
    // A refresh keeps the scopes.
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    let next = app.call(Method::POST, "/auth/token", None).body(FORM, form).send().await;
    assert_eq!((next.status, &next.json["scope"]), (200, &json!("read write")));
    // The person sees the client in the list of sessions, and ends it there.
    let sessions = app.get("/auth/sessions").bearer(&own).send().await.json["sessions"].clone();
    let of_client = sessions.as_array().unwrap().iter().find(|session| session["scope"] == "read write").unwrap();
    assert_eq!(of_client["application"], "A <b>watch</b>");
    let path = format!("/auth/sessions/{}", of_client["id"]);
    assert_eq!(app.call(Method::DELETE, &path, None).bearer(&own).send().await.status, 204);
    app.get("/auth/me").bearer(&text(&next.json, "access_token")).send().await.is_problem(401, "");
    app.finish().await;
}

#[tokio::test]
async fn a_code_is_worth_nothing_without_its_proofs_and_works_once() {
    let app = spawn().await;
    let (_, own, _) = member(&app, "ann").await;
    let (client, other) = (register(&app, &own).await, register(&app, &own).await);
    for wrong in [
        ("code_verifier", "aBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ("client_id", other.as_str()),
        ("redirect_uri", "http://127.0.0.1/cb"),
    ] {
        let code = consent(&app, &client, "ann", "read", PASSWORD).await;
        is_error(&exchange(&app, &client, &code, &[wrong]).await, "invalid_grant");
        is_error(&exchange(&app, &client, &code, &[]).await, "invalid_grant");
    }
    is_error(&exchange(&app, &client, "nothing", &[]).await, "invalid_grant");
    let code = consent(&app, &client, "ann", "read", PASSWORD).await;
    is_error(&exchange(&app, &client, &code, &[("code_verifier", "short")]).await, "invalid_request");
    is_error(&exchange(&app, &client, &code, &[("code_verifier", "")]).await, "invalid_request");
    let late = consent(&app, &client, "ann", "read", PASSWORD).await;
    app.clock.advance(Duration::from_secs(60));
    is_error(&exchange(&app, &client, &late, &[]).await, "invalid_grant");

    // A code that is used a second time may have been stolen, so the session of the first use ends.
    let code = consent(&app, &client, "ann", "read", PASSWORD).await;
    let tokens = exchange(&app, &client, &code, &[]).await.json;
    assert_eq!(app.get("/auth/me").bearer(&text(&tokens, "access_token")).send().await.status, 200);
    events(&app).await;
    is_error(&exchange(&app, &client, &code, &[]).await, "invalid_grant");
    app.get("/auth/me").bearer(&text(&tokens, "access_token")).send().await.is_problem(401, "");
    assert_eq!(events(&app).await[0].0, "session_end", "the other services refuse its tokens too");

    // A new password ends the consent.
    let code = consent(&app, &client, "ann", "read", PASSWORD).await;
    let tx = app.db().begin().await.unwrap();
    let sql = "UPDATE users SET session_version = session_version + 1 WHERE username = 'ann'";
    sea_orm::ConnectionTrait::execute_unprepared(&*tx, sql).await.unwrap();
    tx.commit().await.unwrap();
    is_error(&exchange(&app, &client, &code, &[]).await, "invalid_grant");
    app.finish().await;
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_the_client_has_not_registered() {
    let app = spawn().await;
    let (_, own, _) = member(&app, "ann").await;
    let client = register(&app, &own).await;
    for changes in [
        ("client_id", Some("nobody")),
        ("client_id", None),
        ("client_id", Some("\0")),
        ("redirect_uri", Some("http://127.0.0.1/cb\0")),
        ("redirect_uri", None),
        ("redirect_uri", Some("https://evil.example/")),
        ("redirect_uri", Some("https://app.example/callback")),
        ("redirect_uri", Some("javascript:alert(1)")),
    ] {
        let parameters = parameters(&client, &[changes]);
        let shown = show(&app, &parameters).await;
        assert_eq!((shown.status, shown.headers.contains_key("location")), (400, false), "{parameters}");
        let fields = [("decision", "allow"), ("username", "ann"), ("password", PASSWORD)];
        let decided = decide(&app, &parameters, &fields).await;
        assert_eq!((decided.status, decided.headers.contains_key("location")), (400, false), "{parameters}");
    }
    let twice = format!("{}&client_id=x", parameters(&client, &[]));
    assert_eq!(show(&app, &twice).await.status, 400);
    // A port of the client's own machine is the client's choice.
    let local = parameters(&client, &[("redirect_uri", Some("http://127.0.0.1:51004/cb"))]);
    assert_eq!(show(&app, &local).await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn mistakes_of_the_client_and_a_refusal_go_back_to_it_with_their_state() {
    let app = spawn().await;
    let (_, own, _) = member(&app, "ann").await;
    let client = register(&app, &own).await;
    for (change, error) in [
        (("response_type", Some("token")), "unsupported_response_type"),
        (("response_type", None), "invalid_request"),
        (("scope", Some("everything")), "invalid_scope"),
        (("code_challenge", None), "invalid_request"),
        (("code_challenge", Some("short")), "invalid_request"),
        (("code_challenge_method", Some("plain")), "invalid_request"),
        (("code_challenge_method", None), "invalid_request"),
    ] {
        let parameters = parameters(&client, &[change]);
        for answer in [show(&app, &parameters).await, decide(&app, &parameters, &[("decision", "allow")]).await] {
            assert_eq!(sent_back(&answer, "error").as_deref(), Some(error), "{change:?}");
            assert_eq!(sent_back(&answer, "state").as_deref(), Some("a&b=c"));
        }
    }
    let denied = decide(&app, &parameters(&client, &[]), &[("decision", "deny")]).await;
    assert_eq!((sent_back(&denied, "error").as_deref(), sent_back(&denied, "code")), (Some("access_denied"), None));
    let wrong = [("decision", "allow"), ("username", "ann"), ("password", "wrong password")];
    let page = decide(&app, &parameters(&client, &[]), &wrong).await;
    assert!(page.status == 403 && page.text.contains("Invalid credentials") && page.text.contains("a&amp;b=c"));
    assert!(!page.text.contains("wrong password"), "the page does not repeat the password");
    app.finish().await;
}

#[tokio::test]
async fn the_role_of_an_admin_is_granted_by_an_admin_with_the_scope_only() {
    let app = spawn().await;
    let (_, own, _) = member(&app, "ann").await;
    let client = register(&app, &own).await;
    let of = async |name: &str, scope: &str, password: &str| {
        let code = consent(&app, &client, name, scope, password).await;
        let token = text(&exchange(&app, &client, &code, &[]).await.json, "access_token");
        (claims(&token).role, claims(&token).scope.unwrap())
    };
    let write: Scopes = "write".parse().unwrap();
    assert_eq!(of("admin", "write", "secret").await, (Role::User, write));
    assert_eq!(of("admin", "admin", "secret").await, (Role::Admin, "admin".parse().unwrap()));
    assert_eq!(of("ann", "admin", PASSWORD).await, (Role::User, write), "nobody grants more than they have");
    app.finish().await;
}

#[tokio::test]
async fn a_token_is_revoked_and_a_deleted_client_is_locked_out() {
    let app = spawn().await;
    let (_, own, _) = member(&app, "ann").await;
    let (_, of_bob, _) = member(&app, "bob").await;
    let client = register(&app, &own).await;
    let revoke = async |form: String| app.call(Method::POST, "/auth/revoke", None).body(FORM, form).send().await;
    for kind in ["access_token", "refresh_token"] {
        let tokens = granted(&app, &client, "bob", "read").await;
        assert_eq!(revoke(format!("token={}", text(&tokens, kind))).await.status, 200);
        app.get("/auth/me").bearer(&text(&tokens, "access_token")).send().await.is_problem(401, "");
        let form = format!("grant_type=refresh_token&refresh_token={}", text(&tokens, "refresh_token"));
        is_error(&app.call(Method::POST, "/auth/token", None).body(FORM, form).send().await, "invalid_grant");
    }
    assert_eq!(revoke("token=unknown".to_owned()).await.status, 200, "RFC 7009, section 2.2");
    is_error(&revoke("tokens=x".to_owned()).await, "invalid_request");

    let tokens = granted(&app, &client, "bob", "read").await;
    let path = format!("/auth/clients/{client}");
    app.call(Method::DELETE, &path, None).bearer(&of_bob).send().await.is_problem(404, "Client not found");
    let zero = app.call(Method::DELETE, "/auth/clients/%00", None).bearer(&own).send().await;
    assert!([400, 404].contains(&zero.status), "{}", zero.text);
    assert_eq!(app.call(Method::DELETE, &path, None).bearer(&own).send().await.status, 204);
    app.get("/auth/me").bearer(&text(&tokens, "access_token")).send().await.is_problem(401, "");
    assert_eq!(show(&app, &parameters(&client, &[])).await.status, 400);
    // A session of one's own login is not touched.
    assert_eq!(app.get("/auth/me").bearer(&of_bob).send().await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn clients_with_dangerous_addresses_are_refused_and_nobody_has_too_many() {
    let app = spawn().await;
    let (_, own, _) = member(&app, "ann").await;
    let attempt = async |body: Value| app.post("/auth/clients", body).bearer(&own).send().await;
    for (body, pointer) in [
        (json!({ "name": "", "redirect_uris": [CALLBACK] }), "/name"),
        (json!({ "name": "x", "redirect_uris": [] }), "/redirect_uris"),
        (json!({ "name": "x", "redirect_uris": [CALLBACK, "javascript:alert(1)"] }), "/redirect_uris/1"),
        (json!({ "name": "x", "redirect_uris": ["http://app.example/"] }), "/redirect_uris/0"),
        (json!({ "name": "x", "redirect_uris": vec![CALLBACK; 6] }), "/redirect_uris"),
    ] {
        let answer = attempt(body).await;
        answer.is_problem(422, "");
        assert_eq!(answer.json["errors"][0]["pointer"], pointer);
    }
    for _ in 0..20 {
        register(&app, &own).await;
    }
    attempt(json!({ "name": "x", "redirect_uris": [CALLBACK] })).await.is_problem(409, "");
    let metadata = app.get("/.well-known/oauth-authorization-server").send().await;
    assert_eq!(metadata.json["code_challenge_methods_supported"], json!(["S256"]));
    assert!(text(&metadata.json, "token_endpoint").ends_with("/auth/token"));
    log_in(&app, "ann").await;
    app.finish().await;
}
