//! Reports, the desk of the admins, blocks with an end, and what admins can read.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};

use crate::{comment, post, spawn, user, with_removed};

/// Ann (1) has written post 1 and comment 5, and bob (2), cleo (3) and dan (4) read them.
async fn spawn_with_things() -> TestApp {
    let app = spawn().await;
    app.deliver("user", &[user(1, 1, true, false), user(2, 1, true, false), user(3, 1, true, false)]).await;
    app.deliver("user", &[user(4, 1, true, false)]).await;
    app.deliver("post", &[post(1, 1, false), post(2, 1, false)]).await;
    app.deliver("comment", &[comment(5, 1, false)]).await;
    app
}

async fn report(app: &TestApp, who: i64, body: Value) -> Answer {
    app.post("/reports", body).as_user(who, &format!("user{who}")).send().await
}

async fn admin_get(app: &TestApp, path: &str) -> Value {
    app.get(path).as_admin().send().await.json
}

async fn admin_post(app: &TestApp, path: &str, body: Value) -> Answer {
    app.post(path, body).as_admin().send().await
}

/// The published states of a stream, since the last call.
async fn published(app: &TestApp, stream: &str) -> Vec<Value> {
    app.events().await.into_iter().filter(|(name, _)| name == stream).map(|(_, state)| state).collect()
}

#[tokio::test]
async fn reports_of_one_target_are_one_case_with_what_was_reported() {
    let app = spawn_with_things().await;
    let first = report(&app, 2, json!({ "post_id": 1, "reason": "spam", "text": "buy\r\nthis" })).await;
    assert_eq!((first.status, &first.json["message"]), (201, &json!("Report received")));
    assert_eq!(first.json["report"]["text"], "buy\nthis");
    // The author changes the post; what bob has reported stays as it was.
    let mut changed = post(1, 2, false);
    changed["title"] = json!("harmless");
    app.deliver("post", &[changed]).await;
    assert_eq!(report(&app, 3, json!({ "post_id": 1, "reason": "hate" })).await.status, 201);
    // The same again answers the same, and changes nothing.
    let again = report(&app, 2, json!({ "post_id": 1, "reason": "other", "text": "again" })).await;
    assert_eq!((again.status, &again.json), (201, &first.json));
    let states = published(&app, "report_outcome").await;
    assert_eq!(states.len(), 2, "{states:?}");
    assert_eq!(
        states[0],
        json!({
            "id": first.json["report"]["id"], "version": 1, "reporter_id": 2, "target_kind": "post", "target_id": 1,
            "outcome": null, "resolved_at": null
        })
    );
    let queue = admin_get(&app, "/admin/reports?status=open").await;
    let case = &queue["cases"][0];
    assert_eq!((queue["cases"].as_array().unwrap().len(), &case["report_count"]), (1, &json!(2)));
    assert_eq!(case["reasons"], json!([{ "reason": "hate", "count": 1 }, { "reason": "spam", "count": 1 }]));
    assert_eq!((&case["reported"]["title"], &case["target_status"]), (&json!("harmless"), &json!("shown")));
    let detail = admin_get(&app, &format!("/admin/reports/{}", case["id"])).await;
    let titles: Vec<&Value> =
        detail["reports"].as_array().unwrap().iter().map(|report| &report["reported"]["title"]).collect();
    assert_eq!(titles, ["harmless", "x"]);
    assert_eq!(detail["reports"][1]["reporter"], json!({ "id": 2, "username": "user2" }));
    assert_eq!(detail["reports"][1]["reported"]["author"], json!({ "id": 1, "username": "user1" }));
    app.finish().await;
}

