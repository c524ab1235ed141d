//! Copies that were emptied, cut off or changed by hand heal by themselves, and an owner that is older than its copies
//! publishes nothing until it was repaired.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait};
use serde_json::Value;
use shared::auth::Keys;
use shared::clock::Clock;
use shared::db::is_postgres;
use shared::events::PublishError;
use shared::events::broker::Broker;
use shared::events::comparison::Timing;
use shared::events::request::Request as Resync;
use shared::events::restore::VERSION_STEP;
use shared::events::{self, fills, request};
use shared::health;
use shared::http::{App, Disclosure, Peers};
use shared::outbox::{self, Withheld};
use shared::service::{Deps, Service};
use shared::tasks::{Cancel, Tracker};
use shared::work::Db;
use tokio::time::sleep;

use crate::convergence::await_agreement;
use crate::world::{COPIES, Databases, Entity, Migrator, Model, OWNER, streams};

/// The limit for everything that must happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Short times, so that a test sees several rounds of the comparison.
const QUICK: Timing = Timing { interval: Duration::from_millis(300), grace: Duration::from_millis(400) };
/// Times with which no comparison happens within a test, so that something else has to heal the copy.
const NEVER: Timing = Timing { interval: Duration::from_secs(3_600), grace: Duration::from_millis(400) };

/// A whole service, as its program runs it.
pub(crate) struct RunningService {
    service: Service,
    tracker: Tracker,
}

impl RunningService {
    /// Builds, prepares and starts a service of the tests' world.
    pub(crate) async fn start(
        name: &'static str,
        databases: &Databases,
        broker: Arc<dyn Broker>,
        timing: Timing,
    ) -> Self {
        let (settings, clock) = (databases.settings(name), Clock::system());
        let db = Db::open(&settings, name, clock.clone()).await.unwrap();
        let deps = Deps {
            settings,
            db,
            broker,
            keys: Keys::fixed(&shared::auth::no_keys()),
            peers: Peers::in_process(),
            clock,
        };
        let routes = (Router::new(), shared::openapi::base_document());
        let mut service = Service::new::<Migrator>(name, &deps, routes).streams(streams(name)).compare_with(timing);
        service.prepare().await.unwrap();
        let tracker = Tracker::new();
        service.start(&tracker, &Cancel::new());
        Self { service, tracker }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.service.db
    }

