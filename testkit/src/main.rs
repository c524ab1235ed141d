//! The test kit as a program: the stack, the mail sink, and a command with servers around it.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use testkit::chaos;
use testkit::servers::mail::{Mailbox, Mood, serve};
use testkit::servers::postgres::Postgres;
use testkit::stack::{PARTS, Stack, StackOptions, find_repository};
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
    /// The distributed form of Chatty on this machine.
    #[command(subcommand)]
    Stack(StackCommand),
    /// Starts a stack, lets people write while its parts die, and checks that nothing acknowledged is lost.
    #[command(after_help = "Example: testkit chaos --seed 7 --duration 60 --faults F1,F5")]
    Chaos {
        /// Decides what happens when.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Seconds, or `all`: until each fault has had its turn.
        #[arg(long, default_value = "60")]
        duration: chaos::Length,
        /// Which faults, by number; each of them happens at least once [default: all that the stack can have; with one broker
        /// and no standby as many as there is time for].
        #[arg(long, value_delimiter = ',')]
        faults: Vec<String>,
        /// How many nodes the broker has.
        #[arg(long, default_value_t = 1)]
        brokers: usize,
        /// Give Postgres a standby that every commit waits for.
        #[arg(long)]
        standby: bool,
        /// Try the suite in one process, whose faults are E1 to E7.
        #[arg(long, conflicts_with_all = ["brokers", "standby"])]
        embedded: bool,
        /// Where the services' programs lie [default: target/release].
        #[arg(long)]
        bin_dir: Option<PathBuf>,
    },
    /// The mail sink: takes mails by SMTP and shows them as JSON.
    Mail {
        /// The address for SMTP.
        #[arg(long, default_value = "127.0.0.1:1025")]
        smtp: SocketAddr,
        /// The address of the page.
        #[arg(long, default_value = "127.0.0.1:8025")]
        http: SocketAddr,
        /// How mails are taken.
        #[arg(long, value_enum, default_value_t, env = "MAIL_MOOD")]
        mood: Mood,
        /// Keep the mails in this file across restarts.
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Runs a command beside a private Postgres, told to it as `TEST_POSTGRES_URL`, and stops it in the end.
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
        /// Where the services' programs lie [default: target/release].
        #[arg(long)]
        bin_dir: Option<PathBuf>,
    },
    /// Starts a stopped, killed or running part again, on the same port and data.
    Restart {
        /// The part.
        #[arg(value_parser = PARTS)]
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
            or_interrupted(Box::pin(stack(command))).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Chaos { seed, duration, faults, brokers, standby, embedded, bin_dir } => {
            let complete = !faults.is_empty() || brokers > 1 || standby || duration == chaos::Length::All;
            let form = if embedded { chaos::Form::Embedded } else { chaos::Form::Distributed };
            let faults = chaos::select(form, &faults, brokers, standby)?;
            let stack = StackOptions { brokers, standby, ..options(find_repository()?, bin_dir)? };
            let ledger = stack.bin_dir.join(format!("chaos-{seed}.jsonl"));
            let duration = match duration {
                chaos::Length::Seconds(seconds) => Duration::from_secs(seconds),
                chaos::Length::All => Duration::ZERO,
            };
            let plan = chaos::Plan { form, seed, duration, faults, complete, stack, ledger };
            let report = or_interrupted(Box::pin(chaos::run(&plan, |line| drop(say(line))))).await?;
            say(&report.to_string())?;
            Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Mail { smtp, http, mood, file } => {
            or_interrupted(mail(smtp, http, mood, file)).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Run { command } => run(&command).await,
    }
}

fn options(repository: PathBuf, bin_dir: Option<PathBuf>) -> Result<StackOptions> {
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

async fn stack(command: StackCommand) -> Result<()> {
    let repository = find_repository()?;
    let _alone = lock_stack(&repository)?;
    match command {
        StackCommand::Up { bin_dir } => {
            let stack = Stack::start_detached(&options(repository, bin_dir)?).await?;
            for (name, value) in stack.addresses().variables() {
                say(&format!("{name:<29} {value}"))?;
            }
            say("The same as shell variables: .stack/env; logs: .stack/logs; `make stack-down` stops all.")
        }
        StackCommand::Restart { name } => {
            let stack = Stack::open(&repository)?;
            let mut stack = stack.context("no stack is up; `make stack` starts one")?;
            stack.restart(&name).await?;
            say(&format!("{name} is ready"))
        }
        StackCommand::Down => match Stack::open(&repository)? {
            Some(stack) => {
                stack.stop()?;
                say("the stack is down")
            }
            None => say("no stack is up"),
        },
    }
}

/// Two commands at once would each start what the other one just did.
fn lock_stack(repository: &std::path::Path) -> Result<std::fs::File> {
    let folder = repository.join(".stack");
    std::fs::create_dir_all(&folder)?;
    let file = std::fs::File::create(folder.join("lock"))?;
    ensure!(file.try_lock().is_ok(), "another stack command is under way");
    Ok(file)
}

async fn mail(smtp: SocketAddr, http: SocketAddr, mood: Mood, file: Option<PathBuf>) -> Result<()> {
    let mailbox = match file {
        Some(file) => Mailbox::open(&file)?,
        None => Mailbox::default(),
    };
    let smtp = TcpListener::bind(smtp).await?;
    let http = TcpListener::bind(http).await?;
    let addresses = (smtp.local_addr()?, http.local_addr()?);
    say(&format!("SMTP at {}, page at http://{}/", addresses.0, addresses.1))?;
    serve(mailbox, mood, smtp, http).await
}

async fn run(command: &[String]) -> Result<ExitCode> {
    let postgres = or_interrupted(Postgres::start(false)).await?;
    let [program, args @ ..] = command else {
        bail!("no command");
    };
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .env("TEST_POSTGRES_URL", postgres.address().url())
        // A group of its own, so that a signal reaches what the command started too.
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
    drop(postgres);
    Ok(exit_code(status))
}

/// As a shell says it: 128 and the signal when one ended the command.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Breaks the work off when asked to; dropping it stops what it started.
async fn or_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        _ = interrupted.recv() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    }
}

fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("cannot write to the standard output")
}
