//! The power fails: from a trace of what a process told the kernel, its folder as a disk would have it afterwards.
//!
//! Certain is only what an fsync confirmed: of a file its content, of a folder the names in it. Of later writes each 4 KiB
//! may be there or not; of later changes of names the first few are.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;

use super::trace::{self, Call, Effect, is_volatile};

/// What a disk writes as one.
const PAGE: u64 = 4096;

/// A trace of the processes that wrote to a folder, one after the other.
pub(super) struct Trace {
    folder: PathBuf,
    data: PathBuf,
    before: Disk<'static>,
    runs: u32,
}

impl Trace {
    /// Begins one. What is in the data folder now counts as certain; nobody may be writing to it.
    pub(super) fn begin(folder: PathBuf, data: PathBuf) -> Result<Self> {
        fs::create_dir(&folder)?;
        let mut before = Disk::default();
        before.load(&data)?;
        Ok(Self { folder, data, before, runs: 0 })
    }

    /// The program's arguments to strace, for a process that writes to the folder from now on.
    pub(super) fn arguments(&mut self, program: &Path) -> Vec<String> {
        self.runs += 1;
        let file = self.folder.join(self.runs.to_string());
        trace::arguments(&file, program)
    }

    /// Reads it, once the last process has ended, and removes it.
    pub(super) fn end(self) -> Result<PowerCut> {
        let calls = trace::read(&self.folder, &self.data)?;
        fs::remove_dir_all(&self.folder)?;
        Ok(PowerCut { data: self.data, before: self.before, calls })
    }
}

/// Power cuts during what was traced.
pub(super) struct PowerCut {
    data: PathBuf,
    before: Disk<'static>,
    calls: Vec<Call>,
}

impl PowerCut {
    /// When the first and the last call began, in nanoseconds since 1970.
    pub(super) fn span(&self) -> Result<(u64, u64)> {
        let starts = || self.calls.iter().map(|call| call.start);
        Ok((starts().min().context("an empty trace")?, starts().max().unwrap_or_default()))
    }

    /// Makes a folder as the disk has it when the power fails at a moment.
    pub(super) fn at(&self, moment: u64, rng: &mut StdRng, into: &Path) -> Result<()> {
        let mut disk = self.before.clone();
        for call in self.calls.iter().filter(|call| call.start <= moment) {
            disk.apply(call, call.end <= moment)?;
        }
        disk.write(&self.data, into, rng)
    }
}

#[derive(Clone, Default)]
struct Disk<'a> {
    nodes: Vec<Node<'a>>,
    /// As programs see them.
    names: BTreeMap<PathBuf, usize>,
    certain: BTreeMap<PathBuf, usize>,
    /// Names that came and went since their folder was synced, and when that was done.
    pending: Vec<(u64, Vec<Name>)>,
    /// Where the next plain write goes, by process and descriptor.
    positions: BTreeMap<(u32, i64), u64>,
}

type Name = (PathBuf, Option<usize>);

/// A file or a folder.
#[derive(Clone, Default)]
struct Node<'a> {
    is_folder: bool,
    certain: Vec<u8>,
    pending: Vec<(u64, Change<'a>)>,
}

#[derive(Clone, Copy)]
enum Change<'a> {
    Write(u64, &'a [u8]),
    Truncate(u64),
}

