//! End-to-end tests of the distributed form, with everything real: five processes, nginx, Postgres with its connection
//! limits, RabbitMQ and SMTP.
//!
//! The first test does the main job, then kills a service and the broker, and wants the copies to agree again. The
//! second one runs three replicas behind nginx, whose caches have to follow each other. In the third one a person leaves,
//! and everything that is stored is searched for remains.
#![cfg(feature = "servers")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the exception for tests does not reach their helper functions"
)]

use std::io::Cursor;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use testkit::servers::machine;
use testkit::stack::{Stack, StackOptions};

/// The longest time until a write has to be visible everywhere.
const PATIENCE: Duration = Duration::from_secs(60);
/// The limit for a change to reach the caches of other replicas. It is shorter than the lifetime of a cache's entries,
/// so that an entry which merely expires does not look like one that was updated.
const SOON: Duration = Duration::from_secs(20);
/// A PNG of one white pixel.
const PNG: &[u8] = &[
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0, 144, 119, 83,
    222, 0, 0, 0, 12, 73, 68, 65, 84, 120, 156, 99, 248, 255, 255, 63, 0, 5, 254, 2, 254, 13, 239, 70, 184, 0, 0, 0, 0,
    73, 69, 78, 68, 174, 66, 96, 130,
];

/// A running stack, used through its gateway.
struct Suite {
    stack: Stack,
    client: Client,
}

/// A user who is logged in.
struct Person {
    id: i64,
    token: String,
}

impl Suite {
    /// Sends a request, and returns status and body. The status is 0 if there was no answer.
    async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.stack.addresses().gateway_url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let Ok(answer) = request.send().await else { return (0, Value::Null) };
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Value {
        self.call(Method::GET, path, token, None).await.1
    }

    /// Registers a user, follows the link in the mail that came by SMTP, and logs in.
    async fn register_and_log_in(&self, username: &str) -> Person {
        let (email, password) = (format!("{username}@example.org"), "correct horse battery");
        let sent = json!({ "username": username, "email": email, "password": password });
        assert_eq!(self.call(Method::POST, "/auth/register", None, Some(sent)).await.0, 201);
        let login = json!({ "username": username, "password": password });
        assert_eq!(self.call(Method::POST, "/auth/login", None, Some(login.clone())).await.0, 403, "not verified yet");
        let mails_to_user = format!("{}/?to={email}", self.stack.addresses().mail_url);
        let mut link = None;
        self.eventually("a verification mail", async || {
            let mails: Value = self.client.get(&mails_to_user).send().await.unwrap().json().await.unwrap();
            let text = mails["messages"][0]["text"].as_str().unwrap_or_default();
            link = text.lines().find_map(|line| line.find("/auth/verify/").map(|at| line[at..].to_owned()));
            link.is_some()
        })
        .await;
        let verified = self.call(Method::POST, &link.unwrap(), None, None).await;
        assert_eq!(verified, (200, json!({ "message": "Account verified" })));
        self.log_in(username, password).await
    }

    /// Lets a person follow another one, as soon as the service subscriptions has heard of them.
    async fn follow(&self, follower: &Person, followee: &Person) {
        let path = format!("/subscribe/{}", followee.id);
        let follow = async || self.call(Method::POST, &path, Some(&follower.token), None).await.0 == 200;
        self.eventually("subscriptions to know the person", follow).await;
    }

    /// Asks for the archive of a person's data until it is there.
    async fn archive(&self, person: &Person) -> Vec<u8> {
        let url = format!("{}/auth/me/export", self.stack.addresses().gateway_url);
        let mut bytes = Vec::new();
        let is_there = async || {
            let answer = self.client.get(&url).bearer_auth(&person.token).send().await.unwrap();
            let is_there = answer.status() == 200;
            bytes = answer.bytes().await.unwrap().to_vec();
            is_there
        };
        self.eventually("the archive", is_there).await;
        bytes
    }

