//! Likes, views and comments of many people at once: they share transactions, and each gets an answer of its own.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};
use shared::db::is_postgres;
use testkit::app::{Answer, TestApp};

use crate::{post_of_ann, spawn};

/// A text with characters that JSON and SQL treat specially: many comments are sent to Postgres as one JSON text.
const SAID: &str = "\"me too\" \\ \u{1f600}\n'; --";
const NAMES: [&str; 4] = ["ann", "bob", "cid", "dee"];

/// Sends a write; `n` selects its kind, its post and its author.
async fn write(app: &TestApp, posts: &[i64], n: usize) -> Answer {
    let post = posts[n % posts.len()];
    let (id, name) = (1 + (n as i64 / 3) % 4, NAMES[(n / 3) % 4]);
    match n % 3 {
        0 => app.post(&format!("/posts/{post}/likes"), Value::Null).as_user(id, name).send().await,
        1 => app.post(&format!("/posts/{post}/views"), Value::Null).send().await,
        _ => {
            let said = json!({ "content": SAID });
            let key = format!("comment-{n}");
            let request = app.post(&format!("/posts/{post}/comments"), said).as_user(id, name);
            request.header("idempotency-key", &key).send().await
        }
    }
}

#[tokio::test]
async fn writes_of_many_people_are_each_answered_and_counted() {
    let app = spawn().await;
    let posts = [post_of_ann(&app).await, post_of_ann(&app).await];
    app.events().await;
    let answers = join_all((0..120).map(|n| write(&app, &posts, n))).await;
    let of_kind =
        |kind: usize| answers.iter().enumerate().filter(move |(n, _)| n % 3 == kind).map(|(_, answer)| answer);
    assert!(of_kind(0).all(|answer| answer.json == json!({ "message": "Post liked" })));
    // Every view of a post has a number of its own, and every comment an id of its own.
    let mut hits: Vec<i64> = of_kind(1).map(|answer| answer.json["views"].as_i64().unwrap()).collect();
    hits.sort_unstable();
    assert_eq!(hits, (1..=20).flat_map(|number| [number, number]).collect::<Vec<_>>());
    let comments: BTreeSet<i64> = of_kind(2).map(|answer| answer.json["comment"]["id"].as_i64().unwrap()).collect();
    assert_eq!(comments.len(), 40);
    for (n, answer) in answers.iter().enumerate().skip(2).step_by(3) {
        let comment = &answer.json["comment"];
        assert_eq!((answer.status, &comment["post_id"]), (201, &json!(posts[n % 2])));
        assert_eq!(comment["content"], SAID);
        assert_eq!(comment["author"]["username"], NAMES[(n / 3) % 4]);
    }
    let events = app.events().await;
    for post in posts {
        let shown = app.get(&format!("/posts/{post}")).send().await.json;
        let [likes, comments, views] = ["like_count", "comment_count", "view_count"].map(|count| shown[count].clone());
        assert_eq!((likes, comments, views), (json!(2), json!(20), json!(20)));
        // The last published state equals the stored one, and a transaction publishes the counters of a post once.
        let counts = events.iter().filter(|(stream, state)| stream == "post_counts" && state["id"] == post);
        let counts: Vec<(i64, i64)> = counts
            .map(|(_, state)| (state["version"].as_i64().unwrap(), state["view_count"].as_i64().unwrap()))
            .collect();
        assert!(counts.is_sorted_by(|a, b| a.0 < b.0) && counts.len() < 20, "{counts:?}");
        assert_eq!(counts.last().unwrap().1, 20);
    }
    app.finish().await;
}

#[tokio::test]
async fn one_who_may_not_write_spoils_nothing_for_the_others() {
    let app = spawn().await;
    let post = post_of_ann(&app).await;
    let path = |post: i64| format!("/posts/{post}/likes");
    let (liked, missing, unliked) = tokio::join!(
        app.post(&path(post), Value::Null).as_user(2, "bob").send(),
        app.post(&path(post + 1), Value::Null).as_user(2, "bob").send(),
        app.delete(&path(post)).as_user(3, "cid").send(),
    );
    assert_eq!(liked.status, 200);
    missing.is_problem(404, "Post not found");
    unliked.is_problem(404, "Like not found");
    assert_eq!(app.get(&format!("/posts/{post}")).send().await.json["like_count"], 1);
    app.finish().await;
}

