//! The results: a table in Markdown, the same as JSON, and a chart.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::rounds::{Compared, median};

/// The outcome of one goal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The goal's number, such as `P8a`.
    pub(crate) goal: String,
    /// The description of Chatty's side.
    pub(crate) chatty: String,
    /// The description of the anchor.
    pub(crate) anchor: String,
    /// The unit of both figures.
    pub(crate) unit: String,
    /// The anchor's median.
    pub(crate) anchor_figure: f64,
    /// Chatty's median.
    pub(crate) chatty_figure: f64,
    /// Chatty's figure divided by the anchor's, in each round.
    pub(crate) ratios: Vec<f64>,
    /// The median of the ratios.
    pub(crate) ratio: f64,
    /// The bound that the ratios have to hold.
    pub(crate) bound: Bound,
    /// True if the goal is held.
    pub(crate) pass: bool,
    /// Other observations, such as the number of errors.
    pub(crate) note: String,
}

/// A goal's bound for the ratio, and its moonshot: the best ratio that was thought to be possible.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    /// The ratio has to be at least the first figure. The second one is the moonshot.
    AtLeast(f64, f64),
    /// The ratio has to be at most the first figure. The second one is the moonshot.
    AtMost(f64, f64),
}

impl Bound {
    /// Returns whether the ratios hold the bound: the median holds it, and at most two ratios miss it by more than
    /// about 15 %. If there are only one or two ratios, none may.
    fn holds(self, ratios: &[f64]) -> bool {
        let (middle, near): (bool, Box<dyn Fn(f64) -> bool>) = match self {
            Self::AtLeast(bound, _) => (median(ratios) >= bound, Box::new(move |ratio| ratio >= 0.85 * bound)),
            Self::AtMost(bound, _) => (median(ratios) <= bound, Box::new(move |ratio| ratio <= bound / 0.85)),
        };
        middle && ratios.iter().filter(|ratio| !near(**ratio)).count() <= if ratios.len() > 2 { 2 } else { 0 }
    }

    /// Returns bound and moonshot as text.
    fn text(self) -> (String, String) {
        match self {
            Self::AtLeast(goal, moonshot) => {
                (format!("≥ {}", format_figure(goal)), format!("≥ {}", format_figure(moonshot)))
            }
            Self::AtMost(goal, moonshot) => {
                (format!("≤ {}", format_figure(goal)), format!("≤ {}", format_figure(moonshot)))
            }
        }
    }
}

impl Outcome {
    /// Creates the outcome of a goal from the figures of its rounds. `chatty` and `anchor` describe the two sides.
    /// `right` is false if something that has to be exact was not, such as a counter; then the goal is missed.
    pub(crate) fn new(
        goal: &str,
        (chatty, anchor): (&str, &str),
        unit: &str,
        compared: &Compared,
        bound: Bound,
        (right, note): (bool, String),
    ) -> Self {
        let ratios = compared.ratios();
        let pass = right && bound.holds(&ratios);
        Self {
            goal: goal.to_owned(),
            chatty: chatty.to_owned(),
            anchor: anchor.to_owned(),
            unit: unit.to_owned(),
            anchor_figure: median(&compared.anchor),
            chatty_figure: median(&compared.chatty),
            ratio: median(&ratios),
            ratios,
            bound,
            pass,
            note,
        }
    }

    /// Returns the goal's line of the table.
    pub(crate) fn row(&self) -> String {
        let (goal, moonshot) = self.bound.text();
        format!(
            "| {} | {} | {} | {} | {} {} | {} | {goal} | {moonshot} | {} | {} |",
            self.goal,
            self.chatty,
            self.anchor,
            format_figure(self.anchor_figure),
            format_figure(self.chatty_figure),
            self.unit,
            format_figure(self.ratio),
            if self.pass { "yes" } else { "**no**" },
            self.note
        )
    }
}

/// Formats a figure with about three digits, since measurements say no more.
fn format_figure(figure: f64) -> String {
    match figure.abs() {
        size if size >= 1_000.0 => format!("{:.1}k", figure / 1_000.0),
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 0.1 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

/// Returns the whole table in Markdown.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "| goal | Chatty | anchor | anchor's | Chatty's | ratio | goal | moonshot | held | seen |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for outcome in outcomes {
        text.push_str(&outcome.row());
        text.push('\n');
    }
    text
}

/// The outcomes in `results.json`, which may come from several runs.
#[derive(Debug, Default, Deserialize)]
struct Results {
    outcomes: Vec<Outcome>,
}

