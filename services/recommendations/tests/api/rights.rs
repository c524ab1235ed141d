//! What each operation asks for: the parts of a request, and a session that lasts.

use crate::world::empty;

#[tokio::test]
async fn what_is_described_as_optional_may_be_missing_and_nothing_else() {
    let app = empty().await;
    app.check_optional(&[]).await;
    app.finish().await;
}

#[tokio::test]
async fn a_session_that_has_ended_is_refused_at_once() {
    let app = empty().await;
    app.check_ended_sessions("/recommendations").await;
    app.finish().await;
}
