//! The stages of a long task, with their outcome and time, summed up at the end.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::table::{Align, render};
use super::{Style, seconds};

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let Self {
            passed,
            failed,
            skipped,
        } = other;
        self.passed += passed;
        self.failed += failed;
        self.skipped += skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// How one stage ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Tested(Counts),
    Failed(String),
    Skipped(String),
}

impl Outcome {
    fn words(&self) -> String {
        match self {
            Self::Passed => "passed".into(),
            Self::Tested(counts) => counts.to_string(),
            Self::Failed(why) => format!("FAILED: {why}"),
            Self::Skipped(why) => format!("SKIPPED: {why}"),
        }
    }

    const fn is_bad(&self) -> bool {
        match self {
            Self::Failed(_) => true,
            Self::Tested(counts) => counts.failed > 0,
            Self::Passed | Self::Skipped(_) => false,
        }
    }
}

/// All stages so far. A failed one does not keep the next from running: one sees everything in one go.
#[derive(Debug, Default)]
pub(crate) struct Stages(Vec<(String, Outcome, Duration)>);

impl Stages {
    /// Runs one; its error is its failure.
    pub(crate) fn run(&mut self, name: &str, work: impl FnOnce() -> Result<Outcome>) {
        println!("\n{}", Style::Cyan.paint(&format!("== {name}")));
        let started = Instant::now();
        let outcome = work().unwrap_or_else(|error| {
            super::error(&format!("{error:#}"));
            Outcome::Failed(format!("{error:#}").lines().next().unwrap_or_default().to_owned())
        });
        if let Outcome::Skipped(why) = &outcome {
            super::warn(&format!("{name} SKIPPED: {why}"));
        }
        self.0.push((name.to_owned(), outcome, started.elapsed()));
    }

    /// Whether nothing failed.
    pub(crate) fn passed(&self) -> bool {
        !self.0.iter().any(|(_, outcome, _)| outcome.is_bad())
    }

    /// All tests together. A stage that failed without counting is one failure, one that was left out one skip.
    pub(crate) fn counts(&self) -> Counts {
        let mut all = Counts::default();
        for (_, outcome, _) in &self.0 {
            all += match outcome {
                Outcome::Tested(counts) => *counts,
                Outcome::Failed(_) => Counts {
                    failed: 1,
                    ..Counts::default()
                },
                Outcome::Skipped(_) => Counts {
                    skipped: 1,
                    ..Counts::default()
                },
                Outcome::Passed => Counts::default(),
            };
        }
        all
    }

    /// The table at the end.
    pub(crate) fn print(&self) {
        let rows: Vec<Vec<String>> = self
            .0
            .iter()
            .map(|(name, outcome, took)| vec![name.clone(), seconds(*took), outcome.words()])
            .collect();
        println!(
            "\n{}",
            render(
                &[
                    ("stage", Align::Left),
                    ("time", Align::Right),
                    ("outcome", Align::Left)
                ],
                &rows
            )
        );
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_failed_stage_counts_and_does_not_stop_the_next() {
        let mut stages = Stages::default();
        stages.run("one", || bail!("on purpose"));
        stages.run("two", || {
            Ok(Outcome::Tested(Counts {
                passed: 3,
                failed: 0,
                skipped: 1,
            }))
        });
        stages.run("three", || Ok(Outcome::Skipped("no root".into())));
        assert!(!stages.passed());
        assert_eq!(stages.counts().to_string(), "3 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn one_failed_test_fails_the_whole() {
        let mut stages = Stages::default();
        stages.run("one", || {
            Ok(Outcome::Tested(Counts {
                passed: 3,
                failed: 1,
                skipped: 0,
            }))
        });
        assert!(!stages.passed());
    }
}
