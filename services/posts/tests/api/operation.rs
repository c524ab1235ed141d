//! The operator's side: `/readyz?verbose`, and the preparation of a database that was restored from a backup.

use std::time::Duration;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use shared::events::restore::{self, ID_STEP, RestorePlan, VERSION_STEP};

use crate::{post_of_ann, spawn, user};

#[tokio::test]
async fn a_batch_that_is_stuck_shows_how_far_the_copy_is_behind() {
    let app = spawn().await;
    let short = app.get("/readyz").send().await.json;
    assert_eq!(short["services"]["posts"].as_object().unwrap().len(), 5, "the parts, and nothing else");
    let posts = async || app.get("/readyz?verbose").send().await.json["services"]["posts"].clone();
    app.eventually(async || posts().await["streams"]["user"]["connected"] == true, "the queue to be open").await;
    assert_eq!(posts().await["streams"]["user"]["lag_seconds"], 0.0);
    assert_eq!(posts().await["outbox"], json!({ "rows": 0, "oldest_seconds": 0.0 }));

    // Another transaction holds the row that the consumer wants to write.
    let tx = app.db().begin().await.unwrap();
    let row = "INSERT INTO users (id, version, deleted, blocked, session_version) VALUES (7, 0, FALSE, FALSE, 0)";
    tx.execute_unprepared(row).await.unwrap();
    let sent = [user(7, 1, "cara", false)];
    tokio::join!(app.deliver("user", &sent), async {
        app.clock.advance(Duration::from_secs(60));
        app.eventually(async || posts().await["streams"]["user"]["lag_seconds"] == 60.0, "the lag").await;
        tx.rollback().await.unwrap();
    });
    app.eventually(async || posts().await["streams"]["user"]["lag_seconds"] == 0.0, "no lag").await;
    assert!(posts().await["streams"]["user"]["last_applied"].is_string());

    app.deliver_bad("user", &[json!({ "id": "seven" })]).await;
    app.eventually(async || posts().await["dead_letters"] == 1, "the dead letter to be counted").await;
    app.finish().await;
}

/// Versions rise, ids continue above the highest one that any service knows, and a second preparation does no harm. The
/// statements differ between SQLite and Postgres.
#[tokio::test]
async fn a_restored_database_gives_out_no_version_and_no_id_anew() {
    let app = spawn().await;
    let first = post_of_ann(&app).await;
    app.post(&format!("/posts/{first}/likes"), Value::Null).as_user(2, "bob").send().await;
    app.events().await;
    let streams = posts::streams();
    let known = restore::highest_ids(app.db(), &streams).await.unwrap();
    assert_eq!((known["post"], known["comment"], known["user"]), (first, 0, 2));

    let plan = RestorePlan { highest: [("post", 5_000_000), ("user", 9_000_000)].into(), ..RestorePlan::default() };
    restore::apply_plan(app.db(), posts::NAME, &streams, &plan).await.unwrap();
    assert_eq!(post_of_ann(&app).await, 5_000_000 + ID_STEP + 1);
    let comment = json!({ "content": "Well" });
    let answer = app.post(&format!("/posts/{first}/comments"), comment).as_user(2, "bob").send().await;
    assert_eq!(answer.json["comment"]["id"], ID_STEP + 1, "the first one, and yet a client may have seen another");
    app.events().await;
    app.delete(&format!("/posts/{first}/likes")).as_user(2, "bob").send().await;
    let versions = async || -> Vec<i64> {
        app.events().await.iter().map(|(_, state)| state["version"].as_i64().unwrap()).collect()
    };
    assert_eq!(versions().await, [VERSION_STEP + 2, VERSION_STEP + 4], "of the like and of the counters");

    restore::apply_plan(app.db(), posts::NAME, &streams, &RestorePlan::default()).await.unwrap();
    assert!(post_of_ann(&app).await > 5_000_000 + 2 * ID_STEP);
    app.events().await;

    // Versions are bounded. A preparation that would exceed the bound changes nothing.
    let tx = app.db().begin().await.unwrap();
    tx.execute_unprepared("UPDATE likes SET version = 9007199254740990").await.unwrap();
    tx.commit().await.unwrap();
    let refused = restore::apply_plan(app.db(), posts::NAME, &streams, &RestorePlan::default()).await.unwrap_err();
    assert_eq!(refused.to_string(), "likes has no room for higher versions");
    app.finish().await;
}
