//! The control socket. SQLite's files belong to the process that serves, so it carries out the operator's commands on them
//! (ADR 21): a command sends what was typed, and prints what it is told.

use std::convert::Infallible;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write, stdout};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use shared::config::{Env, Settings};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use crate::operation::Operation;
use crate::output::{CALLER, Caller, Output, Progress};
use crate::suite;

/// The socket in the data folder.
const SOCKET: &str = "chatty.sock";
/// The longest path that the address of a socket has room for on every system, in bytes (107 on Linux, by unix(7)).
const LONGEST: usize = 103;
/// The pause after a failed accept, for example when the process is out of file descriptors.
const REST: Duration = Duration::from_secs(1);

/// A command, as it is sent to the process that serves.
#[derive(Serialize, Deserialize)]
struct Request {
    /// The command line without the program's name.
    words: Vec<String>,
    /// The caller's working folder.
    folder: PathBuf,
    /// The password that the caller typed; empty for most commands.
    secret: String,
}

/// An answer of that process, one line of JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Output(Output),
    /// The end: whether the exit code is 0, or the error.
    Ended(Result<bool, String>),
}

/// Carries out an operation: here, or in the process that serves this data folder.
pub(crate) async fn carry_out(operation: Operation, env: &Env) -> anyhow::Result<ExitCode> {
    let secret = operation.secret()?;
    let serving = match Settings::from_env(env, suite::PORT) {
        Ok(settings) if !suite::is_distributed(env) => match connect(&settings).await {
            Ok(serving) => Some(serving),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(error).context("CHATTY_DATA_DIR: this is another user's folder");
            }
            // There is none, or the process that made it was killed.
            Err(_) => None,
        },
        _ => None,
    };
    match serving {
        Some(serving) => ask(serving, secret).await,
        None => operation.run(env, secret).await,
    }
}

async fn ask(serving: UnixStream, secret: String) -> anyhow::Result<ExitCode> {
    let (read, mut write) = serving.into_split();
    let request = Request { words: std::env::args().skip(1).collect(), folder: std::env::current_dir()?, secret };
    send(&mut write, &request).await?;
    let mut replies = BufReader::new(read).lines();
    let mut progress = None;
    while let Some(reply) = replies.next_line().await? {
        match serde_json::from_str(&reply).context("the running chatty is of another version")? {
            Reply::Output(Output::Line(text)) => writeln!(stdout(), "{text}")?,
            Reply::Output(Output::Step(step)) => match &progress {
                None => progress = Some(Progress::start(step)),
                Some(progress) => progress.step(step),
            },
            Reply::Output(Output::Done) => progress = None,
            Reply::Ended(Ok(well)) => return Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
            Reply::Ended(Err(reason)) => bail!(reason),
        }
    }
    bail!("the running chatty ended before the command did")
}

/// Listens for commands on a data folder that this process has locked.
pub(crate) fn listen(settings: &Settings) -> anyhow::Result<UnixListener> {
    let listen = || {
        let Address { path, .. } = &Address::of(settings)?;
        if path.exists() {
            fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok::<_, io::Error>(listener)
    };
    listen().with_context(|| format!("CHATTY_DATA_DIR: {}", settings.data_dir.join(SOCKET).display()))
}

/// Carries out what is asked for, until dropped.
pub(crate) async fn serve(listener: UnixListener, env: &Env) -> Infallible {
    let mut callers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((caller, _)) => {
                    let env = env.clone();
                    callers.spawn(async move {
                        if let Err(error) = Box::pin(answer(caller, &env)).await {
                            tracing::info!(error = format!("{error:#}"), "A command was left by its caller.");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "A command could not be accepted.");
                    sleep(REST).await;
                }
            },
            Some(_) = callers.join_next() => {}
        }
    }
}

async fn answer(caller: UnixStream, env: &Env) -> anyhow::Result<()> {
    let (read, mut write) = caller.into_split();
    let mut lines = BufReader::new(read).lines();
    let request = lines.next_line().await?.context("nothing was asked for")?;
    let Request { words, folder, secret } = serde_json::from_str(&request)?;
    let (output, printed) = mpsc::unbounded_channel();
    let command = async move { Operation::parse(&words)?.run(env, secret).await };
    let command = CALLER.scope(Caller { output, folder }, command);
    let ended = tokio::select! {
        (ended, printed) = async { tokio::join!(command, pass_on(printed, &mut write)) } => printed.map(|()| ended)?,
        () = gone(&mut lines) => bail!("it went away"),
    };
    let ended = ended.map(|code| code == ExitCode::SUCCESS).map_err(|error| format!("{error:#}"));
    send(&mut write, &Reply::Ended(ended)).await
}

/// Passes on what a command prints, until it has ended.
async fn pass_on(mut printed: UnboundedReceiver<Output>, write: &mut OwnedWriteHalf) -> anyhow::Result<()> {
    while let Some(output) = printed.recv().await {
        send(write, &Reply::Output(output)).await?;
    }
    Ok(())
}

/// Waits until the caller has closed its end.
async fn gone(lines: &mut Lines<BufReader<OwnedReadHalf>>) {
    while let Ok(Some(_)) = lines.next_line().await {}
}

async fn send(write: &mut OwnedWriteHalf, message: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(write.write_all(&line).await?)
}

/// The path of the socket, and the folder that must stay open while it is used.
struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    /// The path in the data folder; one that is too long for a socket goes by way of the open folder.
    fn of(settings: &Settings) -> io::Result<Self> {
        let path = settings.data_dir.join(SOCKET);
        if path.as_os_str().len() <= LONGEST {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(&settings.data_dir)?;
        let path = format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()).into();
        Ok(Self { path, _folder: Some(folder) })
    }
}

async fn connect(settings: &Settings) -> io::Result<UnixStream> {
    UnixStream::connect(&Address::of(settings)?.path).await
}
