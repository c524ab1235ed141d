//! The ledger: a file with one line for each operation and its outcome, which is on the disk before the client begins
//! the next operation.
//!
//! The comparison at the end of a run relies on the ledger alone. If the run fails, the ledger is kept as evidence.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The client's knowledge of an operation's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The operation was acknowledged: its effect is there, for good.
    Ok,
    /// The operation was refused: it certainly has no effect.
    Refused,
    /// There was no answer, or one that does not tell (502, 504): the effect may be there, and may still come.
    Unknown,
}

/// The record of one operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The fault during which the operation ran; empty between faults.
    pub(super) fault: String,
    /// The object that the operation changes, such as `post/p-2-17`. Only one client writes to an object, one operation
    /// at a time; so the order of an object's entries is the order of its changes. Counters are the exception: all
    /// clients add.
    pub(super) object: String,
    /// The object's value if the operation has its effect; null means "not there". For a counter, the addend.
    pub(super) value: Value,
    /// The client's knowledge of the effect.
    pub(super) outcome: Outcome,
    /// The id with which a post or comment was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<i64>,
    /// The time just before the request was first sent, in nanoseconds since 1970.
    pub(super) sent: u64,
    /// The time just after the last try was answered or given up, in nanoseconds since 1970.
    pub(super) answered: u64,
}

/// Returns the time in nanoseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The values that an object may have, as far as the answers tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    /// The last acknowledged value and those of later operations with an unknown outcome.
    pub(super) allowed: Vec<Value>,
    /// True if any operation was acknowledged, which decides between "lost" and "unexpected".
    pub(super) acknowledged: bool,
    /// The numbers of acknowledged and of unknown operations. For a counter, to which each operation adds one, they
    /// give the range of its value.
    pub(super) hits: (u64, u64),
    /// The fault during which the last acknowledged operation ran.
    pub(super) fault: String,
}

/// The writing end of a ledger, which all clients share.
pub(super) struct Ledger {
    file: Mutex<File>,
}

impl Ledger {
    pub(super) fn create(path: &Path) -> Result<Self> {
        // An existing file is overwritten, because a ledger of an earlier run would be compared with the wrong data.
        let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Appends an entry. It is on the disk when this returns, so that not even the death of this process loses it.
    pub(super) fn write(&self, entry: &Entry) -> Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        // One write for a whole line, under the lock: lines of two clients must not mix.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)?;
        file.sync_data().context("the ledger cannot be written")
    }
}

/// Reads all entries of a ledger, in the order in which they were written.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>> {
    let text = std::fs::read_to_string(path)?;
    text.lines().map(|line| serde_json::from_str(line).context("not an entry")).collect()
}

/// Turns acknowledged operations into unknown ones if they overlap one of these spans of time, in nanoseconds since
/// 1970. An owner that was restored from a dump has lost the writes of such a span. `is_concerned` tells by the
/// object's name which entries belong to that owner.
pub(super) fn make_uncertain(entries: &mut [Entry], spans: &[(u64, u64)], is_concerned: impl Fn(&str) -> bool) {
    for entry in entries.iter_mut().filter(|entry| entry.outcome == Outcome::Ok && is_concerned(&entry.object)) {
        if spans.iter().any(|(from, to)| entry.answered >= *from && entry.sent < *to) {
            entry.outcome = Outcome::Unknown;
        }
    }
}

/// Returns the values that every object of the ledger may have.
pub(super) fn expectations(entries: &[Entry]) -> BTreeMap<String, Expected> {
    let mut objects: BTreeMap<String, Expected> = BTreeMap::new();
    for entry in entries {
        let expected = objects
            .entry(entry.object.clone())
            .or_insert_with(|| Expected { allowed: vec![Value::Null], ..Expected::default() });
        match entry.outcome {
            Outcome::Ok => {
                // An acknowledged value replaces all that was possible before. A client retries an unknown operation on
                // the same object until it is decided, or leaves the object alone for good.
                expected.allowed = vec![entry.value.clone()];
                expected.acknowledged = true;
                expected.hits.0 += 1;
                expected.fault.clone_from(&entry.fault);
            }
            // The old value stays allowed, too: the effect may never come.
            Outcome::Unknown => {
                expected.allowed.push(entry.value.clone());
                expected.hits.1 += 1;
            }
            Outcome::Refused => {}
        }
    }
    objects
}
