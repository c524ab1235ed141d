//! Password hashing: argon2id with the parameters of OWASP's first choice, a few at a time.
//!
//! Every check costs one hash, whether the person exists or not, so that the time tells nothing.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher, PasswordVerifier};
use shared::error::ApiError;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::domain::secret;
use crate::error::AuthError;

/// How long a request waits for its turn before it is refused with 503.
const PATIENCE: Duration = Duration::from_secs(2);

/// Hashes and checks passwords, as many at once as there are cores, so that a storm of logins cannot starve reads.
#[derive(Clone)]
pub(crate) struct Hasher {
    turns: Arc<Semaphore>,
    /// Takes the place of the hash of people who do not exist.
    dummy: Arc<str>,
}

impl Hasher {
    /// A pool with a dummy hash of current parameters that no password fits.
    pub(crate) fn new() -> Result<Self, argon2::password_hash::Error> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self { turns: Arc::new(Semaphore::new(cores)), dummy: hash_now(&secret::new_token())?.into() })
    }

    /// The hash of a new password.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, AuthError> {
        let password = password.to_owned();
        self.take_turn(move || hash_now(&password)).await?.map_err(|error| ApiError::internal(error).into())
    }

    /// Whether a password fits a stored hash; without one, the same work for nothing.
    pub(crate) async fn verify(&self, password: &str, stored: Option<&str>) -> Result<bool, AuthError> {
        let exists = stored.is_some();
        let hash = stored.map_or_else(|| Arc::clone(&self.dummy), Arc::from);
        let password = password.to_owned();
        let fits =
            self.take_turn(move || Argon2::default().verify_password(password.as_bytes(), &*hash).is_ok()).await?;
        Ok(fits && exists)
    }

    async fn take_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AuthError> {
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(AuthError::Busy) };
        metrics::counter!("password_hashes_total", "service" => crate::NAME).increment(1);
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work itself: a client that goes away must not let another one in meanwhile.
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| ApiError::internal(error).into())
    }
}

/// Hashes on the spot.
pub(crate) fn hash_now(password: &str) -> Result<String, argon2::password_hash::Error> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
}

/// Whether a stored hash was made with other parameters than a new one would be.
pub(crate) fn is_outdated(stored: &str) -> bool {
    let current = Params::default();
    let Ok(hash) = PasswordHash::new(stored) else { return true };
    let Ok(params) = Params::try_from(&hash) else { return true };
    hash.algorithm != argon2::ARGON2ID_IDENT
        || (params.m_cost(), params.t_cost(), params.p_cost()) != (current.m_cost(), current.t_cost(), current.p_cost())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_have_the_parameters_that_are_asked_for() {
        let hash = hash_now("a long enough password").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(!is_outdated(&hash));
        assert!(is_outdated(&hash.replace("t=2", "t=1")));
        assert!(is_outdated("nonsense"));
    }
}
