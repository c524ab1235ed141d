//! Bad input: each kind gets a 4xx that names the fault, and never a 500.

use serde_json::{Value, json};
use shared::auth::Role;

use crate::{post_of_ann, spawn};

#[tokio::test]
async fn bodies_that_break_a_rule_name_the_field() {
    let app = spawn().await;
    post_of_ann(&app).await;
    let long = |length: usize| "x".repeat(length);
    for (body, pointer) in [
        (json!({ "content": "x" }), "/title"),
        (json!({ "title": "x" }), "/content"),
        (json!({ "title": "x", "content": "x", "author_id": 2 }), "/author_id"),
        (json!({ "title": 1, "content": "x" }), "/title"),
        (json!({ "title": null, "content": "x" }), "/title"),
        (json!({ "title": "", "content": "x" }), "/title"),
        (json!({ "title": " \u{2003}", "content": "x" }), "/title"),
        (json!({ "title": long(201), "content": "x" }), "/title"),
        (json!({ "title": "a\nb", "content": "x" }), "/title"),
        (json!({ "title": "x", "content": long(10_001) }), "/content"),
        (json!({ "title": "x", "content": "nul \u{0}" }), "/content"),
        (json!({ "title": "x", "content": "escape \u{1b}[31m" }), "/content"),
        (json!([]), ""),
    ] {
        let answer = app.post("/posts", body.clone()).as_user(1, "ann").send().await;
        answer.is_problem(422, "The request breaks a rule");
        assert_eq!(answer.json["errors"][0]["pointer"], pointer, "{body}: {}", answer.text);
    }
    assert_eq!(
        app.post("/posts", json!({ "title": long(200), "content": "é".repeat(10_000) }))
            .as_user(1, "ann")
            .send()
            .await
            .status,
        201
    );
    for body in [json!({}), json!({ "title": "" }), json!({ "content": long(10_001) }), json!({ "id": 7 })] {
        app.patch("/posts/1", body).as_user(1, "ann").send().await.is_problem(422, "");
    }
    for body in
        [json!({ "content": "" }), json!({ "content": long(2_001) }), json!({}), json!({ "content": "x", "id": 1 })]
    {
        app.post("/posts/1/comments", body).as_user(1, "ann").send().await.is_problem(422, "");
    }
    for (kind, bytes, status) in [
        ("application/json", &b"{"[..], 400),
        ("application/json", b"", 400),
        ("application/json", b"\"\xff\xfe\"", 400),
        ("text/html", b"{}", 415),
    ] {
        app.post("/posts/1/comments", Value::Null)
            .as_user(1, "ann")
            .body(kind, bytes)
            .send()
            .await
            .is_problem(status, "");
    }
    let huge = format!("{{\"content\":\"{}\"}}", long(70_000));
    app.post("/posts/1/comments", Value::Null)
        .as_user(1, "ann")
        .body("application/json", huge)
        .send()
        .await
        .is_problem(413, "");
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    app.post("/posts", Value::Null).as_user(1, "ann").body("application/json", deep).send().await.is_problem(422, "");
    app.finish().await;
}

