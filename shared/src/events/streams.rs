//! The streams of one service: the sources that it owns, the copies that it keeps, and the columns of its versions and
//! ids.
//!
//! A running service serves and consumes these streams; the operator's commands read the same list to compare and
//! restore the service's database without starting the service.

use std::sync::Arc;

use sea_orm::ColumnTrait;

use super::any_consumer::AnyConsumer;
use super::id_columns::{Column, IdColumns};
use super::source::AnySource;

/// The streams of one service, collected by chained calls.
#[derive(Clone, Default)]
pub struct Streams {
    /// The streams that the service owns.
    pub sources: Vec<Arc<dyn AnySource>>,
    /// The streams of which the service keeps a copy.
    pub consumers: Vec<Arc<dyn AnyConsumer>>,
    /// The columns in which the service stores versions and ids.
    pub id_columns: IdColumns,
}

impl Streams {
    /// Adds a stream that the service owns.
    #[must_use]
    pub fn source(mut self, source: impl AnySource) -> Self {
        self.sources.push(Arc::new(source));
        self
    }

    /// Adds a stream of which the service keeps a copy.
    #[must_use]
    pub fn consumer(mut self, consumer: impl AnyConsumer) -> Self {
        self.consumers.push(Arc::new(consumer));
        self
    }

    /// Adds a column that holds the versions of aggregates that the service owns. A restore raises these versions, see
    /// ADR 15.
    #[must_use]
    pub fn versions(mut self, column: impl ColumnTrait) -> Self {
        self.id_columns.versions.push(Column::of(column));
        self
    }

    /// Adds an id column from whose sequence the service assigns the ids of the aggregates of `stream`. A restore moves
    /// the sequence past every id that any database knows.
    #[must_use]
    pub fn sequence(mut self, stream: &'static str, column: impl ColumnTrait) -> Self {
        self.id_columns.sequences.push((stream, Column::of(column)));
        self
    }

    /// Adds a column that refers to aggregates of `stream`, whichever service owns it. A restore of the owner reads the
    /// highest id from it.
    #[must_use]
    pub fn references(mut self, stream: &'static str, column: impl ColumnTrait) -> Self {
        self.id_columns.references.push((stream, Column::of(column)));
        self
    }
}
