//! The processor time and the memory that processes use, as `/proc` reports them.

use std::collections::HashMap;
use std::fs;

/// Returns the processor time in seconds that these processes and all their descendants have used so far.
pub(crate) fn seconds(roots: &[i32]) -> f64 {
    family(roots).map(|stat| stat.ticks as f64 / ticks_per_second()).sum()
}

/// Returns the memory (PSS) of these processes and of all their descendants, in bytes.
pub(crate) fn memory(roots: &[i32]) -> u64 {
    family(roots).map(|stat| pss(stat.pid)).sum()
}

/// Returns the PSS of a process in bytes: its own pages, and its share of pages that others use, too.
fn pss(pid: i32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The part of a process's status that is needed here.
struct Stat {
    pid: i32,
    parent: i32,
    /// The processor time, in ticks of the kernel.
    ticks: u64,
}

/// Returns these processes and all their descendants. Postgres and nginx do their work in child processes.
fn family(roots: &[i32]) -> impl Iterator<Item = Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all: Vec<Stat> = entries.filter_map(|entry| read(entry.file_name().to_str()?.parse().ok()?)).collect();
    let parents: HashMap<i32, i32> = all.iter().map(|stat| (stat.pid, stat.parent)).collect();
    let roots = roots.to_vec();
    all.into_iter().filter(move |stat| {
        let mut ancestors = std::iter::successors(Some(stat.pid), |pid| parents.get(pid).copied());
        ancestors.any(|pid| roots.contains(&pid))
    })
}

/// Reads `/proc/PID/stat`; None if there is no such process any more. The ticks are the time in user mode and in kernel
/// mode, both of the process itself and of its children that have ended and that it has waited for.
fn read(pid: i32) -> Option<Stat> {
    // The name in parentheses may contain anything, so the fields are counted from its end: state, parent, and so on.
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let parent = fields.get(1)?.parse().ok()?;
    Some(Stat { pid, parent, ticks: number(11)? + number(12)? + number(13)? + number(14)? })
}

/// Returns the number of the kernel's ticks in a second, which is 100 on nearly every machine.
fn ticks_per_second() -> f64 {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK);
    ticks.ok().flatten().map_or(100.0, |ticks| ticks as f64)
}
