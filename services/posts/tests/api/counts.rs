//! Counters: each equals the length of its list, whatever is deleted, removed or restored, and whoever is blocked,
//! unblocked or erased.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};
use shared::config::Env;
use shared::db::is_postgres;
use testkit::app::TestApp;

use crate::{post_of_ann, spawn, user};

/// The numbers of likes and comments according to a post's counters.
async fn counted(app: &TestApp, post: i64) -> (i64, i64) {
    let shown = app.get(&format!("/posts/{post}")).send().await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    (shown.json["like_count"].as_i64().unwrap(), shown.json["comment_count"].as_i64().unwrap())
}

/// The lengths of a post's lists of likes and comments. Comments that are gone and only keep their place do not count.
async fn listed(app: &TestApp, post: i64) -> (i64, i64) {
    let length = async |list: &str| {
        let answer = app.get(&format!("/posts/{post}/{list}?limit=100")).send().await;
        let is_gone = |row: &&Value| row.get("content").is_some_and(Value::is_null);
        answer.json[list].as_array().unwrap().iter().filter(|row| !is_gone(row)).count() as i64
    };
    (length("likes").await, length("comments").await)
}

/// Asserts that the lists have these lengths, and waits until the counters agree.
async fn agree_on(app: &TestApp, post: i64, expected: (i64, i64), after: &str) {
    assert_eq!(listed(app, post).await, expected, "the lists after {after}");
    app.eventually(async || counted(app, post).await == expected, &format!("the counters after {after}: {expected:?}"))
        .await;
}

/// Waits until a condition holds, while the clock advances.
async fn in_a_while(app: &TestApp, mut condition: impl AsyncFnMut() -> bool, what: &str) {
    let mut version = 0;
    let later = async || {
        app.clock.advance(Duration::from_secs(15));
        version += 1;
        // The state of a blocked person wakes the task that recounts, which then makes all recounts that are due by
        // now.
        app.deliver("user", &[user(9, version, "eve", true)]).await;
        condition().await
    };
    app.eventually(later, what).await;
}

async fn etag(app: &TestApp, post: i64) -> String {
    app.get(&format!("/posts/{post}")).send().await.headers["etag"].to_str().unwrap().to_owned()
}

async fn like(app: &TestApp, post: i64, id: i64) {
    assert_eq!(app.post(&format!("/posts/{post}/likes"), Value::Null).as_user(id, "x").send().await.status, 200);
}

async fn comment(app: &TestApp, post: i64, id: i64) -> i64 {
    let sent = json!({ "content": "so true" });
    let answer = app.post(&format!("/posts/{post}/comments"), sent).as_user(id, "x").send().await;
    answer.json["comment"]["id"].as_i64().unwrap()
}

/// Writes a comment that may answer another one; `None` if that one cannot be answered.
async fn reply(app: &TestApp, post: i64, id: i64, parent: Option<i64>) -> Option<i64> {
    let sent = json!({ "content": "so true", "reply_to": parent });
    let answer = app.post(&format!("/posts/{post}/comments"), sent).as_user(id, "x").send().await;
    assert!(matches!(answer.status, 201 | 422), "{}", answer.text);
    answer.json["comment"]["id"].as_i64()
}

fn erased(id: i64, version: i64) -> Value {
    let mut state = user(id, version, "gone", false);
    state["deleted"] = json!(true);
    for field in ["username", "first_name", "last_name", "bio", "created_at", "role"] {
        state[field] = Value::Null;
    }
    state
}

fn decision(id: i64, version: i64, removed: bool) -> Value {
    json!({ "id": id, "version": version, "removed": removed })
}

/// Creates a post of ann (user 1) that bob (2) and cid (3) like and comment. Returns the ids of the post and of the two
/// comments.
async fn discussed(app: &TestApp) -> (i64, i64, i64) {
    app.deliver("user", &[user(1, 1, "ann", false), user(2, 1, "bob", false), user(3, 1, "cid", false)]).await;
    let post = post_of_ann(app).await;
    like(app, post, 2).await;
    like(app, post, 3).await;
    let comments = (comment(app, post, 2).await, comment(app, post, 3).await);
    agree_on(app, post, (2, 2), "writing").await;
    (post, comments.0, comments.1)
}

