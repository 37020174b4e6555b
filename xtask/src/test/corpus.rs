//! Servers' own test suites, which the analysis of statements is tried on.
//!
//! They come with what Debian ships of the servers, and lie in `target/corpus/` from then on.

mod mariadb;
mod postgres;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::harness::Harness;
use crate::apt::{Apt, Archive};
use crate::build::Built;
use crate::ui::stages::Outcome;
use crate::workspace::Workspace;

pub(super) use mariadb::run as mariadb;
pub(super) use postgres::run as postgres;

/// Runs tests that are left out otherwise. `environment` tells where their suite is.
fn try_on(
    workspace: &Workspace,
    built: &Built,
    test: &str,
    names: &[&str],
    environment: &[(&str, &OsStr)],
) -> Result<Harness> {
    let mut command = super::on_host(workspace, built, "test");
    command
        .args(["--test", test, "--"])
        .args(names)
        .args(["--ignored", "--nocapture"])
        .envs(environment.iter().copied());
    Harness::run(&mut command)
}

/// A folder below `target/corpus`, made by `make` in a scratch folder where it is not there yet. `parts`: what is in it when it
/// is whole.
fn kept(
    workspace: &Workspace,
    name: &str,
    parts: &[&str],
    make: impl FnOnce(&Path, &Path) -> Result<PathBuf>,
) -> Result<PathBuf> {
    let root = workspace.target.join("corpus");
    let kept = root.join(name);
    if parts.iter().all(|part| kept.join(part).exists()) {
        return Ok(kept);
    }
    fs::create_dir_all(&root)?;
    let scratch = tempfile::Builder::new().prefix("new-").tempdir_in(&root)?;
    let made = make(&root.join("apt").join(name), scratch.path())?;
    if kept.exists() {
        fs::remove_dir_all(&kept)?;
    }
    // Put in its place whole: what is cut short is not taken for all of it the next time.
    fs::rename(made, &kept)?;
    Ok(kept)
}

/// The newest version of a package that can be had: the lists may name some that the mirror has no more. `get` fetches one.
fn newest(
    package: &str,
    prepare: impl FnOnce(&[(Archive, &str)]) -> Result<Apt>,
    get: impl Fn(&Apt, &str) -> Result<PathBuf>,
) -> Result<PathBuf> {
    let release = fs::read_to_string("/etc/os-release")?;
    let codename =
        debian(&release).context("this is not Debian: its archives are not looked for elsewhere")?;
    let security = format!("{codename}-security");
    let apt = prepare(&[(Archive::Security, security.as_str()), (Archive::Main, codename)])?;
    apt.update(codename)?;
    let mut last = None;
    for version in apt.versions(package)? {
        match get(&apt, &version) {
            Ok(archive) => return Ok(archive),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => Err(error),
        None => bail!("{codename} has no {package}"),
    }
}

/// The result where the suite can't be had: said, and no failure.
fn without(error: &anyhow::Error) -> Outcome {
    Outcome::Skipped(format!("the suite can't be had: {error:#}"))
}

/// The codename of a Debian; none of what is derived from it, which has other archives.
fn debian(release: &str) -> Option<&str> {
    let field = |name: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.strip_prefix('=')?.trim_matches('"'))
    };
    (field("ID")? == "debian").then(|| field("VERSION_CODENAME"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_debian_has_debians_archives() {
        let debian12 = "ID=debian\nVERSION_CODENAME=bookworm\n";
        assert_eq!(debian(debian12), Some("bookworm"));
        assert_eq!(
            debian("ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n"),
            None
        );
    }
}
