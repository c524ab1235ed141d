//! The HTTP client for requests between Chatty's own services.

use std::time::Duration;

/// Builds a client for Chatty's own services, with a time limit of 5 s for a request. It ignores the proxy variables of
/// the environment, because those describe the way to the outside world.
///
/// # Errors
/// When the TLS backend cannot be initialised.
pub fn own_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()
}
