//! Faults of processes: services die (F1, F2 to F4), are asked to stop (F25), or have a wrong clock (F16); the gateway
//! reloads (F24); the mail server dies (F14) or takes no mails (F14b to F14d).

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use nix::sys::signal::Signal;
use rand::RngExt;
use shared::services::SERVICE_NAMES;
use tokio::time::sleep;

use super::Scene;
use crate::servers::machine;

/// Kills a service (SIGKILL), and starts it again after an outage (F1).
pub(super) async fn kill(scene: &mut Scene<'_>) -> Result<()> {
    let service = scene.choose(&SERVICE_NAMES)?;
    scene.stack.kill(service)?;
    sleep(scene.random_outage()).await;
    scene.stack.restart(service).await
}

/// Restarts a service with a fail point at which it aborts after some passes, waits for its death, and starts it again
/// without the fail point (F2 to F4).
///
/// # Errors
/// If the service does not abort within 60 s, or dies in another way. A service that was built without fail points
/// never aborts.
pub(super) async fn die_at(scene: &mut Scene<'_>, point: &str, services: &[&str]) -> Result<()> {
    let service = scene.choose(services)?;
    // The death comes at one of the first passes, so that runs differ in what is under way.
    let passes = scene.rng.random_range(0..20);
    scene.stack.spawn_with(service, &[("FAILPOINTS", &format!("{point}={passes}*off->return"))])?;
    let end = Instant::now() + Duration::from_secs(60);
    while scene.stack.is_alive(service) {
        ensure!(Instant::now() < end, "{service} does not die at {point}: was it built with its fail points?");
        sleep(Duration::from_millis(20)).await;
    }
    let ended = scene.stack.exit_status(service).and_then(|status| status.signal());
    ensure!(ended == Some(Signal::SIGABRT as i32), "{service} did not die at {point}, but by {ended:?}");
    scene.stack.restart(service).await
}

/// Asks a service to stop (SIGTERM), which has to take less than 10 s, and starts it again (F25).
pub(super) async fn terminate(scene: &mut Scene<'_>) -> Result<()> {
    let service = scene.choose(&SERVICE_NAMES)?;
    let started = Instant::now();
    scene.stack.signal(service, Signal::SIGTERM)?;
    while scene.stack.is_alive(service) {
        ensure!(started.elapsed() < Duration::from_secs(10), "{service} does not end on SIGTERM");
        sleep(Duration::from_millis(50)).await;
    }
    scene.stack.restart(service).await
}

/// Makes the gateway reload its configuration three times while a service is dead (F24).
pub(super) async fn reload_gateway(scene: &mut Scene<'_>) -> Result<()> {
    let (service, outage) = (scene.choose(&SERVICE_NAMES)?, scene.random_outage());
    scene.stack.kill(service)?;
    for _ in 0..3 {
        scene.stack.signal("nginx", Signal::SIGHUP)?;
        sleep(outage / 3).await;
    }
    scene.stack.restart(service).await
}

/// Kills the mail server, and starts it again after an outage (F14). Registrations have to go on, and their mails have
/// to come later.
pub(super) async fn kill_mail(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.kill("mail")?;
    sleep(scene.random_outage() * 2).await;
    scene.stack.restart("mail").await
}

/// Restarts the mail server in a mood in which it takes no mail, and after a while in its usual one (F14b to F14d).
pub(super) async fn upset_mail(scene: &mut Scene<'_>, mood: &str) -> Result<()> {
    scene.stack.restart_with("mail", &[("MAIL_MOOD", mood)]).await?;
    sleep(scene.random_outage() * 2).await;
    scene.stack.restart("mail").await
}

/// Restarts one service with a clock that is ten minutes fast or slow, and after a while with the right one (F16).
pub(super) async fn skew_clock(scene: &mut Scene<'_>) -> Result<()> {
    let (service, skew) = (scene.choose(&SERVICE_NAMES)?, scene.choose(&["+10m", "-10m"])?);
    let library = machine::find_faketime()?.display().to_string();
    let environment = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME", skew),
        // Pauses and deadlines go by the monotonic clock, which nobody can set.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    // From here on the workload accepts that tokens are refused.
    scene.world.skewed.store(true, Ordering::Relaxed);
    scene.stack.restart_with(service, &environment).await?;
    ensure!(clock_is_wrong(scene, service).await?, "the clock of {service} is right");
    sleep(scene.random_outage() * 2).await;
    scene.stack.restart(service).await?;
    // After this pause all requests that met the wrong clock have been answered.
    sleep(Duration::from_millis(500)).await;
    scene.world.skewed.store(false, Ordering::Relaxed);
    Ok(())
}

/// Returns whether the `Date` of a service's answers is more than five minutes off. If the preloaded library had no
/// effect, this fault would be a plain restart.
async fn clock_is_wrong(scene: &Scene<'_>, service: &str) -> Result<bool> {
    let url = &scene.stack.addresses().services.get(service).context("a service")?.url;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer = client.get(format!("{url}/livez")).send().await?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok()).context("an answer without a date")?;
    let off = DateTime::parse_from_rfc2822(date)?.signed_duration_since(DateTime::<Utc>::from(SystemTime::now()));
    Ok(off.abs() > TimeDelta::minutes(5))
}
