//! Password hashing: argon2id with the parameters of OWASP's first choice, on threads of its own.
//!
//! The threads are one fewer than the cores and give way at once to any other of the process, so that a storm of logins keeps
//! no read waiting for long. Every check costs one hash, whether the person exists or not, so that the time tells nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{Builder, available_parallelism};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher, PasswordVerifier};
use shared::error::ApiError;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::domain::{password, secret};
use crate::error::AuthError;

/// How long a request waits for its turn, and then for its hash, before it is refused with 503. Who would have to wait longer
/// for a turn is refused at once.
const PATIENCE: Duration = Duration::from_secs(2);

type Job = Box<dyn FnOnce() + Send>;

/// How a password fits a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It does not.
    No,
    /// It does.
    Yes,
    /// It does, and the hash is not as a new one would be.
    Outdated,
}

/// Hashes and checks passwords. The threads end with the last clone.
#[derive(Clone)]
pub(crate) struct Hasher {
    jobs: mpsc::Sender<Job>,
    /// One for each thread.
    turns: Arc<Semaphore>,
    /// One for each who may hash or wait.
    places: Arc<Semaphore>,
    /// Takes the place of the hash of people who do not exist.
    dummy: Arc<str>,
}

impl Hasher {
    /// A pool with a dummy hash of current parameters that no password fits.
    ///
    /// # Errors
    /// When there are no threads to be had.
    pub(crate) fn new() -> Result<Self, String> {
        let begun = Instant::now();
        let dummy = hash_now(&secret::new_token()).map_err(|error| error.to_string())?.into();
        let threads = available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1)).max(1);
        let waiting = PATIENCE.as_micros() / begun.elapsed().as_micros().max(1);
        let places = threads * (1 + usize::try_from(waiting).unwrap_or(usize::MAX).clamp(20, 1_000));
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            let work = move || {
                if let Err(error) = yield_to_others() {
                    tracing::warn!(%error, "Hashing may not yield to other work.");
                }
                while let Some(job) = next(&queue) {
                    // The thread outlives a job that panics; whoever waits for it is told by its channel.
                    let _panicked = catch_unwind(AssertUnwindSafe(job));
                }
            };
            Builder::new().name("hasher".to_owned()).spawn(work).map_err(|error| error.to_string())?;
        }
        Ok(Self { jobs, turns: Arc::new(Semaphore::new(threads)), places: Arc::new(Semaphore::new(places)), dummy })
    }

    /// The hash of a new password, unless it is guessed too soon.
    pub(crate) async fn hash_strong(&self, password: &str, username: &str, email: &str) -> Result<String, AuthError> {
        let [password, username, email] = [password, username, email].map(str::to_owned);
        let work = move || {
            password::check_strength(&password, &username, &email).map_err(AuthError::WeakPassword)?;
            hash_now(&password).map_err(|error| ApiError::internal(error).into())
        };
        self.take_turn(work).await?
    }

    /// The hash of a password that was checked before.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, AuthError> {
        let password = password.to_owned();
        self.take_turn(move || hash_now(&password)).await?.map_err(|error| ApiError::internal(error).into())
    }

    /// Whether a password fits a stored hash; without one, the same work for nothing.
    ///
    /// Hashes of before were made of what was typed, not of its normal form. Where the two differ, both are tried, also for
    /// nobody.
    pub(crate) async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Fit, AuthError> {
        let hash: Arc<str> = stored.map_or_else(|| Arc::clone(&self.dummy), Arc::from);
        let typed = password::typed(password);
        let differs = typed != password;
        if self.fits(typed, Arc::clone(&hash)).await? {
            return Ok(match stored {
                None => Fit::No,
                Some(stored) if is_outdated(stored) => Fit::Outdated,
                Some(_) => Fit::Yes,
            });
        }
        let fits = differs && self.fits(password.to_owned(), hash).await?;
        Ok(if fits && stored.is_some() { Fit::Outdated } else { Fit::No })
    }

    async fn fits(&self, password: String, hash: Arc<str>) -> Result<bool, AuthError> {
        self.take_turn(move || Argon2::default().verify_password(password.as_bytes(), &*hash).is_ok()).await
    }

    async fn take_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AuthError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_full| AuthError::Busy)?;
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(AuthError::Busy) };
        metrics::counter!("password_hashes_total", "service" => crate::NAME).increment(1);
        let (answer, answered) = oneshot::channel();
        let job = move || {
            // Held by the work itself: a client that goes away must not let another one in meanwhile.
            let _held = (place, turn);
            let _gone = answer.send(work());
        };
        self.jobs.send(Box::new(job)).map_err(|error| ApiError::internal(error.to_string()))?;
        let answered = timeout(PATIENCE, answered).await.map_err(|_starved| AuthError::Busy)?;
        answered.map_err(|error| ApiError::internal(error).into())
    }
}

