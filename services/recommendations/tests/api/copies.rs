//! The copies and the memory behind the answers: events in any order and twice, a restart, and the comparison with the
//! owners.

use recommendations::{NAME, build};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use shared::db::is_postgres;
use shared::events::any_consumer::Row;
use testkit::app::TestApp;

use crate::world::{LIKES, deleted_post, empty, erased, for_ann, like, likes, post, posts, small, user, users};

#[tokio::test]
async fn events_in_any_order_and_twice_give_the_same_answer() {
    let expected = for_ann(&small().await, "").await.json;
    let app = empty().await;
    let counts = json!({"id": 13, "version": 9, "like_count": 2, "comment_count": 3, "view_count": 40});
    let older = json!({"id": 13, "version": 8, "like_count": 7, "comment_count": 7, "view_count": 7});
    let mut withdrawn_and_again: Vec<Value> = Vec::new();
    for (user, post) in LIKES {
        withdrawn_and_again.push(like(user, post, 2, false));
        withdrawn_and_again.push(like(user, post, 3, true));
    }
    withdrawn_and_again.reverse();
    for _ in 0..2 {
        for state in &withdrawn_and_again {
            app.deliver("like", std::slice::from_ref(state)).await;
        }
        app.deliver("like", &likes()).await;
        app.deliver("post_counts", std::slice::from_ref(&counts)).await;
        app.deliver("post_counts", std::slice::from_ref(&older)).await;
        for id in 11..=17 {
            app.deliver("post", &[post(id, if id == 17 { 1 } else { 5 }, 3)]).await;
            app.deliver("post", &[deleted_post(id, 2)]).await;
        }
        app.deliver("post", &posts()).await;
        app.deliver("user", &[user(2, "bob", 1, false)]).await;
        for state in users().iter().rev() {
            app.deliver("user", std::slice::from_ref(state)).await;
        }
    }
    assert_eq!(for_ann(&app, "").await.json, expected);
    assert!(app.events().await.is_empty(), "nothing is owned, so nothing is published");
}

#[tokio::test]
async fn a_restart_fills_memory_from_the_copies() {
    let app = small().await;
    app.deliver("like", &[like(2, 14, 2, false)]).await;
    app.deliver("user", &[user(4, "dan", 2, true), erased(3, 2)]).await;
    let expected = for_ann(&app, "").await.json;
    let db = app.db().clone();
    let again = TestApp::spawn(NAME, async |mut deps| {
        deps.db = db;
        build(deps)
    })
    .await;
    assert_eq!(for_ann(&again, "").await.json, expected);
    again.get("/recommendations").as_user(4, "dan").send().await.is_problem(403, "Account blocked");
    again.get("/recommendations").as_user(3, "cleo").send().await.is_problem(403, "Account blocked");
    // A withdrawn like stays withdrawn when an older state of it arrives late.
    again.deliver("like", &[like(2, 14, 1, true)]).await;
    assert_eq!(for_ann(&again, "").await.json, expected);
}

#[tokio::test]
async fn many_likes_may_take_longer_than_a_request() {
    let app = small().await;
    let expected = for_ann(&app, "").await.json;
    let db = app.db().clone();
    if is_postgres(db.read()) {
        // All rows together take longer than the statement timeout of requests on Postgres. SQLite has no such limit.
        let seconds = 5.5 / LIKES.len() as f64;
        let slow = format!("CREATE VIEW likes AS SELECT *, pg_sleep({seconds})::text FROM all_likes");
        db.read().execute_unprepared(&format!("ALTER TABLE likes RENAME TO all_likes; {slow}")).await.expect("a view");
    }
    let again = TestApp::spawn(NAME, async |mut deps| {
        deps.db = db;
        build(deps)
    })
    .await;
    assert_eq!(for_ann(&again, "").await.json, expected);
}

#[tokio::test]
async fn copies_read_back_as_what_their_owners_sent() {
    let app = empty().await;
    let streams: [(&str, Vec<Value>); 4] = [
        ("user", vec![user(1, "ann", 3, false), user(2, "bob", 4, true), erased(3, 5)]),
        ("post", vec![post(11, 1, 2), deleted_post(12, 3)]),
        ("post_counts", vec![json!({"id": 11, "version": 2, "like_count": 1, "comment_count": 0, "view_count": 5})]),
        ("like", vec![like(1, 11, 1, true), like(1, 12, 2, false), like(2, 11, 1, true)]),
    ];
    for (stream, states) in &streams {
        app.deliver(stream, states).await;
        let consumers = &app.service().streams.consumers;
        let consumer = consumers.iter().find(|consumer| consumer.stream() == *stream).expect("a consumer");
        let expected: Vec<Row> = states.iter().map(|state| consumer.as_copied(state).expect("a state")).collect();
        let mut read: Vec<Row> = Vec::new();
        loop {
            let after = read.last().map(|row| row.key.clone());
            let page = consumer.page(app.db().read(), after.as_ref(), 2).await.expect("a page");
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        assert_eq!(read, expected, "{stream}");
        for row in &expected {
            let tx = app.db().begin().await.expect("a transaction");
            consumer.delete(&tx, &row.key, row.version + 1).await.expect("another version stays");
            consumer.delete(&tx, &row.key, row.version).await.expect("forgotten");
            tx.commit().await.expect("committed");
        }
        assert!(consumer.page(app.db().read(), None, 10).await.expect("a page").is_empty(), "{stream}");
    }
}

#[tokio::test]
async fn a_bad_state_does_not_hide_its_good_neighbours() {
    let app = small().await;
    let good = like(1, 13, 5, true);
    let bad = [json!({"user_id": 0, "post_id": 13, "version": 1, "deleted": false}), json!({"user_id": "x"})];
    app.deliver_bad("like", &[bad[0].clone(), good, bad[1].clone()]).await;
    assert_eq!(crate::world::ids(&for_ann(&app, "").await), [14]);
}
