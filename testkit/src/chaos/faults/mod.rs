//! The faults, numbered as in docs/reliability.md, and their dispatch to the files that inject them.
//!
//! A fault is injected and ended here; its recovery is awaited by the caller. Checks that have to hold during a fault
//! are part of the fault.

mod broker;
mod clients;
mod copies;
mod messages;
mod people;
mod postgres;
mod processes;
mod restore;
mod sessions;

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use shared::events::topology::ROUTES;
use shared::services::SERVICE_NAMES;
use tokio::process::Command;
use url::Url;

use super::workload::World;
use super::{Form, cluster};
use crate::servers::{machine, postgres as server};
use crate::stack::Stack;

/// A fault that can be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number in docs/reliability.md, such as `F11c`.
    pub name: &'static str,
    /// A few words for the report.
    pub title: &'static str,
    pub(super) kind: Kind,
}

/// The kinds of faults, each with one function that injects it. [`FAULTS`] and [`EMBEDDED_FAULTS`] describe them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    KillService,
    DieAfterCommit,
    DieAfterConfirm,
    DieBeforeAck,
    StopBroker,
    KillBroker,
    LoseBroker,
    CutBroker,
    SilentBroker,
    BlockedBroker,
    DeletedQueue,
    RestartPostgres,
    KillPostgres,
    StalledPostgres,
    CutPostgres,
    SlowPostgres,
    ReversedLocks,
    KillMail,
    BusyMail,
    SlowMail,
    StrictMail,
    FullDisk,
    SkewedClock,
    Duplicates,
    Disorder,
    Poison,
    SlowConsumer,
    ExhaustedPool,
    SlowClients,
    BadBodies,
    ReloadGateway,
    TermService,
    WipedCopy,
    DriftedCopy,
    BlockedAuthor,
    Storm,
    OldMessages,
    LostLocks,
    Hits,
    KillLeader,
    StopNode,
    Promote,
    LostBinding,
    ReadOnlySpell,
    RoleTimeouts,
    IdleTermination,
    LockedTables,
    CancelledClients,
    DroppedCopy,
    KilledFirstStart,
    CarelessRestore,
    KillSuite,
    StopSuite,
    CutPower,
    FillDisk,
    FailingDisk,
    FixedFiles,
    DeletedFiles,
}

const fn fault(name: &'static str, title: &'static str, kind: Kind) -> Fault {
    Fault { name, title, kind }
}

/// The faults of the distributed form.
pub const FAULTS: [Fault; 51] = [
    fault("F1", "a service is killed", Kind::KillService),
    fault("F1b", "a first start is killed", Kind::KilledFirstStart),
    fault("F2", "a service dies after a commit", Kind::DieAfterCommit),
    fault("F3", "a service dies after a confirm", Kind::DieAfterConfirm),
    fault("F4", "a service dies before an acknowledgement", Kind::DieBeforeAck),
    fault("F5", "the broker is killed", Kind::KillBroker),
    fault("F5b", "the broker stops and starts", Kind::StopBroker),
    fault("F6", "the broker is away for 45 s", Kind::LoseBroker),
    fault("F7", "connections to the broker are cut", Kind::CutBroker),
    fault("F8", "the broker falls silent", Kind::SilentBroker),
    fault("F9", "the broker blocks publishers", Kind::BlockedBroker),
    fault("F10", "a queue is deleted", Kind::DeletedQueue),
    fault("F10b", "a binding is removed by hand", Kind::LostBinding),
    fault("F11", "Postgres is killed", Kind::KillPostgres),
    fault("F11b", "Postgres restarts", Kind::RestartPostgres),
    fault("F11c", "connections to Postgres are cut", Kind::CutPostgres),
    fault("F11d", "a spell of read-only databases", Kind::ReadOnlySpell),
    fault("F12", "Postgres stalls", Kind::StalledPostgres),
    fault("F12b", "Postgres is slow", Kind::SlowPostgres),
    fault("F12c", "timeouts of milliseconds, cancellations", Kind::RoleTimeouts),
    fault("F12d", "idle transactions are terminated", Kind::IdleTermination),
    fault("F13", "rows are locked in the other order", Kind::ReversedLocks),
    fault("F14", "the mail server is killed", Kind::KillMail),
    fault("F14b", "the mail server postpones mails", Kind::BusyMail),
    fault("F14c", "the mail server is slow", Kind::SlowMail),
    fault("F14d", "the mail server refuses", Kind::StrictMail),
    fault("F15", "the disk is full", Kind::FullDisk),
    fault("F16", "a service's clock is 10 minutes off", Kind::SkewedClock),
    fault("F17", "one message of five comes again", Kind::Duplicates),
    fault("F18", "messages come out of order", Kind::Disorder),
    fault("F19", "poison is in a queue", Kind::Poison),
    fault("F20", "a slow consumer, a million states behind", Kind::SlowConsumer),
    fault("F21", "a locked table, 200 requests at once", Kind::ExhaustedPool),
    fault("F21b", "tables are locked", Kind::LockedTables),
    fault("F22", "500 clients send a byte a second", Kind::SlowClients),
    fault("F22b", "300 clients hang up while they write", Kind::CancelledClients),
    fault("F23", "bodies too large, too deep, without end", Kind::BadBodies),
    fault("F24", "the gateway reloads, a service is killed", Kind::ReloadGateway),
    fault("F25", "a service is asked to stop", Kind::TermService),
    fault("F26", "a copy is wiped", Kind::WipedCopy),
    fault("F26b", "rows of a copy are changed", Kind::DriftedCopy),
    fault("F26c", "the database of a copy is dropped", Kind::DroppedCopy),
    fault("F26d", "an owner is restored without `chatty restore`", Kind::CarelessRestore),
    fault("F27", "somebody is blocked while writing", Kind::BlockedAuthor),
    fault("F28", "created and deleted, liked and unliked", Kind::Storm),
    fault("F29", "messages of an older version", Kind::OldMessages),
    fault("F30", "relays lose their locks", Kind::LostLocks),
    fault("H1", "1 000 hits while posts and Postgres die", Kind::Hits),
    fault("C1", "the node of a queue's leader is killed", Kind::KillLeader),
    fault("C2", "a node of the broker stops and starts", Kind::StopNode),
    fault("P1", "Postgres is killed, its standby promoted", Kind::Promote),
];

