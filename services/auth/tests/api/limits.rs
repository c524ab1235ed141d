//! Limits on the rate of requests by address.

use axum::http::Method;
use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};

use crate::people::{PASSWORD, events, join, spawn};

async fn call(app: &TestApp, address: &str, path: &str, body: Value) -> Answer {
    app.post(path, body).header("x-forwarded-for", address).send().await
}

#[tokio::test]
async fn guesses_from_one_address_are_limited_whichever_account_they_are_about() {
    let app = spawn().await;
    join(&app, "ann").await;
    let app = app.limit_requests();
    let guess = |name: String| json!({ "username": name, "password": "a wrong password" });
    for n in 0..5_u32 {
        let answer = call(&app, "203.0.113.9", "/auth/login", guess(format!("person{n}"))).await;
        answer.is_problem(401, "Invalid credentials");
        assert_eq!(
            answer.headers["ratelimit-policy"],
            "\"requests\";q=301;w=4, \"guesses\";q=6;w=120, \"writes\";q=41;w=5"
        );
        let left = format!("\"guesses\";r={}", 5 - n);
        assert!(answer.headers["ratelimit"].to_str().unwrap().contains(&left), "{:?}", answer.headers["ratelimit"]);
    }
    // The second step of a login and the token endpoint count together with the first step.
    let form = app.call(Method::POST, "/auth/token", None).header("x-forwarded-for", "203.0.113.9");
    let form = form.body("application/x-www-form-urlencoded", "grant_type=password&username=ann&password=x");
    assert_eq!(form.send().await.status, 400);
    let right = || json!({ "username": "ann", "password": PASSWORD });
    let refused = call(&app, "203.0.113.9", "/auth/login", right()).await;
    refused.is_problem(429, "Too many requests, try again later");
    assert_eq!(refused.json["code"], "too_many_requests");
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert!(refused.headers["ratelimit"].to_str().unwrap().contains("\"guesses\";r=0;t="));
    // Another address is another client, and reads go on.
    assert_eq!(call(&app, "203.0.113.10", "/auth/login", right()).await.status, 200);
    let read = app.get("/users?username=ann").header("x-forwarded-for", "203.0.113.9").send().await;
    assert_eq!(read.status, 200);
    events(&app).await;
}

#[tokio::test]
async fn registrations_from_one_ipv6_network_are_limited() {
    let app = spawn().await.limit_requests();
    let register = async |n: u32| {
        let name = format!("person{n}");
        let body = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
        call(&app, &format!("2001:db8::{n}"), "/auth/register", body).await
    };
    for n in 1..=4 {
        assert_eq!(register(n).await.status, 201);
    }
    register(5).await.is_problem(429, "Too many requests, try again later");
    assert_eq!(app.get("/users?username=person5").send().await.json["users"], json!([]), "nothing was stored");
    events(&app).await;
}
