//! `reconcile` names exactly the rows that differ, also where its pages meet.

use std::time::Duration;

use sea_orm::{EntityTrait, IntoActiveModel};
use shared::events::reconcile::{self, Drift};
use shared::work::Db;

use crate::world::{Databases, Entity, Model, OWNER, streams};

/// The number of rows, which is more than two pages.
const THINGS: i64 = 2_500;

async fn fill(db: &Db, rows: &[Model]) {
    let tx = db.begin().await.unwrap();
    for rows in rows.chunks(500) {
        let rows = rows.iter().map(|row| row.clone().into_active_model());
        Entity::insert_many(rows).exec_without_returning(&*tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn drifted_rows_are_named_wherever_they_are() {
    let databases = Databases::sqlite();
    let (owner, copy) = (databases.open(OWNER).await, databases.open("posts").await);
    let row = |id: i64| Model { id, version: 5, deleted: false, text: Some("same".into()) };
    let rows: Vec<Model> = (1..=THINGS).map(row).collect();
    let mut copies = rows.clone();
    // Differences at the first and the last row, and around the ends of both pages (1 000 rows each).
    copies[0].version = 4;
    copies[999].text = Some("forged".into());
    copies[1_000].version = 6;
    copies[THINGS as usize - 1].id = THINGS + 700;
    copies.remove(1_999);
    fill(&owner, &rows).await;
    fill(&copy, &copies).await;

    let (source, consumer) = (streams(OWNER).sources.remove(0), streams("posts").consumers.remove(0));
    let found = reconcile::compare(source.as_ref(), &owner, consumer.as_ref(), &copy, Duration::ZERO).await.unwrap();
    let mut found: Vec<(i64, Drift)> = found.into_iter().map(|row| (row.key.first(), row.drift)).collect();
    found.sort_by_key(|(id, _)| *id);
    let expected = [
        (1, Drift::Behind),
        (1_000, Drift::Different),
        (1_001, Drift::Unknown),
        (2_000, Drift::Behind),
        (THINGS, Drift::Behind),
        (THINGS + 700, Drift::Unknown),
    ];
    assert_eq!(found, expected);
    owner.close().await;
    copy.close().await;
}
