//! What processes use, from `/proc`.

use std::collections::HashSet;
use std::fs;

/// The processor time of all processes in these sessions so far, in seconds; each part of a stack has a session.
pub(crate) fn seconds(sessions: &[i32]) -> f64 {
    let sessions: HashSet<i32> = sessions.iter().copied().collect();
    processes().filter(|stat| sessions.contains(&stat.session)).map(|stat| stat.ticks as f64 / ticks_per_second()).sum()
}

/// The memory that is these processes' own share (PSS), in bytes, of all in the session.
pub(crate) fn memory(session: i32) -> u64 {
    processes().filter(|stat| stat.session == session).map(|stat| pss(stat.pid)).sum()
}

fn pss(pid: i32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(0) * 1024
}

struct Stat {
    pid: i32,
    session: i32,
    ticks: u64,
}

fn processes() -> impl Iterator<Item = Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| read(entry.file_name().to_str()?.parse().ok()?))
}

/// The fields after the name, which may hold anything: state, parent, group, session, …, and from the 14th of the line on
/// the ticks as user and as kernel, and those of children that were waited for.
fn read(pid: i32) -> Option<Stat> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let session = fields.get(3)?.parse().ok()?;
    Some(Stat { pid, session, ticks: number(11)? + number(12)? + number(13)? + number(14)? })
}

fn ticks_per_second() -> f64 {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK);
    ticks.ok().flatten().map_or(100.0, |ticks| ticks as f64)
}
