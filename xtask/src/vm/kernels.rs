//! Which kernels there are, and having them on disk.
//!
//! A kernel lies in `target/vm/kernels/VERSION/` and is used from there without any network, until `--update` asks for
//! newer ones. It is fetched by apt with lists and settings of its own: the host's are neither used nor changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::version;
use crate::apt::{Apt, Archive};
use crate::ui;

/// How many versions of a line are tried: an archive's index may name files that it no longer has.
const TRIES: usize = 6;

/// A suite of Debian and the line of kernels that it is taken for.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) suite: &'static str,
    /// The leading numbers of the version; empty for the newest there is.
    line: &'static str,
    archives: &'static [(Archive, &'static str)],
}

/// From the oldest to the newest.
const SOURCES: &[Source] = &[
    Source {
        suite: "bullseye",
        line: "5.10",
        archives: &[
            (Archive::Main, "bullseye"),
            (Archive::Security, "bullseye-security"),
        ],
    },
    Source {
        suite: "bookworm",
        line: "6.1",
        archives: &[
            (Archive::Main, "bookworm"),
            (Archive::Security, "bookworm-security"),
        ],
    },
    Source {
        suite: "bookworm-backports",
        line: "6.12",
        archives: &[(Archive::Main, "bookworm-backports")],
    },
    Source {
        suite: "trixie",
        line: "6.12",
        archives: &[(Archive::Main, "trixie"), (Archive::Security, "trixie-security")],
    },
    Source {
        suite: "trixie-backports",
        line: "",
        archives: &[(Archive::Main, "trixie-backports")],
    },
    Source {
        suite: "sid",
        line: "",
        archives: &[(Archive::Main, "sid")],
    },
];

/// A kernel on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kernel {
    /// Upstream's version: `6.1.192`.
    pub(super) version: String,
    /// Debian's version of the package.
    pub(super) package: String,
    pub(super) suite: String,
    /// As `uname -r` has it.
    pub(super) release: String,
    #[serde(skip)]
    directory: PathBuf,
}

impl Kernel {
    /// What is booted.
    pub(super) fn image(&self) -> PathBuf {
        self.directory.join("vmlinuz")
    }

    /// Where its modules and `modules.dep` are.
    pub(super) fn modules(&self) -> PathBuf {
        self.directory.join("lib/modules").join(&self.release)
    }

    fn read(directory: PathBuf) -> Result<Self> {
        let text = fs::read(directory.join("kernel.json"))?;
        let kernel: Self = serde_json::from_slice(&text)?;
        Ok(Self { directory, ..kernel })
    }
}

/// The kernels on disk, and the way to more.
pub(super) struct Store {
    /// `target/vm`.
    root: PathBuf,
    /// Look for newer ones than those on disk.
    update: bool,
}

impl Store {
    pub(super) fn new(root: PathBuf, update: bool) -> Self {
        Self { root, update }
    }

    /// Those that are wanted, by version (`6.1`) or suite; without a wish, one of every source. Oldest first.
    pub(super) fn select(&self, wanted: &[String]) -> Result<Vec<Kernel>> {
        let mut kernels: Vec<Kernel> = Vec::new();
        if wanted.is_empty() {
            for source in SOURCES {
                kernels.push(self.have(source, source.line)?);
            }
        }
        for wish in wanted {
            kernels.extend(self.wish(wish)?);
        }
        kernels.sort_by_cached_key(|kernel| version::key(&kernel.package));
        kernels.dedup_by(|one, other| one.package == other.package);
        Ok(kernels)
    }

    /// Every kernel that answers to `wish`: one a source, where the source has one.
    fn wish(&self, wish: &str) -> Result<Vec<Kernel>> {
        if let Some(source) = SOURCES.iter().find(|source| source.suite == wish) {
            return Ok(vec![self.have(source, source.line)?]);
        }
        let mut kernels = Vec::new();
        let mut reasons = Vec::new();
        let mut ask = |source: &Source, line: &str| match self.have(source, line) {
            Ok(kernel) if version::within(&kernel.version, wish) => kernels.push(kernel),
            Ok(kernel) => reasons.push(format!("{} has {}", source.suite, kernel.version)),
            Err(error) => reasons.push(format!("{error:#}")),
        };
        let (lines, newest): (Vec<_>, Vec<_>) = SOURCES.iter().partition(|source| !source.line.is_empty());
        for source in &lines {
            if version::within(source.line, wish) {
                ask(source, source.line);
            } else if version::within(wish, source.line) {
                ask(source, wish);
            }
        }
        // Those that go with the newest may have others still.
        if lines.iter().all(|source| !version::within(wish, source.line)) {
            for source in &newest {
                ask(source, wish);
            }
        }
        if kernels.is_empty() {
            let suites: Vec<_> = SOURCES.iter().map(|source| source.suite).collect();
            bail!(
                "no kernel `{wish}`: {}; name a version (`6.1`) or one of {}",
                if reasons.is_empty() {
                    "no suite is that old".to_owned()
                } else {
                    reasons.join("; ")
                },
                suites.join(", ")
            );
        }
        Ok(kernels)
    }

    /// The newest kernel of this line: from disk if there is one and no newer one is asked for.
    fn have(&self, source: &Source, line: &str) -> Result<Kernel> {
        let stored = self.stored(source, line);
        if let Some(kernel) = stored.clone()
            && !self.update
        {
            return Ok(kernel);
        }
        match (self.fetch(source, line), stored) {
            (Ok(kernel), _) => Ok(kernel),
            (Err(error), Some(kernel)) => {
                ui::warn(&format!(
                    "{}: {error:#}; {} from before is used",
                    source.suite, kernel.version
                ));
                Ok(kernel)
            }
            (Err(error), None) => Err(error).with_context(|| format!("a kernel of {}", source.suite)),
        }
    }

