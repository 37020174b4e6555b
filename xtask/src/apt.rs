//! apt with settings, lists and caches of its own.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::{host, ui};

/// Signs everything that is fetched (package debian-archive-keyring).
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Which of Debian's archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Archive {
    Main,
    Security,
}

/// One set of sources.
pub(crate) struct Apt {
    configuration: PathBuf,
}

impl Apt {
    /// Prepares `directory` for packages of these archives and suites.
    pub(crate) fn open(directory: &Path, archives: &[(Archive, &str)]) -> Result<Self> {
        Self::prepare(directory, "deb", archives)
    }

    /// The same for what the packages are made from.
    pub(crate) fn of_sources(directory: &Path, archives: &[(Archive, &str)]) -> Result<Self> {
        Self::prepare(directory, "deb-src", archives)
    }

    fn prepare(directory: &Path, kind: &str, archives: &[(Archive, &str)]) -> Result<Self> {
        if host::program("apt-get").is_none() {
            bail!("this is fetched with apt, which this machine has not");
        }
        ensure!(
            Path::new(KEYRING).is_file(),
            "{KEYRING} is missing (package debian-archive-keyring): nothing fetched could be checked"
        );
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(directory.join(part))?;
        }
        let mirrors = Mirrors::of_host();
        let mut sources = String::new();
        for (archive, suite) in archives {
            writeln!(
                sources,
                "{kind} [arch=amd64 signed-by={KEYRING}] {} {suite} main",
                mirrors.of(*archive)
            )?;
        }
        fs::write(directory.join("sources.list"), sources)?;
        fs::write(directory.join("status"), "")?;
        let configuration = directory.join("apt.conf");
        fs::write(&configuration, settings(&directory.display().to_string()))?;
        Ok(Self { configuration })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("--config-file").arg(&self.configuration);
        command
    }

    /// Fetches the lists. Any that can't be had or checked is an error.
    pub(crate) fn update(&self, suite: &str) -> Result<()> {
        ui::step(
            &format!("package lists of {suite}"),
            self.command("apt-get")
                .args(["update", "--quiet", "--error-on=any"]),
        )
    }

    /// All packages whose name begins like this.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let listed = ui::output(self.command("apt-cache").args(["pkgnames", prefix]))?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Fetches packages, checked by apt against the signed lists.
    pub(crate) fn download(&self, packages: &[String], into: &Path) -> Result<Vec<PathBuf>> {
        ui::step(
            &packages.join(", "),
            self.command("apt-get")
                .current_dir(into)
                .args(["download", "--quiet"])
                .args(packages),
        )?;
        let mut files = Vec::new();
        for entry in fs::read_dir(into)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                files.push(path);
            }
        }
        files.sort();
        ensure!(
            files.len() == packages.len(),
            "apt fetched {} of {} packages",
            files.len(),
            packages.len()
        );
        Ok(files)
    }

    /// The versions of a package, as the lists have them: newest first.
    pub(crate) fn versions(&self, package: &str) -> Result<Vec<String>> {
        let listed = ui::output(self.command("apt-cache").args(["madison", package]))?;
        Ok(versions(&listed))
    }

    /// Fetches what a source package's author made, without the distribution's changes, checked by apt likewise.
    pub(crate) fn source(&self, package: &str, version: &str, into: &Path) -> Result<PathBuf> {
        ui::step(
            &format!("source of {package} {version}"),
            self.command("apt-get").current_dir(into).args([
                "source",
                "--quiet",
                "--download-only",
                "--tar-only",
                &format!("{package}={version}"),
            ]),
        )?;
        for entry in fs::read_dir(into)? {
            let path = entry?.path();
            if path.to_string_lossy().contains(".orig.tar.") {
                return Ok(path);
            }
        }
        bail!("apt fetched no archive of {package} {version}");
    }
}

/// The second fields of `name | version | where` lines.
fn versions(listed: &str) -> Vec<String> {
    listed
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .map(|version| version.trim().to_owned())
        .collect()
}

/// Read after the host's own settings, whose proxies stay in force. What the host does after an update is not for us.
fn settings(directory: &str) -> String {
    format!(
        r#"Dir::Etc::sourcelist "{directory}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "{directory}";
Dir::State::lists "{directory}/lists";
Dir::State::status "{directory}/status";
Dir::Cache "{directory}/cache";
Dir::Cache::archives "archives";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Check-Valid-Until "true";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"#
    )
}

/// Where Debian's archives are.
#[derive(Debug, PartialEq, Eq)]
struct Mirrors {
    main: String,
    security: String,
}

impl Mirrors {
    /// Those that the host itself uses; Debian's own where it uses none.
    fn of_host() -> Self {
        let format = "$(ORIGIN)|$(LABEL)|$(REPO_URI)";
        let listed = ui::output(Command::new("apt-get").args([
            "indextargets",
            "--format",
            format,
            "Created-By: Packages",
        ]));
        Self::parse(&listed.unwrap_or_default())
    }

    fn parse(listed: &str) -> Self {
        let find = |label: &str, otherwise: &str| {
            listed
                .lines()
                .find_map(|line| {
                    let mut fields = line.splitn(3, '|');
                    (fields.next()? == "Debian" && fields.next()? == label).then(|| fields.next())?
                })
                .unwrap_or(otherwise)
                .to_owned()
        };
        Self {
            main: find("Debian", "http://deb.debian.org/debian"),
            security: find("Debian-Security", "http://deb.debian.org/debian-security"),
        }
    }

    fn of(&self, archive: Archive) -> &str {
        match archive {
            Archive::Main => &self.main,
            Archive::Security => &self.security,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_the_second_field() {
        let listed = " postgresql-15 | 15.20-0+deb12u1 | http://mirror bookworm-security/main Sources\n\
                      postgresql-15 | 15.18-0+deb12u1 | http://mirror bookworm/main Sources\n";
        assert_eq!(versions(listed), ["15.20-0+deb12u1", "15.18-0+deb12u1"]);
        assert!(versions("").is_empty());
    }

    #[test]
    fn the_hosts_mirrors_are_used() {
        let listed = "Other|Debian|http://wrong/\nDebian|Debian Backports|http://no/\n\
                      Debian|Debian|http://mirror/debian/\nDebian|Debian-Security|http://mirror/security/\n";
        let mirrors = Mirrors::parse(listed);
        assert_eq!(mirrors.of(Archive::Main), "http://mirror/debian/");
        assert_eq!(mirrors.of(Archive::Security), "http://mirror/security/");
        assert_eq!(Mirrors::parse("").main, "http://deb.debian.org/debian");
    }
}
