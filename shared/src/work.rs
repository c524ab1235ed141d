//! The unit of work: a transaction that stores a change together with the events that tell other services of it.
//!
//! [`Db`] is a service's database with its outbox, and [`Tx`] one transaction. Events can be published inside a
//! transaction only, because [`publish`] takes a `Tx`. So neither a change without its event nor an event without its
//! change can be stored (rule R4 in docs/convergence.md, ADR 1).

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::DbErr;
use serde::Serialize;
use tokio::task::{JoinError, JoinSet};

use crate::clock::Clock;
use crate::config::Settings;
use crate::db::connect::{Connected, Program, connect};
use crate::db::{self, Change, CommitError, Pool, Pools, Reads, Schema, Statements, WriteHealth};
use crate::fail_points::{self, AFTER_COMMIT};
use crate::outbox::own_memory::PendingStates;
use crate::outbox::recent::Published;
use crate::outbox::{Key, Outbox, Position, PublishError, State, envelope, table};
use crate::request_id;
use crate::tasks::Tracker;

/// The database of a service, with its outbox and its clock. Clones share it.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    pools: Arc<Pools>,
    outbox: Outbox,
    clock: Clock,
    health: WriteHealth,
    program: Program,
    /// The begins and commits under way. They run to their end even if the request that waits for them is cancelled
    /// (ADR 13).
    under_way: Tracker,
    /// The task that keeps the pools on the primary; absent for a single host and for a file. It ends when the last
    /// clone is dropped.
    _follower: Option<JoinSet<()>>,
}

impl Db {
    /// Opens the database of `service`. No connection is made before the first use, so this succeeds while Postgres is
    /// down.
    ///
    /// If the URL names several hosts, the pools follow the primary until the last clone is dropped.
    ///
    /// # Errors
    /// When the URL or the data folder cannot be used.
    pub async fn open(settings: &Settings, service: &'static str, clock: Clock) -> Result<Self, DbErr> {
        Self::open_as(settings, service, Program::service(service), clock).await
    }

