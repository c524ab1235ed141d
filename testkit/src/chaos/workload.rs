//! The workload: people in a closed loop, who write as fast as they are answered, each to objects of their own and one
//! operation at a time.
//!
//! One writer per object makes the ledger's order the order of the object's changes, so that the value which must be
//! there in the end is known. View counters are shared by all; they are checked by the number of hits.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Api, PASSWORD, Person};
use super::ledger::{self, Entry, Ledger, Outcome};
use super::listener::Told;

/// The codes of a write that is refused because the disk is full or broken. No other refusal is right at such a time.
pub(super) const BAD_DISK: [&str; 2] = ["disk_full", "database_unavailable"];

/// The greatest depth of a comment in its thread.
const MAX_DEPTH: i64 = 8;

/// The state that all clients and faults share.
pub(super) struct World {
    pub(super) api: Api,
    pub(super) ledger: Ledger,
    pub(super) people: Vec<Person>,
    pub(super) admin: Person,
    /// People who do nothing but get blocked and unblocked by the admin.
    pub(super) victims: Vec<Person>,
    /// The ids of the lasting posts, one of each of the people. Nobody deletes these posts, so likes, comments and
    /// views always have a target.
    pub(super) homes: Vec<i64>,
    /// The person in whose name faults write. The workload does not touch this person's objects.
    pub(super) extra: Person,
    /// The name of the current fault; empty between faults.
    pub(super) fault: Mutex<String>,
    /// True while a clock is wrong, when a token may be refused as expired or as not valid yet.
    pub(super) skewed: AtomicBool,
    /// True while the disk is full or broken, when a write may be refused for that reason only.
    pub(super) bad_disk: AtomicBool,
    /// The time of the last 503 to a client, in nanoseconds since 1970.
    pub(super) refused: AtomicU64,
    /// The spans of time whose writes the service posts has lost because its database was restored from a dump.
    pub(super) rolled_back: Mutex<Vec<(u64, u64)>>,
    /// True at the end of a run, when all clients have to end.
    pub(super) stop: AtomicBool,
    /// The services that have acknowledged a write since this set was emptied.
    pub(super) acknowledged: Mutex<BTreeSet<&'static str>>,
    /// Observations that must never be made, such as answers that the API must never give. A single one makes the run
    /// fail.
    pub(super) complaints: Mutex<Vec<String>>,
    /// The events of the open stream of [`World::extra`].
    pub(super) told: Mutex<Told>,
}