    fn stored(&self, source: &Source, line: &str) -> Option<Kernel> {
        fs::read_dir(self.kernels())
            .ok()?
            .filter_map(|entry| Kernel::read(entry.ok()?.path()).ok())
            .filter(|kernel| kernel.suite == source.suite && version::within(&kernel.version, line))
            .max_by_key(|kernel| version::key(&kernel.package))
    }

    fn kernels(&self) -> PathBuf {
        self.root.join("kernels")
    }

    fn fetch(&self, source: &Source, line: &str) -> Result<Kernel> {
        let apt = Apt::open(&self.root.join("apt").join(source.suite), source.archives)?;
        apt.update(source.suite)?;
        let mut names = apt.names("linux-image-")?;
        names.extend(apt.names("linux-binary-")?);
        let sets = candidates(&names, line);
        ensure!(!sets.is_empty(), "{} has no kernel {line}", source.suite);
        let mut errors = Vec::new();
        for packages in sets.iter().take(TRIES) {
            let scratch = tempfile::tempdir_in(&self.root)?;
            match apt.download(packages, scratch.path()) {
                Ok(files) => return self.unpack(source, &files, scratch.path()),
                Err(error) => errors.push(format!("{error:#}")),
            }
        }
        bail!("none of {} could be fetched: {}", errors.len(), errors.join("; "))
    }

    /// Keeps the image and the modules of these packages.
    fn unpack(&self, source: &Source, packages: &[PathBuf], scratch: &Path) -> Result<Kernel> {
        let tree = scratch.join("tree");
        for package in packages {
            ui::step(
                &format!("unpacking {}", file_name(package)),
                Command::new("dpkg-deb").arg("--extract").args([package, &tree]),
            )?;
        }
        let first = packages.first().context("nothing was fetched")?;
        let package = ui::output(Command::new("dpkg-deb").arg("--field").arg(first).arg("Version"))?
            .trim()
            .to_owned();
        let trees = [tree.join("lib/modules"), tree.join("usr/lib/modules")];
        let modules = trees
            .iter()
            .find(|directory| directory.is_dir())
            .context("the package has no modules")?;
        let release = fs::read_dir(modules)?
            .next()
            .context("the package has no modules")??
            .file_name()
            .to_string_lossy()
            .into_owned();
        let whole = scratch.join("kernel");
        fs::create_dir_all(whole.join("lib/modules"))?;
        let images = [
            tree.join("boot").join(format!("vmlinuz-{release}")),
            modules.join(&release).join("vmlinuz"),
        ];
        let image = images
            .iter()
            .find(|image| image.is_file())
            .context("the package has no kernel image")?;
        fs::rename(image, whole.join("vmlinuz"))?;
        fs::rename(modules.join(&release), whole.join("lib/modules").join(&release))?;
        // Debian leaves this to the installation.
        ui::step(
            &format!("dependencies of {release}'s modules"),
            Command::new(crate::host::program("depmod").context("depmod is missing (package kmod)")?)
                .arg("--basedir")
                .arg(&whole)
                .arg(&release),
        )?;
        let directory = self.kernels().join(&package);
        let kernel = Kernel {
            version: version::upstream(&package).to_owned(),
            package,
            suite: source.suite.to_owned(),
            release,
            directory,
        };
        fs::write(whole.join("kernel.json"), serde_json::to_vec_pretty(&kernel)?)?;
        fs::create_dir_all(self.kernels())?;
        if kernel.directory.exists() {
            fs::remove_dir_all(&kernel.directory)?;
        }
        // Last and at once: what is there is whole.
        fs::rename(&whole, &kernel.directory)?;
        Ok(kernel)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Packages to fetch together, the newest version first. From 7.0 on image and modules are apart; before, a suite may
/// have an image only without Debian's signature for Secure Boot, which is as good here.
fn candidates(names: &[String], line: &str) -> Vec<Vec<String>> {
    let mut found: Vec<(Vec<u64>, u8, Vec<String>)> = names
        .iter()
        .filter_map(|name| {
            if let Some(rest) = name.strip_prefix("linux-binary-") {
                let (rest, rank) = rest.strip_prefix("unsigned-").map_or((rest, 3), |rest| (rest, 2));
                let version = rest.strip_suffix("-cloud-amd64")?;
                return Some((version, rank, vec![name.clone(), format!("linux-modules-{rest}")]));
            }
            let rest = name.strip_prefix("linux-image-")?;
            let (version, rank) = match rest.strip_suffix("-cloud-amd64") {
                Some(version) => (version, 1),
                None => (rest.strip_suffix("-cloud-amd64-unsigned")?, 0),
            };
            Some((version, rank, vec![name.clone()]))
        })
        .filter(|(version, ..)| version::within(version, version::first_two(line)))
        .map(|(version, rank, packages)| (version::key(version), rank, packages))
        // `linux-image-6.1-cloud-amd64` has no kernel, but depends on one.
        .filter(|(key, ..)| key.len() > 2)
        .collect();
    found.sort_by(|one, other| (&other.0, other.1).cmp(&(&one.0, one.1)));
    // Where there is a binary, the image of the same version is empty.
    let split: Vec<Vec<u64>> = found
        .iter()
        .filter(|(_, rank, _)| *rank >= 2)
        .map(|(key, ..)| key.clone())
        .collect();
    found
        .into_iter()
        .filter(|(key, rank, _)| *rank >= 2 || !split.contains(key))
        .map(|(.., packages)| packages)
        .collect()
}

#[cfg(test)]
mod tests;