#[tokio::test]
async fn counters_follow_the_lists_when_people_are_blocked_unblocked_and_erased() {
    let app = spawn().await;
    let (post, ..) = discussed(&app).await;
    app.events().await;
    let before = etag(&app, post).await;
    app.deliver("user", &[user(2, 2, "bob", true)]).await;
    agree_on(&app, post, (1, 1), "a block").await;
    assert_ne!(etag(&app, post).await, before, "who knows the old number gets the new one");
    // A recount is published as any other change: the whole state, with the next version.
    let events = app.events().await;
    let state = json!({ "id": post, "version": 6, "like_count": 1, "comment_count": 1, "view_count": 0 });
    assert_eq!(events, [("post_counts".to_owned(), state)]);
    app.deliver("user", &[user(2, 3, "bob", false)]).await;
    agree_on(&app, post, (2, 2), "the unblock").await;
    app.deliver("user", &[erased(3, 2)]).await;
    agree_on(&app, post, (1, 1), "an erasure").await;
    // A block of the post's author hides the post together with its counters, and changes none of them.
    app.deliver("user", &[user(1, 2, "ann", true)]).await;
    app.get(&format!("/posts/{post}")).send().await.is_problem(404, "Post not found");
    app.deliver("user", &[user(1, 3, "ann", false)]).await;
    agree_on(&app, post, (1, 1), "the author's unblock").await;
    app.finish().await;
}

#[tokio::test]
async fn what_a_blocked_person_wrote_is_removed_and_restored_without_being_counted() {
    let app = spawn().await;
    let (post, of_bob, of_cid) = discussed(&app).await;
    app.deliver("user", &[user(2, 2, "bob", true)]).await;
    agree_on(&app, post, (1, 1), "a block").await;
    for (version, removed) in [(1, true), (2, false), (3, true)] {
        app.deliver("moderation.comment", &[decision(of_bob, version, removed)]).await;
        agree_on(&app, post, (1, 1), "a decision about what is hidden").await;
    }
    app.deliver("user", &[user(2, 3, "bob", false)]).await;
    agree_on(&app, post, (2, 1), "the unblock").await;
    // A comment that its author deletes while it is removed counts neither now nor after a restore.
    app.deliver("moderation.comment", &[decision(of_cid, 1, true)]).await;
    agree_on(&app, post, (2, 0), "a removal").await;
    let path = format!("/posts/{post}/comments/{of_cid}");
    assert_eq!(app.delete(&path).as_user(3, "cid").send().await.status, 200);
    agree_on(&app, post, (2, 0), "a deletion of what is removed").await;
    app.deliver("moderation.comment", &[decision(of_cid, 2, false), decision(of_bob, 4, false)]).await;
    agree_on(&app, post, (2, 1), "restores").await;
    app.finish().await;
}

#[tokio::test]
async fn counters_of_a_post_that_nobody_sees_follow_too() {
    let app = spawn().await;
    let (post, ..) = discussed(&app).await;
    app.deliver("moderation.post", &[decision(post, 1, true)]).await;
    app.deliver("user", &[user(2, 2, "bob", true)]).await;
    app.deliver("moderation.post", &[decision(post, 2, false)]).await;
    agree_on(&app, post, (1, 1), "a block while the post was removed").await;
    app.finish().await;
}

#[tokio::test]
async fn what_was_written_while_a_block_was_applied_is_counted_right_in_the_end() {
    let app = spawn().await;
    let (post, ..) = discussed(&app).await;
    app.deliver("user", &[user(2, 2, "bob", true)]).await;
    agree_on(&app, post, (1, 1), "a block").await;
    // A write on a replica that had not heard of the block commits after the recount, and counts itself.
    let late = format!(
        "INSERT INTO comments (version, post_id, author_id, content, created_at, updated_at) \
         SELECT 1, {post}, 2, 'late', created_at, created_at FROM posts; \
         UPDATE post_counts SET comment_count = comment_count + 1, version = version + 1"
    );
    let tx = app.db().begin().await.unwrap();
    tx.execute_unprepared(&late).await.unwrap();
    tx.commit().await.unwrap();
    let stored = async || {
        let sql = "SELECT comment_count AS n FROM post_counts";
        let backend = app.db().read().get_database_backend();
        let row = app.db().read().query_one_raw(sea_orm::Statement::from_string(backend, sql)).await.unwrap();
        row.unwrap().try_get::<i64>("", "n").unwrap()
    };
    in_a_while(&app, async || stored().await == 1, "the late comment not to count").await;
    app.finish().await;
}

