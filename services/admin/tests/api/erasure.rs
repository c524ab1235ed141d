//! The erasure of words about people who have left, and of the names of admins who have left.

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::{spawn, user};

/// The tombstone of a person who could log in.
pub(crate) fn gone(id: i64, version: i64) -> Value {
    json!({
        "id": id, "version": version, "deleted": true, "username": null, "first_name": null, "last_name": null,
        "bio": null, "created_at": null, "verified": false, "blocked": false, "role": null, "session_version": 1
    })
}

/// The confirmation about a person, once it is published.
pub(crate) async fn confirmation(app: &TestApp, id: i64) -> Value {
    let mut confirmed = Value::Null;
    let is_confirmed = async || {
        let states = app.events().await.into_iter();
        let of = |(stream, state): &(String, Value)| stream == "erasure_done.admin" && state["id"] == id;
        confirmed = states.filter(of).map(|(_, state)| state).next().unwrap_or_default();
        confirmed.is_object()
    };
    app.eventually(is_confirmed, "a confirmation").await;
    confirmed
}

#[tokio::test]
async fn the_log_keeps_ids_and_loses_names_and_reasons() {
    let app = spawn().await;
    app.deliver("user", &[user(7, 1, true, false), user(8, 1, true, false)]).await;
    for id in [7, 8] {
        let path = format!("/admin/users/{id}/block");
        app.post(&path, json!({ "reason": "a zebra" })).as_admin().send().await;
    }
    app.events().await;
    let exported = app.export(7, "/admin/stats").await["decisions"].clone();
    assert_eq!((exported.len(), &exported[0]["reason"]), (1, &json!("a zebra")));
    assert!(!exported[0].to_string().contains("actor"), "{}", exported[0]);
    app.deliver("user", &[gone(7, 3)]).await;
    let counts = json!({ "reasons": 1, "audit_entries": 1, "reports": 0, "warnings": 0 });
    assert_eq!(confirmation(&app, 7).await, json!({ "id": 7, "version": 1, "complete": false, "counts": counts }));
    let entries = app.get("/admin/audit").as_admin().send().await.json["entries"].clone();
    let reasons: Vec<&Value> = entries.as_array().unwrap().iter().map(|entry| &entry["reason"]).collect();
    assert_eq!(reasons, [&json!("a zebra"), &Value::Null], "newest first");
    assert_eq!(entries[1]["target_id"], 7, "the entry itself stays");

    let admin = entries[0]["actor"]["id"].as_i64().or_else(|| entries[0]["actor_id"].as_i64()).unwrap();
    app.deliver("user", &[gone(admin, 3)]).await;
    assert_eq!(
        confirmation(&app, admin).await["counts"],
        json!({ "reasons": 0, "audit_entries": 2, "reports": 0, "warnings": 0 })
    );
    let backend = app.db().read().get_database_backend();
    let names = Statement::from_string(backend, "SELECT DISTINCT actor_username AS name FROM audit_log");
    let rows = app.db().read().query_all_raw(names).await.unwrap();
    let names: Vec<String> = rows.iter().map(|row| row.try_get("", "name").unwrap()).collect();
    assert_eq!(names, ["(erased)"]);
    app.finish().await;
}
