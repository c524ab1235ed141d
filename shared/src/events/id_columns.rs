//! The columns that hold versions and ids, which a restore reads and raises.
//!
//! The list of a service must be complete: a restore would assign a version or an id a second time if it lay in a
//! column that is missing here. A test of the suite compares the list with the schema.

use std::collections::BTreeSet;

use sea_orm::sea_query::{DynIden, Expr, Func, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr};

/// A column of a service's own database.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) table: DynIden,
    pub(super) name: DynIden,
}

impl Column {
    /// Erases the entity's type, so that columns of different tables stand in one list.
    pub(super) fn of(column: impl ColumnTrait) -> Self {
        let (table, name) = column.as_column_ref();
        Self { table, name }
    }

    /// Reads the highest value of the column; zero for an empty table.
    pub(super) async fn highest(&self, connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let mut query = Query::select();
        query.expr_as(Func::max(Expr::col(self.name.clone())), "highest").from(self.table.clone());
        let row = connection.query_one(&query).await?;
        // MAX returns one row in any case; its value is NULL when the table is empty.
        let highest: Option<i64> = row.map(|row| row.try_get("", "highest")).transpose()?.flatten();
        Ok(highest.unwrap_or(0))
    }
}

/// The columns in which a service stores versions and ids.
#[derive(Clone, Debug, Default)]
pub struct IdColumns {
    /// The columns with the versions of aggregates that the service owns.
    pub(super) versions: Vec<Column>,
    /// The columns with ids that the service assigns, each with the stream of the aggregates.
    pub(super) sequences: Vec<(&'static str, Column)>,
    /// The columns that refer to aggregates of any service, each with the stream of these aggregates.
    pub(super) references: Vec<(&'static str, Column)>,
}

impl IdColumns {
    /// Returns the names of all these columns, as `table.column`.
    pub fn names(&self) -> BTreeSet<String> {
        let ids = self.sequences.iter().chain(&self.references).map(|(_, column)| column);
        self.versions.iter().chain(ids).map(|column| format!("{}.{}", column.table, column.name)).collect()
    }
}
