//! People who write as fast as they are answered, each to objects of their own, one operation at a time.

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

/// The codes of a write that is refused because the disk is full or broken.
pub(super) const BAD_DISK: [&str; 2] = ["disk_full", "database_unavailable"];

/// What all clients share.
pub(super) struct World {
    pub(super) api: Api,
    pub(super) ledger: Ledger,
    pub(super) people: Vec<Person>,
    pub(super) admin: Person,
    /// People who only get blocked and unblocked.
    pub(super) victims: Vec<Person>,
    /// A post of each of the people that nobody deletes.
    pub(super) homes: Vec<i64>,
    /// Somebody for the faults themselves, who writes nothing into the ledger.
    pub(super) extra: Person,
    /// The fault that is on.
    pub(super) fault: Mutex<String>,
    /// Clocks are wrong: a token may be refused.
    pub(super) skewed: AtomicBool,
    /// The disk is full or broken: what is refused is refused for that.
    pub(super) bad_disk: AtomicBool,
    /// When somebody was refused for now last, in nanoseconds since 1970.
    pub(super) refused: AtomicU64,
    /// The spans of time whose writes the service posts has lost, since it was restored as it had been before.
    pub(super) rolled_back: Mutex<Vec<(u64, u64)>>,
    pub(super) stop: AtomicBool,
    /// The services that have acknowledged a write since this was emptied.
    pub(super) acknowledged: Mutex<BTreeSet<&'static str>>,
    /// Answers that the API should never give.
    pub(super) wrong: Mutex<Vec<String>>,
}

impl World {
    /// Gives everybody new tokens.
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

    pub(super) fn rolled_back(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.rolled_back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fault(&self) -> String {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something that the API, or a fault, should never do.
    pub(super) fn complain(&self, text: String) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// Calls, and writes down what came of it.
    async fn operate(&self, operation: Operation<'_>) -> Result<(Outcome, Value)> {
        let Operation { method, path, who, body, key, object, value, again } = operation;
        let fault = self.fault();
        let skewed = self.skewed.load(Ordering::Relaxed);
        let bad_disk = self.bad_disk.load(Ordering::Relaxed);
        let creates = method == Method::POST && matches!(object.split_once('/'), Some(("post" | "comment", _)));
        let sent = ledger::now();
        let mut answer = match key {
            Some(key) => self.api.insist(path, who, body, key).await,
            None => self.api.call(method.clone(), path, who, body).await,
        };
        // So it is after a restore that undid what was acknowledged, too: the object is as it is asked to be.
        let undone = writer_of(object) == "posts" && !self.rolled_back().is_empty();
        if (again || (undone && object.starts_with("like/"))) && matches!(answer.status, 404 | 409) {
            answer.outcome = Outcome::Ok;
        }
        if answer.status == 503 {
            self.refused.store(ledger::now(), Ordering::Relaxed);
            answer.wrong |= bad_disk && !BAD_DISK.contains(&answer.body["code"].as_str().unwrap_or_default());
        }
        // People have a right to everything that they ask for here, but to what a restore has undone.
        let fine = match answer.status {
            429 | 503 => true,
            401 => skewed,
            404 => undone,
            _ => false,
        };
        if answer.wrong || (answer.outcome == Outcome::Refused && !fine) {
            self.complain(format!("{fault}: {method} {path}: {} {}", answer.status, answer.body));
        }
        let outcome = answer.outcome;
        if outcome == Outcome::Ok {
            self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(writer_of(object));
        }
        let answered = ledger::now();
        let id = answer.body["post"]["id"].as_i64().or_else(|| answer.body["comment"]["id"].as_i64());
        let id = id.filter(|_| creates && outcome == Outcome::Ok);
        self.ledger.write(&Entry { fault, object: object.to_owned(), value, outcome, id, sent, answered })?;
        Ok((outcome, answer.body))
    }
}

/// The service that stores an object.
pub(super) fn writer_of(object: &str) -> &'static str {
    match object.split('/').next().unwrap_or_default() {
        "user" => "auth",
        "follow" => "subscriptions",
        "block" => "admin",
        _ => "posts",
    }
}

/// What is asked for, and what it is about.
struct Operation<'a> {
    method: Method,
    path: &'a str,
    who: Option<&'a Person>,
    body: Option<Value>,
    /// With a key the call is repeated until its outcome is known.
    key: Option<&'a str>,
    object: &'a str,
    /// What the object is afterwards.
    value: Value,
    /// It is asked for again, because the outcome was unknown: a 404 or a 409 says that it was done.
    again: bool,
}

