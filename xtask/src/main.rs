//! The project's own runner, `cargo xtask`. Each command does all that it needs, so that one is enough on a fresh machine.

mod apt;
mod bench;
mod build;
mod cgroup;
mod ci;
mod cleanup;
mod daemon;
mod demo;
mod dist;
mod host;
mod mariadb;
mod postgres;
mod setup;
mod test;
mod ui;
mod vm;
mod workspace;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, tests, measures and shows interdict")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing to build and test (Debian and Ubuntu; elsewhere: list it)
    Setup,
    /// Build the eBPF object and the one binary that embeds it
    Build {
        /// The unoptimised binary instead of the release one
        #[arg(long)]
        debug: bool,
    },
    /// Show the whole path: an unmodified client in an enrolled cgroup, masked, refused, recorded
    Demo {
        /// With MariaDB instead of PostgreSQL
        #[arg(long)]
        mysql: bool,
        /// With curl and boto3 against APIs over HTTP
        #[arg(long, conflicts_with = "mysql")]
        http: bool,
        /// An agent without a password, whose deletes wait for a person
        #[arg(long, conflicts_with_all = ["mysql", "http"])]
        approval: bool,
        /// Leave it running, and say how to try it by hand
        #[arg(long)]
        keep: bool,
    },
    /// Run every test, those in the kernel and with real servers too
    Test {
        /// Only tests whose name contains this
        filter: Option<String>,
    },
    /// Run the kernel scenarios in virtual machines, on every supported kernel
    Vm(vm::Options),
    /// Measure: beside a direct connection, a bare copying proxy and other proxies, against the targets
    Bench(bench::Options),
    /// Make what is handed out: static binary, archive, container image, chart (target/dist)
    Dist(dist::Options),
    /// What a change must pass: format, lints, licences, dependencies, tests, fuzzing, demo
    Ci {
        /// Leave a part out (repeatable)
        #[arg(long, value_enum, value_name = "PART")]
        without: Vec<ci::Part>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            ui::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well; an error is something that kept the task from being done.
fn run(task: Task) -> anyhow::Result<bool> {
    let workspace = Workspace::find()?;
    match task {
        Task::Setup => {
            let compiler = setup::run(&workspace)?;
            ui::note(&format!("eBPF programs are built by {compiler}"));
            Ok(true)
        }
        Task::Build { debug } => {
            let built = build::run(
                &workspace,
                if debug {
                    build::Profile::Dev
                } else {
                    build::Profile::Release
                },
            )?;
            ui::note(&format!("built {}", shown(&built.binary, &workspace)));
            Ok(true)
        }
        Task::Demo {
            mysql,
            http,
            approval,
            keep,
        } => {
            let with = match (mysql, http) {
                _ if approval => demo::With::Approval,
                (_, true) => demo::With::Http,
                (true, false) => demo::With::Database(demo::Kind::Mysql),
                (false, false) => demo::With::Database(demo::Kind::Postgres),
            };
            demo::run(&workspace, with, keep)
        }
        Task::Test { filter } => Ok(test::run(&workspace, filter.as_deref())),
        Task::Vm(options) => vm::run(&workspace, &options),
        Task::Bench(options) => bench::run(&workspace, &options),
        Task::Dist(options) => dist::run(&workspace, &options),
        Task::Ci { without } => Ok(ci::run(&workspace, &without)),
    }
}

/// A path as one reads it from the workspace's root.
fn shown(path: &Path, workspace: &Workspace) -> String {
    path.strip_prefix(&workspace.root)
        .unwrap_or(path)
        .display()
        .to_string()
}
