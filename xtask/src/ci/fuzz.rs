//! A short run of every fuzz target. They need a nightly compiler; where there is none, that is said.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::setup::tools;
use crate::ui;
use crate::ui::stages::{Counts, Outcome};
use crate::workspace::Workspace;

/// What rustup calls the compiler that has sanitizers' coverage.
const NIGHTLY: &str = "nightly";

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
    let mut counts = Counts::default();
    for target in targets {
        let limit = format!("-max_total_time={}", time.as_secs());
        let mut run = cargo_fuzz(workspace, "run");
        match ui::step(
            &format!("fuzz {target}"),
            run.args([target, "--", &limit, "-timeout=10", "-rss_limit_mb=2048"]),
        ) {
            Ok(()) => counts.passed += 1,
            Err(error) => {
                ui::error(&format!("{error:#}"));
                counts.failed += 1;
            }
        }
    }
    Ok(Outcome::Tested(counts))
}

fn cargo_fuzz(workspace: &Workspace, subcommand: &str) -> Command {
    let mut command = workspace.toolchain(NIGHTLY, "cargo");
    command.args(["fuzz", subcommand]);
    command
}