    async fn log_in(&self, username: &str, password: &str) -> Person {
        let login = json!({ "username": username, "password": password });
        let (status, body) = self.call(Method::POST, "/auth/login", None, Some(login)).await;
        assert_eq!(status, 200, "{body}");
        Person { id: body["user_id"].as_i64().unwrap(), token: body["token"].as_str().unwrap().to_owned() }
    }

    /// Creates a post with a picture, checks that the gateway serves the picture itself, and returns the post's id.
    async fn create_post_with_picture(&self, person: &Person) -> i64 {
        let form = Form::new().text("title", "Hello").text("content", "Wörld ✓").part("image", Part::bytes(PNG));
        let url = format!("{}/posts", self.stack.addresses().gateway_url);
        let answer = self.client.post(url).bearer_auth(&person.token).multipart(form).send().await.unwrap();
        let (status, body) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
        assert_eq!(status, 201, "{body}");
        let url = format!("{}{}", self.stack.addresses().gateway_url, body["post"]["image_url"].as_str().unwrap());
        let picture = self.client.get(url).send().await.unwrap();
        assert_eq!(
            (picture.status().as_u16(), &picture.headers()["content-type"]),
            (200, &"image/png".parse().unwrap())
        );
        // The service posts sends no ETag with a picture, so nginx has sent the file itself.
        assert!(picture.headers().contains_key("etag"), "{:?}", picture.headers());
        assert_eq!(picture.headers()["cache-control"], "public, max-age=3600");
        assert_eq!(picture.headers()["content-security-policy"], "default-src 'none'; sandbox");
        assert!(picture.bytes().await.unwrap().starts_with(&PNG[..8]));
        body["post"]["id"].as_i64().unwrap()
    }