#[tokio::test]
async fn likes_that_are_taken_back_at_once_are_each_taken_back_once() {
    let app = spawn().await;
    let posts = [post_of_ann(&app).await, post_of_ann(&app).await];
    let all: Vec<(i64, i64)> = (1..=7).flat_map(|person| posts.map(|post| (person, post))).collect();
    let give = |(person, post)| app.post(&format!("/posts/{post}/likes"), Value::Null).as_user(person, "x").send();
    let take = |(person, post)| app.delete(&format!("/posts/{post}/likes")).as_user(person, "x").send();
    let likes = async || app.get(&format!("/posts/{}", posts[0])).send().await.json["like_count"].clone();
    for _ in 0..2 {
        assert!(join_all(all.iter().copied().map(give)).await.iter().all(|answer| answer.status == 200));
        assert_eq!(likes().await, 7);
        // Each like is taken back twice, and only one of the two requests finds it.
        let answers = join_all(all.iter().chain(&all).copied().map(take)).await;
        let found = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((found(200), found(404)), (14, 14));
        assert_eq!(likes().await, 0);
    }
    app.finish().await;
}

/// Makes the commit of every transaction that has stored a comment wait for an advisory lock.
const GATE: &str = "CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER pass AFTER INSERT ON comments DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION pass();";

/// Waits until the last statement of some connection begins with this text, and the connection is in this state.
async fn eventually(app: &TestApp, last: &str, state: &str) {
    let sql = format!(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '{last}%' AND state = '{state}'"
    );
    let found = async || {
        let statement = Statement::from_string(DbBackend::Postgres, sql.clone());
        app.db().read().query_one_raw(statement).await.unwrap().is_some()
    };
    app.eventually(found, last).await;
}

#[tokio::test]
async fn while_one_commits_the_next_is_executed() {
    let app = spawn().await;
    if !is_postgres(app.db().read()) {
        // SQLite has only one writer, so that no transaction is executed while another one commits.
        return app.finish().await;
    }
    let posts = [post_of_ann(&app).await, post_of_ann(&app).await];
    app.db().read().execute_unprepared(GATE).await.unwrap();
    let gate = app.db().begin_consuming().await.unwrap();
    gate.execute_unprepared("SELECT pg_advisory_xact_lock(7)").await.unwrap();
    let others = async || {
        // The first transaction has executed all its statements by then. So it is the second one that is seen idle
        // after such a statement below.
        eventually(&app, "COMMIT", "active").await;
        let open = async || {
            eventually(&app, "INSERT INTO \"post_counts\"", "idle in transaction").await;
            gate.rollback().await.unwrap();
        };
        tokio::join!(write(&app, &posts[1..], 0), open()).0
    };
    let (comment, like) = tokio::join!(write(&app, &posts, 2), others());
    assert_eq!((comment.status, like.status), (201, 200));
    app.finish().await;
}

#[tokio::test]
async fn what_is_repeated_while_it_commits_waits_for_the_answer() {
    let app = spawn().await;
    if !is_postgres(app.db().read()) {
        return app.finish().await;
    }
    let posts = [post_of_ann(&app).await];
    app.db().read().execute_unprepared(GATE).await.unwrap();
    let gate = app.db().begin_consuming().await.unwrap();
    gate.execute_unprepared("SELECT pg_advisory_xact_lock(7)").await.unwrap();
    let again = async || {
        eventually(&app, "COMMIT", "active").await;
        let mut again = Box::pin(write(&app, &posts, 2));
        let early = tokio::time::timeout(std::time::Duration::from_millis(200), &mut again).await;
        assert!(early.is_err(), "{early:?}");
        gate.rollback().await.unwrap();
        again.await
    };
    let (first, again) = tokio::join!(write(&app, &posts, 2), again());
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json, again.json);
    app.finish().await;
}