    /// Opens the database of `service` for a command of the operator, which waits longer for a connection than a
    /// service's request.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub async fn open_for_operator(settings: &Settings, service: &'static str) -> Result<Self, DbErr> {
        Self::open_as(settings, service, Program::operator(), Clock::system()).await
    }

    async fn open_as(
        settings: &Settings,
        service: &'static str,
        program: Program,
        clock: Clock,
    ) -> Result<Self, DbErr> {
        let outbox = Outbox::new(service, settings.outbox_max_rows);
        let Connected { pools, health, follower } = connect(settings, service, &program).await?;
        let under_way = Tracker::new();
        Ok(Self(Arc::new(Inner { pools, outbox, clock, health, program, under_way, _follower: follower })))
    }

    /// Returns the connection pool for queries outside of a transaction.
    pub fn read(&self) -> &Reads {
        &self.0.pools.current().read
    }

    /// Returns the connection of the outbox's relay.
    pub fn relay(&self) -> &Pool {
        &self.0.pools.current().relay
    }

    /// Returns the connection of the consumers, for a single statement that publishes nothing.
    pub(crate) fn consume(&self) -> &Pool {
        &self.0.pools.current().consume
    }

    /// Returns the outbox, where events wait for the broker.
    pub fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// Returns the service's clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Returns the health of this database's writes.
    pub(crate) fn write_health(&self) -> &WriteHealth {
        &self.0.health
    }

    /// Runs the migrations that are missing. Replicas that start together take turns.
    ///
    /// # Errors
    /// When the database cannot be reached, or a migration fails.
    pub async fn migrate(&self, schema: Schema) -> Result<(), DbErr> {
        schema.migrate(&self.0.pools).await
    }

    /// Counts the migrations that are missing.
    ///
    /// # Errors
    /// When the database cannot be reached, or has migrations that this version does not know.
    pub async fn pending_migrations(&self, schema: Schema) -> Result<usize, DbErr> {
        schema.pending(&self.0.pools).await
    }

    /// Begins a transaction for a request or a job.
    ///
    /// # Errors
    /// When the database cannot be reached or all connections stay busy. A [`db::Refusal`] while the disk is full, or
    /// the file is damaged or not examined.
    pub async fn begin(&self) -> Result<Tx, DbErr> {
        self.0.health.check()?;
        self.begin_unchecked().await
    }

    /// Begins a small transaction that may use the reserve of a full disk: one for a session, or one that finishes work
    /// under way.
    ///
    /// # Errors
    /// As [`Db::begin`], except that a full disk is not refused up front.
    pub async fn begin_in_reserve(&self) -> Result<Tx, DbErr> {
        self.0.health.check_in_reserve()?;
        self.begin_unchecked().await
    }

    /// Begins a transaction whatever the health of writes is, to find out whether they succeed again.
    ///
    /// # Errors
    /// When the database cannot be reached or all connections stay busy.
    pub(crate) async fn begin_unchecked(&self) -> Result<Tx, DbErr> {
        self.begin_on(&self.0.pools.current().write).await
    }

    /// Begins a transaction for a consumer, on the consumers' connection. It may use the reserve of a full disk.
    ///
    /// # Errors
    /// As [`Db::begin_in_reserve`].
    pub async fn begin_consuming(&self) -> Result<Tx, DbErr> {
        self.0.health.check_in_reserve()?;
        self.begin_on(&self.0.pools.current().consume).await
    }

    async fn begin_on(&self, pool: &Pool) -> Result<Tx, DbErr> {
        // Spawned, because a begin that is cancelled before its answer would leave a transaction open on a pooled
        // connection.
        let result = self.0.under_way.spawn(pool.begin_write()).await;
        let statements = result.map_err(|error| DbErr::Custom(error.to_string()))??;
        Ok(Tx {
            statements,
            outbox: self.0.outbox.clone(),
            clock: self.0.clock.clone(),
            under_way: self.0.under_way.clone(),
            messages: Vec::new(),
            published: Vec::new(),
            pending_states: Vec::new(),
        })
    }

    /// Pings the database and waits for its answer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.read().ping().await
    }

    /// Opens the SQLite files again if the open ones were deleted, moved or replaced (ADR 14). Returns true if this has
    /// happened to the database file itself, because then nothing is known of its content.
    pub(crate) async fn reopen_changed_files(&self) -> bool {
        let Some((file, change)) = self.0.health.file().and_then(|file| Some((file, file.change()?))) else {
            return false;
        };
        tracing::error!(
            service = self.0.outbox.service(),
            "{} was deleted or replaced while it was open; the files are opened anew.",
            match change {
                Change::Database => "The database's file",
                Change::Log => "The write-ahead log of the database's file",
            }
        );
        let new = Pools::sqlite(file.path(), &self.0.health, self.0.program.acquire_timeout);
        self.0.pools.current().reopen(new, file).await;
        self.0.health.reset_for_new_file();
        change == Change::Database
    }

    /// Waits for the begins and commits under way, then closes all pools.
    pub async fn close(&self) {
        // A commit that lost its connection here would have an unknown outcome.
        self.0.under_way.close();
        self.0.under_way.wait().await;
        self.0.pools.current().close().await;
    }
}

/// A write transaction that can publish events. They leave for the broker after the commit. Dropping it rolls back.
pub struct Tx {
    statements: Statements,
    outbox: Outbox,
    clock: Clock,
    under_way: Tracker,
    /// The rows of the outbox, which are stored right before the commit, all with one statement (ADR 9).
    messages: Vec<table::ActiveModel>,
    /// The keys and versions of the states in these messages.
    published: Vec<Published>,
    /// The states for the memories of this process.
    pending_states: Vec<PendingStates>,
}

impl Deref for Tx {
    type Target = Statements;

    fn deref(&self) -> &Statements {
        &self.statements
    }
}

