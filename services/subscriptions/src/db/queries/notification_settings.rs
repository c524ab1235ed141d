//! The SQL statements on the table `notification_settings`.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::db::insert_rows;
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::entities::notification_settings::{ActiveModel, Column, Entity, Model};
use crate::domain::notices::Kind;

/// The choices of a person about notifications.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Everything up to this time has been read.
    pub(crate) read_up_to: Option<Timestamp>,
    /// The kinds that the person does not want.
    pub(crate) muted: Vec<Kind>,
}

impl From<Model> for Settings {
    fn from(row: Model) -> Self {
        let names = row.muted_kinds.as_array().map(Vec::as_slice).unwrap_or_default();
        let muted = names.iter().filter_map(Value::as_str).filter_map(Kind::named).collect();
        Self { read_up_to: row.read_up_to, muted }
    }
}

/// Reads the choices of a person; the defaults if the person has made none.
pub(crate) async fn find(db: &impl ConnectionTrait, person: UserId) -> Result<Settings, DbErr> {
    Ok(Entity::find_by_id(person).one(db).await?.map(Settings::from).unwrap_or_default())
}

/// Moves the marker of a person forward to a time; a marker that is there already stays.
pub(crate) async fn move_marker(tx: &Tx, person: UserId, up_to: Timestamp) -> Result<(), DbErr> {
    let row = ActiveModel { user_id: Set(person), read_up_to: Set(Some(up_to)), muted_kinds: Set(json!([])) };
    let marker = Expr::col((Entity, Column::ReadUpTo));
    let forward = OnConflict::column(Column::UserId)
        .update_column(Column::ReadUpTo)
        .action_and_where(marker.clone().is_null().or(marker.lt(up_to)))
        .to_owned();
    insert_rows(&**tx, vec![row], Some(forward)).await
}

/// Stores the kinds that a person does not want.
pub(crate) async fn mute_kinds(tx: &Tx, person: UserId, muted: &[Kind]) -> Result<(), DbErr> {
    let names = json!(muted.iter().map(|kind| kind.name()).collect::<Vec<&str>>());
    let row = ActiveModel { user_id: Set(person), read_up_to: Set(None), muted_kinds: Set(names) };
    let replace = OnConflict::column(Column::UserId).update_column(Column::MutedKinds).to_owned();
    insert_rows(&**tx, vec![row], Some(replace)).await
}

/// Deletes the choices of a person.
pub(crate) async fn erase(tx: &Tx, person: UserId) -> Result<(), DbErr> {
    Entity::delete_by_id(person).exec(&**tx).await.map(|_| ())
}
