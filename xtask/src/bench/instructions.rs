//! Instructions that hot codecs take: figures that a busy machine does not change, beside those that are kept.
//!
//! Each driver runs twice under callgrind, the second time with twice the items; the difference is theirs alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::report::table;
use super::trend::change;
use crate::ui;
use crate::workspace::Workspace;
use crate::{host, setup};

/// Where figures are kept.
const KEPT: &str = "bench/instructions.json";

/// More than this is a change.
const NOISE: f64 = 0.02;

/// Items of the first run.
const ITEMS: u64 = 4_000;

/// Figures, and what they were made by: another compiler makes other ones.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Figures {
    compiler: String,
    instructions: BTreeMap<String, f64>,
}

/// Counts, compares, and writes the kept file if `keep`. Whether nothing takes more than it did.
pub(super) fn run(workspace: &Workspace, only: Option<&str>, keep: bool) -> Result<bool> {
    setup::for_bench(true)?;
    let program = build(workspace)?;
    let names = ui::output(&mut Command::new(&program))?;
    let mut now = Figures {
        compiler: compiler(workspace)?,
        instructions: BTreeMap::new(),
    };
    let mut order = Vec::new();
    for name in names
        .lines()
        .filter(|name| only.is_none_or(|text| name.contains(text)))
    {
        let (spinner, started) = (ui::spinner(name), Instant::now());
        let (once, twice) = (count(&program, name, ITEMS)?, count(&program, name, 2 * ITEMS)?);
        let each = twice.saturating_sub(once) as f64 / ITEMS as f64;
        spinner.finish_and_clear();
        ui::done(name, started.elapsed());
        now.instructions.insert(name.to_owned(), each.round());
        order.push(name);
    }
    let file = workspace.root.join(KEPT);
    let mut kept = read(&file)?;
    print!("{}", text(&order, &kept, &now));
    if keep {
        kept.compiler.clone_from(&now.compiler);
        kept.instructions.extend(now.instructions);
        fs::write(&file, serde_json::to_string_pretty(&kept)? + "\n")?;
        ui::note(&format!("kept in {KEPT}"));
        return Ok(true);
    }
    Ok(worse(&kept, &now).is_empty())
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    ui::step(
        "drivers of codecs",
        workspace
            .cargo()
            .args(["build", "--release", "--package", "interdict-codecs"]),
    )?;
    Ok(workspace.target.join("release/interdict-codecs"))
}

fn compiler(workspace: &Workspace) -> Result<String> {
    let mut rustc = Command::new("rustc");
    Ok(ui::output(rustc.current_dir(&workspace.root).arg("--version"))?
        .trim()
        .to_owned())
}

fn count(program: &Path, name: &str, items: u64) -> Result<u64> {
    let place = tempfile::tempdir()?;
    let valgrind = host::program("valgrind").context("valgrind is not installed")?;
    let output = Command::new(valgrind)
        .arg("--tool=callgrind")
        .arg(format!(
            "--callgrind-out-file={}",
            place.path().join("out").display()
        ))
        .arg(program)
        .args([name, &items.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{name}: {said}");
    collected(&said).with_context(|| format!("callgrind's answer is not understood: {said}"))
}

/// The number in `==7== Collected : 12345`.
fn collected(said: &str) -> Option<u64> {
    let (_, number) = said.lines().find_map(|line| line.split_once("Collected : "))?;
    number.trim().parse().ok()
}

fn read(file: &Path) -> Result<Figures> {
    if !file.exists() {
        return Ok(Figures::default());
    }
    serde_json::from_str(&fs::read_to_string(file)?).with_context(|| format!("{}", file.display()))
}

/// What takes more than it did.
fn worse<'a>(kept: &Figures, now: &'a Figures) -> Vec<&'a str> {
    let more = |(name, now): (&'a String, &f64)| {
        let then = kept.instructions.get(name)?;
        (*now > then * (1.0 + NOISE)).then_some(name.as_str())
    };
    now.instructions.iter().filter_map(more).collect()
}

fn text(order: &[&str], kept: &Figures, now: &Figures) -> String {
    let rows: Vec<Vec<String>> = order
        .iter()
        .map(|name| {
            let here = now.instructions.get(*name).copied().unwrap_or_default();
            let then = kept.instructions.get(*name).copied();
            let (shown, word) = then.map_or((String::new(), "new"), |then| {
                let word = match here / then - 1.0 {
                    by if by > NOISE => "more",
                    by if by < -NOISE => "less",
                    _ => "",
                };
                (change(then, here), word)
            });
            vec![
                (*name).to_owned(),
                then.map_or_else(String::new, |then| format!("{then:.0}")),
                format!("{here:.0}"),
                shown,
                word.to_owned(),
            ]
        })
        .collect();
    let mut text = format!(
        "\nInstructions for each\n\n{}",
        table(1, ["what", "kept", "here", "", ""], &rows)
    );
    if !kept.compiler.is_empty() && kept.compiler != now.compiler {
        let _ = writeln!(
            text,
            "\nThose that are kept were made by {}; here is {}.",
            kept.compiler, now.compiler
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(of: &[(&str, f64)]) -> Figures {
        Figures {
            compiler: "c".into(),
            instructions: of
                .iter()
                .map(|(name, figure)| ((*name).to_owned(), *figure))
                .collect(),
        }
    }

    #[test]
    fn callgrind_is_understood() {
        assert_eq!(collected("==7== \n==7== Collected : 12345\n"), Some(12_345));
        assert_eq!(collected("==7== nothing"), None);
    }

    #[test]
    fn only_more_than_noise_is_a_change() {
        let kept = figures(&[("a", 1000.0), ("b", 1000.0), ("c", 1000.0)]);
        let now = figures(&[("a", 1019.0), ("b", 1021.0), ("c", 900.0), ("d", 1.0)]);
        assert_eq!(worse(&kept, &now), ["b"]);
        let text = text(&["a", "b", "c", "d"], &kept, &now);
        assert_eq!(text.matches("more").count(), 1, "{text}");
        assert!(
            text.contains("less") && text.contains("new") && text.contains("+2.1 %"),
            "{text}"
        );
    }
}
