//! The source that all three streams of decisions share: they differ in the kind of target and in one field's name.

use std::marker::PhantomData;

use async_trait::async_trait;
use sea_orm::DbErr;
use shared::db::Reads;
use shared::events::{Key, Recovery, Source, State};
use shared::work::Tx;

use crate::db::entities::decisions::Model;
use crate::db::queries::decisions::{self, Recovered};
use crate::domain::target::Kind;

/// The state of a decision as one stream carries it. Its key is the target's id.
pub(super) trait PublishedDecision: State + From<Model> {
    /// The kind of target that the stream is about.
    const KIND: Kind;

    /// Returns the decision as a restore takes it back.
    fn into_recovered(self) -> Recovered;
}

/// Reads the states of one stream from the table of decisions.
pub(super) struct Decisions<S>(PhantomData<fn() -> S>);

impl<S: PublishedDecision> Decisions<S> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

#[async_trait]
impl<S: PublishedDecision> Source for Decisions<S> {
    type State = S;

    // A state holds everything about a decision that its target's owner needs. After a restore of this database alone,
    // the owner of the target may know decisions that are lost here, and this service takes them back.
    const RECOVERY: Recovery = Recovery::Everything;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<S>, DbErr> {
        let rows = decisions::list(db, S::KIND, after.map_or(0, Key::first), limit).await?;
        Ok(rows.into_iter().map(S::from).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<S>, DbErr> {
        let rows = decisions::find_all(db, S::KIND, keys.iter().map(Key::first)).await?;
        Ok(rows.into_iter().map(S::from).collect())
    }

    async fn recover(&self, tx: &Tx, states: Vec<S>) -> Result<(), DbErr> {
        let decided = states.into_iter().map(PublishedDecision::into_recovered).collect();
        decisions::upsert_recovered(tx, S::KIND, decided).await
    }
}
