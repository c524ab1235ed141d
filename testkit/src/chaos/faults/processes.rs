//! Services, the gateway and the mail server die, stop, or have a wrong clock.

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use nix::sys::signal::Signal;
use rand::RngExt;
use tokio::time::sleep;

use super::Scene;
use crate::servers::machine;
use crate::stack::SERVICES;

/// SIGKILL, and a start a little later.
pub(super) async fn kill(scene: &mut Scene<'_>) -> Result<()> {
    let service = scene.choose(&SERVICES)?;
    scene.stack.kill(service)?;
    sleep(scene.moment()).await;
    scene.stack.restart(service).await
}

/// The service dies by itself at some pass of a fail point.
pub(super) async fn die_at(scene: &mut Scene<'_>, point: &str, services: &[&str]) -> Result<()> {
    let service = scene.choose(services)?;
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

/// SIGTERM; it has to end in time.
pub(super) async fn terminate(scene: &mut Scene<'_>) -> Result<()> {
    let service = scene.choose(&SERVICES)?;
    let started = Instant::now();
    scene.stack.signal(service, Signal::SIGTERM)?;
    while scene.stack.is_alive(service) {
        ensure!(started.elapsed() < Duration::from_secs(10), "{service} does not end on SIGTERM");
        sleep(Duration::from_millis(50)).await;
    }
    scene.stack.restart(service).await
}

/// The gateway reads its configuration again while a service is not there.
pub(super) async fn reload_gateway(scene: &mut Scene<'_>) -> Result<()> {
    let (service, moment) = (scene.choose(&SERVICES)?, scene.moment());
    scene.stack.kill(service)?;
    for _ in 0..3 {
        scene.stack.signal("nginx", Signal::SIGHUP)?;
        sleep(moment / 3).await;
    }
    scene.stack.restart(service).await
}

/// Registrations go on, and their mails are sent later.
pub(super) async fn kill_mail(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.kill("mail")?;
    sleep(scene.moment() * 2).await;
    scene.stack.restart("mail").await
}

/// The mail server is there, and takes no mail.
pub(super) async fn upset_mail(scene: &mut Scene<'_>, mood: &str) -> Result<()> {
    scene.stack.restart_with("mail", &[("MAIL_MOOD", mood)]).await?;
    sleep(scene.moment() * 2).await;
    scene.stack.restart("mail").await
}

/// One service lives ten minutes in the past or in the future, as far as it knows.
pub(super) async fn skew_clock(scene: &mut Scene<'_>) -> Result<()> {
    let (service, skew) = (scene.choose(&SERVICES)?, scene.choose(&["+10m", "-10m"])?);
    let library = machine::find_faketime()?.display().to_string();
    let environment = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME", skew),
        // Pauses and deadlines go by the monotonic clock, which nobody can set.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    scene.world.skewed.store(true, Ordering::Relaxed);
    scene.stack.restart_with(service, &environment).await?;
    ensure!(clock_is_wrong(scene, service).await?, "the clock of {service} is right");
    sleep(scene.moment() * 2).await;
    scene.stack.restart(service).await?;
    // A request that was sent under the wrong clock has been answered by then.
    sleep(Duration::from_millis(500)).await;
    scene.world.skewed.store(false, Ordering::Relaxed);
    Ok(())
}

/// Whether a service's answers have another date than ours.
async fn clock_is_wrong(scene: &Scene<'_>, service: &str) -> Result<bool> {
    let url = &scene.stack.addresses().services.get(service).context("a service")?.url;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer = client.get(format!("{url}/livez")).send().await?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok()).context("an answer without a date")?;
    let off = DateTime::parse_from_rfc2822(date)?.signed_duration_since(DateTime::<Utc>::from(SystemTime::now()));
    Ok(off.abs() > TimeDelta::minutes(5))
}
