//! The faults, as the matrix in docs/reliability.md numbers them.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tokio::process::Command;
use tokio::time::sleep;

use crate::servers::machine;
use crate::servers::proxy::Weather;
use crate::stack::{SERVICES, Stack};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its number.
    pub name: &'static str,
    /// What happens.
    pub title: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    KillService,
    StopBroker,
    KillBroker,
    CutBroker,
    SilentBroker,
    BlockedBroker,
    DeletedQueue,
    RestartPostgres,
    KillPostgres,
    StalledPostgres,
    CutPostgres,
    SlowPostgres,
    KillMail,
    ReloadGateway,
    TermService,
    LostLocks,
}

/// All of them.
pub const FAULTS: [Fault; 16] = [
    Fault { name: "F1", title: "a service is killed", kind: Kind::KillService },
    Fault { name: "F5", title: "the broker is killed", kind: Kind::KillBroker },
    Fault { name: "F5b", title: "the broker stops and starts", kind: Kind::StopBroker },
    Fault { name: "F7", title: "connections to the broker are cut", kind: Kind::CutBroker },
    Fault { name: "F8", title: "the broker falls silent", kind: Kind::SilentBroker },
    Fault { name: "F9", title: "the broker blocks publishers", kind: Kind::BlockedBroker },
    Fault { name: "F10", title: "a queue is deleted", kind: Kind::DeletedQueue },
    Fault { name: "F11", title: "Postgres is killed", kind: Kind::KillPostgres },
    Fault { name: "F11b", title: "Postgres restarts", kind: Kind::RestartPostgres },
    Fault { name: "F11c", title: "connections to Postgres are cut", kind: Kind::CutPostgres },
    Fault { name: "F12", title: "Postgres stalls", kind: Kind::StalledPostgres },
    Fault { name: "F12b", title: "Postgres is slow", kind: Kind::SlowPostgres },
    Fault { name: "F14", title: "the mail server is killed", kind: Kind::KillMail },
    Fault { name: "F24", title: "the gateway reloads, a service is killed", kind: Kind::ReloadGateway },
    Fault { name: "F25", title: "a service is asked to stop", kind: Kind::TermService },
    Fault { name: "F30", title: "relays lose their locks", kind: Kind::LostLocks },
];

/// The faults of these names.
pub fn select(names: &[String]) -> Result<Vec<Fault>> {
    if names.is_empty() {
        return Ok(FAULTS.to_vec());
    }
    let find = |name: &String| FAULTS.iter().find(|fault| fault.name == name).copied();
    names.iter().map(|name| find(name).with_context(|| format!("no fault is called {name}"))).collect()
}

impl Fault {
    /// Makes it happen, and ends it. What must recover by itself afterwards is not awaited.
    pub(super) async fn strike(self, stack: &mut Stack, rng: &mut StdRng) -> Result<()> {
        let service = *SERVICES.choose(rng).context("a service")?;
        let moment = Duration::from_millis(rng.random_range(500..3_000));
        match self.kind {
            Kind::KillService => {
                stack.kill(service)?;
                sleep(moment).await;
                stack.restart(service).await
            }
            Kind::TermService => {
                // It fails when the service does not end in time.
                let started = tokio::time::Instant::now();
                stack.signal(service, Signal::SIGTERM)?;
                while stack.is_alive(service) {
                    ensure!(started.elapsed() < Duration::from_secs(10), "{service} does not end on SIGTERM");
                    sleep(Duration::from_millis(50)).await;
                }
                stack.restart(service).await
            }
            Kind::KillBroker => {
                stack.kill("rabbitmq")?;
                sleep(moment).await;
                stack.restart("rabbitmq").await
            }
            Kind::StopBroker => {
                rabbitmqctl(stack, &["stop_app"]).await?;
                sleep(moment).await;
                rabbitmqctl(stack, &["start_app"]).await
            }
            Kind::CutBroker => {
                stack.proxy("rabbitmq")?.set(Weather::Cut);
                sleep(moment).await;
                stack.proxy("rabbitmq")?.set(Weather::Clear);
                Ok(())
            }
            Kind::SilentBroker => {
                // Longer than two heartbeats, so that both sides notice.
                stack.proxy("rabbitmq")?.set(Weather::Silent);
                sleep(Duration::from_secs(25)).await;
                stack.proxy("rabbitmq")?.set(Weather::Clear);
                Ok(())
            }
            Kind::BlockedBroker => {
                rabbitmqctl(stack, &["set_vm_memory_high_watermark", "0.00001"]).await?;
                sleep(moment * 3).await;
                rabbitmqctl(stack, &["set_vm_memory_high_watermark", "0.4"]).await
            }
            Kind::DeletedQueue => {
                let queues =
                    ["posts.user.v1", "subscriptions.post.v1", "recommendations.like.v1", "auth.moderation.user.v1"];
                rabbitmqctl(stack, &["delete_queue", queues.choose(rng).context("a queue")?]).await
            }
            Kind::KillPostgres => {
                stack.kill("postgres")?;
                sleep(moment).await;
                stack.restart("postgres").await
            }
            Kind::RestartPostgres => stack.restart("postgres").await,
            Kind::StalledPostgres => {
                let backends = children(stack.pid("postgres")?)?;
                signal_all(&backends, Signal::SIGSTOP);
                sleep(moment * 2).await;
                signal_all(&backends, Signal::SIGCONT);
                Ok(())
            }
            Kind::CutPostgres => {
                stack.proxy("postgres")?.set(Weather::Cut);
                sleep(moment).await;
                stack.proxy("postgres")?.set(Weather::Clear);
                Ok(())
            }
            Kind::SlowPostgres => {
                stack.proxy("postgres")?.set(Weather::Slow(Duration::from_millis(100)));
                sleep(moment * 2).await;
                stack.proxy("postgres")?.set(Weather::Clear);
                Ok(())
            }
            Kind::KillMail => {
                stack.kill("mail")?;
                sleep(moment * 2).await;
                stack.restart("mail").await
            }
            Kind::ReloadGateway => {
                stack.kill(service)?;
                for _ in 0..3 {
                    stack.signal("nginx", Signal::SIGHUP)?;
                    sleep(moment / 3).await;
                }
                stack.restart(service).await
            }
            Kind::LostLocks => {
                for service in SERVICES {
                    let script = "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON oid = database \
                                  WHERE locktype = 'advisory' AND datname = current_database()";
                    psql(stack, service, script).await?;
                }
                Ok(())
            }
        }
    }
}

pub(super) async fn rabbitmqctl(stack: &Stack, arguments: &[&str]) -> Result<()> {
    output(Command::new(stack.folder().join("rabbitmqctl")).args(arguments)).await.map(drop)
}

/// What a statement answers in a service's database, as the service's role.
pub(super) async fn psql(stack: &Stack, service: &str, statement: &str) -> Result<String> {
    let service = stack.addresses().services.get(service).context("a service")?;
    let psql = machine::find_postgres()?.join("psql");
    output(Command::new(psql).args(["-X", "-A", "-t", "-c", statement]).arg(&service.database_url)).await
}

pub(super) async fn output(command: &mut Command) -> Result<String> {
    let output = command.kill_on_drop(true).output().await?;
    if !output.status.success() {
        bail!("{:?}: {}", command.as_std().get_program(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn children(pid: i32) -> Result<Vec<Pid>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(text.split_whitespace().filter_map(|child| child.parse().ok()).map(Pid::from_raw).collect())
}

fn signal_all(processes: &[Pid], signal: Signal) {
    for process in processes {
        // One that has ended meanwhile needs no signal.
        kill(*process, signal).ok();
    }
}
