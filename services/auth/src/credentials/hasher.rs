//! The pool that hashes and checks passwords: argon2id with the minimum parameters that OWASP recommends, on threads of
//! its own.
//!
//! A hash takes tens of milliseconds and occupies a whole core. The pool has one thread fewer than there are cores, and
//! its threads have the lowest priority, so that many logins at once do not delay the other requests. The number of
//! requests that wait is bounded too. A check costs the same whether the account exists or not, so that its duration
//! does not tell which is the case.

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

use crate::config::NAME;
use crate::domain::{password, secret};
use crate::error::Error;

/// The longest time that a request waits for a thread, and then the longest that it waits for its hash, before it is
/// refused with 503.
const WAIT_LIMIT: Duration = Duration::from_secs(2);

/// The work of one hash, and the delivery of its result.
type Job = Box<dyn FnOnce() + Send>;

/// The result of checking a password against a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordCheck {
    /// The password is wrong.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, and the hash should be replaced: its parameters, or the form of the password in it, are
    /// old.
    NeedsRehash,
}

/// The pool of hashing threads. Clones share it, and the threads end when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Hasher {
    jobs: mpsc::Sender<Job>,
    /// One permit for each thread.
    threads: Arc<Semaphore>,
    /// One permit for each request that is being hashed or waits. A request that gets none is refused at once.
    admitted: Arc<Semaphore>,
    /// A hash that no password fits. It stands in for the hash of an account that does not exist.
    dummy: Arc<str>,
}

impl Hasher {
    /// Starts the threads. Before that it makes one hash, whose duration decides how many requests may wait.
    ///
    /// # Errors
    /// When the operating system gives no more threads.
    pub(crate) fn new() -> Result<Self, String> {
        let begun = Instant::now();
        let dummy = hash_blocking(&secret::new_token()).map_err(|error| error.to_string())?.into();
        let threads = available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1)).max(1);
        // For each thread, as many requests may wait as it can hash within the wait limit.
        let waiting = WAIT_LIMIT.as_micros() / begun.elapsed().as_micros().max(1);
        let admitted = threads * (1 + usize::try_from(waiting).unwrap_or(usize::MAX).clamp(20, 1_000));
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            let work = move || {
                if let Err(error) = lower_priority() {
                    tracing::warn!(%error, "Hashing may not yield to other work.");
                }
                while let Some(job) = next_job(&queue) {
                    // The thread must survive a panic in a job. The request notices the panic, because its channel
                    // closes.
                    let _panicked = catch_unwind(AssertUnwindSafe(job));
                }
            };
            Builder::new().name("hasher".to_owned()).spawn(work).map_err(|error| error.to_string())?;
        }
        let (threads, admitted) = (Arc::new(Semaphore::new(threads)), Arc::new(Semaphore::new(admitted)));
        Ok(Self { jobs, threads, admitted, dummy })
    }

    /// Hashes a new password after estimating how hard it is to guess. The estimate takes as long as the hash, so it
    /// runs on the same thread.
    ///
    /// # Errors
    /// [`Error::WeakPassword`], or [`Error::Busy`] when no thread is free in time.
    pub(crate) async fn hash_if_strong(&self, password: &str, username: &str, email: &str) -> Result<String, Error> {
        let [password, username, email] = [password, username, email].map(str::to_owned);
        let work = move || {
            password::check_strength(&password, &username, &email).map_err(Error::WeakPassword)?;
            hash_blocking(&password).map_err(|error| ApiError::internal(error).into())
        };
        self.run(work).await?
    }

    /// Hashes a password without checking it.
    ///
    /// # Errors
    /// [`Error::Busy`] when no thread is free in time.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Error> {
        let password = password.to_owned();
        self.run(move || hash_blocking(&password)).await?.map_err(|error| ApiError::internal(error).into())
    }

    /// Checks a password against a stored hash. Without one, it does the same work and returns
    /// [`PasswordCheck::Wrong`].
    ///
    /// Old hashes were made of the text as it was typed, new ones are made of its normal form (ADR 18). When the two
    /// differ, both are tried, even without a stored hash, so that the cost depends on the typed text alone.
    ///
    /// # Errors
    /// [`Error::Busy`] when no thread is free in time.
    pub(crate) async fn verify(&self, password: &str, stored: Option<&str>) -> Result<PasswordCheck, Error> {
        // The result for the dummy is ignored below: it is checked only for the time that this takes.
        let hash: Arc<str> = stored.map_or_else(|| Arc::clone(&self.dummy), Arc::from);
        let normalized = password::normalized(password);
        let differs = normalized != password;
        if self.matches(normalized, Arc::clone(&hash)).await? {
            return Ok(match stored {
                None => PasswordCheck::Wrong,
                Some(stored) if is_outdated(stored) => PasswordCheck::NeedsRehash,
                Some(_) => PasswordCheck::Right,
            });
        }
        let fits = differs && self.matches(password.to_owned(), hash).await?;
        Ok(if fits && stored.is_some() { PasswordCheck::NeedsRehash } else { PasswordCheck::Wrong })
    }

    async fn matches(&self, password: String, hash: Arc<str>) -> Result<bool, Error> {
        self.run(move || Argon2::default().verify_password(password.as_bytes(), &*hash).is_ok()).await
    }

    /// Runs work on one of the threads and waits for its result.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_full| Error::Busy)?;
        let thread = timeout(WAIT_LIMIT, Arc::clone(&self.threads).acquire_owned()).await;
        let Ok(Ok(thread)) = thread else { return Err(Error::Busy) };
        metrics::counter!("password_hashes_total", "service" => NAME).increment(1);
        let (answer, answered) = oneshot::channel();
        let job = move || {
            // The job holds the permits, not the request: a client that disconnects does not stop the hash, so it must
            // not let another request in before the thread is free.
            let _held = (admitted, thread);
            let _gone = answer.send(work());
        };
        self.jobs.send(Box::new(job)).map_err(|error| ApiError::internal(error.to_string()))?;
        // Other work of the machine can starve the threads, since they have the lowest priority.
        let answered = timeout(WAIT_LIMIT, answered).await.map_err(|_starved| Error::Busy)?;
        answered.map_err(|error| ApiError::internal(error).into())
    }
}