#[tokio::test]
async fn likes_and_comments_that_race_a_block_are_counted_right_in_the_end() {
    let app = spawn().await;
    let (post, ..) = discussed(&app).await;
    let write = async |n: i64| {
        let person = 2 + n % 3;
        let (likes, comments) = (format!("/posts/{post}/likes"), format!("/posts/{post}/comments"));
        let call = match n % 4 {
            0 => app.post(&likes, Value::Null),
            1 => app.delete(&likes),
            _ => app.post(&comments, json!({ "content": "so true" })),
        };
        call.as_user(person, "someone").send().await.status
    };
    let block = async {
        app.deliver("user", &[user(2, 2, "bob", true), user(3, 2, "cid", true)]).await;
        app.deliver("user", &[user(3, 3, "cid", false)]).await;
        500
    };
    let mut all: Vec<std::pin::Pin<Box<dyn Future<Output = u16> + '_>>> = Vec::new();
    for n in 0..60 {
        all.push(Box::pin(write(n)));
    }
    all.insert(30, Box::pin(block));
    futures_util::future::join_all(all).await;
    app.deliver("user", &[user(4, 1, "dee", false)]).await;
    let agree = async || counted(&app, post).await == listed(&app, post).await;
    in_a_while(&app, agree, "counters and lists to agree").await;
    app.finish().await;
}

#[tokio::test]
async fn a_block_reaches_every_post_however_many_there_are() {
    let app = spawn().await;
    discussed(&app).await;
    // There are 256 posts, and bob likes each of them.
    let tx = app.db().begin().await.unwrap();
    for _ in 0..8 {
        let copy = "INSERT INTO posts (version, author_id, title, content, created_at, updated_at) \
            SELECT 1, 1, 'x', 'x', created_at, created_at FROM posts";
        tx.execute_unprepared(copy).await.unwrap();
    }
    let rest = "INSERT INTO likes (user_id, post_id, active, version, created_at) \
        SELECT 2, id, TRUE, 1, created_at FROM posts WHERE id NOT IN (SELECT post_id FROM likes WHERE user_id = 2); \
        INSERT INTO post_counts (post_id, version, like_count, comment_count, view_count) \
        SELECT id, 1, 1, 0, 0 FROM posts WHERE id NOT IN (SELECT post_id FROM post_counts)";
    tx.execute_unprepared(rest).await.unwrap();
    tx.commit().await.unwrap();
    let likes = async || {
        let sql = "SELECT CAST(SUM(like_count) AS BIGINT) AS n FROM post_counts";
        let backend = app.db().read().get_database_backend();
        let row = app.db().read().query_one_raw(sea_orm::Statement::from_string(backend, sql)).await.unwrap();
        row.unwrap().try_get::<i64>("", "n").unwrap()
    };
    assert_eq!(likes().await, 257, "bob's, and cid's one");
    app.deliver("user", &[user(2, 2, "bob", true)]).await;
    app.eventually(async || likes().await == 1, "bob's likes to be gone everywhere").await;
    app.deliver("user", &[user(2, 3, "bob", false)]).await;
    app.eventually(async || likes().await == 257, "bob's likes to be back everywhere").await;
    app.finish().await;
}

