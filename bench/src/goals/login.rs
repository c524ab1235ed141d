//! P19: a storm of logins, and reads of the same service meanwhile. P20: the check of one password, compared with the C
//! library.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use hyper::StatusCode;
use serde_json::{Value, json};

use super::reads::python;
use crate::anchors::{self, read_figure};
use crate::load::{self, Call, Get, Late, Script};
use crate::report::{Bound, Outcome};
use crate::rounds::{Compared, Effort, compare};
use crate::world::World;

/// The password that [`time_own_hashes`] hashes and checks.
const PASSWORD: &str = "a long enough password";
/// The number of logins that are tried per second: several times as many as can succeed.
const STORM: f64 = 200.0;
/// The number of clients that read meanwhile.
const READERS: usize = 64;

/// Logins of the first admin of a development stack, again and again.
struct Logins;

impl Script for Logins {
    fn call(&self, _client: usize, _n: usize) -> Call {
        load::post("/auth/login", None, &json!({ "username": "admin", "password": "secret" }))
    }

    /// Returns whether the login has succeeded. A refusal (503) is a right answer of the service, but it is not a
    /// login.
    fn accepts(&self, status: StatusCode, _body: &bytes::Bytes) -> bool {
        status == StatusCode::OK
    }
}

/// Logins, forgotten passwords and registrations in turns, all for one victim: the first admin's username with a wrong
/// password, and one address that nobody owns.
struct Attack;

impl Script for Attack {
    fn call(&self, client: usize, n: usize) -> Call {
        let victim = "victim@bench.test";
        match n % 3 {
            0 => load::post("/auth/login", None, &json!({ "username": "admin", "password": "wrong-for-the-admin" })),
            1 => load::post("/auth/password/forgot", None, &json!({ "email": victim })),
            _ => {
                let username = format!("thief{client}x{n}");
                let applicant = json!({ "username": username, "email": victim, "password": PASSWORD });
                load::post("/auth/register", None, &applicant)
            }
        }
    }

    /// Returns whether the answer tells the attacker nothing: a refused login, an accepted mail, a username that an
    /// earlier round took, a limit or a queue that is full.
    fn accepts(&self, status: StatusCode, _body: &bytes::Bytes) -> bool {
        let told = [StatusCode::UNAUTHORIZED, StatusCode::ACCEPTED, StatusCode::CREATED, StatusCode::CONFLICT];
        told.contains(&status) || status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE
    }
}

/// Measures a storm of logins: the successful ones per second and hashing thread, compared with a thread that does
/// nothing but hash (P19a), and the p99 of reads during the storm, compared with the p99 without a storm (P19b). P19c is
/// P19b in a storm of logins, forgotten passwords and registrations for one victim, 200 of each a second.
pub(crate) async fn measure_storm(world: &World, effort: Effort) -> Result<Vec<Outcome>> {
    let auth = world.address("auth")?;
    // Auth has one hashing thread fewer than the machine has cores, but at least one.
    let threads = std::thread::available_parallelism()?.get().saturating_sub(1).max(1);
    let refused = RefCell::new(0.0_f64);
    let logins = compare(
        effort,
        async |length| Ok(1_000.0 / time_own_hashes(length).await?),
        async |length| {
            // Each of 200 clients tries once a second, so a login that waits does not delay those of the other clients.
            let load = load::run_open_loop(auth, 200, (STORM, length), Late::Sent, Arc::new(Logins)).await?;
            let slowest = load.refusals.value_at_quantile(0.99) as f64 / 1_000.0;
            let mut refused = refused.borrow_mut();
            *refused = refused.max(slowest);
            Ok(load.rate() / threads as f64)
        },
    )
    .await?;
    let what = ("logins per hashing thread, 200 a second try", "a loop of argon2 on one thread");
    let note = format!("refused within {:.0} ms (p99)", refused.into_inner());
    let first = Outcome::new("P19a", what, "logins/s", &logins, Bound::AtLeast(0.85, 0.95), (true, note));

    // Reads of the same service, whose threads share the cores with those that hash.
    let reads = Arc::new(Get(vec![("/users/1".to_owned(), None)]));
    let peak = load::run_closed_loop(auth, READERS, effort.length, Arc::clone(&reads)).await?.rate();
    let errors = RefCell::new(0);
    let late = async |length| {
        let load = load::run_open_loop(auth, READERS, (0.3 * peak, length), Late::Sent, Arc::clone(&reads)).await?;
        *errors.borrow_mut() += load.errors;
        anyhow::Ok(load.millis(0.99))
    };
    let lates = compare(
        effort,
        async |length| late(length).await,
        async |length| {
            let storm = load::run_open_loop(auth, 200, (STORM, length), Late::Sent, Arc::new(Logins));
            Ok(tokio::try_join!(late(length), storm)?.0)
        },
    )
    .await?;
    let failed = errors.take();
    let what = ("p99 of reads at 30 % of their peak, in a storm of logins", "the same without the storm");
    let seen = (failed == 0, format!("{failed} errors"));
    let second = Outcome::new("P19b", what, "ms", &lates, Bound::AtMost(2.5, 1.5), seen);

    let told = RefCell::new(0);
    let lates = compare(
        effort,
        async |length| late(length).await,
        async |length| {
            let storm = load::run_open_loop(auth, 600, (3.0 * STORM, length), Late::Sent, Arc::new(Attack));
            let (late, storm) = tokio::try_join!(late(length), storm)?;
            *told.borrow_mut() += storm.errors;
            Ok(late)
        },
    )
    .await?;
    let (failed, told) = (errors.take(), told.take());
    let what = ("the same in a storm of logins, resets and registrations for one victim", "the same without the storm");
    let seen = (failed + told == 0, format!("{failed} errors, {told} unexpected answers to the attacker"));
    Ok(vec![first, second, Outcome::new("P19c", what, "ms", &lates, Bound::AtMost(2.5, 1.5), seen)])
}

/// Measures the check of one password, compared with the C library (P20).
pub(crate) async fn measure_one_check(effort: Effort, tools: &Path) -> Result<Outcome> {
    let python = python(tools, "argon2", &["argon2-cffi==25.1.0"]).await?;
    let script = anchors::folder()?.join("argon2_cffi.py").display().to_string();
    let compared: Compared = compare(
        effort,
        async |length: Duration| {
            let seen = read_figure(&python, &[&script, &length.as_secs().to_string()]).await?;
            seen.get("millis").and_then(Value::as_f64).context("the C library's figure")
        },
        time_own_hashes,
    )
    .await?;
    let what = ("checking one password (argon2id, 19 MiB, t=2)", "the C library");
    Ok(Outcome::new("P20", what, "ms", &compared, Bound::AtMost(1.15, 1.0), (true, String::new())))
}

/// Checks a password again and again for this length of time, on one thread, with the library and the parameters that
/// auth uses. Returns the median duration of a check in milliseconds.
async fn time_own_hashes(length: Duration) -> Result<f64> {
    let millis = tokio::task::spawn_blocking(move || {
        let stored =
            Argon2::default().hash_password(PASSWORD.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))?;
        let (begun, mut times) = (Instant::now(), Vec::new());
        while times.is_empty() || begun.elapsed() < length {
            let one = Instant::now();
            let fits = Argon2::default().verify_password(PASSWORD.as_bytes(), &stored);
            fits.map_err(|error| anyhow::anyhow!("{error}"))?;
            times.push(one.elapsed().as_secs_f64() * 1_000.0);
        }
        anyhow::Ok(crate::rounds::median(&times))
    });
    millis.await?
}
