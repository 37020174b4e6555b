//! The matrix for reading: on a terminal, and as a page of the documentation.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Column, Matrix, UNHEARD, Verdict};
use crate::ui;
use crate::ui::table::{Align, render};

/// The kinds of verdict that need a reason, and how they are headed.
const EXPLAINED: [(Verdict, &str); 3] = [
    (Verdict::Failed, "FAILED"),
    (Verdict::Gap, "Gaps, each reported by name"),
    (Verdict::Skipped, "Skipped (-)"),
];

const fn cell(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Closed => "closed",
        Verdict::Gap => "gap",
        Verdict::Skipped => "-",
        Verdict::Failed => "FAILED",
    }
}

fn yes_or_no(known: Option<bool>) -> String {
    match known {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
    .to_owned()
}

/// Head and rows of a table.
type Table = (Vec<&'static str>, Vec<Vec<String>>);

impl Matrix {
    /// For a terminal.
    pub(in crate::vm) fn text(&self) -> String {
        let mut text = String::new();
        let mut head = vec![("scenario", Align::Left)];
        head.extend(
            self.kernels
                .iter()
                .map(|kernel| (kernel.title.as_str(), Align::Left)),
        );
        text.push_str(&render(&head, &self.rows()));
        for (heading, lines) in self.reasons() {
            let _ = write!(text, "\n{heading}\n");
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
        let (head, rows) = self.about();
        let head: Vec<_> = head.into_iter().map(|title| (title, Align::Left)).collect();
        let _ = write!(text, "\n{}", render(&head, &rows));
        let _ = write!(text, "\n{}\n", self.sum());
        text
    }

    /// For the documentation. Times are left out: they are the machine's, not the kernel's.
    pub(in crate::vm) fn markdown(&self) -> String {
        let mut text = String::new();
        let (head, rows) = self.about();
        let keep = head.iter().take_while(|title| **title != "run by").count();
        let head: Vec<String> = head.into_iter().take(keep).map(str::to_owned).collect();
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|row| row.into_iter().take(keep).collect())
            .collect();
        markdown_table(&mut text, &head, &rows);
        text.push('\n');
        let mut head = vec!["scenario".to_owned()];
        head.extend(self.kernels.iter().map(|kernel| kernel.title.clone()));
        markdown_table(&mut text, &head, &self.rows());
        for (heading, lines) in self.reasons() {
            let _ = write!(text, "\n**{heading}**\n\n");
            for line in lines {
                let _ = writeln!(text, "- {line}");
            }
        }
        let _ = write!(text, "\n{}\n", self.sum());
        text
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.scenarios
            .iter()
            .enumerate()
            .map(|(number, name)| {
                let verdicts = self.kernels.iter().map(|kernel| {
                    kernel
                        .cases
                        .get(number)
                        .map_or("FAILED", |case| cell(case.verdict))
                        .to_owned()
                });
                [name.clone()].into_iter().chain(verdicts).collect()
            })
            .collect()
    }

    /// What the kernels are and offer.
    fn about(&self) -> Table {
        let head = vec![
            "kernel",
            "release",
            "from",
            "bpf among its LSMs",
            "takes LSM programs",
            "lacks",
            "run by",
            "boot",
            "whole",
        ];
        let rows = self.kernels.iter().map(|kernel| {
            let lacks: Vec<&str> = kernel
                .features
                .iter()
                .filter(|feature| feature.available == Some(false))
                .map(|feature| feature.name.as_str())
                .collect();
            let lsm = kernel.lsm.as_ref();
            vec![
                kernel.title.clone(),
                kernel.release.clone(),
                kernel.origin.clone(),
                yes_or_no(lsm.map(|modules| modules.iter().any(|module| module == "bpf"))),
                yes_or_no(kernel.feature("security module")),
                if lacks.is_empty() {
                    "-".to_owned()
                } else {
                    lacks.join(", ")
                },
                kernel.accelerator.map_or_else(
                    || "the host".to_owned(),
                    |kind| format!("{kind:?}").to_uppercase(),
                ),
                kernel.boot_ms.map_or_else(|| "-".to_owned(), seconds),
                seconds(kernel.total_ms),
            ]
        });
        (head, rows.collect())
    }

    /// Why what is not closed is not, by kind; kernels with the same reason together.
    fn reasons(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut found = Vec::new();
        for (verdict, heading) in EXPLAINED {
            let mut lines = Vec::new();
            if verdict == Verdict::Failed {
                lines.extend(self.flaws());
            }
            for name in &self.scenarios {
                let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
                for kernel in &self.kernels {
                    let Some(reason) = kernel.reason(name, verdict) else {
                        continue;
                    };
                    match reasons.iter_mut().find(|(known, _)| *known == reason) {
                        Some((_, titles)) => titles.push(&kernel.title),
                        None => reasons.push((reason, vec![&kernel.title])),
                    }
                }
                for (reason, titles) in reasons {
                    lines.push(format!("{name} ({}): {reason}", titles.join(", ")));
                }
            }
            if !lines.is_empty() {
                found.push((heading, lines));
            }
        }
        found
    }

    fn flaws(&self) -> impl Iterator<Item = String> {
        self.kernels.iter().filter_map(|kernel| {
            let flaw = kernel.flaw.as_ref()?;
            Some(format!("{}: {flaw}", kernel.title))
        })
    }

    /// The last line.
    fn sum(&self) -> String {
        let totals = self.totals();
        format!(
            "{} kernels, {} scenarios: {} closed, {} gaps reported, {} skipped, {} unreported escapes",
            self.kernels.len(),
            self.scenarios.len(),
            totals.closed,
            totals.gaps,
            totals.skipped,
            totals.unreported
        )
    }
}

impl Column {
    fn reason(&self, scenario: &str, verdict: Verdict) -> Option<&str> {
        let case = self.cases.iter().find(|case| case.name == scenario)?;
        let reason = case.reason.as_deref().unwrap_or("no reason was given");
        // The flaw of the run says it for all of them.
        let told = self.flaw.is_some() && reason == UNHEARD;
        (case.verdict == verdict && !told).then_some(reason)
    }
}

fn seconds(ms: u64) -> String {
    ui::seconds(Duration::from_millis(ms))
}

fn markdown_table(text: &mut String, head: &[String], rows: &[Vec<String>]) {
    let mut line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(head);
    line(&vec!["---".to_owned(); head.len()]);
    for row in rows {
        line(row);
    }
}
