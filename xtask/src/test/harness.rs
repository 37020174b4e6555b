//! Runs test programs, shows what they say as they say it, and counts.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};

use crate::ui::stages::{Counts, Outcome};

/// A finished run.
pub(super) struct Harness {
    counts: Counts,
    status: ExitStatus,
}

impl Harness {
    /// Standard error goes to ours untouched: cargo shows there what it compiles.
    pub(super) fn run(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{program} can't be started"))?;
        let mut counts = Counts::default();
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).split(b'\n') {
                let line = line?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                if let Some(found) = cargo_test(&line).or_else(|| scenarios(&line)) {
                    counts += found;
                }
            }
        }
        Ok(Self {
            counts,
            status: child.wait()?,
        })
    }

    /// A bad end without a failed test (a crash, a compile error) is a failure too.
    pub(super) fn outcome(self) -> Outcome {
        let Self { counts, status } = self;
        if status.success() || counts.failed > 0 {
            Outcome::Tested(counts)
        } else {
            Outcome::Failed(format!("ended with {status}, after {counts}"))
        }
    }

    /// As [`Self::outcome`], where a run without a single test is a failure.
    pub(super) fn outcome_of_some(self) -> Outcome {
        if self.counts == Counts::default() {
            return Outcome::Failed(format!("no verdict was given; ended with {}", self.status));
        }
        self.outcome()
    }
}

/// libtest's closing line: `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
fn cargo_test(line: &str) -> Option<Counts> {
    let (_, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = Counts::default();
    for part in rest.split(';') {
        let (number, kind) = part.trim().split_once(' ')?;
        let Ok(number) = number.parse() else { continue };
        match kind {
            "passed" => counts.passed = number,
            "failed" => counts.failed = number,
            "ignored" => counts.skipped = number,
            _ => {}
        }
    }
    Some(counts)
}

/// The kernel scenarios' closing line: `INTERDICT-VM done pass=3 fail=0 skip=1 gap=2`.
fn scenarios(line: &str) -> Option<Counts> {
    let mut counts = Counts::default();
    for part in line.strip_prefix("INTERDICT-VM done ")?.split_whitespace() {
        let (kind, number) = part.split_once('=')?;
        let number = number.parse().ok()?;
        match kind {
            "pass" => counts.passed = number,
            "fail" => counts.failed = number,
            // A gap is the kernel's, told by name in its line; neither did the scenario show what it is for.
            "skip" | "gap" => counts.skipped += number,
            _ => {}
        }
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> Outcome {
        Harness::run(Command::new("sh").args(["-c", script]))
            .map(Harness::outcome)
            .unwrap()
    }

    #[test]
    fn closing_lines_are_counted() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.01s";
        assert_eq!(
            cargo_test(line),
            Some(Counts {
                passed: 12,
                failed: 2,
                skipped: 1
            })
        );
        assert_eq!(cargo_test("test result: unknown"), None);
        let line = "INTERDICT-VM done pass=3 fail=0 skip=1 gap=2";
        assert_eq!(
            scenarios(line),
            Some(Counts {
                passed: 3,
                failed: 0,
                skipped: 3
            })
        );
        assert_eq!(scenarios("INTERDICT-VM case=x result=pass"), None);
    }

    #[test]
    fn several_programs_add_up() {
        let line = "echo 'test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured'";
        assert_eq!(
            run(&format!("{line}; {line}")),
            Outcome::Tested(Counts {
                passed: 4,
                failed: 0,
                skipped: 2
            })
        );
    }

    #[test]
    fn a_crash_without_a_verdict_fails() {
        assert!(matches!(run("exit 101"), Outcome::Failed(_)));
    }

    #[test]
    fn silence_is_not_success_where_tests_must_be() {
        let outcome = Harness::run(&mut Command::new("true"))
            .map(Harness::outcome_of_some)
            .unwrap();
        assert!(matches!(outcome, Outcome::Failed(_)));
    }
}