/// Gives the calling thread the lowest priority. On Linux it gets the idle policy: when another thread wants the core,
/// an idle thread stops at once, while a thread that is merely nice runs on for some milliseconds (sched(7)).
fn lower_priority() -> Result<(), thread_priority::Error> {
    #[cfg(target_os = "linux")]
    let policy = NormalThreadSchedulePolicy::Idle;
    #[cfg(not(target_os = "linux"))]
    let policy = NormalThreadSchedulePolicy::Other;
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, ThreadSchedulePolicy::Normal(policy))
}

/// Waits for the next job. `None`: all clones of the [`Hasher`] are gone.
fn next_job(queue: &Mutex<mpsc::Receiver<Job>>) -> Option<Job> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Hashes a password on the calling thread, for the operator's commands, which have no pool.
///
/// # Errors
/// When argon2 gets no memory or no salt.
pub(crate) fn hash_blocking(password: &str) -> Result<String, argon2::password_hash::Error> {
    Argon2::default().hash_password(password::normalized(password).as_bytes()).map(|hash| hash.to_string())
}

/// True when a new hash would have other parameters than this one, or when this one cannot be read.
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
        let admitted = hasher.admitted.available_permits();
        let mut waiting: Vec<_> = (0..admitted).map(|_| Box::pin(hasher.verify("password", None))).collect();
        for waiting in &mut waiting {
            assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        }
        assert!(matches!(hasher.verify("password", None).await, Err(Error::Busy)));
        drop(waiting);
        assert!(matches!(hasher.verify("password", None).await, Ok(PasswordCheck::Wrong)));
    }

    #[tokio::test]
    async fn a_hash_that_does_not_get_on_is_given_up() {
        let hasher = Hasher::new().unwrap();
        let (starved, wait) = mpsc::channel::<()>();
        assert!(matches!(hasher.run(move || wait.recv()).await, Err(Error::Busy)));
        drop(starved);
        assert!(matches!(hasher.verify("password", None).await, Ok(PasswordCheck::Wrong)));
    }

    #[tokio::test]
    async fn a_job_that_panics_takes_no_thread_with_it() {
        let hasher = Hasher::new().unwrap();
        for _ in 0..16 {
            let answer: Result<(), Error> = hasher.run(|| panic!("on purpose")).await;
            assert!(answer.is_err());
        }
        assert!(matches!(hasher.verify("password", None).await, Ok(PasswordCheck::Wrong)));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn hashing_yields_to_all_other_work() {
        let policy = Hasher::new().unwrap().run(thread_priority::thread_schedule_policy).await.unwrap();
        assert!(matches!(policy, Ok(ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle))), "{policy:?}");
    }

    #[test]
    fn hashes_have_the_parameters_that_are_asked_for() {
        let hash = hash_blocking("a long enough password").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(!is_outdated(&hash));
        assert!(is_outdated(&hash.replace("t=2", "t=1")));
        assert!(is_outdated("nonsense"));
    }
}