#[tokio::test]
async fn a_report_of_oneself_of_nothing_or_without_sense_is_refused() {
    let app = spawn_with_things().await;
    app.deliver("user", &[user(4, 2, true, true)]).await;
    app.deliver("post", &[with_removed(post(2, 2, true), true)]).await;
    for (who, body, status) in [
        (1, json!({ "post_id": 1, "reason": "spam" }), 422),
        (1, json!({ "comment_id": 5, "reason": "spam" }), 422),
        (2, json!({ "user_id": 2, "reason": "spam" }), 422),
        (3, json!({ "post_id": 99, "reason": "spam" }), 404),
        (3, json!({ "post_id": 2, "reason": "spam" }), 404),
        (3, json!({ "user_id": 4, "reason": "spam" }), 404),
        (3, json!({ "comment_id": 0, "reason": "spam" }), 404),
        (3, json!({ "reason": "spam" }), 422),
        (3, json!({ "post_id": 1, "user_id": 1, "reason": "spam" }), 422),
        (3, json!({ "post_id": 1 }), 422),
        (3, json!({ "post_id": 1, "reason": "boring" }), 422),
        (3, json!({ "post_id": 1, "reason": "spam", "text": "x".repeat(1_001) }), 422),
        (3, json!({ "post_id": 1, "reason": "spam", "text": "\u{7}" }), 422),
        (3, json!({ "post_id": 1, "reason": "spam", "more": 1 }), 422),
    ] {
        report(&app, who, body.clone()).await.is_problem(status, "");
    }
    // A comment goes with its post.
    app.deliver("post", &[with_removed(post(1, 2, true), true)]).await;
    report(&app, 3, json!({ "comment_id": 5, "reason": "spam" })).await.is_problem(404, "Comment not found");
    assert_eq!(published(&app, "report_outcome").await, [Value::Null; 0]);
    app.finish().await;
}

#[tokio::test]
async fn a_person_has_a_hundred_open_reports_at_most_and_a_key_makes_a_repeat_safe() {
    let app = spawn().await;
    app.deliver("user", &[user(1, 1, true, false)]).await;
    let posts: Vec<Value> = (1..=101).map(|id| post(id, 1, false)).collect();
    app.deliver("post", &posts).await;
    for id in 1..=100 {
        assert_eq!(report(&app, 2, json!({ "post_id": id, "reason": "spam" })).await.status, 201, "{id}");
    }
    report(&app, 2, json!({ "post_id": 101, "reason": "spam" })).await.is_problem(429, "");
    // Somebody else still reports, and a repeated key gets the first answer.
    let keyed = async |id: i64| {
        let body = json!({ "post_id": id, "reason": "spam" });
        app.post("/reports", body).header("idempotency-key", "k1").as_user(3, "cleo").send().await
    };
    let first = keyed(101).await;
    let repeated = keyed(101).await;
    assert_eq!((first.status, repeated.status, &first.json), (201, 201, &repeated.json));
    assert_eq!(repeated.headers["idempotency-replayed"], "true");
    keyed(100).await.is_problem(422, "");
    app.events().await;
    app.finish().await;
}

#[tokio::test]
async fn a_case_is_resolved_with_a_removal_and_the_resolution_is_undone() {
    let app = spawn_with_things().await;
    report(&app, 2, json!({ "post_id": 1, "reason": "spam" })).await;
    app.events().await;
    let case = admin_get(&app, "/admin/reports").await["cases"][0]["id"].as_i64().unwrap();
    let path = format!("/admin/reports/{case}");
    let resolved = admin_post(&app, &format!("{path}/resolve"), json!({ "action": "remove", "reason": "ads" })).await;
    assert_eq!((resolved.status, &resolved.json["case"]["status"]), (200, &json!("acted")), "{}", resolved.text);
    let events = app.events().await;
    assert_eq!(events[0], ("moderation.post".to_owned(), json!({ "id": 1, "version": 1, "removed": true })));
    assert_eq!((&events[1].1["outcome"], &events[1].1["version"]), (&json!("acted"), &json!(2)));
    admin_post(&app, &format!("{path}/resolve"), json!({ "action": "dismiss" })).await.is_problem(409, "");

    // The removed post is listed and read by admins, with its content.
    let mut removed = with_removed(post(1, 2, false), true);
    removed["deleted"] = json!(true);
    removed["content"] = json!("buy this");
    app.deliver("post", &[removed]).await;
    let listed = admin_get(&app, "/admin/posts?removed=true").await;
    assert_eq!(listed["posts"].as_array().unwrap().len(), 1);
    let read = admin_get(&app, "/admin/posts/1").await;
    assert_eq!(listed["posts"][0], read);
    assert_eq!((&read["content"]["content"], &read["status"]), (&json!("buy this"), &json!("removed")));
    assert_eq!((&read["decision"]["reason"], &read["pending"]), (&json!("ads"), &json!(false)));

    let reopened = admin_post(&app, &format!("{path}/reopen"), json!({ "reason": "a mistake" })).await;
    assert_eq!((reopened.status, &reopened.json["case"]["status"]), (200, &json!("open")));
    let events = app.events().await;
    assert_eq!(events[0].1, json!({ "id": 1, "version": 2, "removed": false }));
    assert_eq!((&events[1].1["outcome"], &events[1].1["version"]), (&json!(null), &json!(3)));
    admin_post(&app, &format!("{path}/reopen"), Value::Null).await.is_problem(409, "");
    let log = admin_get(&app, "/admin/audit?target_kind=post&target_id=1").await;
    let entries = log["entries"].as_array().unwrap();
    let actions: Vec<&str> = entries.iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions, ["reopen_case", "restore", "remove_case", "remove"]);
    // A post that its author deletes has no content any more.
    app.deliver("post", &[with_removed(post(1, 3, true), false)]).await;
    let read = admin_get(&app, "/admin/posts/1").await;
    assert_eq!((&read["content"]["content"], &read["status"]), (&Value::Null, &json!("deleted")));
    app.finish().await;
}