    /// Returns the part of `/readyz` about the service.
    async fn readiness(&self) -> Value {
        let probes = health::probes(vec![self.service.health.clone()], Disclosure::Full(None));
        let app = App::new(self.service.router.clone(), self.service.openapi.clone(), probes);
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
    owner: RunningService,
    copies: Vec<RunningService>,
}

impl World {
    /// Starts the owner and the copies, each side with its own timing, and waits until the owner has got the copies'
    /// answers or has given up waiting for them.
    async fn start(databases: &Databases, broker: &Arc<dyn Broker>, owner: Timing, copies: Timing) -> Self {
        let mut world = Self {
            owner: RunningService::start(OWNER, databases, Arc::clone(broker), owner).await,
            copies: Vec::new(),
        };
        for service in COPIES {
            world.copies.push(RunningService::start(service, databases, Arc::clone(broker), copies).await);
        }
        world.owner.db().outbox().permit().wait_until_granted().await;
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

/// Stores rows without publishing them.
async fn store(db: &Db, rows: impl IntoIterator<Item = Model>) {
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    let tx = db.begin().await.unwrap();
    Entity::insert_many(rows).exec_without_returning(&*tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// Stores a new thing and publishes it in the same transaction, as a request would.
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

/// Waits until the owner takes writes, and publishes a new thing.
async fn publish_when_ready(owner: &RunningService, id: i64) {
    eventually("the owner takes writes", async || owner.db().outbox().check_may_publish().is_ok()).await;
    publish(owner.db(), id).await.unwrap();
}

/// A first start was cut off right after the schema was created. The next start has to ask for all rows, and the one
/// after it for none.
pub(crate) async fn an_interrupted_first_start_is_made_good(databases: &Databases, broker: &Arc<dyn Broker>) {
    let owner = databases.open(OWNER).await;
    // More than one page of a resync (500 rows).
    store(&owner, (1..=700).map(|id| thing(id, 3))).await;
    for service in COPIES {
        databases.open(service).await.close().await;
    }
    // Without comparisons, only the missing note of a first fill can make the copies ask.
    let world = World::start(databases, broker, NEVER, NEVER).await;
    await_agreement(databases, &owner, "a first start that was cut off").await;
    for copy in &world.copies {
        assert_eq!(fills::Entity::find().count(copy.db().read()).await.unwrap(), 1);
    }
    world.stop().await;
    let again = databases.open("posts").await;
    fills::request_missing_copies(&again, broker.as_ref(), &streams("posts").consumers).await.unwrap();
    let waiting = outbox::table::Entity::find().count(again.read()).await.unwrap();
    assert_eq!(waiting, 0, "a copy that was filled asks no more");
    again.close().await;
    owner.close().await;
}

/// A copy that has lost a message gets it back because the owner tells what it published lately. `lose` publishes a
/// thing so that the first copy does not have it.
pub(crate) async fn a_lost_message_is_found_by_comparing_recent_changes(
    databases: &Databases,
    broker: &Arc<dyn Broker>,
    lose: impl AsyncFnOnce(&RunningService, &RunningService),
) {
    // The copies compare nothing themselves, so the owner's word on its recent publications is all that can help.
    let world = World::start(databases, broker, QUICK, NEVER).await;
    publish_when_ready(&world.owner, 1).await;
    await_agreement(databases, world.owner.db(), "a start").await;
    lose(&world.owner, &world.copies[0]).await;
    await_agreement(databases, world.owner.db(), "a lost message").await;
    world.stop().await;
}

/// Makes the first copy lose a new thing. The in-process broker loses no message, so the row is deleted once it has
/// come.
pub(crate) async fn lose_by_deleting(owner: &RunningService, copy: &RunningService) {
    publish(owner.db(), 2).await.unwrap();
    eventually("it has arrived", async || Entity::find_by_id(2).one(copy.db().read()).await.unwrap().is_some()).await;
    execute(copy.db(), "DELETE FROM things WHERE id = 2").await;
}

/// Rows of a copy that are missing, have an older version or other content are repaired, wherever they are; and so is a
/// copy without any row.
pub(crate) async fn rows_changed_by_hand_are_repaired(databases: &Databases, broker: &Arc<dyn Broker>) {
    let owner = databases.open(OWNER).await;
    store(&owner, (1..=1_700).map(|id| thing(id, 3))).await;
    let world = World::start(databases, broker, QUICK, QUICK).await;
    await_agreement(databases, &owner, "a start").await;
    let copy = world.copies[0].db();
    // The ids lie at the ends of the table and where parts of a comparison (500 rows each) meet.
    execute(copy, "UPDATE things SET text = 'changed by hand' WHERE id IN (1, 500, 501)").await;
    execute(copy, "UPDATE things SET version = 1 WHERE id IN (2, 1001)").await;
    execute(copy, "DELETE FROM things WHERE id IN (3, 1500, 1700)").await;
    await_agreement(databases, &owner, "changes by hand").await;
    execute(copy, "DELETE FROM things").await;
    await_agreement(databases, &owner, "an emptied table").await;
    assert!(world.owner.db().outbox().check_may_publish().is_ok(), "the owner is not older than that");
    world.stop().await;
    owner.close().await;
}

/// A database that is dropped and created anew while its service runs gets its schema and its rows back. On SQLite the
/// file is deleted between two starts instead.
pub(crate) async fn a_dropped_copy_comes_back(databases: &Databases, broker: &Arc<dyn Broker>) {
    let mut world = World::start(databases, broker, NEVER, NEVER).await;
    publish_when_ready(&world.owner, 1).await;
    await_agreement(databases, world.owner.db(), "a start").await;
    let copy = world.copies.remove(0);
    if is_postgres(copy.db().read()) {
        // As long as there is no schema `public`, the service cannot create its tables, so the test can see the state.
        execute(copy.db(), "DROP SCHEMA public CASCADE").await;
        eventually("the schema is missed", async || copy.readiness().await["schema"] == "missing").await;
        execute(copy.db(), "CREATE SCHEMA public").await;
        eventually("the schema is back", async || copy.readiness().await["database"] == "up").await;
        world.copies.push(copy);
    } else {
        let (folder, name) = (databases.settings(COPIES[0]).data_dir, COPIES[0]);
        copy.stop().await;
        std::fs::remove_file(folder.join(format!("{name}.db"))).unwrap();
        world.copies.push(RunningService::start(name, databases, Arc::clone(broker), NEVER).await);
    }
    await_agreement(databases, world.owner.db(), "a dropped database").await;
    world.stop().await;
}

/// A row of a copy that is ahead of its owner stops the owner's writes, until the copy has forgotten the row. The test
/// requests that as `chatty reconcile --fix` does.
pub(crate) async fn a_row_ahead_stops_the_owner_until_it_is_forgotten(databases: &Databases, broker: &Arc<dyn Broker>) {
    let world = World::start(databases, broker, QUICK, QUICK).await;
    for id in [1, 2] {
        publish_when_ready(&world.owner, id).await;
    }
    await_agreement(databases, world.owner.db(), "a start").await;
    execute(world.copies[0].db(), "UPDATE things SET version = 11 WHERE id = 2").await;
    eventually("the owner stops", async || publish_refused(&world.owner).await).await;
    let state = world.owner.readiness().await;
    assert_eq!(state["writes"], Withheld::OlderThanCopies.to_string());
    let forget = Resync::Forget { stream: "user".into(), forget: vec![(2.into(), 11)] };
    request::enqueue(world.copies[0].db(), COPIES[0], &forget).await.unwrap();
    publish_when_ready(&world.owner, 3).await;
    await_agreement(databases, world.owner.db(), "a forgotten row").await;
    world.stop().await;
}

/// Returns whether the owner refuses to publish because it is older than its copies.
async fn publish_refused(owner: &RunningService) -> bool {
    let mut tx = owner.db().begin().await.unwrap();
    matches!(events::publish(&mut tx, &[thing(99, 1)]), Err(PublishError::Withheld(Withheld::OlderThanCopies)))
}

/// An owner that comes back from a dump, without the newest thing or with an older version of one, notices before it
/// takes a write. It goes on once it was repaired as `chatty restore` does it (ADR 15).
pub(crate) async fn an_older_owner_publishes_nothing(databases: &Databases, broker: &Arc<dyn Broker>) {
    for (damage, repair) in [
        ("DELETE FROM things WHERE id = 3", true),
        ("UPDATE things SET version = version - 1, text = 'older' WHERE id = 2", false),
    ] {
        let world = World::start(databases, broker, NEVER, NEVER).await;
        let World { owner, copies } = world;
        for id in [1, 2, 3] {
            let known = Entity::find_by_id(id).one(owner.db().read()).await.unwrap();
            if known.is_none() {
                publish_when_ready(&owner, id).await;
            }
        }
        publish_next_version(&owner, 2).await;
        await_agreement(databases, owner.db(), "a start").await;
        execute(owner.db(), damage).await;
        owner.stop().await;
        let owner = RunningService::start(OWNER, databases, Arc::clone(broker), NEVER).await;
        owner.db().outbox().permit().wait_until_granted().await;
        assert!(publish_refused(&owner).await, "{damage}");

        // The two steps of `chatty restore`: it raises all versions, and lets the copies forget rows that are lost.
        owner.stop().await;
        let db = databases.open(OWNER).await;
        execute(&db, &format!("UPDATE things SET version = version + {VERSION_STEP}")).await;
        db.close().await;
        let owner = RunningService::start(OWNER, databases, Arc::clone(broker), NEVER).await;
        if repair {
            for (copy, name) in copies.iter().zip(COPIES) {
                let forget = Resync::Forget { stream: "user".into(), forget: vec![(3.into(), 1)] };
                request::enqueue(copy.db(), name, &forget).await.unwrap();
            }
        }
        // An id that was lost may be given out again only because the copies have forgotten it.
        publish_when_ready(&owner, if repair { 3 } else { 4 }).await;
        for (copy, name) in copies.iter().zip(COPIES) {
            let refill = Resync::Resend { stream: "user".into(), queue: format!("{name}.user.v1"), ids: None };
            request::enqueue(owner.db(), OWNER, &refill).await.unwrap();
            assert!(copy.db().outbox().check_may_publish().is_ok());
        }
        await_agreement(databases, owner.db(), damage).await;
        World { owner, copies }.stop().await;
    }
}

/// Publishes the next version of a thing.
async fn publish_next_version(owner: &RunningService, id: i64) {
    let known = Entity::find_by_id(id).one(owner.db().read()).await.unwrap().unwrap();
    let next = thing(id, known.version + 1);
    let mut tx = owner.db().begin().await.unwrap();
    let mut row = next.clone().into_active_model();
    (row.version, row.text) = (Set(next.version), Set(next.text.clone()));
    Entity::update(row).exec(&*tx).await.unwrap();
    events::publish(&mut tx, &[next]).unwrap();
    tx.commit().await.unwrap();
}

/// Copies that are away do not keep the owner from starting. The owner reports them as unchecked, and asks them when
/// they come.
pub(crate) async fn a_copy_that_does_not_answer_is_unchecked(databases: &Databases, broker: &Arc<dyn Broker>) {
    let begun = Instant::now();
    let owner = RunningService::start(OWNER, databases, Arc::clone(broker), QUICK).await;
    let mut tx = owner.db().begin().await.unwrap();
    let refused = events::publish(&mut tx, &[thing(1, 1)]);
    assert!(matches!(refused, Err(PublishError::Withheld(Withheld::Starting))), "{refused:?}");
    tx.rollback().await.unwrap();
    owner.db().outbox().permit().wait_until_granted().await;
    assert!(begun.elapsed() < Duration::from_secs(15), "a start is held up for {:?}", begun.elapsed());
    assert!(owner.db().outbox().check_may_publish().is_ok());
    let state = owner.readiness().await;
    let unchecked: Vec<&str> = state["unchecked"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(COPIES.iter().all(|copy| unchecked.contains(&format!("{copy}.user").as_str())), "{state}");
    let copy = RunningService::start(COPIES[0], databases, Arc::clone(broker), QUICK).await;
    eventually("the copy is checked", async || {
        !owner.db().outbox().permit().unchecked().contains(&format!("{}.user", COPIES[0]))
    })
    .await;
    copy.stop().await;
    owner.stop().await;
}