#[tokio::test]
async fn ids_out_of_range_are_not_found_and_nonsense_is_bad() {
    let app = spawn().await;
    for id in ["0", "-1", "999", "9007199254740992", "9223372036854775808", "99999999999999999999999999"] {
        app.get(&format!("/posts/{id}")).send().await.is_problem(404, "Post not found");
        app.get(&format!("/posts/{id}/comments")).send().await.is_problem(404, "Post not found");
        app.post(&format!("/posts/{id}/likes"), Value::Null)
            .as_user(1, "ann")
            .send()
            .await
            .is_problem(404, "Post not found");
        app.post(&format!("/posts/{id}/views"), Value::Null).send().await.is_problem(404, "Post not found");
        app.delete(&format!("/posts/{id}")).as_user(1, "ann").send().await.is_problem(404, "Post not found");
    }
    for id in ["one", "1.5", "%00", "1e3", "%F0%9F%98%80"] {
        app.get(&format!("/posts/{id}")).send().await.is_problem(400, "");
    }
    for query in ["limit=x", "cursor=x", "cursor=%00", "author=x", "cursor=AAAAAAAAAAAA"] {
        app.get(&format!("/posts?{query}")).send().await.is_problem(400, "");
    }
    for query in ["limit=0", "limit=-1", "limit=101", "limit=9223372036854775807"] {
        app.get(&format!("/posts?{query}")).send().await.is_problem(422, "");
    }
    for query in ["", "?post_id=x"] {
        app.get(&format!("/likes{query}")).as_user(1, "ann").send().await.is_problem(400, "");
    }
    let many: Vec<String> = (1..=101).map(|id| id.to_string()).collect();
    app.get(&format!("/likes?post_id={}", many.join(","))).as_user(1, "ann").send().await.is_problem(422, "");
    app.get("/nothing").send().await.is_problem(404, "");
    app.post("/posts/1", json!({})).send().await.is_problem(405, "");
    app.finish().await;
}

#[tokio::test]
async fn every_writing_route_wants_a_good_token() {
    let app = spawn().await;
    post_of_ann(&app).await;
    let now = app.clock.now().unix_seconds();
    let claims = |changes: Value| {
        let mut claims = json!({
            "iss": "chatty-auth", "aud": "chatty", "sub": "1", "exp": now + 60, "nbf": now, "iat": now, "jti": "x",
            "username": "ann", "role": "user", "sv": 0
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    };
    let good = app.token(1, "ann", Role::User);
    let (foreign, _) = testkit::app::signing_key("test");
    let mut parts: Vec<&str> = good.split('.').collect();
    parts[2] = "AAAA";
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiIxIn0.";
    let mut bad = vec![
        parts.join("."),
        none.to_owned(),
        "nonsense".to_owned(),
        "x".repeat(5_000),
        testkit::app::sign(&foreign, "test", "at+jwt", &claims(json!({}))),
        testkit::app::sign(&foreign, "other", "at+jwt", &claims(json!({}))),
    ];
    for changes in [
        json!({ "exp": now - 31 }),
        json!({ "nbf": now + 31 }),
        json!({ "iss": "somebody" }),
        json!({ "iss": 123 }),
        json!({ "aud": "other" }),
        json!({ "aud": null }),
        json!({ "aud": ["chatty"] }),
        json!({ "sub": "0" }),
        json!({ "sub": "x" }),
        json!({ "jti": null }),
        json!({ "role": "root" }),
    ] {
        bad.push(app.sign(&claims(changes)));
    }
    for token in bad {
        app.post("/posts", json!({ "title": "x", "content": "x" }))
            .bearer(&token)
            .send()
            .await
            .is_problem(401, "The access token is not valid");
    }
    let without = [
        app.post("/posts", json!({ "title": "x", "content": "x" })),
        app.patch("/posts/1", json!({ "title": "x" })),
        app.delete("/posts/1"),
        app.post("/posts/1/comments", json!({ "content": "x" })),
        app.patch("/posts/1/comments/1", json!({ "content": "x" })),
        app.delete("/posts/1/comments/1"),
        app.post("/posts/1/likes", Value::Null),
        app.delete("/posts/1/likes"),
        app.get("/likes?post_id=1"),
    ];
    for call in without {
        let answer = call.send().await;
        answer.is_problem(401, "An access token is required");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_path_has_a_length() {
    let app = spawn().await;
    let path = |length: usize| format!("/posts?cursor={}", "x".repeat(length - "/posts?cursor=".len()));
    app.get(&path(2_048)).send().await.is_problem(400, "");
    app.get(&path(2_049)).send().await.is_problem(414, "Path and query are longer than 2 KiB");
    app.finish().await;
}
