//! PostgreSQL's own regression scripts, from the source of the server that Debian ships.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{kept, newest, try_on, without};
use crate::apt::Apt;
use crate::build::Built;
use crate::ui::stages::Outcome;
use crate::workspace::Workspace;
use crate::{postgres, ui};

/// What is taken of the source.
const PARTS: [&str; 3] = ["sql", "data", "parallel_schedule"];

/// Runs the test that asks a server what each statement of the scripts did. Without scripts it is left out, with the reason.
pub(in crate::test) fn run(workspace: &Workspace, built: &Built, filter: Option<&str>) -> Result<Outcome> {
    let scripts = match scripts(workspace) {
        Ok(scripts) => scripts,
        Err(error) => return Ok(without(&error)),
    };
    let names: Vec<&str> = filter.into_iter().collect();
    let harness = try_on(
        workspace,
        built,
        "regression",
        &names,
        &[("INTERDICT_SQL_CORPUS", scripts.as_os_str())],
    )?;
    // With a filter there may be nothing to run.
    Ok(if filter.is_some() {
        harness.outcome()
    } else {
        harness.outcome_of_some()
    })
}

/// The folder with the scripts of the server that is installed here, fetched where it is not there yet.
fn scripts(workspace: &Workspace) -> Result<PathBuf> {
    let version = major(&ui::output(
        Command::new(postgres::binaries()?.join("postgres"))
            .env_remove("LD_LIBRARY_PATH")
            .arg("--version"),
    )?)
    .context("the version of PostgreSQL's server is not understood")?;
    let package = format!("postgresql-{version}");
    kept(workspace, &package, &PARTS, |lists, scratch| {
        let archive = newest(
            &package,
            |archives| Apt::of_sources(lists, archives),
            |apt, version| apt.source(&package, version, scratch),
        )?;
        unpack(&archive, scratch)
    })
}

/// Unpacks what is wanted, and gives the folder that has it.
fn unpack(archive: &Path, into: &Path) -> Result<PathBuf> {
    let parts = PARTS.map(|part| format!("*/src/test/regress/{part}"));
    ui::step(
        "the regression scripts",
        Command::new("tar")
            .args(["--extract", "--wildcards", "--strip-components=4"])
            .arg("--one-top-level=regress")
            .arg("--file")
            .arg(archive)
            .args(parts)
            .current_dir(into),
    )?;
    Ok(into.join("regress"))
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is of version 15.
fn major(said: &str) -> Option<u32> {
    let version = said.split(' ').nth(2)?;
    version
        .split(|end: char| !end.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_version_is_understood() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 19devel"), Some(19));
        assert_eq!(major("postgres"), None);
    }
}