/// A switch that one client owns: a like, a subscription, a block.
struct Switch {
    object: String,
    on: (Method, String),
    off: (Method, String),
    is_on: bool,
    /// The outcome of the last operation is unknown, so the next one is the same.
    unsure: bool,
}

impl Switch {
    fn new(object: String, on: (Method, String), off: (Method, String)) -> Self {
        Self { object, on, off, is_on: false, unsure: false }
    }

    async fn turn(&mut self, world: &World, who: &Person) -> Result<()> {
        let (method, path) = if self.is_on { self.off.clone() } else { self.on.clone() };
        let value = if self.is_on { Value::Null } else { json!(true) };
        let again = self.unsure;
        let (path, object) = (path.as_str(), self.object.as_str());
        let operation = Operation { method, path, who: Some(who), body: None, key: None, object, value, again };
        let (outcome, _) = world.operate(operation).await?;
        self.is_on ^= outcome == Outcome::Ok;
        // What was refused for now says nothing about the try before.
        self.unsure = outcome == Outcome::Unknown || (self.unsure && outcome == Outcome::Refused);
        Ok(())
    }
}

/// A post that one client wrote.
struct Post {
    id: i64,
    marker: String,
}

struct Writer {
    world: Arc<World>,
    me: Person,
    rng: StdRng,
    posts: Vec<Post>,
    comments: Vec<(String, String)>,
    switches: Vec<Switch>,
    serial: u64,
}

/// One of the people, until the stop.
pub(super) async fn write(world: Arc<World>, index: usize, seed: u64) -> Result<()> {
    let me = world.people.get(index).context("a person")?.clone();
    let mut switches = Vec::new();
    for (other, home) in world.people.iter().zip(&world.homes) {
        let path = format!("/posts/{home}/likes");
        switches.push(Switch::new(
            format!("like/{}/{home}", me.id),
            (Method::POST, path.clone()),
            (Method::DELETE, path),
        ));
        if other.id != me.id {
            switches.push(Switch::new(
                format!("follow/{}/{}", me.id, other.id),
                (Method::POST, format!("/subscribe/{}", other.id)),
                (Method::DELETE, format!("/unsubscribe/{}", other.id)),
            ));
        }
    }
    let rng = StdRng::seed_from_u64(seed.wrapping_add(index as u64));
    let (posts, comments) = (Vec::new(), Vec::new());
    let mut writer = Writer { world: Arc::clone(&world), me, rng, posts, comments, switches, serial: 0 };
    while !world.stop.load(Ordering::Relaxed) {
        writer.step().await?;
        let pause = writer.rng.random_range(1..20);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Ok(())
}

/// The admin, until the stop.
pub(super) async fn moderate(world: Arc<World>, seed: u64) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(seed);
    let path = |id: i64, what: &str| (Method::POST, format!("/admin/users/{id}/{what}"));
    let switch = |victim: &Person| {
        Switch::new(format!("block/{}", victim.id), path(victim.id, "block"), path(victim.id, "unblock"))
    };
    let mut switches: Vec<Switch> = world.victims.iter().map(switch).collect();
    while !world.stop.load(Ordering::Relaxed) {
        let chosen = rng.random_range(0..switches.len());
        if let Some(switch) = switches.get_mut(chosen) {
            switch.turn(&world, &world.admin).await?;
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(20..120))).await;
    }
    Ok(())
}

impl Writer {
    fn marker(&mut self, kind: &str) -> String {
        self.serial += 1;
        format!("{kind}-{}-{}", self.me.id, self.serial)
    }