#[tokio::test]
async fn several_cases_are_resolved_together_or_not_at_all() {
    let app = spawn_with_things().await;
    for target in [json!({ "post_id": 1 }), json!({ "post_id": 2 }), json!({ "user_id": 4 })] {
        let mut body = target;
        body["reason"] = json!("harassment");
        assert_eq!(report(&app, 3, body).await.status, 201);
    }
    app.events().await;
    let queue = admin_get(&app, "/admin/reports").await;
    let ids: Vec<i64> = queue["cases"].as_array().unwrap().iter().filter_map(|case| case["id"].as_i64()).collect();
    let [of_dan, of_second, of_first] = ids[..] else { panic!("{ids:?}") };
    let chosen = |ids: &[i64]| ids.iter().map(|id| json!({ "id": id, "version": 0 })).collect::<Vec<Value>>();
    let resolve = async |cases: Vec<Value>, action: &str| {
        let body = json!({ "cases": cases, "action": action, "reason": "be kind" });
        admin_post(&app, "/admin/reports/resolve", body).await
    };
    resolve(chosen(&[of_first, of_dan]), "remove").await.is_problem(422, "");
    resolve(chosen(&[of_first, 999]), "dismiss").await.is_problem(404, "Case 999 not found");
    resolve(vec![json!({ "id": of_first, "version": 1 })], "dismiss").await.is_problem(412, "");
    for nonsense in [json!([]), json!([{ "id": of_first, "more": 1 }]), json!(vec![json!({ "id": 1 }); 101])] {
        let body = json!({ "cases": nonsense, "action": "dismiss" });
        admin_post(&app, "/admin/reports/resolve", body).await.is_problem(422, "");
    }
    assert!(app.events().await.is_empty(), "all or none");
    // Ann, who has written both posts, is warned once; dan is warned too.
    let done = resolve(chosen(&[of_first, of_second, of_dan]), "warn").await;
    assert_eq!((done.status, &done.json["message"]), (200, &json!("3 cases resolved")), "{}", done.text);
    let events = app.events().await;
    let warned: Vec<&Value> = events.iter().filter(|(stream, _)| stream == "moderation.user").map(|(_, s)| s).collect();
    assert_eq!(warned.len(), 2);
    assert_eq!((&warned[0]["id"], &warned[0]["blocked"]), (&json!(1), &json!(false)));
    assert_eq!((&warned[0]["warnings"][0]["text"], &warned[0]["version"]), (&json!("be kind"), &json!(1)));
    assert_eq!(admin_get(&app, "/admin/users/1").await["warnings"][0]["text"], "be kind");
    // Undoing the first one withdraws ann's warning.
    let body = json!({ "cases": [{ "id": of_first }, { "id": of_second }] });
    assert_eq!(admin_post(&app, "/admin/reports/reopen", body).await.status, 200);
    let states = published(&app, "moderation.user").await;
    assert_eq!((states.len(), &states[0]["warnings"], &states[0]["version"]), (1, &json!([]), &json!(2)));
    app.finish().await;
}

