//! Counts, and what there is to say of single statements.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use interdict_sql::Analysis;

/// Everything that was seen.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    script: Script,
    pub(crate) refused: usize,
    /// Those of the scripts themselves.
    pub(crate) accepted: usize,
    pub(crate) complete: usize,
    /// Those that psql makes of its commands and of variables.
    pub(crate) made: usize,
    pub(crate) made_complete: usize,
    /// Taken to be harmless, accepted, and looked at.
    pub(crate) compared: usize,
    /// Taken to be harmless and accepted where it could not be looked at.
    pub(crate) unwatched: usize,
    /// Those whose analysis others share that differ in constants only.
    pub(crate) shared: usize,
    gaps: BTreeMap<String, (usize, String)>,
    /// How often a transaction id was no sign of a change, by the reason.
    pub(crate) excused: BTreeMap<&'static str, usize>,
    pub(crate) offenders: Vec<String>,
}

/// The script that runs now, and how far it has come.
#[derive(Debug, Default)]
struct Script {
    name: String,
    text: String,
    position: usize,
}

impl Script {
    /// The line of the next statement of this text; none if it does not stand in the script.
    fn find(&mut self, statement: &str) -> Option<usize> {
        let rest = self.text.get(self.position..)?;
        let start = self.position + rest.find(statement)?;
        self.position = start + statement.len();
        Some(1 + self.text.get(..start)?.matches('\n').count())
    }
}

impl Tally {
    /// From now on statements are of this script.
    pub(crate) fn begin(&mut self, name: &str, text: String) {
        self.script = Script {
            name: name.to_owned(),
            text,
            position: 0,
        };
    }

    /// Takes a statement down. `watched`: its effects were compared with what was `seen`.
    pub(crate) fn add(
        &mut self,
        text: &str,
        analysis: &Analysis,
        accepted: bool,
        watched: bool,
        mut seen: Vec<&str>,
    ) {
        let line = self.script.find(text);
        if !accepted {
            self.refused += 1;
            return;
        }
        self.shared += usize::from(analysis.template().is_some());
        let complete = usize::from(analysis.complete());
        if line.is_some() {
            self.accepted += 1;
            self.complete += complete;
        } else {
            self.made += 1;
            self.made_complete += complete;
        }
        let place = match line {
            Some(line) => format!("{}:{line}", self.script.name),
            None => format!("{}, made by psql", self.script.name),
        };
        for gap in &analysis.gaps {
            let known = self.gaps.entry(gap.to_string());
            known.or_insert_with(|| (0, format!("{place} {}", short(text)))).0 += 1;
        }
        if watched {
            self.compared += 1;
        } else if super::watch::harmless(analysis) {
            self.unwatched += 1;
        }
        if let Some(why) = super::watch::no_write(&self.script.name, text, analysis)
            && seen.contains(&super::watch::TOOK_ID)
        {
            seen.retain(|sign| *sign != super::watch::TOOK_ID);
            *self.excused.entry(why).or_default() += 1;
        }
        if !seen.is_empty() {
            let (effects, did) = (analysis.effects(), seen.join(", "));
            self.offenders
                .push(format!("{place} {did}, and has {effects:?}: {}", short(text)));
        }
    }

    /// The gaps, each with how often it was met and the first statement that has it.
    pub(crate) fn gaps(&self) -> String {
        let mut text = String::new();
        for (gap, (count, first)) in &self.gaps {
            let _ = writeln!(text, "{count:>5} {gap}: {first}");
        }
        text
    }
}

fn short(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").chars().take(160).collect()
}
