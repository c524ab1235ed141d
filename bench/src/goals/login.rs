//! Passwords: P19 and P20.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use hyper::StatusCode;
use serde_json::{Value, json};

use super::reads::python;
use crate::anchors::{self, figure};
use crate::load::{self, Call, Get, Late, Script};
use crate::report::{Bound, Outcome};
use crate::rounds::{Compared, Effort, compare};
use crate::world::World;

const PASSWORD: &str = "a long enough password";
/// People who try to log in each second; several times as many as can.
const STORM: f64 = 200.0;
const READERS: usize = 64;

/// The first admin of a development stack, again and again.
struct Logins;

impl Script for Logins {
    fn call(&self, _client: usize, _n: usize) -> Call {
        load::post("/auth/login", None, &json!({ "username": "admin", "password": "secret" }))
    }

    fn accepts(&self, status: StatusCode, _body: &bytes::Bytes) -> bool {
        status == StatusCode::OK
    }
}

/// Many people log in at once: how many get in beside one thread that does nothing but hash, and what readers notice.
pub(crate) async fn storm(world: &World, effort: Effort) -> Result<Vec<Outcome>> {
    let auth = world.address("auth")?;
    let threads = std::thread::available_parallelism()?.get().saturating_sub(1).max(1);
    let refused = RefCell::new(0.0_f64);
    let logins = compare(
        effort,
        async |length| Ok(1_000.0 / own_hashes(length).await?),
        async |length| {
            let load = load::open(auth, 200, (STORM, length), Late::Sent, Arc::new(Logins)).await?;
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

    let reads = Arc::new(Get(vec![("/users/1".to_owned(), None)]));
    let peak = load::closed(auth, READERS, effort.length, Arc::clone(&reads)).await?.rate();
    let errors = RefCell::new(0);
    let late = async |length| {
        let load = load::open(auth, READERS, (0.3 * peak, length), Late::Sent, Arc::clone(&reads)).await?;
        *errors.borrow_mut() += load.errors;
        anyhow::Ok(load.millis(0.99))
    };
    let lates = compare(
        effort,
        async |length| late(length).await,
        async |length| {
            let storm = load::open(auth, 200, (STORM, length), Late::Sent, Arc::new(Logins));
            Ok(tokio::try_join!(late(length), storm)?.0)
        },
    )
    .await?;
    let errors = errors.into_inner();
    let what = ("p99 of reads at 30 % of their peak, in a storm of logins", "the same without the storm");
    let seen = (errors == 0, format!("{errors} errors"));
    Ok(vec![first, Outcome::new("P19b", what, "ms", &lates, Bound::AtMost(2.5, 1.5), seen)])
}

/// Checking one password, beside the C library.
pub(crate) async fn one_check(effort: Effort, tools: &Path) -> Result<Outcome> {
    let python = python(tools, "argon2", &["argon2-cffi==25.1.0"]).await?;
    let script = anchors::folder()?.join("argon2_cffi.py").display().to_string();
    let compared: Compared = compare(
        effort,
        async |length: Duration| {
            let seen = figure(&python, &[&script, &length.as_secs().to_string()]).await?;
            seen.get("millis").and_then(Value::as_f64).context("the C library's figure")
        },
        own_hashes,
    )
    .await?;
    let what = ("checking one password (argon2id, 19 MiB, t=2)", "the C library");
    Ok(Outcome::new("P20", what, "ms", &compared, Bound::AtMost(1.15, 1.0), (true, String::new())))
}

/// The median of the milliseconds that a check takes on one thread, with the library and the parameters that auth uses.
async fn own_hashes(length: Duration) -> Result<f64> {
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
