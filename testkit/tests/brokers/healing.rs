//! Copies that were emptied, cut off or changed by hand heal by themselves, and an owner that is older than its copies
//! publishes nothing until somebody has made it usable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait};
use serde_json::Value;
use shared::auth::Keys;
use shared::clock::Clock;
use shared::db::{Db, is_postgres};
use shared::events::broker::Broker;
use shared::events::comparison::Pace;
use shared::events::outbox::PublishError;
use shared::events::restore::VERSION_STEP;
use shared::events::resync::{self, Request as Resync};
use shared::events::writes::Stopped;
use shared::events::{self, fills};
use shared::http::{App, Inside};
use shared::lifecycle::{Cancel, Deps, Service, Tracker};
use tokio::time::sleep;

use crate::convergence::agree;
use crate::world::{COPIES, Entity, Home, Migrator, Model, OWNER, streams};

/// How long something may take that must happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Everything is compared all the time.
const QUICK: Pace = Pace { round: Duration::from_millis(300), grace: Duration::from_millis(400) };
/// Nothing is compared.
const NEVER: Pace = Pace { round: Duration::from_secs(3_600), grace: Duration::from_millis(400) };

/// A service as its program runs it.
pub(crate) struct Running {
    service: Service,
    tracker: Tracker,
}

impl Running {
    /// Builds, prepares and starts it.
    pub(crate) async fn start(name: &'static str, home: &Home, broker: Arc<dyn Broker>, pace: Pace) -> Self {
        let (settings, clock) = (home.settings(name), Clock::system());
        let db = Db::open(&settings, name, clock.clone()).await.unwrap();
        let deps = Deps { settings, db, broker, keys: Keys::fixed(&shared::auth::no_keys()), clock };
        let routes = (Router::new(), shared::openapi::frame());
        let mut service = Service::new::<Migrator>(name, &deps, routes).streams(streams(name)).compared_at(pace);
        service.prepare().await.unwrap();
        let tracker = Tracker::new();
        service.start(&tracker, &Cancel::new());
        Self { service, tracker }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.service.db
    }

    /// The part of `/readyz` about the service.
    async fn state(&self) -> Value {
        let health = vec![self.service.health.clone()];
        let app = App::new(self.service.router.clone(), self.service.openapi.clone(), health, Inside::Told(None));
        let answer = app.answer(Request::get("/readyz").body(Body::empty()).unwrap()).await;
        let body: Value = serde_json::from_slice(&to_bytes(answer.into_body(), 10_000).await.unwrap()).unwrap();
        body["services"][self.service.name].clone()
    }

    pub(crate) async fn stop(self) {
        self.service.stop();
        self.tracker.close();
        self.tracker.wait().await;
        self.service.db.close().await;
    }
}

/// The owner and its three copies.
struct World {
    owner: Running,
    copies: Vec<Running>,
}

impl World {
    async fn start(home: &Home, broker: &Arc<dyn Broker>, owner: Pace, copies: Pace) -> Self {
        let mut world =
            Self { owner: Running::start(OWNER, home, Arc::clone(broker), owner).await, copies: Vec::new() };
        for service in COPIES {
            world.copies.push(Running::start(service, home, Arc::clone(broker), copies).await);
        }
        world.owner.db().outbox().writes().started().await;
        world
    }

    async fn stop(self) {
        for service in [self.owner].into_iter().chain(self.copies) {
            service.stop().await;
        }
    }
}

fn thing(id: i64, version: i64) -> Model {
    Model { id, version, deleted: false, text: Some(format!("thing {id}, version {version}")) }
}

