//! Simulated power failures: from a trace of the system calls of a process, this file builds the folder of the process
//! as a disk would have it if the power had failed at some moment.
//!
//! Only what an fsync has confirmed is certain: the content of a file by an fsync of the file, its name by an fsync of
//! the folder. Of later writes each 4 KiB may be there or not, as the seed decides. Later changes of names happen in
//! their order, up to some point. `docs/reliability.md` (E3) says what this assumes of a disk.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;

use super::trace::{self, Call, Effect, is_volatile};

/// The unit that a disk writes as a whole or not at all, in bytes.
const PAGE: u64 = 4096;

/// A trace under way. It records the system calls of the processes that write to a data folder, one process after the
/// other.
pub(super) struct Trace {
    folder: PathBuf,
    data: PathBuf,
    before: Disk<'static>,
    runs: u32,
}

impl Trace {
    /// Begins a trace in a new folder. The present content of the data folder counts as certain; nothing may be writing
    /// to it.
    pub(super) fn begin(folder: PathBuf, data: PathBuf) -> Result<Self> {
        fs::create_dir(&folder)?;
        let mut before = Disk::default();
        before.load(&data)?;
        Ok(Self { folder, data, before, runs: 0 })
    }

    /// Returns the arguments with which strace runs the next process.
    pub(super) fn arguments(&mut self, program: &Path) -> Vec<String> {
        self.runs += 1;
        let file = self.folder.join(self.runs.to_string());
        trace::arguments(&file, program)
    }

    /// Reads the trace and removes its files. The last process must have ended.
    pub(super) fn end(self) -> Result<PowerCut> {
        let calls = trace::read(&self.folder, &self.data)?;
        fs::remove_dir_all(&self.folder)?;
        Ok(PowerCut { data: self.data, before: self.before, calls })
    }
}

/// A complete trace, from which the disk of any moment can be built.
pub(super) struct PowerCut {
    data: PathBuf,
    before: Disk<'static>,
    calls: Vec<Call>,
}

impl PowerCut {
    /// Returns the times at which the first and the last call began, in nanoseconds since 1970.
    pub(super) fn span(&self) -> Result<(u64, u64)> {
        let starts = || self.calls.iter().map(|call| call.start);
        Ok((starts().min().context("an empty trace")?, starts().max().unwrap_or_default()))
    }

    /// Writes the folder `into` as a disk would have it if the power failed at this moment, in nanoseconds since 1970.
    pub(super) fn write_disk_at(&self, moment: u64, rng: &mut StdRng, into: &Path) -> Result<()> {
        let mut disk = self.before.clone();
        // Calls come in the order in which they returned. A call that began after the moment cannot have had its effect
        // before it.
        for call in self.calls.iter().filter(|call| call.start <= moment) {
            disk.apply(call, call.end <= moment)?;
        }
        disk.write(&self.data, into, rng)
    }
}

/// A model of a disk: for names and for contents, what is certain and what is pending.
#[derive(Clone, Default)]
struct Disk<'a> {
    /// All files and folders that ever existed. Names refer to them by index.
    nodes: Vec<Node<'a>>,
    /// The names as programs see them, since the kernel answers from its memory.
    names: BTreeMap<PathBuf, usize>,
    /// The names that are certain to be on the disk.
    certain: BTreeMap<PathBuf, usize>,
    /// Changes of names since their folder was synced, each with the time at which its call returned.
    pending: Vec<(u64, Vec<Name>)>,
    /// The positions of plain writes, by process and descriptor.
    positions: BTreeMap<(u32, i64), u64>,
}

/// A name that now stands for a node, or for none.
type Name = (PathBuf, Option<usize>);

/// A file or a folder.
#[derive(Clone, Default)]
struct Node<'a> {
    is_folder: bool,
    /// The content that is certain to be on the disk.
    certain: Vec<u8>,
    /// Changes since the last sync, each with the time at which its call returned.
    pending: Vec<(u64, Change<'a>)>,
}

/// A change of a file's content: bytes at an offset, or a new length.
#[derive(Clone, Copy)]
enum Change<'a> {
    Write(u64, &'a [u8]),
    Truncate(u64),
}

impl<'a> Disk<'a> {
    /// Adds everything in a folder to the disk, as certain.
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

