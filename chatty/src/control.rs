//! The control socket, through which an operator's commands reach the process that serves the suite.
//!
//! The files of SQLite can be opened by one process only (docs/adr/0021). So while the suite is served, a command sends
//! its command line to the serving process, which runs it and sends its output back. Where no process serves, the
//! command opens the files itself.
//!
//! The protocol: the command sends one [`Request`], the serving process any number of [`Reply`]s, each as a line of
//! JSON. The last reply is [`Reply::Ended`]. A command that is interrupted closes the socket, which ends its work in
//! the serving process.

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

/// The name of the socket in the data folder.
const SOCKET: &str = "chatty.sock";
/// The length in bytes of the longest path of a socket that every system accepts. Linux accepts 107 (unix(7)).
const MAX_PATH: usize = 103;
/// The pause after a failed accept, which fails again at once when, for example, the process has no file descriptor
/// left.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// A command on its way to the serving process.
#[derive(Serialize, Deserialize)]
struct Request {
    /// The command line without the program's name.
    words: Vec<String>,
    /// The working folder of the command, in which relative paths begin.
    folder: PathBuf,
    /// The password that was typed; empty for commands that need none.
    secret: String,
}

/// A reply of the serving process.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    /// A piece of the command's output.
    Output(Output),
    /// The end of the command: true if its exit code is 0, false for another exit code, or the text of its error.
    Ended(Result<bool, String>),
}

/// Carries out an operation: in the process that serves the data folder if there is one, or else in this process.
/// Returns the exit code.
pub(crate) async fn carry_out(operation: Operation, env: &Env) -> anyhow::Result<ExitCode> {
    let secret = operation.ask_for_secret()?;
    let serving = match Settings::from_env(env, suite::PORT) {
        Ok(settings) if !suite::is_distributed(env) => match connect(&settings).await {
            Ok(serving) => Some(serving),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(error).context("CHATTY_DATA_DIR: this is another user's folder");
            }
            // There is no socket, or the process that has made it was killed.
            Err(_) => None,
        },
        // Five services have no socket, and the command itself reports settings that are not valid.
        _ => None,
    };
    match serving {
        Some(serving) => forward(serving, secret).await,
        None => operation.run(env, secret).await,
    }
}

/// Sends the command line of this process to the serving process, and prints its replies. Returns the exit code.
async fn forward(serving: UnixStream, secret: String) -> anyhow::Result<ExitCode> {
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

/// Binds the control socket of a data folder that this process has locked. Because of the lock, a socket that is there
/// already was left behind by a process that was killed, and is removed.
pub(crate) fn listen(settings: &Settings) -> anyhow::Result<UnixListener> {
    let bind = || {
        let Address { path, .. } = &Address::of(settings)?;
        if path.exists() {
            fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        // A command may do everything, so only the owner of the data folder may connect.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok::<_, io::Error>(listener)
    };
    bind().with_context(|| format!("CHATTY_DATA_DIR: {}", settings.data_dir.join(SOCKET).display()))
}

/// Carries out the commands that arrive, each in a task of its own. The future never ends by itself. Dropping it ends
/// all commands.
pub(crate) async fn serve(listener: UnixListener, env: &Env) -> Infallible {
    let mut callers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((caller, _)) => {
                    let env = env.clone();
                    callers.spawn(async move {
                        if let Err(error) = Box::pin(carry_out_for(caller, &env)).await {
                            tracing::info!(error = format!("{error:#}"), "A command was abandoned by its caller.");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "A command could not be accepted.");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            // A task set keeps the results of ended tasks until they are taken.
            Some(_) = callers.join_next() => {}
        }
    }
}

/// Reads one command from `caller`, carries it out, and sends its output and its end.
///
/// # Errors
/// When the caller has gone, or has sent no request or one that cannot be read. Errors of the command itself are sent
/// to the caller.
async fn carry_out_for(caller: UnixStream, env: &Env) -> anyhow::Result<()> {
    let (read, mut write) = caller.into_split();
    let mut lines = BufReader::new(read).lines();
    let request = lines.next_line().await?.context("the caller has sent no command")?;
    let Request { words, folder, secret } = serde_json::from_str(&request)?;
    let (output, printed) = mpsc::unbounded_channel();
    let command = async move { Operation::parse(&words)?.run(env, secret).await };
    let command = CALLER.scope(Caller { output, folder }, command);
    let forwarded = async { tokio::join!(command, forward_output(printed, &mut write)) };
    let ended = tokio::select! {
        (ended, sent) = forwarded => sent.map(|()| ended)?,
        () = wait_until_closed(&mut lines) => bail!("the caller has closed the connection"),
    };
    let ended = ended.map(|code| code == ExitCode::SUCCESS).map_err(|error| format!("{error:#}"));
    send(&mut write, &Reply::Ended(ended)).await
}

/// Sends the output of a command to its caller until the command has ended, because its end drops the sender.
async fn forward_output(mut printed: UnboundedReceiver<Output>, write: &mut OwnedWriteHalf) -> anyhow::Result<()> {
    while let Some(output) = printed.recv().await {
        send(write, &Reply::Output(output)).await?;
    }
    Ok(())
}

/// Waits until the caller has closed its end of the connection. Lines that it sends meanwhile are ignored.
async fn wait_until_closed(lines: &mut Lines<BufReader<OwnedReadHalf>>) {
    while let Ok(Some(_)) = lines.next_line().await {}
}

/// Sends a message as one line of JSON.
async fn send(write: &mut OwnedWriteHalf, message: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(write.write_all(&line).await?)
}

/// The address of the control socket. It has to exist until the socket is bound or connected, because it keeps the data
/// folder open.
struct Address {
    path: PathBuf,
    /// The open data folder, if the path leads through its file descriptor.
    _folder: Option<File>,
}

impl Address {
    /// Returns the address of the socket in the data folder. A path that is too long for a socket is replaced by a
    /// short one through the file descriptor of the open folder, in `/proc/self/fd`.
    fn of(settings: &Settings) -> io::Result<Self> {
        let path = settings.data_dir.join(SOCKET);
        if path.as_os_str().len() <= MAX_PATH {
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
