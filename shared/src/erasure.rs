//! The erasure of people who have left, in every service that holds data about them.
//!
//! Auth erases the account and publishes its tombstone. Each other service finds the tombstone in its copy of people,
//! erases its data about the person in small transactions, and confirms this on a stream of its own, with the numbers
//! of erased things. A second pass follows when the last access token of the person has expired: it erases the writes
//! of requests that were under way during the first pass (rule R16 in docs/convergence.md).
//!
//! The people to erase are found by comparing the copy of people with the table `erasures`. So no erasure is lost when
//! a process dies, and replicas share the work.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict, Query};
use sea_orm::{QueryOrder, QuerySelect, QueryTrait};
use sea_orm_migration::prelude::{MigrationName, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, text, timestamp_with_time_zone_null};
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::Timestamp;
use crate::db::{Reads, insert_rows};
use crate::events::{self, ApplyError, Key, Source, State, Streams};
use crate::ids::UserId;
use crate::tasks::Cancel;
use crate::work::{Db, Tx};

/// The pause between two searches for people to erase.
const SEARCH_EVERY: Duration = Duration::from_secs(2);
/// The number of people that one search finds.
const PAGE: u64 = 100;
/// The pause before another try for a person whose copied data is not gone yet, or whose erasure failed.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The pause between the two passes: the lifetime of an access token, which is ten minutes, and a margin for clocks
/// that differ.
const SECOND_PASS_AFTER: Duration = Duration::from_secs(11 * 60);
/// The number of passes.
const PASSES: i64 = 2;
/// The condition for the tombstone of a person who could log in, in the copy of people. Tombstones of accounts that
/// nobody verified have the session version 0; nobody could log in to them, so there is nothing to erase. The text is
/// that of the partial index, so that the databases use the index.
const HAS_LEFT: &str = "deleted AND session_version > 0";

/// The stream on which a service confirms erasures.
pub trait ErasureStream: Clone + Debug + Default + PartialEq + Send + Sync + 'static {
    /// The name of the stream.
    const STREAM: &'static str;
}

/// The confirmation of one person's erasure by the service that publishes the stream `S`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct ErasureState<S: ErasureStream> {
    /// The person.
    pub id: UserId,
    /// 1 after the first pass, 2 after the second one.
    pub version: i64,
    /// True when no further pass follows.
    pub complete: bool,
    /// The numbers of erased things, by their kind, of all passes together.
    pub counts: BTreeMap<String, i64>,
    #[serde(skip)]
    stream: PhantomData<S>,
}