    /// Applies a call. A call that has not returned may have had its effect, so its change is pending; but a sync that
    /// has not returned confirms nothing.
    fn apply(&mut self, call: &'a Call, returned: bool) -> Result<()> {
        match &call.effect {
            Effect::Open { path, descriptor, creates, truncates } => {
                // A descriptor's number is used again after a close, so each open begins anew.
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
                self.change_names(call, vec![(to.clone(), Some(node))]);
            }
            Effect::Rename { from, to } => {
                let node = self.node(from)?;
                // One change of two names, since a rename is atomic on the disk.
                self.change_names(call, vec![(to.clone(), Some(node)), (from.clone(), None)]);
            }
            Effect::Unlink { path } => self.change_names(call, vec![(path.clone(), None)]),
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
        self.change_names(call, vec![(path.to_path_buf(), Some(self.nodes.len() - 1))]);
    }

    fn change_names(&mut self, call: &Call, names: Vec<Name>) {
        set_names(&mut self.names, &names);
        self.pending.push((call.end, names));
    }

    fn change(&mut self, call: &Call, path: &Path, change: Change<'a>) -> Result<()> {
        let node = self.node(path)?;
        self.nodes.get_mut(node).context("a node")?.pending.push((call.end, change));
        Ok(())
    }

    /// Makes all changes certain that were done before the sync of this file or folder began. Changes that ran beside
    /// the sync may have missed it.
    fn sync(&mut self, path: &Path, began: u64) -> Result<()> {
        let in_folder = |names: &[Name]| names.iter().any(|(name, _)| name.parent() == Some(path));
        for (_, names) in self.pending.extract_if(.., |(done, names)| *done <= began && in_folder(names)) {
            set_names(&mut self.certain, &names);
        }
        // The data folder itself has no name in the model, and no content.
        if let Some(&node) = self.names.get(path) {
            let node = self.nodes.get_mut(node).context("a node")?;
            for (_, change) in node.pending.extract_if(.., |(done, _)| *done <= began) {
                change.apply(&mut node.certain);
            }
        }
        Ok(())
    }

    /// Writes the disk into a folder: all that is certain, and of the pending changes none, half, nearly all or all of
    /// them, as chance decides.
    fn write(mut self, data: &Path, into: &Path, rng: &mut StdRng) -> Result<()> {
        let share = [0.0, 0.5, 0.9, 1.0][rng.random_range(0..4)];
        // A disk keeps the order in which names were changed, but it may have done only the first of these changes.
        let kept = self.pending.iter().take_while(|_| rng.random_bool(share)).count();
        for (_, names) in self.pending.drain(..kept) {
            set_names(&mut self.certain, &names);
        }
        fs::create_dir_all(into)?;
        for (path, node) in &self.certain {
            let node = self.nodes.get(*node).context("a node")?;
            let target = into.join(path.strip_prefix(data)?);
            if !target.parent().is_some_and(Path::is_dir) {
                // The name of its folder was lost, and everything in the folder with it.
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
            // Auth's signing key is among the files, and auth warns about a key that others can read.
            fs::set_permissions(&target, Permissions::from_mode(0o600))?;
        }
        Ok(())
    }
}

fn set_names(all: &mut BTreeMap<PathBuf, usize>, names: &[Name]) {
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
            Self::Truncate(length) => content.resize(to_index(length), 0),
            Self::Write(offset, data) => {
                let start = to_index(offset);
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

    /// Applies a part of the change: each page of a write, or a new length as a whole, with the probability `share`.
    fn tear(self, content: &mut Vec<u8>, share: f64, rng: &mut StdRng) {
        // A new length is written with the file's metadata, so it is there as a whole or not at all.
        let Self::Write(mut offset, mut data) = self else {
            if rng.random_bool(share) {
                self.apply(content);
            }
            return;
        };
        while !data.is_empty() {
            let (now, later) = data.split_at(data.len().min(to_index(PAGE - offset % PAGE)));
            if rng.random_bool(share) {
                Change::Write(offset, now).apply(content);
            }
            offset += now.len() as u64;
            data = later;
        }
    }
}

/// Converts a position in a file into an index of its content in memory.
fn to_index(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