    fn home(&mut self) -> i64 {
        let chosen = self.rng.random_range(0..self.world.homes.len());
        self.world.homes.get(chosen).copied().unwrap_or_default()
    }

    async fn step(&mut self) -> Result<()> {
        match self.rng.random_range(0..100) {
            0..20 => self.post().await,
            20..30 => self.edit().await,
            30..38 => self.delete_post().await,
            38..48 => self.comment().await,
            48..53 => self.delete_comment().await,
            53..73 => self.view().await,
            73..74 => self.register().await,
            _ => {
                let chosen = self.rng.random_range(0..self.switches.len());
                let switch = self.switches.get_mut(chosen).context("a switch")?;
                switch.turn(&self.world, &self.me).await
            }
        }
    }

    async fn operate(
        &self,
        call: (Method, &str),
        body: Option<Value>,
        object: &str,
        value: Value,
    ) -> Result<(Outcome, Value)> {
        let ((method, path), who) = (call, Some(&self.me));
        self.world.operate(Operation { method, path, who, body, key: None, object, value, again: false }).await
    }

    /// Creates something: mostly with a key and until the outcome is known, now and then without.
    async fn create(
        &mut self,
        path: &str,
        anonymous: bool,
        body: Option<Value>,
        object: &str,
        value: Value,
    ) -> Result<(Outcome, Value)> {
        self.serial += 1;
        let key = format!("{}-{}", self.me.id, self.serial);
        let key = self.rng.random_bool(0.75).then_some(key.as_str());
        let who = (!anonymous).then_some(&self.me);
        let method = Method::POST;
        self.world.operate(Operation { method, path, who, body, key, object, value, again: false }).await
    }

    async fn post(&mut self) -> Result<()> {
        let marker = self.marker("p");
        let body = json!({ "title": marker, "content": "0" });
        let object = format!("post/{marker}");
        let (outcome, body) = self.create("/posts", false, Some(body), &object, json!("0")).await?;
        if let (Outcome::Ok, Some(id)) = (outcome, body["post"]["id"].as_i64()) {
            self.posts.push(Post { id, marker });
        }
        Ok(())
    }

    /// Takes a post for an operation; it is given back only if the outcome is known.
    fn take_post(&mut self) -> Option<Post> {
        let chosen = self.rng.random_range(0..self.posts.len().max(1));
        (chosen < self.posts.len()).then(|| self.posts.swap_remove(chosen))
    }

    async fn edit(&mut self) -> Result<()> {
        let Some(post) = self.take_post() else { return Ok(()) };
        let content = self.marker("e");
        let call = (Method::PATCH, &*format!("/posts/{}", post.id));
        let body = json!({ "content": content });
        let (outcome, answer) =
            self.operate(call, Some(body), &format!("post/{}", post.marker), json!(content)).await?;
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

    async fn comment(&mut self) -> Result<()> {
        let (home, marker) = (self.home(), self.marker("k"));
        let path = format!("/posts/{home}/comments");
        let object = format!("comment/{marker}");
        let body = json!({ "content": marker });
        let (outcome, body) = self.create(&path, false, Some(body), &object, json!(true)).await?;
        if let (Outcome::Ok, Some(id)) = (outcome, body["comment"]["id"].as_i64()) {
            self.comments.push((format!("{path}/{id}"), object));
        }
        Ok(())
    }

    async fn delete_comment(&mut self) -> Result<()> {
        let Some((path, object)) = self.comments.pop() else { return Ok(()) };
        let (outcome, answer) = self.operate((Method::DELETE, &path), None, &object, Value::Null).await?;
        if outcome == Outcome::Refused && answer["status"] != 404 {
            self.comments.push((path, object));
        }
        Ok(())
    }

    async fn view(&mut self) -> Result<()> {
        let home = self.home();
        let object = format!("views/{home}");
        self.create(&format!("/posts/{home}/views"), true, None, &object, json!(1)).await.map(drop)
    }

    async fn register(&mut self) -> Result<()> {
        let name = self.marker("u");
        let body = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
        let object = format!("user/{name}");
        self.create("/auth/register", true, Some(body), &object, json!(true)).await.map(drop)
    }
}
