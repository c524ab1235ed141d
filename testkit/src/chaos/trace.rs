//! The reader of strace's output: every system call that can change a file or make a change last, as a typed effect.
//!
//! A call that the reader does not know is an error, and so is one whose data strace has cut off. A power cut that was
//! built from an incomplete trace would report losses that are none.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// Every system call that can change a file or make a change last. Some are never made by the suite; if it begins to
/// make one of them, reading the trace fails.
const CALLS: &str = "open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,fsync,fdatasync,\
    sync_file_range,syncfs,msync,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,\
    rmdir,copy_file_range,sendfile,splice";

/// A system call that succeeded, or that was cut off. Its times are in nanoseconds since 1970.
pub(super) struct Call {
    pub(super) start: u64,
    /// The time at which the call returned, or at which its process died during the call.
    pub(super) end: u64,
    /// The number of the process that made the call, counted from 1 within a trace.
    pub(super) run: u32,
    pub(super) effect: Effect,
}

/// The effect of a call on files below the data folder.
pub(super) enum Effect {
    Open {
        path: PathBuf,
        descriptor: i64,
        creates: bool,
        truncates: bool,
    },
    /// A new folder.
    Folder {
        path: PathBuf,
    },
    /// A write at the descriptor's position, which is where the write before it has ended.
    Append {
        path: PathBuf,
        descriptor: i64,
        data: Vec<u8>,
    },
    /// A write at an offset in bytes.
    Write {
        path: PathBuf,
        offset: u64,
        data: Vec<u8>,
    },
    Truncate {
        path: PathBuf,
        length: u64,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
    Sync {
        path: PathBuf,
    },
}

/// Returns whether no process needs this file after a power cut: SQLite's shared memory, or the lock of a process.
pub(super) fn is_volatile(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.ends_with("-shm") || path.ends_with(".lock"))
}

/// Returns the arguments with which strace runs a program and writes its output to `file`.
///
/// With `-D` strace is a process in the background, so that the number and the signals of the started process belong to
/// the program and not to strace.
pub(super) fn arguments(file: &Path, program: &Path) -> Vec<String> {
    let calls = format!("trace={CALLS}");
    let options = ["-D", "-ff", "--seccomp-bpf", "-y", "-s", "16777216", "-e", calls.as_str()];
    let times = ["--absolute-timestamps=format:unix,precision:ns", "--syscall-times=ns", "-o"];
    let mut all: Vec<String> = options.into_iter().chain(times).map(str::to_owned).collect();
    all.extend([file.display().to_string(), program.display().to_string()]);
    all
}

/// Reads the system calls on files below `data` from the trace files in `folder`, in the order in which they returned.
pub(super) fn read(folder: &Path, data: &Path) -> Result<Vec<Call>> {
    let below = data.to_str().context("a path that is no text")?;
    let mut calls = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // With `-ff` each thread has a file of its own, named by the run and the thread.
        let run = path.file_stem().and_then(|run| run.to_str()).context("a run")?.parse()?;
        let text = fs::read_to_string(&path)?;
        let death = nanoseconds(text.lines().last().and_then(|line| line.split(' ').next()).context("no end")?)?;
        for line in text.lines().filter(|line| line.contains(below)) {
            let call = parse(line, run, data);
            let Some(mut call) = call.with_context(|| line.chars().take(200).collect::<String>())? else { continue };
            if call.end == u64::MAX {
                if matches!(call.effect, Effect::Sync { .. }) {
                    // A sync that never returned confirms nothing.
                    continue;
                }
                // Any other call may have had its effect, but not after the process was dead.
                call.end = death;
            }
            calls.push(call);
        }
    }
    calls.sort_by_key(|call| (call.end, call.start));
    Ok(calls)
}