/// Stores rows that nobody is told of.
async fn store(db: &Db, rows: impl IntoIterator<Item = Model>) {
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    let tx = db.begin().await.unwrap();
    Entity::insert_many(rows).exec_without_returning(&*tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// Publishes a new thing, as a request would.
pub(crate) async fn publish(db: &Db, id: i64) -> Result<(), PublishError> {
    let mut tx = db.begin().await.unwrap();
    Entity::insert(thing(id, 1).into_active_model()).exec_without_returning(&*tx).await.unwrap();
    events::publish(&mut tx, &[thing(id, 1)])?;
    tx.commit().await.unwrap();
    Ok(())
}

async fn execute(db: &Db, sql: &str) {
    let tx = db.begin().await.unwrap();
    tx.execute_unprepared(sql).await.unwrap();
    tx.commit().await.unwrap();
}

async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the owner publishes, and publishes this.
async fn published(owner: &Running, id: i64) {
    eventually("the owner takes writes", async || owner.db().outbox().admit().is_ok()).await;
    publish(owner.db(), id).await.unwrap();
}

/// A first start was cut off right after the schema was made: the next one asks for everything, and the one after it no
/// more.
pub(crate) async fn an_interrupted_first_start_is_made_good(home: &Home, broker: &Arc<dyn Broker>) {
    let owner = home.open(OWNER).await;
    store(&owner, (1..=700).map(|id| thing(id, 3))).await;
    for service in COPIES {
        home.open(service).await.close().await;
    }
    let world = World::start(home, broker, NEVER, NEVER).await;
    agree(home, &owner, "a first start that was cut off").await;
    for copy in &world.copies {
        assert_eq!(fills::Entity::find().count(copy.db().read()).await.unwrap(), 1);
    }
    world.stop().await;
    let again = home.open("posts").await;
    fills::ask(&again, broker.as_ref(), &streams("posts").consumers).await.unwrap();
    let waiting = events::outbox::Entity::find().count(again.read()).await.unwrap();
    assert_eq!(waiting, 0, "a copy that was filled asks no more");
    again.close().await;
    owner.close().await;
}

/// A state that was published while a copy's binding was away is missing there. `lose` publishes so that it is.
pub(crate) async fn what_was_lost_on_the_way_is_found_by_what_was_published(
    home: &Home,
    broker: &Arc<dyn Broker>,
    lose: impl AsyncFnOnce(&Running, &Running),
) {
    // The copies never read a part of everything: what the owner published is all that can help.
    let world = World::start(home, broker, QUICK, NEVER).await;
    published(&world.owner, 1).await;
    agree(home, world.owner.db(), "a start").await;
    lose(&world.owner, &world.copies[0]).await;
    agree(home, world.owner.db(), "a lost message").await;
    world.stop().await;
}

/// The message of a change is lost: here, its row is deleted as soon as it has arrived.
pub(crate) async fn by_hand(owner: &Running, copy: &Running) {
    publish(owner.db(), 2).await.unwrap();
    eventually("it has arrived", async || Entity::find_by_id(2).one(copy.db().read()).await.unwrap().is_some()).await;
    execute(copy.db(), "DELETE FROM things WHERE id = 2").await;
}

/// Rows that are missing, below, or of another content, wherever they are; and a copy without any row.
pub(crate) async fn rows_changed_by_hand_are_repaired(home: &Home, broker: &Arc<dyn Broker>) {
    let owner = home.open(OWNER).await;
    store(&owner, (1..=1_700).map(|id| thing(id, 3))).await;
    let world = World::start(home, broker, QUICK, QUICK).await;
    agree(home, &owner, "a start").await;
    let copy = world.copies[0].db();
    execute(copy, "UPDATE things SET text = 'changed by hand' WHERE id IN (1, 500, 501)").await;
    execute(copy, "UPDATE things SET version = 1 WHERE id IN (2, 1001)").await;
    execute(copy, "DELETE FROM things WHERE id IN (3, 1500, 1700)").await;
    agree(home, &owner, "changes by hand").await;
    execute(copy, "DELETE FROM things").await;
    agree(home, &owner, "an emptied table").await;
    assert!(world.owner.db().outbox().admit().is_ok(), "the owner is not older than that");
    world.stop().await;
    owner.close().await;
}

/// A database that is dropped and made anew while its service runs gets its schema and its rows back. On SQLite its file
/// is deleted between two starts.
pub(crate) async fn a_dropped_copy_comes_back(home: &Home, broker: &Arc<dyn Broker>) {
    let mut world = World::start(home, broker, NEVER, NEVER).await;
    published(&world.owner, 1).await;
    agree(home, world.owner.db(), "a start").await;
    let copy = world.copies.remove(0);
    if is_postgres(copy.db().read()) {
        // Without a place for tables they stay away until somebody has seen it.
        execute(copy.db(), "DROP SCHEMA public CASCADE").await;
        eventually("the schema is missed", async || copy.state().await["schema"] == "missing").await;
        execute(copy.db(), "CREATE SCHEMA public").await;
        eventually("the schema is back", async || copy.state().await["database"] == "up").await;
        world.copies.push(copy);
    } else {
        let (folder, name) = (home.settings(COPIES[0]).data_dir, COPIES[0]);
        copy.stop().await;
        std::fs::remove_file(folder.join(format!("{name}.db"))).unwrap();
        world.copies.push(Running::start(name, home, Arc::clone(broker), NEVER).await);
    }
    agree(home, world.owner.db(), "a dropped database").await;
    world.stop().await;
}

/// One row of a copy is ahead: the owner stops, until the copy has forgotten it, which is what `reconcile --fix` asks for.
pub(crate) async fn a_row_ahead_stops_the_owner_until_it_is_forgotten(home: &Home, broker: &Arc<dyn Broker>) {
    let world = World::start(home, broker, QUICK, QUICK).await;
    for id in [1, 2] {
        published(&world.owner, id).await;
    }
    agree(home, world.owner.db(), "a start").await;
    execute(world.copies[0].db(), "UPDATE things SET version = 11 WHERE id = 2").await;
    eventually("the owner stops", async || publish_refused(&world.owner).await).await;
    let state = world.owner.state().await;
    assert_eq!(state["writes"], Stopped::OlderThanCopies.to_string());
    let forget = Resync::Forget { stream: "user".into(), forget: vec![(2.into(), 11)] };
    resync::leave(world.copies[0].db(), COPIES[0], &forget).await.unwrap();
    published(&world.owner, 3).await;
    agree(home, world.owner.db(), "a forgotten row").await;
    world.stop().await;
}

async fn publish_refused(owner: &Running) -> bool {
    let mut tx = owner.db().begin().await.unwrap();
    matches!(events::publish(&mut tx, &[thing(99, 1)]), Err(PublishError::Stopped(Stopped::OlderThanCopies)))
}

/// The owner comes back from a dump: it does not know the newest thing, and knows an older version of another. It notices
/// before it takes a write, and goes on once it was made usable.
pub(crate) async fn an_older_owner_publishes_nothing(home: &Home, broker: &Arc<dyn Broker>) {
    for (damage, repair) in [
        ("DELETE FROM things WHERE id = 3", true),
        ("UPDATE things SET version = version - 1, text = 'older' WHERE id = 2", false),
    ] {
        let world = World::start(home, broker, NEVER, NEVER).await;
        let World { owner, copies } = world;
        for id in [1, 2, 3] {
            let known = Entity::find_by_id(id).one(owner.db().read()).await.unwrap();
            if known.is_none() {
                published(&owner, id).await;
            }
        }
        raise(&owner, 2).await;
        agree(home, owner.db(), "a start").await;
        execute(owner.db(), damage).await;
        owner.stop().await;
        let owner = Running::start(OWNER, home, Arc::clone(broker), NEVER).await;
        owner.db().outbox().writes().started().await;
        assert!(publish_refused(&owner).await, "{damage}");

        // What `chatty restore` does to one thing that the copies know, and to all versions.
        owner.stop().await;
        let db = home.open(OWNER).await;
        execute(&db, &format!("UPDATE things SET version = version + {VERSION_STEP}")).await;
        db.close().await;
        let owner = Running::start(OWNER, home, Arc::clone(broker), NEVER).await;
        if repair {
            for (copy, name) in copies.iter().zip(COPIES) {
                let forget = Resync::Forget { stream: "user".into(), forget: vec![(3.into(), 1)] };
                resync::leave(copy.db(), name, &forget).await.unwrap();
            }
        }
        published(&owner, if repair { 3 } else { 4 }).await;
        for (copy, name) in copies.iter().zip(COPIES) {
            let refill = Resync::Resend { stream: "user".into(), queue: format!("{name}.user.v1"), ids: None };
            resync::leave(owner.db(), OWNER, &refill).await.unwrap();
            assert!(copy.db().outbox().admit().is_ok());
        }
        agree(home, owner.db(), damage).await;
        World { owner, copies }.stop().await;
    }
}

/// The next version of a thing.
async fn raise(owner: &Running, id: i64) {
    let known = Entity::find_by_id(id).one(owner.db().read()).await.unwrap().unwrap();
    let next = thing(id, known.version + 1);
    let mut tx = owner.db().begin().await.unwrap();
    let mut row = next.clone().into_active_model();
    (row.version, row.text) = (Set(next.version), Set(next.text.clone()));
    Entity::update(row).exec(&*tx).await.unwrap();
    events::publish(&mut tx, &[next]).unwrap();
    tx.commit().await.unwrap();
}

/// Copies that are not there do not keep the owner from starting; they are asked when they come.
pub(crate) async fn who_does_not_answer_is_unchecked(home: &Home, broker: &Arc<dyn Broker>) {
    let begun = Instant::now();
    let owner = Running::start(OWNER, home, Arc::clone(broker), QUICK).await;
    let mut tx = owner.db().begin().await.unwrap();
    let refused = events::publish(&mut tx, &[thing(1, 1)]);
    assert!(matches!(refused, Err(PublishError::Stopped(Stopped::Starting))), "{refused:?}");
    tx.rollback().await.unwrap();
    owner.db().outbox().writes().started().await;
    assert!(begun.elapsed() < Duration::from_secs(15), "a start is held up for {:?}", begun.elapsed());
    assert!(owner.db().outbox().admit().is_ok());
    let state = owner.state().await;
    let unchecked: Vec<&str> = state["unchecked"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(COPIES.iter().all(|copy| unchecked.contains(&format!("{copy}.user").as_str())), "{state}");
    let copy = Running::start(COPIES[0], home, Arc::clone(broker), QUICK).await;
    eventually("the copy is checked", async || {
        !owner.db().outbox().writes().unchecked().contains(&format!("{}.user", COPIES[0]))
    })
    .await;
    copy.stop().await;
    owner.stop().await;
}
