//! The `testkit` program: the stack, fault injection, the mail sink, and a command with a private Postgres beside it.
//!
//! The Makefile calls this program, and a stack starts it once more as its mail sink.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use testkit::chaos;
use testkit::servers::mail::{Mailbox, Mood, serve};
use testkit::servers::postgres::Postgres;
use testkit::stack::{Stack, StackOptions, find_repository, part_names};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Real servers for Chatty's tests and for trying it out.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the distributed form of Chatty on this machine.
    #[command(subcommand)]
    Stack(StackCommand),
    /// Injects faults into a stack under load, and checks that nothing acknowledged was lost.
    #[command(after_help = "Example: testkit chaos --seed 7 --duration 60 --faults F1,F5")]
    Chaos {
        /// The seed of every random choice: the order of faults, their details, and the load.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The length of the injection in seconds, or `all`: until each fault has had its turn.
        #[arg(long, default_value = "60")]
        duration: chaos::Length,
        /// The faults to inject, by number; each of them at least once [default: all that this form allows; with one
        /// broker and no standby as many as there is time for].
        #[arg(long, value_delimiter = ',')]
        faults: Vec<String>,
        /// The number of nodes of the broker: 1 to 3.
        #[arg(long, default_value_t = 1)]
        brokers: usize,
        /// Gives Postgres a synchronous standby, which every commit waits for.
        #[arg(long)]
        standby: bool,
        /// Tests the suite in one process, which has the faults E1 to E7.
        #[arg(long, conflicts_with_all = ["brokers", "standby"])]
        embedded: bool,
        /// The folder of the services' programs [default: target/release].
        #[arg(long)]
        bin_dir: Option<PathBuf>,
    },
    /// Runs the mail sink: it takes mails by SMTP and shows them as JSON.
    Mail {
        /// The address at which SMTP is served.
        #[arg(long, default_value = "127.0.0.1:1025")]
        smtp: SocketAddr,
        /// The address at which the JSON page is served.
        #[arg(long, default_value = "127.0.0.1:8025")]
        http: SocketAddr,
        /// The way in which mails are taken.
        #[arg(long, value_enum, default_value_t, env = "MAIL_MOOD")]
        mood: Mood,
        /// The file that keeps the mails across restarts [default: memory only].
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Runs a command beside a private Postgres, whose address it gets as `TEST_POSTGRES_URL`.
    #[command(after_help = "Example: testkit run -- cargo test --workspace")]
    Run {
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

#[derive(Subcommand)]
enum StackCommand {
    /// Starts everything in the background and waits until it is ready.
    Up {
        /// The folder of the services' programs [default: target/release].
        #[arg(long)]
        bin_dir: Option<PathBuf>,
    },
    /// Restarts a part, be it running, stopped or killed, on the same port and data.
    Restart {
        /// The part's name.
        #[arg(value_parser = PossibleValuesParser::new(part_names()))]
        name: String,
    },
    /// Stops everything and removes the data.
    Down,
}

#[tokio::main]
async fn main() -> ExitCode {
    match execute().await {
        Ok(code) => code,
        Err(error) => {
            writeln!(std::io::stderr(), "testkit: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

async fn execute() -> Result<ExitCode> {
    match Cli::parse().command {
        Command::Stack(command) => {
            // Boxed here and below: these futures are large, and would make the one of `main` as large as all of them.
            until_interrupted(Box::pin(run_stack_command(command))).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Chaos { seed, duration, faults, brokers, standby, embedded, bin_dir } => {
            // A cluster or a standby allows few faults, so each of them has its turn.
            let complete = !faults.is_empty() || brokers > 1 || standby || duration == chaos::Length::All;
            let form = if embedded { chaos::Form::Embedded } else { chaos::Form::Distributed };
            let faults = chaos::select(form, &faults, brokers, standby)?;
            let stack = StackOptions { brokers, standby, ..stack_options(find_repository()?, bin_dir)? };
            // The ledger lies beside the programs, because the stack's own folder is removed at the end.
            let ledger = stack.bin_dir.join(format!("chaos-{seed}.jsonl"));
            let duration = match duration {
                chaos::Length::Seconds(seconds) => Duration::from_secs(seconds),
                // `complete` alone then decides how long faults are injected.
                chaos::Length::All => Duration::ZERO,
            };
            let plan = chaos::Plan { form, seed, duration, faults, complete, stack, ledger };
            let report = until_interrupted(Box::pin(chaos::run(&plan, |line| drop(print_line(line))))).await?;
            print_line(&report.to_string())?;
            Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Mail { smtp, http, mood, file } => {
            until_interrupted(run_mail_sink(smtp, http, mood, file)).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Run { command } => run_beside_postgres(&command).await,
    }
}

/// Returns the options of a stack with one of each part and without proxies. The mail sink is this very program.
fn stack_options(repository: PathBuf, bin_dir: Option<PathBuf>) -> Result<StackOptions> {
    let bin_dir = match bin_dir {
        Some(folder) => std::path::absolute(folder)?,
        None => repository.join("target/release"),
    };
    let testkit = std::env::current_exe()?;
    Ok(StackOptions {
        repository,
        bin_dir,
        testkit,
        service_env: Vec::new(),
        proxied: false,
        brokers: 1,
        standby: false,
        replicas: 1,
    })
}

async fn run_stack_command(command: StackCommand) -> Result<()> {
    let repository = find_repository()?;
    let _lock = lock_stack(&repository)?;
    match command {
        StackCommand::Up { bin_dir } => {
            let stack = Stack::start_detached(&stack_options(repository, bin_dir)?).await?;
            for (name, value) in stack.addresses().variables() {
                print_line(&format!("{name:<29} {value}"))?;
            }
            print_line("The same as shell variables: .stack/env; logs: .stack/logs; `make stack-down` stops all.")
        }
        StackCommand::Restart { name } => {
            let stack = Stack::open(&repository)?;
            let mut stack = stack.context("no stack is up; `make stack` starts one")?;
            stack.restart(&name).await?;
            print_line(&format!("{name} is ready"))
        }
        StackCommand::Down => match Stack::open(&repository)? {
            Some(stack) => {
                stack.stop()?;
                print_line("the stack is down")
            }
            None => print_line("no stack is up"),
        },
    }
}

/// Locks the repository's stack until the returned file is dropped. Two commands at once would each start the same
/// parts.
///
/// # Errors
/// If another command holds the lock.
fn lock_stack(repository: &std::path::Path) -> Result<std::fs::File> {
    let folder = repository.join(".stack");
    std::fs::create_dir_all(&folder)?;
    let file = std::fs::File::create(folder.join("lock"))?;
    ensure!(file.try_lock().is_ok(), "another stack command is under way");
    Ok(file)
}

async fn run_mail_sink(smtp: SocketAddr, http: SocketAddr, mood: Mood, file: Option<PathBuf>) -> Result<()> {
    let mailbox = match file {
        Some(file) => Mailbox::open(&file)?,
        None => Mailbox::default(),
    };
    let smtp = TcpListener::bind(smtp).await?;
    let http = TcpListener::bind(http).await?;
    // A port of 0 has become a real one by now.
    let addresses = (smtp.local_addr()?, http.local_addr()?);
    print_line(&format!("SMTP at {}, page at http://{}/", addresses.0, addresses.1))?;
    serve(mailbox, mood, smtp, http).await
}

/// Runs a command beside a private Postgres without fsync, passes signals on to it, and returns its exit code.
async fn run_beside_postgres(command: &[String]) -> Result<ExitCode> {
    let postgres = until_interrupted(Postgres::start(false)).await?;
    let [program, args @ ..] = command else {
        bail!("no command");
    };
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .env("TEST_POSTGRES_URL", postgres.address().url())
        // The command gets a process group of its own, so that a signal also reaches the processes that the command has
        // started.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let group = child.id().and_then(|pid| i32::try_from(pid).ok());
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let status = loop {
        let received = tokio::select! {
            status = child.wait() => break status?,
            _ = interrupted.recv() => Signal::SIGINT,
            _ = terminated.recv() => Signal::SIGTERM,
        };
        if let Some(group) = group {
            killpg(Pid::from_raw(group), received).ok();
        }
    };
    // Postgres is stopped only now: the command may need its database until its very end.
    drop(postgres);
    Ok(exit_code(status))
}

/// Returns the exit code that a shell would report: that of the command, or 128 plus the signal that ended it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Runs `work`, and drops it on SIGINT or SIGTERM. Dropping it stops the servers that it has started.
///
/// # Errors
/// If `work` fails, or is interrupted by a signal.
async fn until_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        _ = interrupted.recv() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    }
}

fn print_line(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("cannot write to the standard output")
}
