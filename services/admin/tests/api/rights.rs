//! Who may call what.

use crate::spawn;

#[tokio::test]
async fn strangers_can_call_the_public_operations_only() {
    let app = spawn().await;
    app.check_rights(&[]).await;
    app.finish().await;
}
