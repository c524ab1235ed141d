//! The stream `personal_block`: pairs of a person and somebody whom the person blocks, active or ended.

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::auth::personal_blocks::{Column, Entity, Model};
use shared::db::Reads;
use shared::events::{Key, Source};

/// Reads the states of blocks for the services that keep copies. The rows of the table are the states.
pub(crate) struct PersonalBlockSource;

#[async_trait]
impl Source for PersonalBlockSource {
    type State = Model;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Model>, DbErr> {
        let mut query = Entity::find().order_by_asc(Column::UserId).order_by_asc(Column::BlockedId).limit(limit);
        if let Some(after) = after {
            // The two columns are compared as one pair, so that the index of the primary key yields the rows without
            // sorting.
            let columns = Expr::tuple([Expr::col(Column::UserId), Expr::col(Column::BlockedId)]);
            query = query.filter(columns.gt(Expr::tuple([Expr::value(after.first()), Expr::value(after.second())])));
        }
        query.all(db).await
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<Model>, DbErr> {
        let any = keys.iter().fold(Condition::any(), |any, key| {
            any.add(Condition::all().add(Column::UserId.eq(key.first())).add(Column::BlockedId.eq(key.second())))
        });
        Entity::find().filter(any).all(db).await
    }
}
