//! The table `recounts`, which this service owns: a row for each person who is hidden, or who is visible again and not
//! yet counted everywhere, with the progress through the posts that this person has liked or commented on.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::ids::UserId;

use crate::domain::ids::PostId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recounts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// True when the counters leave out this person's likes and comments.
    pub hidden: bool,
    /// The last post of the current round that was counted again; 0 at the beginning of a round.
    pub after_post: PostId,
    /// The number of complete rounds through the person's posts.
    pub rounds: i64,
    /// The time from which the recount may go on; absent when no round is left.
    pub due_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