    /// Waits until a condition holds, for 60 s at most. `what` completes the sentence "waited in vain for".
    async fn eventually(&self, what: &str, mut condition: impl AsyncFnMut() -> bool) {
        let started = Instant::now();
        while !condition().await {
            assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Lets a person ask for digests, moves the time of the first one to now, and checks what it counts and that its link
    /// ends them.
    async fn check_digest(&self, person: &Person, counted: &[&str]) {
        self.call(Method::PATCH, "/auth/me", Some(&person.token), Some(json!({ "mail_digest": true }))).await;
        self.execute("auth", "UPDATE users SET digest_at = now(), digest_since = created_at WHERE digest_at > now()");
        let (url, mut text) = (format!("{}/?to=ann@example.org", self.stack.addresses().mail_url), String::new());
        self.eventually("a digest", async || {
            let mails: Value = self.client.get(&url).send().await.unwrap().json().await.unwrap();
            text = mails["messages"][0]["text"].as_str().unwrap_or_default().to_owned();
            text.contains("/auth/digest/")
        })
        .await;
        assert!(text.lines().filter(|line| line.contains(": ")).eq(counted.iter().copied()), "{text}");
        let link = &text[text.find("/auth/digest/").unwrap()..].trim_end();
        assert_eq!(self.call(Method::POST, link, None, None).await.0, 200);
        assert_eq!(self.get("/auth/me", Some(&person.token)).await["mail_digest"], false);
    }

    /// Lets a person block another one and end that again, at subscriptions, and checks that with the position of the
    /// answer each replica of posts answers at once as it should: the first request, and those after it.
    async fn check_positions(&self, reader: &Person, author: &Person, post: &str) {
        let url = |path: &str| format!("{}{path}", self.stack.addresses().gateway_url);
        for (method, status) in [(Method::POST, 404), (Method::DELETE, 200)].into_iter().cycle().take(6) {
            let block = self.client.request(method, url(&format!("/users/{}/block", author.id)));
            let answer = block.bearer_auth(&reader.token).send().await.unwrap();
            let position = answer.headers()["chatty-position"].clone();
            for _ in 0..6 {
                let read = self.client.get(url(post)).bearer_auth(&reader.token).header("chatty-position", &position);
                assert_eq!(read.send().await.unwrap().status(), status, "{position:?}");
            }
        }
    }

    /// Waits until every replica answers a path as it should, for 20 s at most. nginx chooses the replica, so twelve
    /// right answers in a row count as all of them.
    async fn eventually_everywhere(&self, path: &str, reader: &Person, is_right: impl Fn(u16, &Value) -> bool) {
        let started = Instant::now();
        let mut in_a_row = 0;
        while in_a_row < 12 {
            let (status, body) = self.call(Method::GET, path, Some(&reader.token), None).await;
            in_a_row = if is_right(status, &body) { in_a_row + 1 } else { 0 };
            assert!(started.elapsed() < SOON, "{path} says for too long: {status} {body}");
            if in_a_row == 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Waits until `chatty reconcile --now` finds no difference between any copy and its owner.
    async fn await_agreement(&self, binaries: &Path) {
        let reconcile = async || {
            let mut command = Command::new(binaries.join("chatty"));
            command.args(["reconcile", "--now"]).envs(self.stack.addresses().variables());
            command.output().unwrap().status.success()
        };
        self.eventually("the copies to agree", reconcile).await;
    }
}

impl Suite {
    /// Everything that a service's database stores, as the text of a dump.
    fn dump(&self, service: &str) -> String {
        let programs = machine::find_postgres().unwrap();
        let url = &self.stack.addresses().services[service].database_url;
        let dump = Command::new(programs.join("pg_dump")).arg(url).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        String::from_utf8_lossy(&dump.stdout).into_owned()
    }

    /// Runs a statement in a service's database.
    fn execute(&self, service: &str, sql: &str) {
        let programs = machine::find_postgres().unwrap();
        let url = &self.stack.addresses().services[service].database_url;
        let done =
            Command::new(programs.join("psql")).args(["-v", "ON_ERROR_STOP=1", url, "-c", sql]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// The receipt of an erasure.
    async fn receipt(&self, left: &Value) -> Value {
        let url = left["receipt"].as_str().unwrap();
        self.get(&url[url.find("/auth/").unwrap()..], None).await
    }

    /// The counts of a service in a receipt.
    async fn erased(&self, left: &Value, service: &str) -> Value {
        let receipt = self.receipt(left).await;
        let services = receipt["services"].as_array().unwrap();
        services.iter().find(|found| found["service"] == service).unwrap().clone()
    }
}

/// The lock that a test holds while its stack runs. Two stacks of ten processes each would starve each other.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Starts a stack with this number of replicas of posts and of subscriptions. Returns it with the folder of the
/// programs.
async fn start(replicas: usize) -> (Suite, &'static Path) {
    let testkit = Path::new(env!("CARGO_BIN_EXE_testkit"));
    let binaries = testkit.parent().unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let options = StackOptions {
        repository: repository.to_owned(),
        bin_dir: binaries.to_owned(),
        testkit: testkit.to_owned(),
        service_env: Vec::new(),
        proxied: false,
        brokers: 1,
        standby: false,
        replicas,
    };
    let stack = Stack::start(&options).await.unwrap();
    (Suite { stack, client: Client::builder().timeout(Duration::from_secs(20)).build().unwrap() }, binaries)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_works_on_everything_real_and_survives_the_death_of_parts() {
    let _alone = ALONE.lock().await;
    let (mut suite, binaries) = start(1).await;
    // Bob and Cleo share a like of Ann's first post, so Cleo's like of the second one becomes a recommendation for Bob.
    let (ann, bob, cleo) = (
        suite.register_and_log_in("ann").await,
        suite.register_and_log_in("bob").await,
        suite.register_and_log_in("cleo").await,
    );
    let sessions = suite.get("/auth/sessions", Some(&ann.token)).await;
    assert_eq!(sessions["sessions"][0]["address"], "127.0.0.1", "nginx names its client, and is believed");
    let admin = suite.log_in("admin", "secret").await;
    let post = suite.create_post_with_picture(&ann).await;
    let second = suite.create_post_with_picture(&ann).await;

    for person in [&bob, &cleo] {
        assert_eq!(suite.call(Method::POST, &format!("/posts/{post}/likes"), Some(&person.token), None).await.0, 200);
    }
    assert_eq!(suite.call(Method::POST, &format!("/posts/{second}/likes"), Some(&cleo.token), None).await.0, 200);
    let comment = json!({ "content": "so true" });
    assert_eq!(
        suite.call(Method::POST, &format!("/posts/{post}/comments"), Some(&bob.token), Some(comment)).await.0,
        201
    );
    suite.follow(&bob, &ann).await;
    suite
        .eventually("the feed", async || {
            let feed = suite.get("/feed", Some(&bob.token)).await;
            let ids: Vec<&Value> = feed["posts"]
                .as_array()
                .map(|posts| posts.iter().map(|post| &post["id"]).collect())
                .unwrap_or_default();
            ids == [&json!(second), &json!(post)]
                && feed["posts"][1]["like_count"] == 2
                && feed["posts"][1]["comment_count"] == 1
        })
        .await;
    suite
        .eventually("a recommendation", async || {
            let recommended = suite.get("/recommendations", Some(&bob.token)).await;
            let first = &recommended["posts"][0];
            first["post"]["id"] == second
                && first["because"][0]["user_id"] == cleo.id
                && first["because"][0]["shared_likes"] == 1
        })
        .await;

    suite.check_digest(&ann, &["Comments on your posts: 1", "Likes of your posts: 3", "New followers: 1"]).await;

    let block = format!("/admin/users/{}/block", ann.id);
    assert_eq!(suite.call(Method::POST, &block, Some(&bob.token), None).await.0, 403);
    assert_eq!(suite.call(Method::POST, &block, Some(&admin.token), None).await.0, 200);
    let hidden = async || suite.get("/feed", Some(&bob.token)).await["posts"] == json!([]);
    suite.eventually("the blocked author to disappear", hidden).await;
    let refused =
        async || suite.call(Method::POST, &format!("/posts/{post}/likes"), Some(&ann.token), None).await.0 == 403;
    suite.eventually("the blocked author to be refused", refused).await;
    suite
        .eventually("the statistics", async || {
            let stats = &suite.get("/admin/stats", Some(&admin.token)).await["stats"];
            stats["total_users"] == 4
                && stats["blocked_users"] == 1
                && stats["total_posts"] == 2
                && stats["total_likes"] == 3
        })
        .await;
    suite.await_agreement(binaries).await;

    // A success that was answered while a part was dead must have its effect once the part is back.
    let unblock = format!("/admin/users/{}/unblock", ann.id);
    suite.stack.kill("posts").unwrap();
    assert_eq!(suite.call(Method::POST, &unblock, Some(&admin.token), None).await.0, 200);
    // While the service is dead, the gateway answers with a problem of its own.
    let (status, problem) = suite.call(Method::GET, &format!("/posts/{post}"), None, None).await;
    assert_eq!((status, problem["status"].as_u64()), (502, Some(502)), "{problem}");
    suite.stack.restart("posts").await.unwrap();
    suite.stack.kill("rabbitmq").unwrap();
    let third =
        suite.call(Method::POST, "/posts", Some(&bob.token), Some(json!({ "title": "x", "content": "x" }))).await;
    assert_eq!(third.0, 201, "a dead broker fails no request");
    suite.stack.restart("rabbitmq").await.unwrap();
    let shown = async || suite.call(Method::GET, &format!("/posts/{post}"), None, None).await.0 == 200;
    suite.eventually("the author to come back", shown).await;
    // A block takes a person's likes and comments out of counters and lists alike, and the unblock brings them back
    // (ADR 19).
    for (action, likes, comments) in [("block", 1, 0), ("unblock", 2, 1)] {
        let path = format!("/admin/users/{}/{action}", bob.id);
        assert_eq!(suite.call(Method::POST, &path, Some(&admin.token), None).await.0, 200);
        let counted = async || {
            let shown = suite.call(Method::GET, &format!("/posts/{post}"), None, None).await.1;
            let listed = suite.call(Method::GET, &format!("/posts/{post}/comments"), None, None).await.1;
            let stats = &suite.get("/admin/stats", Some(&admin.token)).await["stats"];
            shown["like_count"] == likes
                && shown["comment_count"] == comments
                && listed["comments"].as_array().is_some_and(|listed| listed.len() == comments)
                && stats["total_comments"] == comments
        };
        suite.eventually("the counters to follow the lists", counted).await;
    }
    suite.await_agreement(binaries).await;
    suite.stack.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn caches_of_other_replicas_follow_each_write() {
    let _alone = ALONE.lock().await;
    let (suite, binaries) = start(3).await;
    let (ann, bob) = (suite.register_and_log_in("ann").await, suite.register_and_log_in("bob").await);
    let new = json!({ "title": "First", "content": "x" });
    let (_, answer) = suite.call(Method::POST, "/posts", Some(&ann.token), Some(new)).await;
    let id = answer["post"]["id"].as_i64().unwrap();
    let (post, likes) = (format!("/posts/{id}"), format!("/posts/{id}/likes"));
    // First every replica gets the post into its memory. Each later change must reach all of them before that memory
    // expires.
    suite.eventually_everywhere(&post, &bob, |status, shown| status == 200 && shown["title"] == "First").await;
    suite.eventually_everywhere("/feed", &bob, |_, feed| feed["message"] == "No subscriptions yet").await;
    // The like is given, taken back and given again, so that a replica which ignores a later change is noticed.
    for (method, count) in [(Method::POST, 1), (Method::DELETE, 0), (Method::POST, 1)] {
        assert_eq!(suite.call(method, &likes, Some(&bob.token), None).await.0, 200);
        suite.eventually_everywhere(&post, &bob, |_, shown| shown["like_count"] == count).await;
    }
    let changed = json!({ "title": "Second" });
    assert_eq!(suite.call(Method::PATCH, &post, Some(&ann.token), Some(changed)).await.0, 200);
    suite.eventually_everywhere(&post, &bob, |_, shown| shown["title"] == "Second" && shown["like_count"] == 1).await;

    let first = |feed: &Value| feed["posts"][0]["title"] == "Second" && feed["posts"][0]["like_count"] == 1;
    let unfollow = format!("/unsubscribe/{}", ann.id);
    // This is done twice, because the second subscription makes the same row active again.
    for _ in 0..2 {
        suite.follow(&bob, &ann).await;
        suite.eventually_everywhere("/feed", &bob, |_, feed| first(feed)).await;
        assert_eq!(suite.call(Method::DELETE, &unfollow, Some(&bob.token), None).await.0, 200);
        suite.eventually_everywhere("/feed", &bob, |_, feed| feed["posts"] == json!([])).await;
    }
    suite.check_positions(&bob, &ann, &post).await;
    suite.follow(&bob, &ann).await;
    suite.eventually_everywhere("/feed", &bob, |_, feed| first(feed)).await;
    assert_eq!(suite.call(Method::DELETE, &post, Some(&ann.token), None).await.0, 200);
    suite.eventually_everywhere(&post, &bob, |status, _| status == 404).await;
    suite
        .eventually_everywhere("/feed", &bob, |_, feed| feed["message"] == "Your feed" && feed["posts"] == json!([]))
        .await;
    suite.await_agreement(binaries).await;
    suite.stack.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_person_who_left_remains() {
    let _alone = ALONE.lock().await;
    let (suite, binaries) = start(1).await;
    let (ann, quagga) = (suite.register_and_log_in("ann").await, suite.register_and_log_in("quagga").await);
    let others = suite.create_post_with_picture(&ann).await;
    let own = suite.create_post_with_picture(&quagga).await;
    let words = json!({ "title": "An okapi", "content": "Two okapis" });
    assert_eq!(suite.call(Method::POST, "/posts", Some(&quagga.token), Some(words)).await.0, 201);
    let words = json!({ "content": "What an okapi!" });
    assert_eq!(
        suite.call(Method::PATCH, "/auth/me", Some(&quagga.token), Some(json!({ "bio": "okapi" }))).await.0,
        200
    );
    for (path, body) in [
        (format!("/posts/{others}/comments"), words.clone()),
        (format!("/posts/{others}/likes"), Value::Null),
        (format!("/posts/{own}/likes"), Value::Null),
    ] {
        let status = suite.call(Method::POST, &path, Some(&quagga.token), Some(body)).await.0;
        assert!([200, 201].contains(&status), "{path}: {status}");
    }
    suite.follow(&quagga, &ann).await;
    suite.follow(&ann, &quagga).await;
    suite.await_agreement(binaries).await;
    for service in ["auth", "posts", "subscriptions", "admin", "recommendations"] {
        let holds_more = service != "admin" && service != "auth";
        let dump = suite.dump(service);
        assert!(dump.contains("quagga") && (dump.contains("okapi") || !holds_more), "{service} holds nothing");
    }

    let archive = suite.archive(&quagga).await;
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    let picture = names.iter().find(|name| name.starts_with("posts/files/")).unwrap();
    let posts = std::io::read_to_string(archive.by_name("posts/posts.json").unwrap()).unwrap();
    assert_eq!(posts.matches("okapi").count(), 2, "in a title and a content");
    assert!(archive.by_name(picture).unwrap().size() > 0);

    // Others go on to like and comment what is being erased.
    let likers = futures_util::future::join_all((0..20).map(|_| async {
        suite.call(Method::POST, &format!("/posts/{own}/likes"), Some(&ann.token), None).await;
        suite
            .call(Method::POST, &format!("/posts/{own}/comments"), Some(&ann.token), Some(json!({ "content": "nice" })))
            .await;
        suite.call(Method::DELETE, &format!("/posts/{own}/likes"), Some(&ann.token), None).await;
    }));
    let leave = suite.call(
        Method::DELETE,
        "/auth/me",
        Some(&quagga.token),
        Some(json!({ "password": "correct horse battery" })),
    );
    let ((status, left), _) = tokio::join!(leave, likers);
    assert_eq!(status, 202, "{left}");
    suite
        .eventually("every service to confirm", async || {
            let receipt = suite.receipt(&left).await;
            receipt["services"].as_array().unwrap().iter().all(|service| service["confirmed_at"].is_string())
        })
        .await;
    // The second look comes at once instead of eleven minutes later.
    for service in ["posts", "subscriptions", "admin", "recommendations"] {
        suite.execute(service, "UPDATE erasures SET due_at = now()");
    }
    suite.eventually("the second look", async || suite.receipt(&left).await["complete"] == true).await;
    let counts = json!({ "posts": 2, "pictures": 1, "comments": 1, "likes": 2 });
    assert_eq!(suite.erased(&left, "posts").await["counts"], counts);
    assert_eq!(suite.erased(&left, "subscriptions").await["counts"], json!({ "following": 1, "followers": 1 }));
    assert_eq!(suite.erased(&left, "auth").await["counts"]["accounts"], 1);
    suite.await_agreement(binaries).await;

    for service in ["auth", "posts", "subscriptions", "admin", "recommendations"] {
        let dump = suite.dump(service);
        let remains = dump.lines().find(|line| line.contains("quagga") || line.contains("okapi"));
        assert_eq!(remains, None, "{service}");
    }
    let media = std::fs::read_dir(suite.stack.folder().join("data/media")).unwrap();
    assert_eq!(media.count(), 1, "the picture of ann is left");
    let archives = std::fs::read_dir(suite.stack.folder().join("data/auth/exports")).unwrap();
    assert_eq!(archives.count(), 0);
    // A comparison of the copies, which goes on all the time, may be under way.
    let are_empty = async || {
        let list =
            Command::new(suite.stack.folder().join("rabbitmqctl")).args(["-q", "list_queues", "messages"]).output();
        let queues = String::from_utf8(list.unwrap().stdout).unwrap();
        assert!(queues.lines().count() > 20, "{queues}");
        !queues.lines().any(|line| line.parse().is_ok_and(|count: u64| count > 0))
    };
    suite.eventually("the queues to be empty", are_empty).await;
    suite.stack.stop().unwrap();
}
