//! `test`: everything that can fail, each kind a stage, summed up at the end.

mod corpus;
mod harness;
mod scenarios;

use std::process::Command;

use anyhow::Result;

use self::harness::Harness;
use crate::build::{self, Built, Profile};
use crate::host;
use crate::setup::analyst;
use crate::ui;
use crate::ui::stages::{Outcome, Stages};
use crate::workspace::Workspace;

/// All that runs on the host. Always the same set: cargo resolves features over it, and another set would be another build.
pub(crate) const HOST: &[&str] = &["--workspace", "--exclude", "interdict-ebpf"];

/// Sets up, builds and tests. Whether nothing failed.
pub(crate) fn run(workspace: &Workspace, filter: Option<&str>) -> bool {
    let mut stages = Stages::default();
    let mut built = None;
    stages.run("set up and build", || {
        built = Some(build::run(workspace, Profile::Release)?);
        Ok(Outcome::Passed)
    });
    if let Some(built) = &built {
        // The tests are built in the dev profile, whose dependencies are optimised lightly: with the release profile each
        // of some thirty test programs would go through link-time optimisation of all of Arrow and the Postgres parser.
        stages.run("unit and property tests", || {
            cargo(workspace, built, &["--lib", "--bins"], filter)
        });
        stages.run("examples in the documentation", || {
            cargo(workspace, built, &["--doc"], filter)
        });
        stages.run("scenarios in the kernel", || match host::kernel_refuses() {
            Some(why) => Ok(Outcome::Skipped(why)),
            None => scenarios::run(workspace, built, filter),
        });
        stages.run("PostgreSQL's own regression statements", || {
            corpus::postgres(workspace, built, filter)
        });
        stages.run("MariaDB's own test suite, every second file", || {
            corpus::mariadb(workspace, built, filter)
        });
        stages.run("integration tests, end to end", || {
            cargo(workspace, built, &["--test", "*"], filter)
        });
    }
    stages.print();
    println!("{}", stages.counts());
    stages.passed()
}

/// `cargo` for all that runs on the host, with the object embedded.
pub(crate) fn on_host(workspace: &Workspace, built: &Built, subcommand: &str) -> Command {
    let mut command = workspace.cargo();
    command.arg(subcommand).args(HOST);
    built.embed(&mut command);
    command
}

fn cargo(workspace: &Workspace, built: &Built, kinds: &[&str], filter: Option<&str>) -> Result<Outcome> {
    let mut command = on_host(workspace, built, "test");
    command
        .arg("--no-fail-fast")
        .args(kinds)
        .env("INTERDICT_BIN", &built.binary);
    match analyst::python(workspace) {
        Ok(python) => drop(command.env("INTERDICT_DUCKDB_PYTHON", python)),
        // The tests that need it say that they did not run.
        Err(error) => ui::note(&format!("{error:#}")),
    }
    if let Some(filter) = filter {
        command.args(["--", filter]);
    }
    Harness::run(&mut command).map(Harness::outcome)
}