impl<'a> Disk<'a> {
    fn load(&mut self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                self.add(path.clone(), Node { is_folder: true, ..Node::default() });
                self.load(&path)?;
            } else if !is_volatile(&path) {
                let certain = fs::read(&path)?;
                self.add(path, Node { certain, ..Node::default() });
            }
        }
        Ok(())
    }

    fn add(&mut self, path: PathBuf, node: Node<'a>) {
        self.names.insert(path.clone(), self.nodes.len());
        self.certain.insert(path, self.nodes.len());
        self.nodes.push(node);
    }

    /// A call that has not returned may have had its effect, but promises nothing.
    fn apply(&mut self, call: &'a Call, returned: bool) -> Result<()> {
        match &call.effect {
            Effect::Open { path, descriptor, creates, truncates } => {
                self.positions.insert((call.run, *descriptor), 0);
                if *creates && !self.names.contains_key(path) {
                    self.create(call, path, false);
                }
                if *truncates {
                    self.change(call, path, Change::Truncate(0))?;
                }
            }
            Effect::Folder { path } => self.create(call, path, true),
            Effect::Append { path, descriptor, data } => {
                let position = self.positions.entry((call.run, *descriptor)).or_default();
                let offset = *position;
                *position += data.len() as u64;
                self.change(call, path, Change::Write(offset, data))?;
            }
            Effect::Write { path, offset, data } => self.change(call, path, Change::Write(*offset, data))?,
            Effect::Truncate { path, length } => self.change(call, path, Change::Truncate(*length))?,
            Effect::Link { from, to } => {
                let node = self.node(from)?;
                self.rename(call, vec![(to.clone(), Some(node))]);
            }
            Effect::Rename { from, to } => {
                let node = self.node(from)?;
                self.rename(call, vec![(to.clone(), Some(node)), (from.clone(), None)]);
            }
            Effect::Unlink { path } => self.rename(call, vec![(path.clone(), None)]),
            Effect::Sync { path } if returned => self.sync(path, call.start)?,
            Effect::Sync { .. } => {}
        }
        Ok(())
    }

    fn node(&self, path: &Path) -> Result<usize> {
        self.names
            .get(path)
            .copied()
            .with_context(|| format!("the trace does not tell where {} is from", path.display()))
    }

    fn create(&mut self, call: &Call, path: &Path, is_folder: bool) {
        self.nodes.push(Node { is_folder, ..Node::default() });
        self.rename(call, vec![(path.to_path_buf(), Some(self.nodes.len() - 1))]);
    }

    fn rename(&mut self, call: &Call, names: Vec<Name>) {
        set(&mut self.names, &names);
        self.pending.push((call.end, names));
    }

    fn change(&mut self, call: &Call, path: &Path, change: Change<'a>) -> Result<()> {
        let node = self.node(path)?;
        self.nodes.get_mut(node).context("a node")?.pending.push((call.end, change));
        Ok(())
    }

    /// What was done before a sync began is certain when it has returned.
    fn sync(&mut self, path: &Path, began: u64) -> Result<()> {
        let in_folder = |names: &[Name]| names.iter().any(|(name, _)| name.parent() == Some(path));
        for (_, names) in self.pending.extract_if(.., |(done, names)| *done <= began && in_folder(names)) {
            set(&mut self.certain, &names);
        }
        // The data folder itself has no name in it.
        if let Some(&node) = self.names.get(path) {
            let node = self.nodes.get_mut(node).context("a node")?;
            for (_, change) in node.pending.extract_if(.., |(done, _)| *done <= began) {
                change.apply(&mut node.certain);
            }
        }
        Ok(())
    }

    /// Writes down what is certain, and of the rest what chance wants: nothing, all, or anything between.
    fn write(mut self, data: &Path, into: &Path, rng: &mut StdRng) -> Result<()> {
        let share = [0.0, 0.5, 0.9, 1.0][rng.random_range(0..4)];
        // A disk keeps the order of names, but not how far it got.
        let kept = self.pending.iter().take_while(|_| rng.random_bool(share)).count();
        for (_, names) in self.pending.drain(..kept) {
            set(&mut self.certain, &names);
        }
        fs::create_dir_all(into)?;
        for (path, node) in &self.certain {
            let node = self.nodes.get(*node).context("a node")?;
            let target = into.join(path.strip_prefix(data)?);
            if !target.parent().is_some_and(Path::is_dir) {
                // The name of its folder did not last.
                continue;
            }
            if node.is_folder {
                fs::create_dir(&target)?;
                continue;
            }
            let mut content = node.certain.clone();
            for (_, change) in &node.pending {
                change.tear(&mut content, share, rng);
            }
            fs::write(&target, content)?;
            fs::set_permissions(&target, Permissions::from_mode(0o600))?;
        }
        Ok(())
    }
}

fn set(all: &mut BTreeMap<PathBuf, usize>, names: &[Name]) {
    for (path, node) in names {
        match node {
            Some(node) => all.insert(path.clone(), *node),
            None => all.remove(path),
        };
    }
}

impl Change<'_> {
    fn apply(self, content: &mut Vec<u8>) {
        match self {
            Self::Truncate(length) => content.resize(index(length), 0),
            Self::Write(offset, data) => {
                let start = index(offset);
                let end = start + data.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                if let Some(place) = content.get_mut(start..end) {
                    place.copy_from_slice(data);
                }
            }
        }
    }

    /// Page by page, where chance wants it.
    fn tear(self, content: &mut Vec<u8>, share: f64, rng: &mut StdRng) {
        let Self::Write(mut offset, mut data) = self else {
            if rng.random_bool(share) {
                self.apply(content);
            }
            return;
        };
        while !data.is_empty() {
            let (now, later) = data.split_at(data.len().min(index(PAGE - offset % PAGE)));
            if rng.random_bool(share) {
                Change::Write(offset, now).apply(content);
            }
            offset += now.len() as u64;
            data = later;
        }
    }
}

/// A position in a file that is held in memory.
fn index(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
