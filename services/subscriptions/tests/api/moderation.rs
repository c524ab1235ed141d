//! The news from admins: warnings, and the outcomes of reports.

use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::spawn_with_people;

/// A decision about ann (1) with these warnings, as (id, minute of the hour).
fn decision(version: i64, warnings: &[(i64, u32)]) -> Value {
    let warning = |(id, minute): &(i64, u32)| json!({ "id": id, "text": format!("warning {id}"), "at": at(*minute) });
    let warnings: Vec<Value> = warnings.iter().map(warning).collect();
    json!({ "id": 1, "version": version, "blocked": false, "blocked_until": null, "warnings": warnings })
}

fn outcome(id: i64, version: i64, ended: Option<(&str, u32)>) -> Value {
    json!({
        "id": id, "version": version, "reporter_id": 1, "target_kind": "post", "target_id": 9,
        "outcome": ended.map(|(outcome, _)| outcome), "resolved_at": ended.map(|(_, minute)| at(minute))
    })
}

fn at(minute: u32) -> String {
    format!("2026-02-02T10:{minute:02}:00.000000Z")
}

/// Ann's notifications as short lines, page by page with this limit.
async fn lines(app: &TestApp, limit: u32) -> Vec<String> {
    let (mut lines, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/notifications?limit={limit}{cursor}");
        let page = app.get(&path).as_user(1, "ann").send().await.json;
        for one in page["notifications"].as_array().unwrap() {
            assert_eq!((&one["users"], &one["user_count"], &one["post"]), (&json!([]), &json!(0), &Value::Null));
            let line = one["warning"]["text"].as_str().or(one["report"]["outcome"].as_str()).unwrap();
            lines.push(format!("{} {line} {}", one["kind"].as_str().unwrap(), one["report"]["id"]));
        }
        let Some(next) = page["next"].as_str() else { return lines };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn warnings_and_outcomes_are_told_as_long_as_they_stand() {
    let app = spawn_with_people().await;
    for _ in 0..2 {
        app.deliver("moderation.user", &[decision(3, &[(1, 1), (3, 5)])]).await;
        app.deliver("moderation.user", &[decision(1, &[(1, 1)])]).await;
        app.deliver("report_outcome", &[outcome(4, 2, Some(("acted", 5))), outcome(5, 2, Some(("dismissed", 5)))])
            .await;
        app.deliver("report_outcome", &[outcome(4, 1, None), outcome(6, 1, None)]).await;
    }
    let all = ["report dismissed 5", "report acted 4", "warning warning 3 null", "warning warning 1 null"];
    for limit in [1, 2, 3, 100] {
        assert_eq!(lines(&app, limit).await, all, "{limit} a page");
    }
    let unread = app.get("/notifications/unread_count").as_user(1, "ann").send().await.json;
    assert_eq!(unread, json!({ "unread_count": 4 }));
    assert_eq!(app.get("/notifications").as_user(2, "bob").send().await.json["notifications"], json!([]));

    // A report that is open again and a warning that is withdrawn are told no more.
    app.deliver("report_outcome", &[outcome(5, 3, None)]).await;
    app.deliver("moderation.user", &[decision(4, &[(3, 5)])]).await;
    assert_eq!(lines(&app, 100).await, ["report acted 4", "warning warning 3 null"]);
    app.finish().await;
}

#[tokio::test]
async fn outcomes_can_be_muted_and_warnings_cannot() {
    let app = spawn_with_people().await;
    app.deliver("moderation.user", &[decision(1, &[(1, 1)])]).await;
    app.deliver("report_outcome", &[outcome(4, 2, Some(("acted", 5)))]).await;
    let put = async |muted: Value| {
        let body = json!({ "muted": muted });
        app.call(axum::http::Method::PUT, "/notifications/settings", Some(body)).as_user(1, "ann").send().await
    };
    assert_eq!(put(json!(["report"])).await.status, 200);
    assert_eq!(lines(&app, 100).await, ["warning warning 1 null"]);
    put(json!(["warning"])).await.is_problem(422, "");
    app.finish().await;
}
