//! Who may call what.

use crate::world::empty;

#[tokio::test]
async fn strangers_can_call_the_public_operations_only() {
    let app = empty().await;
    app.check_rights(&[]).await;
    app.finish().await;
}