/// The faults of the suite in one process.
pub const EMBEDDED_FAULTS: [Fault; 7] = [
    fault("E1", "the process is killed", Kind::KillSuite),
    fault("E2", "the process is asked to stop", Kind::StopSuite),
    fault("E3", "the power fails", Kind::CutPower),
    fault("E4", "the disk is full, then has room", Kind::FillDisk),
    fault("E5", "calls to the disk fail for a while", Kind::FailingDisk),
    fault("E6", "files cannot be changed for a while", Kind::FixedFiles),
    fault("E7", "a copy's file or a log is deleted", Kind::DeletedFiles),
];

/// Returns the services that publish events under the workload. Nobody leaves there, so nobody confirms an erasure.
fn owners() -> Vec<&'static str> {
    let is_written = |stream: &str| !stream.starts_with("erasure_done.");
    let written = ROUTES.iter().filter(|route| is_written(route.stream));
    let mut owners: Vec<_> = written.map(|route| route.owner).collect();
    // The table lists the streams of one owner together.
    owners.dedup();
    owners
}

/// Returns the faults with these names. Without names, returns all faults that the form can have. In the distributed
/// form these are the faults that fit a stack with this number of broker nodes, and with or without a standby.
///
/// # Errors
/// If a name is no fault of the form, or of such a stack.
pub fn select(form: Form, names: &[String], brokers: usize, standby: bool) -> Result<Vec<Fault>> {
    let fitting: Vec<Fault> = match form {
        Form::Distributed => FAULTS.into_iter().filter(|fault| cluster::fits(fault.name, brokers, standby)).collect(),
        Form::Embedded => EMBEDDED_FAULTS.to_vec(),
    };
    if names.is_empty() {
        return Ok(fitting);
    }
    let find = |name: &String| fitting.iter().find(|fault| fault.name == name).copied();
    names.iter().map(|name| find(name).with_context(|| format!("there is no fault {name} here"))).collect()
}

/// The distributed system that a fault is injected into.
pub(super) struct Scene<'a> {
    pub(super) stack: &'a mut Stack,
    pub(super) world: &'a Arc<World>,
    pub(super) rng: &'a mut StdRng,
    pub(super) bin_dir: &'a Path,
}