#[tokio::test]
async fn a_block_whose_recount_was_cut_off_is_recounted_after_the_restart() {
    let app = spawn().await;
    let (post, ..) = discussed(&app).await;
    let db = app.db().clone();
    // The process died after it had applied bob's block and before it recounted.
    let tx = db.begin().await.unwrap();
    tx.execute_unprepared("UPDATE users SET blocked = TRUE, version = 2 WHERE id = 2").await.unwrap();
    tx.commit().await.unwrap();
    let again = TestApp::spawn(::posts::NAME, async |mut deps| {
        let config = ::posts::Config::from_env(&Env::default(), &deps.settings).unwrap();
        deps.db = db;
        ::posts::build(&config, deps).unwrap()
    })
    .await;
    agree_on(&again, post, (1, 1), "a restart").await;
    drop(again);
}

#[tokio::test]
async fn reconcile_finds_and_mends_counters_that_are_not_what_they_count() {
    let app = spawn().await;
    let (post, ..) = discussed(&app).await;
    let other = post_of_ann(&app).await;
    let sources = &app.service().streams.sources;
    let counts = sources.iter().find(|source| source.stream() == "post_counts").unwrap();
    assert!(counts.is_recountable());
    let wrong = async || counts.find_miscounted(app.db().read()).await.unwrap();
    assert_eq!(wrong().await, []);
    let tx = app.db().begin().await.unwrap();
    tx.execute_unprepared(&format!("UPDATE post_counts SET like_count = 7 WHERE post_id = {post}")).await.unwrap();
    tx.commit().await.unwrap();
    let found = wrong().await;
    assert_eq!(found.iter().map(|(key, _)| key.first()).collect::<Vec<_>>(), [post], "and not {other}");
    let mut tx = app.db().begin().await.unwrap();
    counts.recount(&mut tx, &[found[0].0.clone()]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(wrong().await, []);
    agree_on(&app, post, (2, 2), "the repair").await;
    app.finish().await;
}

/// Pseudo-random numbers (xorshift), the same in each run.
struct Random(u64);

impl Random {
    /// A number from 0 to `n - 1`.
    fn below(&mut self, n: u64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n) as i64
    }
}

/// The result that the writes so far must have.
#[derive(Default)]
struct Expectation {
    /// The version of each person's last state.
    versions: BTreeMap<i64, i64>,
    /// The people who are blocked.
    hidden: BTreeSet<i64>,
    /// The people whose like is active.
    likes: BTreeSet<i64>,
    /// The comments that their authors have not deleted, with the authors.
    comments: BTreeMap<i64, i64>,
    /// All comments that were ever written, with their authors.
    written: Vec<(i64, i64)>,
    /// The comments with a decision: its version, and true when it ordered the removal.
    decided: BTreeMap<i64, (i64, bool)>,
    /// The comments that their authors have deleted.
    deleted: BTreeSet<i64>,
}

impl Expectation {
    /// The numbers of likes and comments that lists and counters must have.
    fn counts(&self) -> (i64, i64) {
        let seen = |person: &i64| !self.hidden.contains(person);
        let removed = |id: &i64| self.decided.get(id).is_some_and(|(_, removed)| *removed);
        let comments = self.comments.iter().filter(|(id, author)| seen(author) && !removed(id));
        (self.likes.iter().filter(|person| seen(person)).count() as i64, comments.count() as i64)
    }
}

/// Makes a random change that concerns a post (a like, a comment, a decision, a block, or one of these taken back), and
/// notes its effect.
async fn write_at_random(app: &TestApp, post: i64, expected: &mut Expectation, random: &mut Random) {
    let person = 2 + random.below(4);
    let acts = !expected.hidden.contains(&person);
    let any =
        |random: &mut Random, of: &[(i64, i64)]| (!of.is_empty()).then(|| of[random.below(of.len() as u64) as usize]);
    match random.below(8) {
        0 | 1 if acts => {
            like(app, post, person).await;
            expected.likes.insert(person);
        }
        2 if acts => {
            let found = app.delete(&format!("/posts/{post}/likes")).as_user(person, "x").send().await.status;
            assert_eq!(found == 200, expected.likes.remove(&person));
        }
        3 if acts => {
            // A comment that is gone, or too deep, cannot be answered.
            let parent = any(random, &expected.written).map(|(id, _)| id);
            let Some(id) = reply(app, post, person, parent).await else { return };
            expected.comments.insert(id, person);
            expected.written.push((id, person));
        }
        4 => {
            let Some((id, author)) = any(random, &expected.written) else { return };
            if !expected.hidden.contains(&author) && expected.deleted.insert(id) {
                let path = format!("/posts/{post}/comments/{id}");
                assert_eq!(app.delete(&path).as_user(author, "x").send().await.status, 200);
                expected.comments.remove(&id);
            }
        }
        5 => {
            let Some((id, _)) = any(random, &expected.written) else { return };
            let (version, removed) = expected.decided.get(&id).copied().unwrap_or((0, false));
            app.deliver("moderation.comment", &[decision(id, version + 1, !removed)]).await;
            expected.decided.insert(id, (version + 1, !removed));
        }
        _ => {
            let version = expected.versions.entry(person).or_insert(1);
            *version += 1;
            let blocks = expected.hidden.insert(person) || !expected.hidden.remove(&person);
            app.deliver("user", &[user(person, *version, "someone", blocks)]).await;
        }
    }
}

