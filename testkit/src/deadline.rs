//! The longest time that a test waits for anything.

use std::time::Duration;

/// The deadline for everything that a test waits for. It is generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(20);

/// Awaits a future for 20 s at most, and fails the test after that with the message "waited in vain for" `what`: a
/// server that has died must not hang the tests.
pub(crate) async fn within_deadline<T>(future: impl Future<Output = T>, what: &str) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_elapsed| panic!("waited in vain for {what}"))
}
