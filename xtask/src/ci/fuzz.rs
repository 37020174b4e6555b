//! A short run of every fuzz target. They need a nightly compiler; where there is none, that is said.

use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use crate::setup::tools;
use crate::ui;
use crate::ui::stages::{Counts, Outcome};
use crate::workspace::Workspace;

/// What rustup calls the compiler that has sanitizers' coverage.
const NIGHTLY: &str = "nightly";
/// Bytes of an input that are shown.
const SHOWN: usize = 300;

/// Runs each target for `time`.
pub(super) fn smoke(workspace: &Workspace, time: Duration) -> Result<Outcome> {
    if !workspace.root.join("fuzz/Cargo.toml").is_file() {
        return Ok(Outcome::Skipped("there is no fuzz/".into()));
    }
    if !ui::succeeds(workspace.toolchain(NIGHTLY, "cargo").arg("--version")) {
        return Ok(Outcome::Skipped(format!("rustup has no {NIGHTLY} toolchain")));
    }
    tools::ensure(workspace, "cargo-fuzz")?;
    let listed = ui::output(&mut cargo_fuzz(workspace, "list"))?;
    let targets: Vec<&str> = listed.split_whitespace().collect();
    ui::step("fuzz targets", &mut cargo_fuzz(workspace, "build"))?;
    let (mut counts, mut findings) = (Counts::default(), Vec::new());
    for target in targets {
        let begun = SystemTime::now();
        let corpus = format!("fuzz/corpus/{target}");
        fs::create_dir_all(workspace.root.join(&corpus))?;
        let limit = format!("-max_total_time={}", time.as_secs());
        let mut run = cargo_fuzz(workspace, "run");
        // From the same seeds by the same seed, so that a change is not blamed for what another day's luck finds.
        let run = run.args([target, &corpus, &format!("fuzz/seeds/{target}"), "--", &limit]);
        match ui::step(
            &format!("fuzz {target}"),
            run.args(["-seed=1", "-timeout=10", "-rss_limit_mb=2048"]),
        ) {
            Ok(()) => counts.passed += 1,
            Err(error) => {
                ui::error(&format!("{error:#}"));
                findings.push(finding(workspace, target, begun));
            }
        }
    }
    if findings.is_empty() {
        return Ok(Outcome::Tested(counts));
    }
    Ok(Outcome::Failed(findings.join("; ")))
}

/// The target and the input that it fell over, so that the table at the end of a log is enough to find it again.
fn finding(workspace: &Workspace, target: &str, since: SystemTime) -> String {
    let inputs = fs::read_dir(workspace.root.join("fuzz/artifacts").join(target));
    let fresh = inputs.into_iter().flatten().flatten().find(|entry| {
        let modified = entry.metadata().and_then(|about| about.modified());
        modified.is_ok_and(|modified| modified >= since)
    });
    let Some(bytes) = fresh.and_then(|entry| fs::read(entry.path()).ok()) else {
        return format!("{target}: no input was left");
    };
    let shown = bytes.get(..bytes.len().min(SHOWN)).unwrap_or_default();
    format!("{target}: {} bytes, \"{}\"", bytes.len(), shown.escape_ascii())
}

fn cargo_fuzz(workspace: &Workspace, subcommand: &str) -> Command {
    let mut command = workspace.toolchain(NIGHTLY, "cargo");
    command.args(["fuzz", subcommand]);
    command
}
