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
    let program = workspace.target.join("debug/interdict-vm-tests");
    if let Some(filter) = filter {
        let names = ui::output(Command::new(&program).arg("--list"))?;
        if !names.lines().any(|name| name.contains(filter)) {
            return Ok(Outcome::Skipped("none of its scenarios has such a name".into()));
        }
    }
    let mut command = Command::new(program);
    command
        .current_dir(&workspace.root)
        .env_remove("LD_LIBRARY_PATH")
        .args(filter);
    command
        .env("INTERDICT_BPF_OBJECT", &built.object)
        .env("INTERDICT_BIN", &built.binary);
    let harness = Harness::run(&mut command)?;
    Ok(harness.outcome_of_some())
}
