//! What a run over a folder found: counts to print, and what fails it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::folder::Exchange;

/// Sections of a report, in the order they are printed.
pub(crate) const DECODED: &str = "answers decoded by the client's model";
pub(crate) const UNREAD: &str = "answers that the client never reads";
pub(crate) const REBUILT: &str = "requests of the client rebuilt, path and body as recorded";
pub(crate) const UNSENT: &str = "requests that the client cannot send";
pub(crate) const LEFT_OUT: &str = "optional fields of recorded requests that the client leaves out";
pub(crate) const DECIDED: &str = "recorded verbs that the decision makes too, from the item as it was";
pub(crate) const SKIPPED: &str = "recorded verbs not put to the decision";
pub(crate) const STATES: &str = "recorded item states";
pub(crate) const JUDGED: &str = "requests judged on recorded states";
pub(crate) const FOLLOWED: &str = "long-running operations followed by the job in their 202";
pub(crate) const MISSING: &str = "what the folder does not hold";

const SECTIONS: [&str; 11] =
    [DECODED, UNREAD, REBUILT, UNSENT, LEFT_OUT, DECIDED, SKIPPED, STATES, JUDGED, FOLLOWED, MISSING];

/// Counts, ignored fields and failures.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) exchanges: usize,
    pub(crate) files: usize,
    counts: BTreeMap<&'static str, BTreeMap<String, usize>>,
    pub(crate) ignored: BTreeMap<&'static str, BTreeSet<String>>,
    pub(crate) problems: Vec<String>,
}

impl Report {
    /// One more of `what`.
    pub(crate) fn count(&mut self, section: &'static str, what: impl Into<String>) {
        *self.counts.entry(section).or_default().entry(what.into()).or_default() += 1;
    }

    /// Those of a section whose name begins so.
    pub(crate) fn of(&self, section: &'static str, what: &str) -> usize {
        let all = self.counts.get(section).into_iter().flatten();
        all.filter(|(name, _)| name.starts_with(what)).map(|(_, count)| count).sum()
    }

    /// What does not fit.
    pub(crate) fn fail(&mut self, exchange: &Exchange, what: impl fmt::Display) {
        self.problems.push(format!("{}: {what}", exchange.place()));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} exchanges in {} recordings", self.exchanges, self.files)?;
        for section in SECTIONS {
            let Some(counts) = self.counts.get(section) else { continue };
            writeln!(f, "\n{section}: {}", counts.values().sum::<usize>())?;
            for (what, count) in counts {
                writeln!(f, "  {count:>5}  {what}")?;
            }
        }
        for (kind, fields) in &self.ignored {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            writeln!(f, "\nfields of {kind} that the model ignores: {}\n  {}", fields.len(), fields.join(", "))?;
        }
        match self.problems.len() {
            0 => writeln!(f, "\nno mismatch"),
            some => writeln!(f, "\n{some} mismatches\n  {}", self.problems.join("\n  ")),
        }
    }
}