impl World {
    /// Replaces everybody's tokens. A login may be refused for a while after a fault, so each is tried 20 times.
    pub(super) async fn log_in_again(&self) -> Result<()> {
        for who in self.people.iter().chain([&self.admin, &self.extra]) {
            let mut tries = 0;
            while let Err(error) = self.api.log_in_again(who).await {
                tries += 1;
                if tries == 20 {
                    return Err(error);
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        Ok(())
    }

    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn rolled_back(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.rolled_back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fault(&self) -> String {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reports an observation that must never be made.
    pub(super) fn complain(&self, text: String) {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// Sends the request of an operation, judges the answer, and writes the operation into the ledger. Returns the
    /// outcome and the body of the answer.
    async fn operate(&self, operation: Operation<'_>) -> Result<(Outcome, Value)> {
        let Operation { method, path, person, body, key, object, value, is_retry } = operation;
        // These are read before the request, because a fault that ends meanwhile may still have caused the answer.
        let fault = self.fault();
        let skewed = self.skewed.load(Ordering::Relaxed);
        let bad_disk = self.bad_disk.load(Ordering::Relaxed);
        let creates = method == Method::POST && matches!(object.split_once('/'), Some(("post" | "comment", _)));
        let sent = ledger::now();
        let mut answer = match key {
            Some(key) => self.api.repeat_until_known(path, person, body, key).await,
            None => self.api.call(method.clone(), path, person, body).await,
        };
        // A request for what is already so (a like that is active, for example) gets 404 or 409. A retry gets it if the
        // first try had its effect; and a client may get it after a restore that has undone an acknowledged like, of
        // which the client does not know.
        let may_be_undone = owner_of(object) == "posts" && !self.rolled_back().is_empty();
        if (is_retry || (may_be_undone && object.starts_with("like/"))) && matches!(answer.status, 404 | 409) {
            answer.outcome = Outcome::Ok;
        }
        if answer.status == 503 {
            self.refused.store(ledger::now(), Ordering::Relaxed);
            let code = answer.body["code"].as_str().unwrap_or_default();
            answer.breaks_contract |= bad_disk && !BAD_DISK.contains(&code);
        }
        // Clients only ask for what they may do, so any other refusal is an error of the system.
        let may_be_refused = match answer.status {
            429 | 503 => true,
            401 => skewed,
            // The state of what is reported has not reached admin yet.
            404 if object.starts_with("report/") => true,
            // The comment that is answered may be undone as well.
            404 | 422 => may_be_undone,
            _ => false,
        };
        if answer.breaks_contract || (answer.outcome == Outcome::Refused && !may_be_refused) {
            self.complain(format!("{fault}: {method} {path}: {} {}", answer.status, answer.body));
        }
        let outcome = answer.outcome;
        if outcome == Outcome::Ok {
            self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(owner_of(object));
        }
        let answered = ledger::now();
        let id = answer.body["post"]["id"].as_i64().or_else(|| answer.body["comment"]["id"].as_i64());
        let id = id.filter(|_| creates && outcome == Outcome::Ok);
        self.ledger.write(&Entry { fault, object: object.to_owned(), value, outcome, id, sent, answered })?;
        Ok((outcome, answer.body))
    }
}

/// Returns the service that owns an object, by the object's name in the ledger.
pub(super) fn owner_of(object: &str) -> &'static str {
    match object.split('/').next().unwrap_or_default() {
        "user" => "auth",
        "follow" | "mute" | "personal_block" => "subscriptions",
        "block" | "report" => "admin",
        _ => "posts",
    }
}

/// A request, and the change that it asks for.
struct Operation<'a> {
    method: Method,
    path: &'a str,
    person: Option<&'a Person>,
    body: Option<Value>,
    /// The idempotency key. With one, the request is repeated until its outcome is known.
    key: Option<&'a str>,
    /// The object's name in the ledger.
    object: &'a str,
    /// The value that the object has after the operation.
    value: Value,
    /// True if the same operation was tried before with an unknown outcome. A 404 or a 409 then says that the first try
    /// had its effect.
    is_retry: bool,
}

/// A like, a subscription or a block, which one client makes active and takes back in turns (rule R8).
struct Switch {
    object: String,
    on: (Method, String),
    off: (Method, String),
    is_on: bool,
    /// True if the outcome of the last operation is unknown. The next operation is then the same one again.
    is_uncertain: bool,
}

impl Switch {
    fn new(object: String, on: (Method, String), off: (Method, String)) -> Self {
        Self { object, on, off, is_on: false, is_uncertain: false }
    }

    /// Makes the object active, or takes it back if it is active. If the outcome of the last operation is unknown,
    /// tries that operation again.
    async fn toggle(&mut self, world: &World, person: &Person) -> Result<()> {
        let (method, path) = if self.is_on { self.off.clone() } else { self.on.clone() };
        // In the ledger the value of an object that was taken back is null.
        let value = if self.is_on { Value::Null } else { json!(true) };
        let is_retry = self.is_uncertain;
        let (path, object) = (path.as_str(), self.object.as_str());
        let person = Some(person);
        let operation = Operation { method, path, person, body: None, key: None, object, value, is_retry };
        let (outcome, _) = world.operate(operation).await?;
        self.is_on ^= outcome == Outcome::Ok;
        // A temporary refusal of a retry says nothing about the effect of the try before.
        self.is_uncertain = outcome == Outcome::Unknown || (self.is_uncertain && outcome == Outcome::Refused);
        Ok(())
    }
}

/// A post that one client wrote.
struct Post {
    id: i64,
    /// The title, which is unique in a run and names the object in the ledger.
    marker: String,
}

/// A comment that one client wrote.
struct Comment {
    path: String,
    /// The name in the ledger.
    object: String,
    id: i64,
    /// The post.
    home: i64,
    depth: i64,
}

/// One client, with the objects that it may change.
struct Writer {
    world: Arc<World>,
    person: Person,
    rng: StdRng,
    posts: Vec<Post>,
    comments: Vec<Comment>,
    switches: Vec<Switch>,
    /// The number of markers and keys so far, which makes each of them unique.
    serial: u64,
}

/// Runs the client of one of the people until `world.stop` is true.
pub(super) async fn run_writer(world: Arc<World>, index: usize, seed: u64) -> Result<()> {
    let person = world.people.get(index).context("a person")?.clone();
    let mut switches = Vec::new();
    // A switch for each like, bookmark, subscription and mute that this person can have. Nobody subscribes to oneself.
    for (other, home) in world.people.iter().zip(&world.homes) {
        let path = format!("/posts/{home}/likes");
        switches.push(Switch::new(
            format!("like/{}/{home}", person.id),
            (Method::POST, path.clone()),
            (Method::DELETE, path),
        ));
        let path = format!("/posts/{home}/bookmark");
        switches.push(Switch::new(
            format!("bookmark/{}/{home}", person.id),
            (Method::PUT, path.clone()),
            (Method::DELETE, path),
        ));
        if other.id != person.id {
            let path = format!("/users/{}/mute", other.id);
            switches.push(Switch::new(
                format!("mute/{}/{}", person.id, other.id),
                (Method::POST, path.clone()),
                (Method::DELETE, path),
            ));
            switches.push(Switch::new(
                format!("follow/{}/{}", person.id, other.id),
                (Method::POST, format!("/subscribe/{}", other.id)),
                (Method::DELETE, format!("/unsubscribe/{}", other.id)),
            ));
        }
    }
    // The clients read and answer each other all the time, so they block the one person with whom they do nothing else.
    let path = format!("/users/{}/block", world.extra.id);
    switches.push(Switch::new(
        format!("personal_block/{}/{}", person.id, world.extra.id),
        (Method::POST, path.clone()),
        (Method::DELETE, path),
    ));
    // Each client has its own sequence, so that the speed of the others does not change its choices.
    let rng = StdRng::seed_from_u64(seed.wrapping_add(index as u64));
    let (posts, comments) = (Vec::new(), Vec::new());
    let mut writer = Writer { world: Arc::clone(&world), person, rng, posts, comments, switches, serial: 0 };
    while !world.stop.load(Ordering::Relaxed) {
        writer.do_one_operation().await?;
        let pause = writer.rng.random_range(1..20);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Ok(())
}

/// Runs the admin's client, which blocks and unblocks the victims, until `world.stop` is true.
pub(super) async fn run_moderator(world: Arc<World>, seed: u64) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(seed);
    let path = |id: i64, what: &str| (Method::POST, format!("/admin/users/{id}/{what}"));
    let switch = |victim: &Person| {
        Switch::new(format!("block/{}", victim.id), path(victim.id, "block"), path(victim.id, "unblock"))
    };
    let mut switches: Vec<Switch> = world.victims.iter().map(switch).collect();
    while !world.stop.load(Ordering::Relaxed) {
        let chosen = rng.random_range(0..switches.len());
        if let Some(switch) = switches.get_mut(chosen) {
            switch.toggle(&world, &world.admin).await?;
        }
        judge_a_case(&world, &mut rng).await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(20..120))).await;
    }
    Ok(())
}

/// Dismisses the newest open case, or reopens the newest dismissed one. It is a decision without an entry in the ledger:
/// what counts in the end is that the reporters are told the same as the admins see.
async fn judge_a_case(world: &World, rng: &mut StdRng) {
    let (status, what, body) = if rng.random_bool(0.5) {
        ("open", "resolve", json!({ "action": "dismiss" }))
    } else {
        ("dismissed", "reopen", json!({}))
    };
    let admin = Some(&world.admin);
    let queue = world.api.call(Method::GET, &format!("/admin/reports?status={status}&limit=1"), admin, None).await;
    if let Some(id) = queue.body["cases"][0]["id"].as_i64() {
        let path = format!("/admin/reports/{id}/{what}");
        let answer = world.api.call(Method::POST, &path, admin, Some(body)).await;
        if answer.breaks_contract {
            world.complain(format!("{}: {path}: {} {}", world.fault(), answer.status, answer.body));
        }
    }
}

impl Writer {
    /// Returns a text that occurs once in a run, by which an object is found again.
    fn next_marker(&mut self, kind: &str) -> String {
        self.serial += 1;
        format!("{kind}-{}-{}", self.person.id, self.serial)
    }

    /// Chooses one of the lasting posts.
    fn choose_home(&mut self) -> i64 {
        let chosen = self.rng.random_range(0..self.world.homes.len());
        self.world.homes.get(chosen).copied().unwrap_or_default()
    }

    /// Does one operation, chosen at random with these weights in percent.
    async fn do_one_operation(&mut self) -> Result<()> {
        match self.rng.random_range(0..100) {
            0..20 => self.create_post().await,
            20..30 => self.edit_post().await,
            30..38 => self.delete_post().await,
            38..48 => self.create_comment().await,
            48..53 => self.delete_comment().await,
            53..70 => self.count_view().await,
            70..73 => self.report_post().await,
            // Rare, because hashing a password is expensive on purpose.
            73..74 => self.register().await,
            _ => {
                let chosen = self.rng.random_range(0..self.switches.len());
                let switch = self.switches.get_mut(chosen).context("a switch")?;
                switch.toggle(&self.world, &self.person).await
            }
        }
    }

    /// Sends the request of an operation once, without an idempotency key.
    async fn operate(
        &self,
        call: (Method, &str),
        body: Option<Value>,
        object: &str,
        value: Value,
    ) -> Result<(Outcome, Value)> {
        let ((method, path), person) = (call, Some(&self.person));
        self.world.operate(Operation { method, path, person, body, key: None, object, value, is_retry: false }).await
    }

    /// Creates an object. In three of four cases the request has an idempotency key and is repeated until the outcome
    /// is known. In the fourth case it is sent once and without a key, so that both ways of the server are used. If
    /// `anonymous` is true, the request has no access token.
    async fn create(
        &mut self,
        path: &str,
        anonymous: bool,
        body: Option<Value>,
        object: &str,
        value: Value,
    ) -> Result<(Outcome, Value)> {
        self.serial += 1;
        // Keys belong to a person, but views and registrations come without an access token, so the key names the
        // person as well.
        let key = format!("{}-{}", self.person.id, self.serial);
        let key = self.rng.random_bool(0.75).then_some(key.as_str());
        let person = (!anonymous).then_some(&self.person);
        let method = Method::POST;
        self.world.operate(Operation { method, path, person, body, key, object, value, is_retry: false }).await
    }

    async fn create_post(&mut self) -> Result<()> {
        let marker = self.next_marker("p");
        let body = json!({ "title": marker, "content": "0" });
        let object = format!("post/{marker}");
        let (outcome, body) = self.create("/posts", false, Some(body), &object, json!("0")).await?;
        // Without an id the post cannot be changed; the ledger then allows that it is there or not.
        if let (Outcome::Ok, Some(id)) = (outcome, body["post"]["id"].as_i64()) {
            self.posts.push(Post { id, marker });
        }
        Ok(())
    }

    /// Takes a post out of the list for one operation; None if the list is empty. The post is put back only if the
    /// outcome is known, because a later operation would overtake one that may still come.
    fn take_post(&mut self) -> Option<Post> {
        let chosen = self.rng.random_range(0..self.posts.len().max(1));
        (chosen < self.posts.len()).then(|| self.posts.swap_remove(chosen))
    }

    async fn edit_post(&mut self) -> Result<()> {
        let Some(post) = self.take_post() else { return Ok(()) };
        let content = self.next_marker("e");
        let call = (Method::PATCH, &*format!("/posts/{}", post.id));
        let body = json!({ "content": content });
        let (outcome, answer) =
            self.operate(call, Some(body), &format!("post/{}", post.marker), json!(content)).await?;
        // A 404 is possible only after a restore that has undone the post.
        if outcome != Outcome::Unknown && answer["status"] != 404 {
            self.posts.push(post);
        }
        Ok(())
    }

    async fn delete_post(&mut self) -> Result<()> {
        let Some(post) = self.take_post() else { return Ok(()) };
        let call = (Method::DELETE, &*format!("/posts/{}", post.id));
        let (outcome, answer) = self.operate(call, None, &format!("post/{}", post.marker), Value::Null).await?;
        if outcome == Outcome::Refused && answer["status"] != 404 {
            self.posts.push(post);
        }
        Ok(())
    }

    async fn create_comment(&mut self) -> Result<()> {
        // Half of the comments answer one of the client's own, because nobody else deletes these.
        let chosen = self.rng.random_range(0..self.comments.len().max(1));
        let answered = self.comments.get(chosen).filter(|comment| comment.depth < MAX_DEPTH);
        let answered = answered.map(|comment| (comment.home, comment.id, comment.depth));
        let answered = answered.filter(|_| self.rng.random_bool(0.5));
        let (home, depth) = answered.map_or_else(|| (self.choose_home(), 1), |(home, _, depth)| (home, depth + 1));
        let (marker, mentioned) = (self.next_marker("k"), self.rng.random_range(0..self.world.people.len()));
        // Half of them mention somebody.
        let mentioned = self.world.people.get(mentioned).filter(|_| self.serial.is_multiple_of(2));
        let content = mentioned.map_or_else(|| marker.clone(), |person| format!("{marker} @{}", person.name));
        let path = format!("/posts/{home}/comments");
        let object = format!("comment/{marker}");
        let body = json!({ "content": content, "reply_to": answered.map(|(_, id, _)| id) });
        let (outcome, body) = self.create(&path, false, Some(body), &object, json!(true)).await?;
        if let (Outcome::Ok, Some(id)) = (outcome, body["comment"]["id"].as_i64()) {
            self.comments.push(Comment { path: format!("{path}/{id}"), object, id, home, depth });
        }
        Ok(())
    }

    async fn delete_comment(&mut self) -> Result<()> {
        let Some(comment) = self.comments.pop() else { return Ok(()) };
        let call = (Method::DELETE, &*comment.path);
        let (outcome, answer) = self.operate(call, None, &comment.object, Value::Null).await?;
        if outcome == Outcome::Refused && answer["status"] != 404 {
            self.comments.push(comment);
        }
        Ok(())
    }

    async fn count_view(&mut self) -> Result<()> {
        let home = self.choose_home();
        let object = format!("views/{home}");
        self.create(&format!("/posts/{home}/views"), true, None, &object, json!(1)).await.map(drop)
    }

    /// Reports somebody else's lasting post. A later report of the same post changes nothing.
    async fn report_post(&mut self) -> Result<()> {
        let home = self.choose_home();
        let own = self.world.people.iter().zip(&self.world.homes).find(|(person, _)| person.id == self.person.id);
        if own.is_some_and(|(_, own)| *own == home) {
            return Ok(());
        }
        let body = json!({ "post_id": home, "reason": "spam", "text": "Look at this" });
        let object = format!("report/{}/{home}", self.person.id);
        self.create("/reports", false, Some(body), &object, json!(true)).await.map(drop)
    }

    async fn register(&mut self) -> Result<()> {
        let name = self.next_marker("u");
        let body = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
        let object = format!("user/{name}");
        self.create("/auth/register", true, Some(body), &object, json!(true)).await.map(drop)
    }
}