impl Tx {
    /// Returns the service's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns the name of the service whose transaction this is.
    pub(crate) fn service(&self) -> &'static str {
        self.outbox.service()
    }

    /// Stores the events and commits, then hands the states to the memories of this process and the events to the
    /// relay.
    ///
    /// A commit that has begun runs to its end even if the caller is cancelled meanwhile, because the memories must
    /// learn of everything that is stored.
    ///
    /// # Errors
    /// [`CommitError::Refused`] when certainly nothing was stored; [`CommitError::Unknown`] when the connection was
    /// lost during the commit, the disk did not confirm it, the database file was deleted or replaced, or the task of
    /// the commit has panicked.
    pub async fn commit(self) -> Result<(), CommitError> {
        // The task has panicked or was aborted, at whatever point.
        let to_unknown = |error: JoinError| CommitError::Unknown(DbErr::Custom(error.to_string()));
        let under_way = self.under_way.clone();
        under_way.spawn(self.commit_now()).await.map_err(to_unknown)?
    }

    /// Commits in the calling task.
    async fn commit_now(self) -> Result<(), CommitError> {
        // Nothing has been committed yet, so a failure of this statement is a refusal, not an unknown outcome.
        let stored = table::insert_messages(&self.statements, self.messages).await.map_err(CommitError::Refused)?;
        self.statements.commit().await?;
        // From here on nothing can fail the request. A crash loses only what is in memory, and the sweep finds the
        // events in the table.
        if !stored.is_empty() {
            fail_points::hit(AFTER_COMMIT);
        }
        // The memories come before the answer to the request, so that its client reads its own write.
        self.outbox.own_memories().merge_committed(self.pending_states);
        let states = self.published.iter().map(|(_, states)| states.len()).sum();
        self.outbox.recent().record(self.published, Instant::now());
        self.outbox.relay_now(stored, states);
        Ok(())
    }

    /// Rolls back now. Dropping also rolls back, but asynchronously.
    ///
    /// # Errors
    /// When the connection is gone, which ends the transaction too.
    pub async fn rollback(self) -> Result<(), DbErr> {
        self.statements.rollback().await
    }
}

/// Publishes states inside the transaction that wrote them (rule R4 in docs/convergence.md). They are stored right
/// before the commit, and reach the memory of their stream right after it.
///
/// # Errors
/// A [`PublishError`], after which the transaction must be rolled back.
pub fn publish<S: State>(tx: &mut Tx, states: &[S]) -> Result<(), PublishError> {
    // Checked here and not at the begin, because only publishing assigns versions and ids (ADR 15).
    tx.outbox.check_may_publish()?;
    send_states(tx, S::STREAM, None, states)?;
    let versions: Vec<(Key, i64)> = states.iter().map(|state| (state.key(), state.version())).collect();
    states.iter().for_each(|state| request_id::note_position(|| Position::of(state)));
    tx.published.push((S::STREAM, versions));
    remember(tx, states);
    Ok(())
}

/// Hands states to the memories of this service after the commit, those of its other replicas included, without
/// publishing an event. It serves streams that no other service consumes (ADR 10).
pub fn remember<S: State>(tx: &mut Tx, states: &[S]) {
    let pending = tx.outbox.own_memories().prepare(states);
    tx.pending_states.extend(pending);
}

/// Adds messages with states to the transaction, for the queue `target` or, without one, for the exchange.
///
/// Unlike [`publish`] it needs no permit and feeds no memory, because it serves requests for states that were published
/// before.
///
/// # Errors
/// [`PublishError::Encode`].
pub(crate) fn send_states<S: Serialize>(
    tx: &mut Tx,
    stream: &str,
    target: Option<&str>,
    states: &[S],
) -> Result<(), PublishError> {
    let messages = envelope::encode(tx.outbox.service(), stream, states, tx.clock().now())?;
    for (message_id, payload) in messages {
        send_message(tx, message_id.to_string(), stream, target, payload);
    }
    Ok(())
}

/// Adds one message to the transaction, for the queue `target` or, without one, for the exchange.
pub(crate) fn send_message(tx: &mut Tx, message_id: String, stream: &str, target: Option<&str>, payload: Vec<u8>) {
    // On Postgres the sweep compares ages by the server's clock, so the server fills in the time there.
    let created_at = if db::is_postgres(&tx.statements) { NotSet } else { Set(tx.clock().now()) };
    tx.messages.push(table::ActiveModel {
        id: NotSet,
        message_id: Set(message_id),
        stream: Set(stream.to_owned()),
        target: Set(target.map(str::to_owned)),
        payload: Set(payload),
        created_at,
    });
}
