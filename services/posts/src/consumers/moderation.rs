//! The streams `moderation.post` and `moderation.comment`: admin decides, this service applies.
//!
//! A decision is an aggregate of admin with a version of its own. Applying a decision changes a row of this service,
//! gives this row its next version and publishes the row's state, all in the transaction that consumes the decision
//! (rule R15 of `docs/convergence.md`).

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::marker::PhantomData;

use async_trait::async_trait;
use sea_orm::{DbErr, EntityTrait};
use serde::{Deserialize, Serialize};
use shared::db::Reads;
use shared::events::{self, ApplyError, Consumer, Key, State, StoredCopy};
use shared::work::Tx;

use crate::db::entities::{comments, posts};
use crate::db::queries::decisions::{self, AppliedDecision, ModeratedTable};
use crate::domain::ids::PostId;
use crate::streams::comment::CommentState;
use crate::streams::post::PostState;
use crate::streams::post_counts;

/// A kind of things that admin decides about.
pub(super) trait Moderated: Clone + Debug + Default + PartialEq + Send + Sync + 'static {
    /// The stream of the decisions.
    const STREAM: &'static str;

    /// The table with one row per thing.
    type Table: ModeratedTable;

    /// Publishes the states of rows that decisions have changed, and corrects the counters that depend on these rows.
    fn publish(
        tx: &mut Tx,
        changed: Vec<<Self::Table as EntityTrait>::Model>,
    ) -> impl Future<Output = Result<(), ApplyError>> + Send;
}

/// Posts as things that admin decides about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Posts;

impl Moderated for Posts {
    const STREAM: &'static str = "moderation.post";

    type Table = posts::Entity;

    async fn publish(tx: &mut Tx, changed: Vec<posts::Model>) -> Result<(), ApplyError> {
        let states: Vec<PostState> = changed.into_iter().map(PostState::from).collect();
        Ok(events::publish(tx, &states)?)
    }
}

/// Comments as things that admin decides about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Comments;

impl Moderated for Comments {
    const STREAM: &'static str = "moderation.comment";

    type Table = comments::Entity;

    async fn publish(tx: &mut Tx, changed: Vec<comments::Model>) -> Result<(), ApplyError> {
        let posts: BTreeSet<PostId> = changed.iter().map(|row| row.post_id).collect();
        let states: Vec<CommentState> = changed.into_iter().map(CommentState::from).collect();
        events::publish(tx, &states)?;
        // A comment that is removed or restored may be uncounted anyway, because its author is hidden or has deleted
        // it. So the comments are counted again, instead of adding or subtracting one.
        post_counts::recount(tx, posts.into_iter().collect()).await
    }
}

/// A decision about one thing, with admin's version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Decision<T: Moderated> {
    id: i64,
    version: i64,
    removed: bool,
    #[serde(skip)]
    kind: PhantomData<T>,
}

impl<T: Moderated> State for Decision<T> {
    const STREAM: &'static str = T::STREAM;

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl<T: Moderated> From<AppliedDecision> for Decision<T> {
    fn from(row: AppliedDecision) -> Self {
        let AppliedDecision { id, decision_version, removed_at } = row;
        Self { id, version: decision_version, removed: removed_at.is_some(), kind: PhantomData }
    }
}

/// Applies decisions about one kind of things.
#[derive(Default)]
pub(super) struct Decisions<T>(PhantomData<T>);

#[async_trait]
impl<T: Moderated> Consumer for Decisions<T> {
    type State = Decision<T>;

    async fn apply(&self, tx: &mut Tx, decisions: Vec<Decision<T>>) -> Result<(), ApplyError> {
        let mut changed = Vec::new();
        for Decision { id, version, removed, .. } in decisions {
            changed.extend(decisions::apply_decision::<T::Table>(tx, id, version, removed).await?);
        }
        T::publish(tx, changed).await
    }
}

#[async_trait]
impl<T: Moderated> StoredCopy for Decisions<T> {
    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Decision<T>>, DbErr> {
        let rows = decisions::list::<T::Table>(db, after.map_or(0, Key::first), limit).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    async fn can_apply(&self, db: &Reads, key: &Key) -> Result<bool, DbErr> {
        decisions::exists::<T::Table>(db, key.first()).await
    }

    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        decisions::forget_decision::<T::Table>(tx, key.first(), version).await
    }
}
