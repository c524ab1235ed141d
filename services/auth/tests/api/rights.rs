//! The parts of a request that may be missing.

use crate::people::spawn;

#[tokio::test]
async fn what_is_described_as_optional_may_be_missing_and_nothing_else() {
    let app = spawn().await;
    app.check_optional(&["GET /auth/authorize", "GET /users"]).await;
    app.finish().await;
}
