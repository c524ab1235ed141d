//! What was asked, and what was answered: one line for each operation, on the disk before the next one starts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the client knows of an operation's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It was acknowledged: the effect is there, for good.
    Ok,
    /// It was refused: there is no effect.
    Refused,
    /// No answer, or one that does not say: the effect may be there, and may still come.
    Unknown,
}

/// An operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The fault during which it ran; empty between faults.
    pub(super) fault: String,
    /// What it is about, such as `post/c2-17`. Only one client writes to it, one operation at a time.
    pub(super) object: String,
    /// What the object is afterwards; null is "not there". For a counter, what is added.
    pub(super) value: Value,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// The id that a post or comment was acknowledged with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<i64>,
    /// When it was sent first, in nanoseconds since 1970.
    pub(super) sent: u64,
    /// When the last answer came.
    pub(super) answered: u64,
}

/// The time, in nanoseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// What an object may be, by what was answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    /// The last acknowledged value and those of later operations with an unknown outcome.
    pub(super) allowed: Vec<Value>,
    /// Whether any operation was acknowledged.
    pub(super) acknowledged: bool,
    /// Acknowledged and unknown hits of a counter.
    pub(super) hits: (u64, u64),
    /// The fault of the last acknowledged operation.
    pub(super) fault: String,
}

/// The file.
pub(super) struct Ledger {
    file: Mutex<File>,
}

impl Ledger {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Writes an entry down; it is on the disk when this returns.
    pub(super) fn write(&self, entry: &Entry) -> Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)?;
        file.sync_data().context("the ledger cannot be written")
    }
}

/// Reads a ledger.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>> {
    let text = std::fs::read_to_string(path)?;
    text.lines().map(|line| serde_json::from_str(line).context("not an entry")).collect()
}

/// What was acknowledged in one of these spans of time is not certain any more: the owner was restored as it had been
/// before.
pub(super) fn make_uncertain(entries: &mut [Entry], spans: &[(u64, u64)], is_concerned: impl Fn(&str) -> bool) {
    for entry in entries.iter_mut().filter(|entry| entry.outcome == Outcome::Ok && is_concerned(&entry.object)) {
        if spans.iter().any(|(from, to)| entry.answered >= *from && entry.sent < *to) {
            entry.outcome = Outcome::Unknown;
        }
    }
}

/// What every object may be.
pub(super) fn expectations(entries: &[Entry]) -> BTreeMap<String, Expected> {
    let mut objects: BTreeMap<String, Expected> = BTreeMap::new();
    for entry in entries {
        let expected = objects
            .entry(entry.object.clone())
            .or_insert_with(|| Expected { allowed: vec![Value::Null], ..Expected::default() });
        match entry.outcome {
            Outcome::Ok => {
                expected.allowed = vec![entry.value.clone()];
                expected.acknowledged = true;
                expected.hits.0 += 1;
                expected.fault.clone_from(&entry.fault);
            }
            Outcome::Unknown => {
                expected.allowed.push(entry.value.clone());
                expected.hits.1 += 1;
            }
            Outcome::Refused => {}
        }
    }
    objects
}
