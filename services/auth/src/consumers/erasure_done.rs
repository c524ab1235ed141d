//! The streams `erasure_done.…`, one from each other service: with it the service confirms that it has erased a
//! person's data. The receipt of the erasure shows the confirmations.

use std::marker::PhantomData;

use async_trait::async_trait;
use sea_orm::DbErr;
use shared::db::Reads;
use shared::erasure::{ErasureState, ErasureStream, write_counts};
use shared::events::{ApplyError, Consumer, Key, StoredCopy};
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::entities::confirmations::Model;
use crate::db::queries::receipts;

/// A service that confirms erasures.
pub(super) trait Confirming: ErasureStream {
    /// The name of the service.
    const SERVICE: &'static str;
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Posts;

impl ErasureStream for Posts {
    const STREAM: &'static str = "erasure_done.posts";
}

impl Confirming for Posts {
    const SERVICE: &'static str = "posts";
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Subscriptions;

impl ErasureStream for Subscriptions {
    const STREAM: &'static str = "erasure_done.subscriptions";
}

impl Confirming for Subscriptions {
    const SERVICE: &'static str = "subscriptions";
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Admin;

impl ErasureStream for Admin {
    const STREAM: &'static str = "erasure_done.admin";
}

impl Confirming for Admin {
    const SERVICE: &'static str = "admin";
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recommendations;

impl ErasureStream for Recommendations {
    const STREAM: &'static str = "erasure_done.recommendations";
}

impl Confirming for Recommendations {
    const SERVICE: &'static str = "recommendations";
}

/// Stores the confirmations of one service.
#[derive(Default)]
pub(super) struct Confirmations<S>(PhantomData<S>);

#[async_trait]
impl<S: Confirming> Consumer for Confirmations<S> {
    type State = ErasureState<S>;

    async fn apply(&self, tx: &mut Tx, states: Vec<ErasureState<S>>) -> Result<(), ApplyError> {
        let confirmed_at = tx.clock().now();
        let rows = states.into_iter().map(|state| Model {
            service: S::SERVICE.to_owned(),
            user_id: state.id,
            version: state.version,
            complete: state.complete,
            counts: write_counts(&state.counts),
            confirmed_at,
        });
        Ok(receipts::upsert_confirmations(&**tx, rows.collect()).await?)
    }
}

#[async_trait]
impl<S: Confirming> StoredCopy for Confirmations<S> {
    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<ErasureState<S>>, DbErr> {
        let rows = receipts::page_confirmations(db, S::SERVICE, after.map_or(0, Key::first), limit).await?;
        let state = |row: Model| ErasureState::new(row.user_id, row.version, row.complete, &row.counts);
        Ok(rows.into_iter().map(state).collect())
    }

    fn table(&self) -> Option<&'static str> {
        Some("confirmations")
    }

    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        receipts::delete_confirmation(&**tx, S::SERVICE, UserId(key.first()), version).await
    }
}
