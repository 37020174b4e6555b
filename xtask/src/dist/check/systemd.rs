//! The unit: sound by `systemd-analyze verify`, no more exposed than it was.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use super::super::Made;
use crate::ui;
use crate::ui::stages::Outcome;
use crate::workspace::Workspace;

/// The unit, from the workspace's root.
const UNIT: &str = "deploy/interdict.service";
/// The exposure that `systemd-analyze security` may come to, in tenths; what it consists of is in the unit's comments.
const EXPOSURE: u32 = 31;

pub(super) fn check(workspace: &Workspace, made: &Made) -> Result<Outcome> {
    let unit = fs::read_to_string(workspace.root.join(UNIT))?;
    // verify looks whether programs exist; ours is not installed here.
    let place = tempfile::tempdir()?;
    let copy = place.path().join("interdict.service");
    let binary = made
        .binary
        .to_str()
        .context("the target directory's path is not text")?;
    fs::write(&copy, unit.replace("/usr/bin/interdict", binary))?;
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&copy)
        .output()?;
    let said = String::from_utf8_lossy(&verified.stderr);
    // An unknown setting is a line and no error.
    ensure!(
        verified.status.success() && said.trim().is_empty(),
        "systemd-analyze verify: {said}"
    );
    let judged = ui::output(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager"])
            .arg(&copy),
    )?;
    let exposure = exposure(&judged).context("systemd-analyze security tells no overall exposure")?;
    for line in judged.lines().filter(|line| line.starts_with('✗')) {
        ui::note(line.trim_end());
    }
    ui::note(&format!("exposure {}.{}", exposure / 10, exposure % 10));
    ensure!(
        exposure <= EXPOSURE,
        "the unit is more exposed than {}.{}",
        EXPOSURE / 10,
        EXPOSURE % 10
    );
    Ok(Outcome::Passed)
}

fn exposure(judged: &str) -> Option<u32> {
    let (_, after) = judged.rsplit_once("Overall exposure level for ")?;
    let number = after.split_whitespace().nth(1)?;
    let (whole, tenth) = number.split_once('.')?;
    Some(whole.parse::<u32>().ok()? * 10 + tenth.parse::<u32>().ok()?)
}

/// Capabilities that the unit keeps, as Kubernetes writes them.
pub(super) fn capabilities(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let unit = fs::read_to_string(workspace.root.join(UNIT))?;
    let line = values(&unit, "CapabilityBoundingSet")
        .next()
        .context("the unit bounds no capabilities")?;
    Ok(line
        .split_whitespace()
        .map(|name| name.trim_start_matches("CAP_").to_owned())
        .collect())
}

/// System calls that the unit lets through, groups resolved by systemd.
pub(super) fn system_calls(workspace: &Workspace) -> Result<Vec<String>> {
    let unit = fs::read_to_string(workspace.root.join(UNIT))?;
    let mut calls = BTreeSet::new();
    for line in values(&unit, "SystemCallFilter") {
        let (names, taken_away) = match line.strip_prefix('~') {
            Some(names) => (names, true),
            None => (line, false),
        };
        for name in names.split_whitespace() {
            let mut found = BTreeSet::new();
            resolve(name, &mut found)?;
            if taken_away {
                calls.retain(|call| !found.contains(call));
            } else {
                calls.extend(found);
            }
        }
    }
    if calls.is_empty() {
        bail!("the unit filters no system calls");
    }
    Ok(calls.into_iter().collect())
}

fn resolve(name: &str, found: &mut BTreeSet<String>) -> Result<()> {
    if !name.starts_with('@') {
        found.insert(name.to_owned());
        return Ok(());
    }
    let listed = ui::output(Command::new("systemd-analyze").args(["syscall-filter", name]))?;
    for member in members(&listed) {
        resolve(member, found)?;
    }
    Ok(())
}

/// A group's own lines are indented; its name and remarks are not, or begin with a hash.
fn members(listed: &str) -> impl Iterator<Item = &str> {
    listed
        .lines()
        .filter(|line| line.starts_with(' '))
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn values<'a>(unit: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    unit.lines()
        .filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exposure_is_read_in_tenths() {
        let judged = "✗ PrivateNetwork= x 0.5\n\n→ Overall exposure level for x.service: 3.1 OK 🙂\n";
        assert_eq!(exposure(judged), Some(31));
        assert_eq!(exposure("nothing"), None);
    }

    #[test]
    fn groups_list_calls_and_groups() {
        let listed = "@aio\n    # Asynchronous IO\n    io_setup\n    @basic-io\n";
        assert_eq!(members(listed).collect::<Vec<_>>(), ["io_setup", "@basic-io"]);
    }
}