impl<S: ErasureStream> State for ErasureState<S> {
    const STREAM: &'static str = S::STREAM;

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl<S: ErasureStream> ErasureState<S> {
    /// Creates the confirmation from stored values. `counts` is a JSON object of numbers.
    pub fn new(id: UserId, version: i64, complete: bool, counts: &str) -> Self {
        Self { id, version, complete, counts: parse_counts(counts), stream: PhantomData }
    }
}

impl<S: ErasureStream> From<Model> for ErasureState<S> {
    fn from(row: Model) -> Self {
        Self::new(row.user_id, row.version, row.passes >= PASSES, &row.counts)
    }
}

/// Parses counts as they are stored: a JSON object of numbers.
pub fn parse_counts(stored: &str) -> BTreeMap<String, i64> {
    serde_json::from_str(stored).unwrap_or_default()
}

/// Writes counts as they are stored: a JSON object of numbers.
pub fn write_counts(counts: &BTreeMap<String, i64>) -> String {
    serde_json::to_string(counts).unwrap_or_default()
}

/// The result of one step of an erasure.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The step has erased these numbers of things, by their kind. There may be more.
    Erased(Vec<(&'static str, i64)>),
    /// Nothing of this service's own is left, but copies hold data that its owner has not erased yet.
    CopiesLeft,
    /// Nothing is left.
    Done,
}

/// The data that a service holds about people.
#[async_trait]
pub trait PersonalData: Send + Sync + 'static {
    /// The stream on which the service confirms.
    type Stream: ErasureStream;

    /// Erases a part of the data about a person, as a part of the transaction, and publishes the new states. It is
    /// called again until nothing is left.
    async fn erase_some(&self, tx: &mut Tx, user: UserId) -> Result<Step, ApplyError>;
}

/// A row of `erasures`: the progress of one person's erasure.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "erasures")]
pub struct Model {
    /// The person.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// The version of the published state; 0 before the end of the first pass, when nothing is published yet.
    pub version: i64,
    /// The numbers of erased things, by their kind, as a JSON object.
    pub counts: String,
    /// The number of complete passes.
    pub passes: i64,
    /// The time from which the erasure may go on; absent when no pass is left.
    pub due_at: Option<Timestamp>,
}

/// The table has no relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Adds the stream of confirmations, with the columns that a restore needs.
pub fn register<S: ErasureStream>(streams: Streams) -> Streams {
    streams.source(Confirmations::<S>::default()).versions(Column::Version).references("user", Column::UserId)
}

/// Reads the confirmations for auth's copy.
#[derive(Default)]
struct Confirmations<S>(PhantomData<S>);

#[async_trait]
impl<S: ErasureStream> Source for Confirmations<S> {
    type State = ErasureState<S>;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Self::State>, DbErr> {
        let after = after.map_or(0, Key::first);
        let rows = confirmed().filter(Column::UserId.gt(after)).order_by_asc(Column::UserId).limit(limit);
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<Self::State>, DbErr> {
        let rows = confirmed().filter(Column::UserId.is_in(keys.iter().map(Key::first)));
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }
}

fn confirmed() -> Select<Entity> {
    Entity::find().filter(Column::Version.gt(0))
}

/// Erases the people who have left until cancelled.
pub async fn run_erasures(data: impl PersonalData, db: Db, cancel: Cancel) {
    let mut searches = interval(SEARCH_EVERY);
    searches.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! { _ = searches.tick() => {}, () = cancel.cancelled() => return }
        // An erasure that is cut off here goes on after the next start, from the last step that was stored.
        tokio::select! {
            done = erase_all_due(&data, &db) => if let Err(error) = done {
                tracing::warn!(%error, "People who have left could not be erased yet; trying again.");
            },
            () = cancel.cancelled() => return,
        }
    }
}

/// Makes all erasures that are due.
async fn erase_all_due(data: &impl PersonalData, db: &Db) -> Result<(), ApplyError> {
    loop {
        let found = schedule_new(db).await?;
        while is_any_due(db).await? && erase_next(data, db).await? {}
        // One search finds a limited number of people. Only a search that finds nobody shows that nobody is left.
        if !found {
            return Ok(());
        }
    }
}

/// Schedules the erasure of people who have left since the last search. Returns false when there are none.
async fn schedule_new(db: &Db) -> Result<bool, ApplyError> {
    let scheduled = Entity::find().select_only().column(Column::UserId).into_query();
    let mut people = Query::select();
    people.column("id").from("users").and_where(Expr::cust(HAS_LEFT));
    people.and_where(Expr::col("id").not_in_subquery(scheduled)).limit(PAGE);
    let rows = db.read().query_all(&people).await?;
    let people = rows.iter().map(|row| row.try_get_by::<UserId, _>("id")).collect::<Result<Vec<_>, _>>()?;
    if people.is_empty() {
        return Ok(false);
    }
    let tx = db.begin_consuming().await?;
    let now = tx.clock().now();
    let rows = people.into_iter().map(|user| ActiveModel {
        user_id: Set(user),
        version: Set(0),
        counts: Set("{}".to_owned()),
        passes: Set(0),
        due_at: Set(Some(now)),
    });
    let keep = OnConflict::column(Column::UserId).do_nothing().to_owned();
    insert_rows(&*tx, rows.collect(), Some(keep)).await?;
    tx.commit().await?;
    Ok(true)
}

fn due(now: Timestamp) -> Select<Entity> {
    Entity::find().filter(Column::DueAt.lte(now)).order_by_asc(Column::DueAt).order_by_asc(Column::UserId)
}

/// Asked outside of a transaction, so that an idle service takes no lock every two seconds.
async fn is_any_due(db: &Db) -> Result<bool, DbErr> {
    Ok(due(db.clock().now()).one(db.read()).await?.is_some())
}

/// Makes the next step for the person whose erasure has been due for longest. Returns false when none is due that no
/// other replica works on.
async fn erase_next(data: &impl PersonalData, db: &Db) -> Result<bool, ApplyError> {
    let mut tx = db.begin_consuming().await?;
    let next = due(tx.clock().now()).lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let Some(row) = next.one(&*tx).await? else {
        tx.rollback().await?;
        return Ok(false);
    };
    let user = row.user_id;
    match step(data, &mut tx, row).await {
        Ok(()) => tx.commit().await?,
        Err(error) => {
            tx.rollback().await?;
            tracing::warn!(%error, user.id = user.0, "A person could not be erased yet; trying again.");
            // Postponed, so that one person whose erasure fails does not hold up all others.
            let tx = db.begin_consuming().await?;
            postpone(&tx, user).await?;
            tx.commit().await?;
        }
    }
    Ok(true)
}

/// Erases a part of a person's data and stores the progress.
async fn step<P: PersonalData>(data: &P, tx: &mut Tx, row: Model) -> Result<(), ApplyError> {
    let user = row.user_id;
    match data.erase_some(tx, user).await? {
        Step::Erased(erased) => {
            let mut counts = parse_counts(&row.counts);
            for (kind, number) in erased {
                *counts.entry(kind.to_owned()).or_default() += number;
            }
            let progress = ActiveModel { counts: Set(write_counts(&counts)), ..with_key(user) };
            Entity::update(progress).exec(&**tx).await?;
        }
        Step::CopiesLeft => postpone(tx, user).await?,
        Step::Done => {
            let passes = row.passes + 1;
            let due_at = (passes < PASSES).then(|| tx.clock().now() + SECOND_PASS_AFTER);
            let (version, passes) = (Set(row.version + 1), Set(passes));
            let confirmed = ActiveModel { version, passes, due_at: Set(due_at), ..with_key(user) };
            let confirmed = Entity::update(confirmed).exec(&**tx).await?;
            events::publish(tx, &[ErasureState::<P::Stream>::from(confirmed)])?;
        }
    }
    Ok(())
}

fn with_key(user: UserId) -> ActiveModel {
    ActiveModel { user_id: Unchanged(user), ..<ActiveModel as ActiveModelTrait>::default() }
}

async fn postpone(tx: &Tx, user: UserId) -> Result<(), DbErr> {
    let later = ActiveModel { due_at: Set(Some(tx.clock().now() + RETRY_AFTER)), ..with_key(user) };
    Entity::update(later).exec(&**tx).await.map(|_| ())
}

/// The migration that creates the table `erasures`, and the index that finds the people to erase. The service must have
/// its table `users` before.
pub struct Migration;

impl MigrationName for Migration {
    /// The name in the table of applied migrations. It is written out, because a derived name would change with the
    /// name of the file.
    fn name(&self) -> &'static str {
        "erasures"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("erasures")
            .col(big_integer("user_id").primary_key())
            .col(big_integer("version"))
            .col(text("counts"))
            .col(big_integer("passes"))
            // Empty when nothing is left to do.
            .col(timestamp_with_time_zone_null("due_at"))
            .to_owned();
        manager.create_table(table).await?;
        let sql = "CREATE INDEX ix_users_left ON users (id) WHERE deleted AND session_version > 0";
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