impl Fault {
    /// Injects the fault, and ends it. Checks what must hold meanwhile, but does not wait for the recovery.
    ///
    /// # Errors
    /// If something that must hold did not, or if the fault could not be injected.
    pub(super) async fn inject(self, scene: &mut Scene<'_>) -> Result<()> {
        match self.kind {
            Kind::KillService => processes::kill(scene).await,
            Kind::DieAfterCommit => processes::die_at(scene, "after_commit", &owners()).await,
            Kind::DieAfterConfirm => processes::die_at(scene, "after_confirm", &owners()).await,
            Kind::DieBeforeAck => processes::die_at(scene, "before_ack", &SERVICE_NAMES).await,
            Kind::TermService => processes::terminate(scene).await,
            Kind::ReloadGateway => processes::reload_gateway(scene).await,
            Kind::KillMail => processes::kill_mail(scene).await,
            Kind::BusyMail => processes::upset_mail(scene, "busy").await,
            Kind::SlowMail => processes::upset_mail(scene, "slow").await,
            Kind::StrictMail => processes::upset_mail(scene, "strict").await,
            Kind::SkewedClock => processes::skew_clock(scene).await,
            Kind::KillBroker => broker::kill(scene).await,
            Kind::LoseBroker => broker::lose(scene).await,
            Kind::StopBroker => broker::stop(scene).await,
            Kind::CutBroker => broker::cut(scene).await,
            Kind::SilentBroker => broker::silence(scene).await,
            Kind::BlockedBroker => broker::block(scene).await,
            Kind::DeletedQueue => broker::delete_queue(scene).await,
            Kind::Duplicates => messages::duplicate(scene).await,
            Kind::Disorder => messages::reorder(scene).await,
            Kind::Poison => messages::poison(scene).await,
            Kind::OldMessages => messages::leave_old(scene).await,
            Kind::SlowConsumer => messages::pile_up(scene).await,
            Kind::KillPostgres => postgres::kill(scene).await,
            Kind::RestartPostgres => scene.stack.restart("postgres").await,
            Kind::StalledPostgres => postgres::stall(scene).await,
            Kind::CutPostgres => postgres::cut(scene).await,
            Kind::SlowPostgres => postgres::slow_down(scene).await,
            Kind::ReversedLocks => postgres::lock_in_reverse(scene).await,
            Kind::LostLocks => postgres::lose_locks(scene).await,
            Kind::FullDisk => postgres::fill_disk(scene).await,
            Kind::ExhaustedPool => postgres::exhaust_pool(scene).await,
            Kind::SlowClients => clients::trickle(scene).await,
            Kind::BadBodies => clients::send_bad_bodies(scene).await,
            Kind::WipedCopy => copies::wipe(scene).await,
            Kind::DriftedCopy => copies::drift(scene).await,
            Kind::BlockedAuthor => people::block_while_writing(scene).await,
            Kind::Storm => people::storm(scene).await,
            Kind::Hits => people::hit(scene).await,
            Kind::KillLeader => cluster::kill_leader(scene.stack, scene.rng).await,
            Kind::StopNode => cluster::stop_node(scene.stack, scene.rng).await,
            Kind::Promote => scene.stack.promote().await,
            Kind::LostBinding => messages::remove_binding(scene).await,
            Kind::ReadOnlySpell => sessions::make_read_only(scene).await,
            Kind::RoleTimeouts => sessions::time_out(scene).await,
            Kind::IdleTermination => sessions::terminate_idle(scene).await,
            Kind::LockedTables => sessions::lock_tables(scene).await,
            Kind::CancelledClients => clients::hang_up(scene).await,
            Kind::DroppedCopy => copies::drop_database(scene).await,
            Kind::KilledFirstStart => copies::kill_first_start(scene).await,
            Kind::CarelessRestore => restore::restore_without_care(scene).await,
            Kind::KillSuite
            | Kind::StopSuite
            | Kind::CutPower
            | Kind::FillDisk
            | Kind::FailingDisk
            | Kind::FixedFiles
            | Kind::DeletedFiles => bail!("{} is for one process", self.name),
        }
    }
}

