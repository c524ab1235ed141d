//! Checks of a program's command line: its help, its version, and its refusal of unknown arguments and bad settings.
//!
//! Each program runs as a child process, because exit status and standard error are part of what is checked.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// The deadline for a program that has nothing to wait for. It is generous, because the machine may be compiling.
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs a program in an empty folder with these environment variables and no others, and returns its output once it has
/// ended by itself.
///
/// # Errors
/// If the program cannot be started, or has not ended after 30 s. In the second case the program is killed, and the
/// error quotes its standard error.
pub fn run(program: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Result<Output> {
    let folder = tempfile::tempdir()?;
    let output = tempfile::tempfile()?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(env.iter().copied()).current_dir(folder.path());
    // Standard error goes to a file: a pipe that nobody reads would block a program that writes more than the pipe
    // holds.
    let mut child = command.stdout(Stdio::piped()).stderr(output.try_clone()?).stdin(Stdio::null()).spawn()?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > DEADLINE {
            child.kill()?;
            child.wait()?;
            anyhow::bail!("{} {arguments:?} {env:?} does not end: {}", program.display(), read_all(&output)?);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = child.wait_with_output()?;
    Ok(Output { stderr: read_all(&output)?.into_bytes(), ..ended })
}

/// Returns the whole content of a file that another process has written.
fn read_all(mut file: &std::fs::File) -> Result<String> {
    use std::io::{Read, Seek};
    let mut text = Vec::new();
    // The child shares the file's position, which is at the end now.
    file.rewind()?;
    file.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Checks that `--version` prints the workspace's version, that `--help` names each of `words` (commands and
/// environment variables), and that an unknown option or command is refused.
///
/// # Errors
/// If one of these does not hold; the error quotes the program's output.
pub fn check_command_line(program: &Path, words: &[&str]) -> Result<()> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).context("no UTF-8");
    let version = run(program, &["--version"], &[])?;
    ensure!(version.status.success() && text(version.stdout)?.contains(env!("CARGO_PKG_VERSION")), "--version");
    let help = run(program, &["--help"], &[])?;
    ensure!(help.status.success(), "--help");
    let help = text(help.stdout)?;
    for word in words {
        ensure!(help.contains(word), "--help does not name {word}:\n{help}");
    }
    for unknown in ["--unknown", "unknown"] {
        let refused = run(program, &[unknown], &[])?;
        let (code, complaint) = (refused.status.code(), text(refused.stderr)?);
        // Status 2 is the convention for a wrong command line, so that scripts can tell it from a failure at work.
        ensure!(code == Some(2) && complaint.contains(unknown), "{unknown}: {code:?} {complaint}");
    }
    Ok(())
}

/// Checks that a program which is started with this environment ends with a failure and names `variable` as the reason.
///
/// # Errors
/// If the program succeeds, does not end, or does not name the variable.
pub fn check_refused(program: &Path, env: &[(&str, &str)], variable: &str) -> Result<()> {
    let ended = run(program, &[], env)?;
    let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
    ensure!(!ended.status.success(), "{env:?} is accepted");
    ensure!(complaint.contains(&format!("{variable}: ")), "{env:?}: no word about {variable}: {complaint}");
    Ok(())
}