#[tokio::test]
async fn a_later_decision_of_somebody_else_is_not_undone_and_a_stale_tag_is_refused() {
    let app = spawn_with_things().await;
    report(&app, 2, json!({ "user_id": 4, "reason": "spam" })).await;
    let queue = admin_get(&app, "/admin/reports").await;
    let path = format!("/admin/reports/{}", queue["cases"][0]["id"]);
    let seen = app.get(&path).as_admin().send().await;
    let tag = seen.headers["etag"].to_str().unwrap().to_owned();
    // A report that comes in between does not matter; a decision does.
    report(&app, 3, json!({ "user_id": 4, "reason": "hate" })).await;
    let body = json!({ "action": "block", "until": "2026-03-02T00:00:00Z" });
    let call = |body: Value| app.post(&format!("{path}/resolve"), body).header("if-match", &tag).as_admin();
    let resolved = call(body.clone()).send().await;
    assert_eq!(resolved.status, 200, "{}", resolved.text);
    admin_post(&app, &format!("{path}/reopen"), Value::Null).await;
    call(body.clone()).send().await.is_problem(412, "");
    assert_eq!(admin_post(&app, &format!("{path}/resolve"), body).await.status, 200);
    // Another admin blocks without an end; the undoing leaves that as it is.
    assert_eq!(admin_post(&app, "/admin/users/4/block", json!({ "reason": "for good" })).await.status, 200);
    app.events().await;
    assert_eq!(admin_post(&app, &format!("{path}/reopen"), Value::Null).await.status, 200);
    assert_eq!(published(&app, "moderation.user").await, [Value::Null; 0]);
    let person = app.get("/admin/users/4").as_admin().send().await;
    assert_eq!((&person.json["decision"]["hidden"], &person.json["decision"]["until"]), (&json!(true), &Value::Null));
    // The tag of a target is a condition of decisions, too.
    let tag = person.headers["etag"].to_str().unwrap().to_owned();
    let unblock = || app.call(Method::POST, "/admin/users/4/unblock", None).header("if-match", &tag).as_admin();
    assert_eq!(unblock().send().await.status, 200);
    unblock().send().await.is_problem(412, "Another admin has decided about it meanwhile; look again");
    app.events().await;
    app.finish().await;
}

#[tokio::test]
async fn a_block_ends_at_its_time_by_an_ordinary_decision() {
    let app = spawn_with_things().await;
    let now = app.db().clock().now();
    let until = json!(now + Duration::from_secs(60));
    for (body, status) in [
        (json!({ "until": now }), 422),
        (json!({ "until": "soon" }), 422),
        (json!({ "until": until, "reason": "cool down" }), 200),
    ] {
        assert_eq!(admin_post(&app, "/admin/users/4/block", body.clone()).await.status, status, "{body}");
    }
    let state = published(&app, "moderation.user").await;
    assert_eq!((state.len(), &state[0]["blocked_until"]), (1, &until));
    // The same again changes nothing; another end is a new decision.
    assert_eq!(admin_post(&app, "/admin/users/4/block", json!({ "until": until })).await.status, 200);
    assert_eq!(published(&app, "moderation.user").await, [Value::Null; 0]);
    app.db().clock().advance(Duration::from_secs(61));
    let mut ended = Vec::new();
    let has_ended = async || {
        ended.extend(published(&app, "moderation.user").await);
        !ended.is_empty()
    };
    app.eventually(has_ended, "the end of the block").await;
    assert_eq!(ended, [json!({ "id": 4, "version": 2, "blocked": false, "blocked_until": null, "warnings": [] })]);
    let entry = admin_get(&app, "/admin/audit?action=unblock").await["entries"][0].clone();
    assert_eq!((&entry["actor_username"], &entry["target_id"]), (&json!("(timer)"), &json!(4)));
    app.finish().await;
}

