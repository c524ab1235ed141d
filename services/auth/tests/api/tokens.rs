//! Access tokens: only tokens that this service signed are accepted.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};
use testkit::app::{TestApp, claims, sign, signing_key};

use crate::people::{events, member, spawn_with};

async fn is_refused(app: &TestApp, token: &str, why: &str) {
    let answer = app.get("/auth/me").bearer(token).send().await;
    assert_eq!(answer.status, 401, "{why}: {}", answer.text);
    answer.is_problem(401, "The access token is not valid");
    assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
}

#[tokio::test]
async fn only_good_tokens_are_honoured() {
    let (app, file) = spawn_with(&[]).await;
    let (id, access, refresh) = member(&app, "ann").await;
    let key = EncodingKey::from_ed_pem(&std::fs::read(file).unwrap()).unwrap();
    let kid = app.get("/.well-known/jwks.json").send().await.json["keys"][0]["kid"].as_str().unwrap().to_owned();
    let good = serde_json::to_value(claims(&access)).unwrap();
    assert_eq!((&good["sub"], &good["sv"], &good["role"]), (&json!(id.to_string()), &json!(0), &json!("user")));
    assert_eq!(good["exp"].as_i64().unwrap() - good["iat"].as_i64().unwrap(), 600);
    let with = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        sign(&key, &kid, "at+jwt", &claims)
    };
    assert_eq!(app.get("/auth/me").bearer(&sign(&key, &kid, "at+jwt", &good)).send().await.status, 200);

    is_refused(&app, &sign(&key, &kid, "JWT", &good), "wrong typ").await;
    is_refused(&app, &sign(&key, "other", "at+jwt", &good), "unknown kid").await;
    is_refused(&app, &sign(&signing_key(&kid).0, &kid, "at+jwt", &good), "foreign key").await;
    is_refused(&app, &app.token(id, "ann", shared::auth::Role::Admin), "another issuer's key").await;
    let now = app.clock.now().unix_seconds();
    for (field, bad) in [
        ("iss", json!("somebody")),
        ("aud", json!("others")),
        ("aud", json!(["chatty"])),
        ("sub", json!("0")),
        ("sub", json!(1)),
        ("exp", json!(now - 31)),
        ("exp", json!("never")),
        ("nbf", json!(now + 31)),
        ("role", json!("root")),
        ("username", json!(null)),
    ] {
        is_refused(&app, &with(field, bad), field).await;
    }
    for field in ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "username", "role", "sv"] {
        let mut less = good.clone();
        less.as_object_mut().unwrap().remove(field);
        is_refused(&app, &sign(&key, &kid, "at+jwt", &less), field).await;
    }
    app.get("/auth/me").bearer(&with("sub", json!("4711"))).send().await.is_problem(401, "");

    let parts: Vec<&str> = access.split('.').collect();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = encode(&json!({ "alg": "none", "typ": "at+jwt", "kid": kid }));
    let hmac = encode(&json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid }));
    let mut admin = good.clone();
    admin["role"] = json!("admin");
    let tampered = format!("{}.{}.{}", parts[0], encode(&admin), parts[2]);
    for (bad, why) in [
        (format!("{none}.{}.", parts[1]), "alg none"),
        (format!("{none}.{}.{}", parts[1], parts[2]), "alg none with a signature"),
        (format!("{hmac}.{}.{}", parts[1], parts[2]), "alg HS256"),
        (tampered, "tampered"),
        (format!("{}.{}", parts[0], parts[1]), "no signature"),
        (refresh, "a refresh token"),
        ("x".repeat(5_000), "long"),
        ("...".to_owned(), "dots"),
    ] {
        is_refused(&app, &bad, why).await;
    }
    app.clock.advance(Duration::from_secs(631));
    is_refused(&app, &access, "expired").await;
    events(&app).await;
}

#[tokio::test]
async fn a_header_that_is_no_bearer_is_refused() {
    let (app, _) = spawn_with(&[]).await;
    app.get("/auth/me").send().await.is_problem(401, "An access token is required");
    for bad in ["", "Bearer", "Basic YTpi", "token x"] {
        app.get("/auth/me").header("authorization", bad).send().await.is_problem(401, "An access token is required");
    }
    app.patch("/auth/me", json!({})).send().await.is_problem(401, "An access token is required");
}

#[tokio::test]
async fn the_published_key_is_public_only() {
    let (app, _) = spawn_with(&[]).await;
    let answer = app.get("/.well-known/jwks.json").send().await;
    let key = &answer.json["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA"), &json!("sig"))
    );
    assert!(key.get("d").is_none());
    assert_eq!(answer.headers["cache-control"], "public, max-age=300");
}
