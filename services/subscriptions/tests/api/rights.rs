//! The rights that each operation asks for.

use crate::spawn;

#[tokio::test]
async fn what_is_described_as_optional_may_be_missing_and_nothing_else() {
    let app = spawn().await;
    app.check_optional(&[]).await;
    app.finish().await;
}

#[tokio::test]
async fn strangers_can_call_the_public_operations_only() {
    let app = spawn().await;
    app.check_rights(&["GET /users/{id}/followers", "GET /users/{id}/following"]).await;
    app.finish().await;
}
