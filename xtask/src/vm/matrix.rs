//! Kernel by scenario: what came of each, why, and the sum.

mod text;

use serde::Serialize;

use super::machine::Accelerator;
use super::serial::{Case, Feature, Transcript, Verdict};

/// Said of a scenario that was to run and of which nothing was heard.
const UNHEARD: &str = "no verdict";
/// Said of a gap that is none: what can't be closed has to be reported, and a report has words.
const NAMELESS: &str = "a gap that nothing was said of";

/// One kernel's run.
#[derive(Debug, Serialize)]
pub(super) struct Column {
    /// Upstream's version, unless two kernels have the same.
    pub(super) title: String,
    pub(super) release: String,
    /// Where it came from.
    pub(super) origin: String,
    /// None: not in a virtual machine.
    pub(super) accelerator: Option<Accelerator>,
    /// From power-on to the first word of the guest's program.
    pub(super) boot_ms: Option<u64>,
    /// From power-on to power-off.
    pub(super) total_ms: u64,
    /// The security modules in force; None if nothing was heard of them.
    pub(super) lsm: Option<Vec<String>>,
    pub(super) features: Vec<Feature>,
    /// Why the run is not a whole one.
    pub(super) flaw: Option<String>,
    /// In the order of [`Matrix::scenarios`], all of them.
    pub(super) cases: Vec<Case>,
}

impl Column {
    /// Judges what was heard: every scenario that was to run has a verdict, if need be the worst.
    pub(super) fn new(
        title: String,
        release: String,
        origin: String,
        scenarios: &[String],
        transcript: &Transcript,
        flaw: Option<String>,
    ) -> Self {
        let cases = scenarios.iter().map(|name| judge(name, transcript)).collect();
        Self {
            title,
            release,
            origin,
            accelerator: None,
            boot_ms: None,
            total_ms: 0,
            lsm: transcript.lsm.clone(),
            features: transcript.features.clone(),
            flaw,
            cases,
        }
    }

    fn feature(&self, word: &str) -> Option<bool> {
        self.features
            .iter()
            .find(|feature| feature.name.contains(word))?
            .available
    }
}

fn judge(name: &str, transcript: &Transcript) -> Case {
    let heard = transcript.cases.iter().find(|case| case.name == name);
    let mut case = heard.cloned().unwrap_or_else(|| Case {
        name: name.to_owned(),
        verdict: Verdict::Failed,
        ms: 0,
        reason: Some(UNHEARD.to_owned()),
    });
    if case.verdict == Verdict::Gap && case.reason.is_none() {
        case.verdict = Verdict::Failed;
        case.reason = Some(NAMELESS.to_owned());
    }
    case
}

/// All runs.
#[derive(Debug, Serialize)]
pub(super) struct Matrix {
    pub(super) scenarios: Vec<String>,
    pub(super) kernels: Vec<Column>,
}

/// The sum over all kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Totals {
    closed: usize,
    gaps: usize,
    skipped: usize,
    /// What failed: of these nobody can say that nothing escaped.
    unreported: usize,
}

impl Matrix {
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for case in self.kernels.iter().flat_map(|kernel| &kernel.cases) {
            match case.verdict {
                Verdict::Closed => totals.closed += 1,
                Verdict::Gap => totals.gaps += 1,
                Verdict::Skipped => totals.skipped += 1,
                Verdict::Failed => totals.unreported += 1,
            }
        }
        totals
    }

    /// Every run was whole and nothing failed.
    pub(super) fn passed(&self) -> bool {
        self.totals().unreported == 0 && self.kernels.iter().all(|kernel| kernel.flaw.is_none())
    }

    /// One document.
    pub(super) fn json(&self) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Document<'a> {
            passed: bool,
            totals: Totals,
            #[serde(flatten)]
            matrix: &'a Matrix,
        }
        serde_json::to_string_pretty(&Document {
            passed: self.passed(),
            totals: self.totals(),
            matrix: self,
        })
    }
}

#[cfg(test)]
mod tests;