/// Parses a line such as `1795264229.208050201 fsync(11</data/auth.db>) = 0 <0.001042609>`. Returns None for a call
/// that failed, or that is about other files. The end of a call that was cut off is `u64::MAX`.
fn parse(line: &str, run: u32, data: &Path) -> Result<Option<Call>> {
    let (time, rest) = line.split_once(' ').context("no time")?;
    let (name, rest) = rest.split_once('(').context("no call")?;
    // The mark of a call during which the process was killed.
    let cut_off = || Some((rest.strip_suffix("<unfinished ...>")?, "?"));
    let (arguments, result) = cut_off().or_else(|| rest.rsplit_once(" = ")).context("no result")?;
    if result.starts_with('-') {
        return Ok(None);
    }
    let start = nanoseconds(time)?;
    let end = match result.rsplit_once('<') {
        Some((_, took)) => start + nanoseconds(took.trim_end_matches('>'))?,
        None if result.starts_with('?') => u64::MAX,
        None => bail!("no duration"),
    };
    let mut text = Arguments(arguments.trim_end().strip_suffix(')').unwrap_or(arguments));
    let first = text.next()?;
    // Most calls begin with the descriptor of the file that they change. `open` and similar calls begin with a name,
    // and calls that end in `at` with the descriptor of a folder. Sockets have descriptors, too, but no path below
    // `data`.
    let writes = !matches!(name, "open" | "openat" | "creat") && first.path.is_some() && !name.ends_with("at");
    let of_interest = |path: &Path| path.starts_with(data) && !is_volatile(path);
    if writes && (first.is_deleted || !first.path.as_deref().is_some_and(of_interest)) {
        return Ok(None);
    }
    let mut rest = Vec::new();
    while !text.0.is_empty() {
        rest.push(text.next()?);
    }
    let number = |place: usize| -> Result<u64> { Ok(rest.get(place).context("an argument")?.bare.parse()?) };
    let mut names = std::iter::once(&first).chain(&rest).filter_map(|argument| argument.data.as_ref());
    let mut name_of =
        || -> Result<PathBuf> { Ok(PathBuf::from(String::from_utf8(names.next().context("a name")?.clone())?)) };
    let path = || first.path.clone().context("a path");
    let written = || -> Result<Vec<u8>> {
        let mut data = rest.first().and_then(|argument| argument.data.clone()).context("data")?;
        // The kernel may have written less than was asked for.
        if let Ok(count) = result.split(' ').next().unwrap_or_default().parse() {
            data.truncate(count);
        }
        Ok(data)
    };
    let effect = match name {
        "openat" => {
            let flags = rest.get(1).context("flags")?.bare;
            let descriptor = result.split('<').next().unwrap_or_default().trim().parse().unwrap_or(-1);
            let (creates, truncates) = (flags.contains("O_CREAT"), flags.contains("O_TRUNC"));
            Effect::Open { path: name_of()?, descriptor, creates, truncates }
        }
        "write" => Effect::Append { path: path()?, descriptor: first.bare.parse()?, data: written()? },
        "pwrite64" => Effect::Write { path: path()?, offset: number(2)?, data: written()? },
        "ftruncate" => Effect::Truncate { path: path()?, length: number(0)? },
        "fsync" | "fdatasync" => Effect::Sync { path: path()? },
        "mkdir" | "mkdirat" => Effect::Folder { path: name_of()? },
        "unlink" | "unlinkat" => Effect::Unlink { path: name_of()? },
        "rename" | "renameat" | "renameat2" => Effect::Rename { from: name_of()?, to: name_of()? },
        "link" | "linkat" => Effect::Link { from: name_of()?, to: name_of()? },
        _ => bail!("a call whose effect on the disk is not known"),
    };
    let named = match &effect {
        Effect::Open { path, .. } | Effect::Folder { path } | Effect::Unlink { path } => path,
        Effect::Rename { to, .. } | Effect::Link { to, .. } => to,
        _ => return Ok(Some(Call { start, end, run, effect })),
    };
    Ok(of_interest(named).then_some(Call { start, end, run, effect }))
}

fn nanoseconds(seconds: &str) -> Result<u64> {
    let (whole, fraction) = seconds.split_once('.').context("no fraction")?;
    ensure!(fraction.len() == 9, "a time of another precision");
    Ok(whole.parse::<u64>()? * 1_000_000_000 + fraction.parse::<u64>()?)
}

/// The arguments of a call that are not parsed yet, as text.
struct Arguments<'a>(&'a str);

#[derive(Debug, Default)]
struct Argument<'a> {
    /// The argument outside of quotes: a number, flags or a descriptor.
    bare: &'a str,
    /// The path of the file, if the argument is a descriptor.
    path: Option<PathBuf>,
    /// True if the file of the descriptor has no name any more.
    is_deleted: bool,
    /// The bytes of the argument, if it is quoted.
    data: Option<Vec<u8>>,
}

impl<'a> Arguments<'a> {
    /// Takes the next argument off the text.
    fn next(&mut self) -> Result<Argument<'a>> {
        let mut argument = Argument::default();
        if let Some(quoted) = self.0.strip_prefix('"') {
            let (data, rest) = unescape(quoted)?;
            ensure!(!rest.starts_with("..."), "data that was cut off");
            argument.data = Some(data);
            self.0 = rest;
        } else {
            let end = self.0.find([',', '<']).unwrap_or(self.0.len());
            (argument.bare, self.0) = self.0.split_at(end);
            if let Some(rest) = self.0.strip_prefix('<') {
                let (path, rest) = rest.split_once('>').context("an open <")?;
                argument.path = Some(PathBuf::from(path));
                self.0 = rest;
                if let Some(rest) = self.0.strip_prefix("(deleted)") {
                    (argument.is_deleted, self.0) = (true, rest);
                }
            }
        }
        argument.bare = argument.bare.trim();
        self.0 = self.0.strip_prefix(", ").unwrap_or(self.0);
        Ok(argument)
    }
}

/// Decodes a string in C's notation. Returns its bytes, and the text after its closing quote.
fn unescape(text: &str) -> Result<(Vec<u8>, &str)> {
    let mut out = Vec::with_capacity(text.len() / 3);
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((position, byte)) = bytes.next() {
        match byte {
            b'"' => return Ok((out, text.get(position + 1..).unwrap_or_default())),
            b'\\' => {
                let (_, escaped) = bytes.next().context("an open escape")?;
                out.push(match escaped {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'v' => 11,
                    b'f' => 12,
                    b'0'..=b'7' => {
                        let mut value = u32::from(escaped - b'0');
                        let mut digits = 1;
                        while let Some((_, digit)) =
                            bytes.next_if(|(_, next)| digits < 3 && (b'0'..=b'7').contains(next))
                        {
                            value = value * 8 + u32::from(digit - b'0');
                            digits += 1;
                        }
                        u8::try_from(value).context("an escape beyond a byte")?
                    }
                    other => other,
                });
            }
            other => out.push(other),
        }
    }
    bail!("an open quote")
}