/// Writes `results.json`, `results.md` and `results.svg`. Goals that this run has not measured keep their last
/// outcomes.
pub(crate) fn write(folder: &Path, machine: &str, outcomes: &[Outcome]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = folder.join("results.json");
    let old: Results = fs::read(&file).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    let all = merge(old.outcomes, outcomes);
    let json = json!({ "machine": machine, "outcomes": all });
    fs::write(file, serde_json::to_string_pretty(&json)? + "\n")?;
    fs::write(folder.join("results.md"), format!("{machine}\n\n{}", table(&all)))?;
    fs::write(folder.join("results.svg"), chart(&all))?;
    Ok(())
}

/// Adds new outcomes to old ones, replaces those of the same goals, and sorts all by number.
fn merge(old: Vec<Outcome>, new: &[Outcome]) -> Vec<Outcome> {
    let is_new = |outcome: &Outcome| new.iter().any(|new| new.goal == outcome.goal);
    let mut all: Vec<Outcome> = old.into_iter().filter(|old| !is_new(old)).chain(new.iter().cloned()).collect();
    let number = |outcome: &Outcome| {
        let digits = outcome.goal.trim_start_matches('P').split(|end: char| !end.is_ascii_digit()).next();
        // Goals without a number come last.
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(u32::MAX)
    };
    // A stable sort keeps the rows of one number in their order.
    all.sort_by_key(number);
    all
}

/// Draws a chart with a bar for each goal: the ratio divided by its bound, on a logarithmic scale from 0.1 to 10. The
/// line in the middle is the goal, and bars to its right hold it.
fn chart(outcomes: &[Outcome]) -> String {
    const ROW: usize = 22;
    const LEFT: f64 = 330.0;
    const WIDTH: f64 = 400.0;
    let height = 40 + ROW * outcomes.len();
    // Ratios beyond a factor of ten are drawn at the edge.
    let place = |times: f64| LEFT + WIDTH * (times.clamp(0.1, 10.0).log10() + 1.0) / 2.0;
    let middle = place(1.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 820 {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"820\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (index, outcome) in outcomes.iter().enumerate() {
        // Both kinds of bounds are turned so that more is better.
        let times = match outcome.bound {
            Bound::AtLeast(bound, _) => outcome.ratio / bound,
            Bound::AtMost(bound, _) => bound / outcome.ratio,
        };
        let (y, end) = (30 + ROW * index, place(times));
        let (x, width) = if end < middle { (end, middle - end) } else { (middle, end - middle) };
        let colour = if outcome.pass { "#2a7" } else { "#c43" };
        let name = format!("{} {}", outcome.goal, outcome.chatty);
        // The place left of the bars is limited.
        let name: String = name.chars().take(52).collect();
        let text = y + 12;
        writeln!(
            svg,
            "<text x=\"4\" y=\"{text}\">{}</text><rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"16\" \
             fill=\"{colour}\"/><text x=\"745\" y=\"{text}\">{:.2}</text>",
            name.replace('&', "&amp;").replace('<', "&lt;"),
            outcome.ratio
        )
        .ok();
    }
    writeln!(
        svg,
        "<line x1=\"{middle}\" y1=\"20\" x2=\"{middle}\" y2=\"{height}\" stroke=\"black\"/>\
         <text x=\"{middle}\" y=\"14\" text-anchor=\"middle\">goal</text><text x=\"745\" y=\"14\">ratio</text>\n</svg>"
    )
    .ok();
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_this_time_stays() {
        let outcome = |goal: &str, figure: f64| {
            let compared = Compared { anchor: vec![1.0], chatty: vec![figure] };
            Outcome::new(goal, ("", ""), "", &compared, Bound::AtLeast(1.0, 2.0), (true, String::new()))
        };
        let old = vec![outcome("prototype", 1.0), outcome("P10", 2.0), outcome("P2 p99", 3.0)];
        let all = merge(old, &[outcome("P1", 4.0), outcome("P10", 5.0)]);
        let seen: Vec<(&str, f64)> = all.iter().map(|outcome| (outcome.goal.as_str(), outcome.ratio)).collect();
        assert_eq!(seen, [("P1", 4.0), ("P2 p99", 3.0), ("P10", 5.0), ("prototype", 1.0)]);
    }

    #[test]
    fn a_bound_holds_by_the_median_and_with_at_most_two_far_rounds() {
        let least = Bound::AtLeast(2.0, 3.0);
        assert!(least.holds(&[2.0, 2.1, 1.8, 1.0, 5.0]));
        assert!(!least.holds(&[2.0, 2.1, 1.0, 1.0, 5.0, 2.5, 1.5]), "three rounds are far below");
        assert!(!least.holds(&[1.9, 1.9, 1.9, 9.0, 9.0]), "the median is below");
        let most = Bound::AtMost(2.0, 1.0);
        assert!(most.holds(&[2.0, 1.0, 2.3]) && !most.holds(&[2.1, 2.1, 2.0]));
        assert!(!most.holds(&[]) && !least.holds(&[]));
    }
}