impl Scene<'_> {
    /// Chooses the length of an outage: 0.5 to 3 s, long enough to be noticed, and not always the same.
    fn random_outage(&mut self) -> Duration {
        Duration::from_millis(self.rng.random_range(500..3_000))
    }

    /// Chooses one of several values at random.
    fn choose<T: Copy>(&mut self, of: &[T]) -> Result<T> {
        of.choose(self.rng).copied().context("something to choose from")
    }

    /// Runs a command of the operator's program against the stack, and returns its output whatever its status.
    async fn run_chatty(&self, arguments: &[&str]) -> Result<Output> {
        let mut chatty = Command::new(self.bin_dir.join("chatty"));
        chatty.args(arguments).envs(self.stack.addresses().variables()).kill_on_drop(true);
        chatty.output().await.context("chatty cannot be run")
    }

    /// Runs a command of `rabbitmqctl` against the broker's first node.
    async fn rabbitmqctl(&self, arguments: &[&str]) -> Result<()> {
        output(Command::new(self.stack.folder().join("rabbitmqctl")).args(arguments)).await.map(drop)
    }

    /// Runs a statement in a service's database, as the service's role. See [`psql`].
    async fn psql(&self, service: &str, statement: &str) -> Result<String> {
        psql(self.stack, service, statement).await
    }

    /// Runs statements in a database as Postgres' superuser. The connection does not lead through a proxy, so it works
    /// whatever the fault is.
    async fn as_superuser(&self, database: &str, script: &str) -> Result<String> {
        server::psql(&self.superuser_url(database)?, script).await
    }

    fn superuser_url(&self, database: &str) -> Result<String> {
        let mut url = Url::parse(&self.stack.addresses().postgres_url)?;
        url.set_path(database);
        Ok(url.into())
    }
}

/// Runs a statement in a service's database as the service's role, without any proxy, and returns the rows as text.
pub(super) async fn psql(stack: &Stack, service: &str, statement: &str) -> Result<String> {
    let service = stack.addresses().services.get(service).context("a service")?;
    let psql = machine::find_postgres()?.join("psql");
    output(Command::new(psql).args(["-X", "-A", "-t", "-c", statement]).arg(&service.database_url)).await
}

/// Runs a command and returns its standard output.
///
/// # Errors
/// If the command cannot be run, or if it ends with a failure. In the second case the error holds the standard error of
/// the command.
pub(super) async fn output(command: &mut Command) -> Result<String> {
    let output = command.kill_on_drop(true).output().await?;
    if !output.status.success() {
        bail!("{:?}: {}", command.as_std().get_program(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    fn repository(file: &str) -> String {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).unwrap()
    }

    fn names() -> BTreeSet<String> {
        FAULTS.into_iter().chain(EMBEDDED_FAULTS).map(|fault| fault.name.to_owned()).collect()
    }

    #[test]
    fn the_tables_name_each_fault_once_and_say_whether_a_hand_is_needed() {
        let text = repository("docs/reliability.md");
        let mut found = BTreeSet::new();
        for row in text.lines().filter_map(|line| line.strip_prefix("| ")) {
            let cells: Vec<&str> = row.trim_end_matches(" |").split('|').map(str::trim).collect();
            let (first, last) = (cells[0], cells[cells.len() - 1]);
            // Other tables of the page do not have the name of a fault in every first cell.
            if !first.split(", ").all(|name| names().contains(name)) {
                continue;
            }
            for name in first.split(", ") {
                assert!(found.insert(name.to_owned()), "{name} stands there twice");
                // The one fault after which a person has to act.
                let needs_hand = name == "F26d";
                assert!(last.starts_with(if needs_hand { "yes" } else { "no" }), "{name}: {last}");
            }
        }
        assert_eq!(found, names());
    }

    #[test]
    fn a_fault_that_is_named_exists_in_its_form() {
        let names = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let makefile = repository("Makefile");
        let valuable = makefile.lines().find_map(|line| line.strip_prefix("TEST_FAULTS := ")).unwrap();
        assert_eq!(select(Form::Distributed, &names(valuable), 1, false).unwrap().len(), 10);
        assert_eq!(select(Form::Embedded, &names("E4,E5,E6"), 1, false).unwrap().len(), 3);
        for (form, wrong) in [(Form::Distributed, "E4"), (Form::Embedded, "F26c"), (Form::Distributed, "F1,F99")] {
            let error = select(form, &names(wrong), 1, false).unwrap_err();
            assert!(error.to_string().starts_with("there is no fault"), "{error}");
        }
    }

    #[test]
    fn without_names_every_fault_that_the_form_can_have_is_taken() {
        assert_eq!(select(Form::Embedded, &[], 1, false).unwrap(), EMBEDDED_FAULTS);
        let single = select(Form::Distributed, &[], 1, false).unwrap();
        assert_eq!(single.len() + 3, FAULTS.len(), "all but C1, C2 and P1");
        let cluster = select(Form::Distributed, &[], 3, true).unwrap();
        assert!(cluster.iter().any(|fault| fault.name == "P1") && cluster.iter().all(|fault| fault.name != "F26c"));
    }
}