#[tokio::test]
async fn after_any_history_counters_and_lists_say_the_same() {
    for seed in [7, 20_260_301, 0x9e37_79b9_7f4a_7c15] {
        let app = spawn().await;
        let people: Vec<Value> = (1..=5).map(|id| user(id, 1, "someone", false)).collect();
        app.deliver("user", &people).await;
        let post = post_of_ann(&app).await;
        let (mut expected, mut random) = (Expectation::default(), Random(seed));
        for round in 0..8 {
            for _ in 0..12 {
                write_at_random(&app, post, &mut expected, &mut random).await;
            }
            agree_on(&app, post, expected.counts(), &format!("round {round} of {seed}")).await;
        }
        app.finish().await;
    }
}

/// Waits until the server has a row for this query.
async fn wait_for_row(app: &TestApp, query: &str) {
    let found = async || {
        let statement = Statement::from_string(DbBackend::Postgres, query);
        app.db().read().query_one_raw(statement).await.unwrap().is_some()
    };
    app.eventually(found, query).await;
}

/// A person comes back and writes at once: the write counts while the person is still left out, and is committed after
/// the recount that brings the person back has looked for posts.
#[tokio::test]
async fn a_write_that_races_the_return_of_its_author_is_counted() {
    let app = spawn().await;
    if !is_postgres(app.db().read()) {
        // SQLite has one writer, so nothing can happen between the count of a write and its commit.
        return app.finish().await;
    }
    app.deliver("user", &[user(2, 1, "bob", false)]).await;
    let post = post_of_ann(&app).await;
    app.deliver("user", &[user(2, 2, "bob", true)]).await;
    wait_for_row(&app, "SELECT 1 FROM recounts WHERE user_id = 2 AND rounds = 1").await;
    // The recount cannot begin, and the like cannot be committed.
    let work = app.db().read().begin_unlimited().await.unwrap();
    work.execute_unprepared("LOCK TABLE recounts IN SHARE MODE").await.unwrap();
    app.at_commit("likes", Some("PERFORM pg_advisory_xact_lock(8)")).await;
    let commit = app.db().begin().await.unwrap();
    commit.execute_unprepared("SELECT pg_advisory_xact_lock(8)").await.unwrap();

    app.deliver("user", &[user(2, 3, "bob", false)]).await;
    let go_on = async || {
        wait_for_row(&app, "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COMMIT%' AND wait_event = 'advisory'")
            .await;
        work.rollback().await.unwrap();
        let waits = "EXISTS (SELECT 1 FROM pg_stat_activity WHERE query LIKE 'INSERT INTO \"recounts\"%' \
                     AND wait_event IN ('transactionid', 'tuple'))";
        let is_done = "NOT EXISTS (SELECT 1 FROM recounts WHERE user_id = 2)";
        wait_for_row(&app, &format!("SELECT 1 WHERE {waits} OR {is_done}")).await;
        commit.rollback().await.unwrap();
    };
    tokio::join!(like(&app, post, 2), go_on());
    agree_on(&app, post, (1, 0), "the like").await;
    app.finish().await;
}
