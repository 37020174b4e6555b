//! Debian and what comes from it: which packages are there, and installing some.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{host, ui};

/// Whether packages come by apt here.
pub(crate) fn is_here() -> bool {
    fs::read_to_string("/etc/os-release").is_ok_and(|release| is_debian(&release))
        && host::program("apt-get").is_some()
}

fn is_debian(release: &str) -> bool {
    release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .flat_map(|value| value.trim_matches('"').split(' '))
        .any(|id| id == "debian" || id == "ubuntu")
}

/// Those of `packages` that are installed; none where there is no dpkg.
pub(crate) fn installed<'a>(packages: impl Iterator<Item = &'a str>) -> Result<BTreeSet<String>> {
    if host::program("dpkg-query").is_none() {
        return Ok(BTreeSet::new());
    }
    // It ends with 1 when it knows nothing of a package, and still tells of the others.
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"])
        .args(packages)
        .output()
        .context("dpkg-query can't be run")?;
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

fn parse(shown: &str) -> BTreeSet<String> {
    shown
        .lines()
        .filter_map(|line| line.strip_suffix(" installed"))
        .map(str::to_owned)
        .collect()
}

/// Installs exactly these, in one call.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let line = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    let (Some(mut update), Some(mut install)) = (host::as_root("env"), host::as_root("env")) else {
        bail!("packages are missing, and neither root nor `sudo -n` is at hand; please run: {line}");
    };
    ui::note(&line);
    ui::step("package lists", update.args(["apt-get", "update", "--quiet"]))?;
    ui::step(
        &format!("{} packages", packages.len()),
        install
            .args([
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                "install",
                "--quiet",
                "--yes",
                "--no-install-recommends",
            ])
            .args(packages),
    )
    .with_context(|| {
        format!(
            "please install by hand what is available here; {}",
            super::compiler::ADVICE
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_count_as_debian() {
        assert!(is_debian("NAME=x\nID=debian\n"));
        assert!(is_debian("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian("ID=fedora\nNAME=\"not debian\"\n"));
    }

    #[test]
    fn only_wholly_installed_packages_count() {
        let parsed = parse("gcc installed\nmake config-files\nbpftool not-installed\n");
        assert_eq!(parsed.into_iter().collect::<Vec<_>>(), ["gcc"]);
    }
}
