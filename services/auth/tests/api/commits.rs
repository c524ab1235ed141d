//! Registrations whose commit fails: they leave nothing behind, and the same request succeeds afterwards.

use serde_json::{Value, json};
use shared::db::is_postgres;

use crate::people::{PASSWORD, events, mails, spawn};

#[tokio::test]
async fn a_registration_that_was_not_committed_can_be_made_again() {
    let app = spawn().await;
    if !is_postgres(app.db().read()) {
        return app.finish().await;
    }
    let end = "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5)";
    let refuse = |state: &str| format!("RAISE EXCEPTION 'refused on purpose' USING ERRCODE = '{state}'");
    let cases = [
        ("serial", refuse("40001"), 503, "database_unavailable"),
        ("full", refuse("53100"), 503, "disk_full"),
        ("readonly", refuse("25006"), 503, "database_unavailable"),
        ("cancelled", refuse("57014"), 503, "database_unavailable"),
        ("lost", end.to_owned(), 504, "outcome_unknown"),
    ];
    for (name, instead, status, code) in cases {
        let body: Value = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
        let register = async || app.post("/auth/register", body.clone()).header("idempotency-key", name).send().await;
        app.at_commit("outbox", Some(&instead)).await;
        let refused = register().await;
        assert_eq!((refused.status, &refused.json["code"]), (status, &json!(code)), "{name}: {}", refused.text);
        app.at_commit("outbox", None).await;
        for _ in 0..2 {
            assert_eq!(register().await.status, 201, "{name}");
        }
        assert_eq!(events(&app).await.len(), 1, "{name}: one account");
        assert_eq!(mails(&app, &format!("{name}@example.org"), 1).await.len(), 1, "{name}: one mail");
    }
    app.finish().await;
}

#[tokio::test]
async fn who_registered_before_the_disk_was_full_is_known_afterwards() {
    let app = spawn().await;
    if is_postgres(app.db().read()) {
        return app.finish().await;
    }
    let register = async |name: &str| {
        let body = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
        app.post("/auth/register", body).send().await
    };
    let mut registered = Vec::new();
    app.fill_disk().await;
    let refused = loop {
        let name = format!("person{}", registered.len());
        let answer = register(&name).await;
        if answer.status != 201 {
            break answer;
        }
        registered.push(name);
    };
    assert_eq!((refused.status, &refused.json["code"]), (503, &json!("disk_full")), "{}", refused.text);
    // The database connection has to be opened anew before it notices that there is room again.
    app.eventually(async || register("later").await.status == 201, "a registration to be stored").await;
    for name in &registered {
        let login = json!({ "username": name, "password": PASSWORD });
        app.post("/auth/login", login).send().await.is_problem(403, "Account not verified");
    }
    app.finish().await;
}
