//! The report of a run, which `make chaos` prints: a table with a row for each fault, then the complaints, then one
//! line of totals.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::check;
use super::faults::{EMBEDDED_FAULTS, FAULTS, Fault};

/// The number of complaints that are printed. A broken build may have thousands.
const SHOWN: usize = 30;

/// The results of one fault.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// The number of injections.
    pub(super) times: u32,
    /// The number of the workload's operations during the fault and its recovery.
    pub(super) operations: u64,
    pub(super) lost: u32,
    pub(super) unexpected: u32,
    pub(super) duplicated: u32,
    /// The longest time from the end of the fault until all services were ready; None if they never were, or if the
    /// fault was not injected.
    pub(super) recovery: Option<Duration>,
}

/// The results of a run. Its `Display` is the printed report.
#[derive(Debug)]
pub struct Report {
    pub(super) seed: u64,
    /// The faults that were asked for.
    pub(super) faults: Vec<Fault>,
    /// The faults among them that this machine does not allow, each with the reason.
    pub(super) impossible: Vec<(&'static str, String)>,
    /// The results by the fault's name; under an empty name, the time between faults.
    pub(super) rows: BTreeMap<String, Row>,
    /// The number of operations whose outcome is unknown.
    pub(super) unknown: usize,
    /// Everything that must not happen. Anomalies are among them.
    pub(super) complaints: Vec<String>,
}

impl Report {
    /// Returns whether the run had no complaint. The program's exit status depends on it.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.complaints.is_empty()
    }

    /// Returns the names of the faults that this machine allows and for which the run was too short.
    fn without_time(&self) -> Vec<&'static str> {
        let names = self.faults.iter().map(|fault| fault.name);
        names.filter(|name| self.was_not_made(name) && !self.is_impossible(name)).collect()
    }

    fn was_not_made(&self, name: &str) -> bool {
        self.rows.get(name).is_none_or(|row| row.times == 0)
    }

    fn is_impossible(&self, name: &str) -> bool {
        self.impossible.iter().any(|(fault, _)| *fault == name)
    }

    fn write_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The column is as wide as the longest title of all faults, so that tables of different runs have the same
        // columns.
        let all = || FAULTS.iter().chain(&EMBEDDED_FAULTS);
        let width = all().map(|fault| fault.title.len()).max().unwrap_or_default();
        writeln!(
            f,
            "{:<5} {:<width$} {:>5} {:>10} {:>5} {:>10} {:>10} {:>12}",
            "fault", "", "times", "operations", "lost", "unexpected", "duplicated", "s to green"
        )?;
        let others = [("", "none"), (check::COPY_ROW, "rows that differ from the owner's")];
        let titles = others.into_iter().chain(all().map(|fault| (fault.name, fault.title)));
        for (name, title) in titles {
            // A fault that was chosen and not made has a row, too: its absence must not look like success.
            let asked_for = self.faults.iter().any(|fault| fault.name == name);
            let unmade = Row::default();
            let Some(row) = self.rows.get(name).or(asked_for.then_some(&unmade)) else { continue };
            let Row { times, operations, lost, unexpected, duplicated, recovery } = row;
            let recovery = match recovery {
                Some(recovery) => format!("{:.1}", recovery.as_secs_f64()),
                None if asked_for && *times == 0 => "not made".to_owned(),
                None if asked_for => "never".to_owned(),
                None => String::new(),
            };
            writeln!(
                f,
                "{name:<5} {title:<width$} {times:>5} {operations:>10} {lost:>5} {unexpected:>10} {duplicated:>10} {recovery:>12}",
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_table(f)?;
        for complaint in self.complaints.iter().take(SHOWN) {
            writeln!(f, "{complaint}")?;
        }
        if let Some(more) = self.complaints.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            writeln!(f, "and {more} more")?;
        }
        for (name, reason) in &self.impossible {
            writeln!(f, "not possible here: {name}: {reason}")?;
        }
        let without_time = self.without_time();
        if !without_time.is_empty() {
            writeln!(
                f,
                "no time for {} of {} faults: {}; DURATION=all gives each its turn",
                without_time.len(),
                self.faults.len(),
                without_time.join(", ")
            )?;
        }
        let sum = |part: fn(&Row) -> u64| self.rows.values().map(part).sum::<u64>();
        write!(
            f,
            "seed {}: {} operations, {} with an unknown outcome; lost = {}, unexpected = {}, duplicated = {}",
            self.seed,
            sum(|row| row.operations),
            self.unknown,
            sum(|row| row.lost.into()),
            sum(|row| row.unexpected.into()),
            sum(|row| row.duplicated.into())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::{Form, select};

    #[test]
    fn a_report_names_the_faults_that_had_no_time_and_those_that_are_impossible() {
        let names = ["F1", "F2", "F15"].map(str::to_owned);
        let report = Report {
            seed: 7,
            faults: select(Form::Distributed, &names, 1, false).unwrap(),
            impossible: vec![("F15", "nothing can be mounted".to_owned())],
            rows: BTreeMap::from([("F1".to_owned(), Row { times: 1, ..Row::default() })]),
            unknown: 0,
            complaints: Vec::new(),
        };
        let text = report.to_string();
        assert!(text.contains("no time for 1 of 3 faults: F2; DURATION=all"), "{text}");
        assert!(text.contains("not possible here: F15: nothing can be mounted"), "{text}");
        assert!(text.lines().any(|line| line.starts_with("F2 ") && line.ends_with("not made")), "{text}");
        assert!(text.lines().any(|line| line.starts_with("F1 ") && line.ends_with("never")), "{text}");
        assert!(!text.contains("F3 "), "{text}");
    }
}
