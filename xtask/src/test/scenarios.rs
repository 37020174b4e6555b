//! The scenarios in the kernel: a program of their own, which a virtual machine can run as well.

use std::process::Command;

use anyhow::Result;

use super::harness::Harness;
use crate::build::Built;
use crate::ui;
use crate::ui::stages::Outcome;
use crate::workspace::Workspace;

/// Builds the program with the same features as the tests, and runs it here.
pub(super) fn run(workspace: &Workspace, built: &Built, filter: Option<&str>) -> Result<Outcome> {
    ui::step(
        "the scenarios' program",
        super::on_host(workspace, built, "build").args(["--bin", "interdict-vm-tests"]),
    )?;
    let mut command = Command::new(workspace.target.join("debug/interdict-vm-tests"));
    command
        .current_dir(&workspace.root)
        .env_remove("LD_LIBRARY_PATH")
        .args(filter);
    command
        .env("INTERDICT_BPF_OBJECT", &built.object)
        .env("INTERDICT_BIN", &built.binary);
    let harness = Harness::run(&mut command)?;
    // With a filter there may be nothing to run.
    Ok(if filter.is_some() {
        harness.outcome()
    } else {
        harness.outcome_of_some()
    })
}