#[tokio::test]
async fn the_log_is_filtered_and_a_reason_in_the_query_is_kept() {
    let app = spawn_with_things().await;
    assert_eq!(app.delete("/admin/posts/1?reason=too%20loud").as_admin().send().await.status, 200);
    assert_eq!(app.delete("/admin/comments/5").as_admin().send().await.status, 200);
    let long = format!("/admin/posts/2?reason={}", "x".repeat(501));
    app.delete(&long).as_admin().send().await.is_problem(422, "");
    app.db().clock().advance(Duration::from_secs(60));
    assert_eq!(admin_post(&app, "/admin/users/4/block", Value::Null).await.status, 200);
    let count =
        async |query: &str| admin_get(&app, &format!("/admin/audit?{query}")).await["entries"].as_array().map(Vec::len);
    for (query, entries) in [
        ("", 3),
        ("admin=1000000", 3),
        ("admin=7", 0),
        ("action=remove", 2),
        ("target_kind=post", 1),
        ("target_kind=user&target_id=4", 1),
        ("until=2026-03-01T12:00:30Z", 2),
        ("since=2026-03-01T12:00:30Z", 1),
    ] {
        assert_eq!(count(query).await, Some(entries), "{query}");
    }
    assert_eq!(admin_get(&app, "/admin/audit?target_kind=post").await["entries"][0]["reason"], "too loud");
    for bad in ["target_kind=cat", "since=soon", "admin=x"] {
        app.get(&format!("/admin/audit?{bad}")).as_admin().send().await.is_problem(400, "");
    }
    for bad in ["/admin/reports?status=cold", "/admin/posts?removed=maybe", "/admin/reports/x"] {
        app.get(bad).as_admin().send().await.is_problem(400, "");
    }
    for missing in ["/admin/reports/9", "/admin/posts/9", "/admin/comments/9", "/admin/users/9"] {
        app.get(missing).as_admin().send().await.is_problem(404, "");
    }
    app.events().await;
    app.finish().await;
}

#[tokio::test]
async fn words_go_with_the_person_and_one_s_own_reports_are_exported() {
    let app = spawn_with_things().await;
    report(&app, 2, json!({ "post_id": 1, "reason": "spam", "text": "a zebra" })).await;
    report(&app, 1, json!({ "user_id": 4, "reason": "hate", "text": "a horse" })).await;
    let exported = app.export(2, "/admin/stats").await["reports"].clone();
    assert_eq!((exported.len(), &exported[0]["text"]), (1, &json!("a zebra")));
    let queue = admin_get(&app, "/admin/reports").await;
    let of_dan = queue["cases"][0]["id"].clone();
    let path = format!("/admin/reports/{of_dan}/resolve");
    assert_eq!(admin_post(&app, &path, json!({ "action": "warn", "reason": "be kind" })).await.status, 200);
    let of_post = json!({ "action": "remove", "reason": "an ugly zebra" });
    assert_eq!(
        admin_post(&app, &format!("/admin/reports/{}/resolve", queue["cases"][1]["id"]), of_post).await.status,
        200
    );
    for (id, counts) in [
        (1, json!({ "reasons": 2, "audit_entries": 2, "reports": 2, "warnings": 0 })),
        (4, json!({ "reasons": 1, "audit_entries": 2, "reports": 1, "warnings": 1 })),
    ] {
        app.events().await;
        app.deliver("user", &[crate::erasure::gone(id, 3)]).await;
        // Its owner erases what the person wrote, and the copies follow.
        app.deliver("post", &[with_removed(post(1, 9, true), false), with_removed(post(2, 9, true), false)]).await;
        app.deliver("comment", &[with_removed(comment(5, 9, true), false)]).await;
        assert_eq!(crate::erasure::confirmation(&app, id).await["counts"], counts, "{id}");
    }
    let stored =
        admin_get(&app, "/admin/reports").await.to_string() + &admin_get(&app, "/admin/users/4").await.to_string();
    let stored = stored + &admin_get(&app, "/admin/audit").await.to_string();
    for word in ["be kind", "user4", "zebra"] {
        assert!(!stored.contains(word), "{word}: {stored}");
    }
    let detail = admin_get(&app, &format!("/admin/reports/{of_dan}")).await;
    assert_eq!((&detail["reports"][0]["text"], &detail["reports"][0]["reported"]), (&Value::Null, &Value::Null));
    app.finish().await;
}
