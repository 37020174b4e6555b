//! `ci`: what a change must pass.

mod fuzz;

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use crate::build::{self, Built, Profile};
use crate::setup::tools;
use crate::ui;
use crate::ui::stages::{Outcome, Stages};
use crate::workspace::Workspace;
use crate::{demo, test};

/// What can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    Format,
    Clippy,
    Deny,
    Machete,
    Test,
    Fuzz,
    Demo,
}

/// Each fuzz target's time: enough to notice a codec that panics at once, not a hunt.
const SMOKE: Duration = Duration::from_secs(5);

/// Whether nothing failed.
pub(crate) fn run(workspace: &Workspace, without: &[Part]) -> bool {
    let wanted = |part| !without.contains(&part);
    let mut stages = Stages::default();
    // Quick to fail first.
    if wanted(Part::Format) {
        stages.run("formatting", || format(workspace));
    }
    let mut built = None;
    stages.run("set up and build", || {
        built = Some(build::run(workspace, Profile::Release)?);
        Ok(Outcome::Passed)
    });
    if let Some(built) = &built {
        if wanted(Part::Clippy) {
            stages.run("clippy", || clippy(workspace, built));
        }
        if wanted(Part::Deny) {
            stages.run("licences, bans, sources", || deny(workspace));
            stages.run("advisories", || advisories(workspace));
        }
        if wanted(Part::Machete) {
            stages.run("unused dependencies", || machete(workspace));
        }
        if wanted(Part::Test) {
            stages.run("cargo xtask test", || {
                Ok(verdict(test::run(workspace, None), "see its own table above"))
            });
        }
        if wanted(Part::Fuzz) {
            stages.run("fuzzing, a smoke run", || fuzz::smoke(workspace, SMOKE));
        }
        if wanted(Part::Demo) {
            for (name, with) in [
                ("cargo xtask demo", demo::With::Database(demo::Kind::Postgres)),
                (
                    "cargo xtask demo --mysql",
                    demo::With::Database(demo::Kind::Mysql),
                ),
                ("cargo xtask demo --http", demo::With::Http),
            ] {
                stages.run(name, || {
                    Ok(verdict(
                        demo::run(workspace, with, false)?,
                        "the demo did not hold",
                    ))
                });
            }
        }
    }
    stages.print();
    stages.passed()
}

fn verdict(passed: bool, otherwise: &str) -> Outcome {
    if passed {
        Outcome::Passed
    } else {
        Outcome::Failed(otherwise.into())
    }
}

fn format(workspace: &Workspace) -> Result<Outcome> {
    component(workspace, "rustfmt")?;
    ui::step(
        "cargo fmt --check",
        workspace.cargo().args(["fmt", "--all", "--check"]),
    )?;
    Ok(Outcome::Passed)
}

fn clippy(workspace: &Workspace, built: &Built) -> Result<Outcome> {
    component(workspace, "clippy")?;
    let mut clippy = test::on_host(workspace, built, "clippy");
    ui::step(
        "cargo clippy",
        clippy.args(["--all-targets", "--", "--deny", "warnings"]),
    )?;
    Ok(Outcome::Passed)
}

fn deny(workspace: &Workspace) -> Result<Outcome> {
    tools::ensure(workspace, "cargo-deny")?;
    ui::step(
        "cargo deny",
        workspace
            .cargo()
            .args(["deny", "check", "licenses", "bans", "sources"]),
    )?;
    Ok(Outcome::Passed)
}

/// The database of advisories is fetched from outside the package registry, so whoever may reach it asks for this.
fn advisories(workspace: &Workspace) -> Result<Outcome> {
    if std::env::var_os("INTERDICT_ADVISORIES").is_none() {
        let why = "set INTERDICT_ADVISORIES=1 where cargo-deny may fetch its database";
        return Ok(Outcome::Skipped(why.to_owned()));
    }
    ui::step(
        "cargo deny",
        workspace.cargo().args(["deny", "check", "advisories"]),
    )?;
    Ok(Outcome::Passed)
}

fn machete(workspace: &Workspace) -> Result<Outcome> {
    tools::ensure(workspace, "cargo-machete")?;
    let mut machete = Command::new("cargo-machete");
    // Folders by name: the target directory holds other people's manifests.
    machete
        .current_dir(&workspace.root)
        .args(["bench", "ebpf", "userspace", "vm-tests", "xtask"]);
    ui::step("cargo machete", &mut machete)?;
    Ok(Outcome::Passed)
}

/// A part of the toolchain that minimal installations leave out.
fn component(workspace: &Workspace, name: &str) -> Result<()> {
    let subcommand = if name == "rustfmt" { "fmt" } else { name };
    if ui::succeeds(workspace.cargo().args([subcommand, "--version"])) {
        return Ok(());
    }
    ui::step(
        &format!("rustup component {name}"),
        Command::new("rustup").args(["component", "add", name]),
    )
}
