//! A program as somebody tries it who does not know it, or who has set something wrongly.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How long a program may take that has nothing to wait for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a program with these variables and no others, and waits until it ends by itself.
///
/// # Errors
/// When it does not end.
pub fn run(program: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Result<Output> {
    let folder = tempfile::tempdir()?;
    let output = tempfile::tempfile()?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(env.iter().copied()).current_dir(folder.path());
    // A file, so that a program that says much does not wait for its reader.
    let mut child = command.stdout(Stdio::piped()).stderr(output.try_clone()?).stdin(Stdio::null()).spawn()?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            anyhow::bail!("{} {arguments:?} {env:?} does not end: {}", program.display(), said(&output)?);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = child.wait_with_output()?;
    Ok(Output { stderr: said(&output)?.into_bytes(), ..ended })
}

/// All that was written to a file.
fn said(mut file: &std::fs::File) -> Result<String> {
    use std::io::{Read, Seek};
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Checks that a program tells its version, its commands and these variables, and refuses what it does not know.
///
/// # Errors
/// When it does not.
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
        ensure!(code == Some(2) && complaint.contains(unknown), "{unknown}: {code:?} {complaint}");
    }
    Ok(())
}

/// Checks that a program ends by itself when it is started like this, and complains about this variable.
///
/// # Errors
/// When it does not.
pub fn check_refused(program: &Path, env: &[(&str, &str)], variable: &str) -> Result<()> {
    let ended = run(program, &[], env)?;
    let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
    ensure!(!ended.status.success(), "{env:?} is accepted");
    ensure!(complaint.contains(&format!("{variable}: ")), "{env:?}: no word about {variable}: {complaint}");
    Ok(())
}