/// Gives the calling thread the lowest priority. Linux interrupts an idle thread at once when another of the same group wants its
/// core, and lets a nice one go on for some milliseconds (sched(7)).
fn yield_to_others() -> Result<(), thread_priority::Error> {
    #[cfg(target_os = "linux")]
    let policy = NormalThreadSchedulePolicy::Idle;
    #[cfg(not(target_os = "linux"))]
    let policy = NormalThreadSchedulePolicy::Other;
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, ThreadSchedulePolicy::Normal(policy))
}

/// The next job; `None` when there will be no more.
fn next(queue: &Mutex<mpsc::Receiver<Job>>) -> Option<Job> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Hashes on the spot.
pub(crate) fn hash_now(password: &str) -> Result<String, argon2::password_hash::Error> {
    Argon2::default().hash_password(password::typed(password).as_bytes()).map(|hash| hash.to_string())
}

/// Whether a stored hash was made with other parameters than a new one would be.
fn is_outdated(stored: &str) -> bool {
    let current = Params::default();
    let Ok(hash) = PasswordHash::new(stored) else { return true };
    let Ok(params) = Params::try_from(&hash) else { return true };
    hash.algorithm != argon2::ARGON2ID_IDENT
        || (params.m_cost(), params.t_cost(), params.p_cost()) != (current.m_cost(), current.t_cost(), current.p_cost())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_would_wait_too_long_is_refused_at_once() {
        let hasher = Hasher::new().unwrap();
        let places = hasher.places.available_permits();
        let mut waiting: Vec<_> = (0..places).map(|_| Box::pin(hasher.verify("password", None))).collect();
        for waiting in &mut waiting {
            assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        }
        assert!(matches!(hasher.verify("password", None).await, Err(AuthError::Busy)));
        drop(waiting);
        assert!(matches!(hasher.verify("password", None).await, Ok(Fit::No)));
    }

    #[tokio::test]
    async fn a_hash_that_does_not_get_on_is_given_up() {
        let hasher = Hasher::new().unwrap();
        let (starved, wait) = mpsc::channel::<()>();
        assert!(matches!(hasher.take_turn(move || wait.recv()).await, Err(AuthError::Busy)));
        drop(starved);
        assert!(matches!(hasher.verify("password", None).await, Ok(Fit::No)));
    }

    #[tokio::test]
    async fn a_job_that_panics_takes_no_thread_with_it() {
        let hasher = Hasher::new().unwrap();
        for _ in 0..16 {
            let answer: Result<(), AuthError> = hasher.take_turn(|| panic!("on purpose")).await;
            assert!(answer.is_err());
        }
        assert!(matches!(hasher.verify("password", None).await, Ok(Fit::No)));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn hashing_yields_to_all_other_work() {
        let policy = Hasher::new().unwrap().take_turn(thread_priority::thread_schedule_policy).await.unwrap();
        assert!(matches!(policy, Ok(ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle))), "{policy:?}");
    }

    #[test]
    fn hashes_have_the_parameters_that_are_asked_for() {
        let hash = hash_now("a long enough password").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(!is_outdated(&hash));
        assert!(is_outdated(&hash.replace("t=2", "t=1")));
        assert!(is_outdated("nonsense"));
    }
}
