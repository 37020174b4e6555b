//! MariaDB's own test suite, from a package that is fetched and unpacked, never installed.
//!
//! The test starts a MariaDB of its own for it, with its data and temporary files in a folder that is gone afterwards.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{kept, newest, try_on, without};
use crate::apt::Apt;
use crate::build::Built;
use crate::ui::stages::Outcome;
use crate::workspace::Workspace;
use crate::{mariadb, ui};

const PACKAGE: &str = "mariadb-test-data";

/// One of so many of its files is tried: all of them take six minutes.
const SAMPLE: &str = "2";

/// The tests that need nothing but MariaDB and the suite; others of that program ask a running MySQL.
const TESTS: [&str; 3] = [
    "what_mariadb_shows_is_followed",
    "mariadb_reads_texts_as_they_are_read_here",
    "what_the_analysis_takes_for_harmless_changes_nothing",
];

/// Runs the tests that ask a MariaDB what statements do and show. Without the suite or the server they are left out, with the reason.
pub(in crate::test) fn run(workspace: &Workspace, built: &Built, filter: Option<&str>) -> Result<Outcome> {
    if !mariadb::is_here() {
        return Ok(Outcome::Skipped(
            "mariadbd is not installed; `cargo xtask setup` brings it".into(),
        ));
    }
    let suite = match suite(workspace) {
        Ok(suite) => suite,
        Err(error) => return Ok(without(&error)),
    };
    let names: Vec<&str> = TESTS
        .into_iter()
        .filter(|name| filter.is_none_or(|filter| name.contains(filter)))
        .collect();
    if names.is_empty() {
        return Ok(Outcome::Skipped("none of its tests has such a name".into()));
    }
    let suite = suite.join("main");
    let environment = [
        ("INTERDICT_MYSQL_CORPUS", suite.as_os_str()),
        ("INTERDICT_MYSQL_SAMPLE", OsStr::new(SAMPLE)),
    ];
    let harness = try_on(workspace, built, "mysql", &names, &environment)?;
    Ok(harness.outcome_of_some())
}

/// The folder with the suite, fetched where it is not there yet.
fn suite(workspace: &Workspace) -> Result<PathBuf> {
    kept(workspace, PACKAGE, &["main"], |lists, scratch| {
        let package = newest(
            PACKAGE,
            |archives| Apt::open(lists, archives),
            |apt, version| fetch(apt, version, scratch),
        )?;
        let tree = scratch.join("tree");
        ui::step(
            "MariaDB's test suite",
            Command::new("dpkg-deb").arg("--extract").args([&package, &tree]),
        )?;
        let suite = tree.join("usr/share/mysql/mysql-test");
        fs::metadata(suite.join("main")).with_context(|| format!("{PACKAGE} has another form"))?;
        Ok(suite)
    })
}

fn fetch(apt: &Apt, version: &str, scratch: &Path) -> Result<PathBuf> {
    let files = apt.download(&[format!("{PACKAGE}={version}")], scratch)?;
    files
        .into_iter()
        .next()
        .with_context(|| format!("apt fetched no {PACKAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "fetches 20 MB"]
    fn the_suite_can_be_had() {
        let scratch = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            root: scratch.path().to_owned(),
            target: scratch.path().to_owned(),
        };
        let had = suite(&workspace).unwrap();
        assert!(fs::read_dir(had.join("main")).unwrap().count() > 1_000);
        // Nothing is left of how it was made, and it is not made again.
        let kept: Vec<_> = fs::read_dir(scratch.path().join("corpus"))
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(kept.len(), 2, "{kept:?}");
        assert_eq!(suite(&workspace).unwrap(), had);
    }
}
