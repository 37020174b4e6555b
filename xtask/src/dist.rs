//! `dist`: what is handed to those who install: a static binary, an archive, a container image, a chart.

mod binary;
mod check;
mod licences;
mod musl;
mod oci;
mod tree;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;

use self::tree::{Tree, gzip, sha256};
use crate::ui;
use crate::ui::table::{Align, render};
use crate::workspace::Workspace;

/// How to make it.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Then try it: the unit by systemd's own judge, manifests and chart by Kubernetes' schemas, the image under runc
    #[arg(long)]
    check: bool,
    /// Pack this static binary instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// What is released, and when. The time is the commit's, so that one commit gives one set of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    version: String,
    /// The commit, with `-dirty` behind it if the tree has changes. Empty without git.
    revision: String,
    /// Seconds since 1970.
    time: u64,
    /// The same as RFC 3339.
    created: String,
}

impl Release {
    fn of(workspace: &Workspace) -> Result<Self> {
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.current_dir(&workspace.root).args(arguments);
            ui::output(&mut command).map(|text| text.trim().to_owned())
        };
        let time = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => text
                .parse()
                .context("SOURCE_DATE_EPOCH is no number of seconds")?,
            // Sources without git: all that matters is that it is the same everywhere.
            Err(_) => git(&["show", "--no-patch", "--format=%ct"])
                .ok()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
        };
        let created = jiff::Timestamp::from_second(i64::try_from(time)?)?.to_string();
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: git(&["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"])
                .unwrap_or_default(),
            time,
            created,
        })
    }
}

/// All that was made.
pub(crate) struct Made {
    directory: PathBuf,
    binary: PathBuf,
    image: PathBuf,
    chart: PathBuf,
}

/// Builds, packs, lists; and tries it if asked to. Whether all was well.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<bool> {
    let started = Instant::now();
    let release = Release::of(workspace)?;
    let built = match &options.binary {
        Some(binary) => binary.clone(),
        None => binary::build(workspace, release.time)?,
    };
    binary::ensure_static(&built)?;
    let made = pack(workspace, &release, &built)?;
    ui::done("everything is packed", started.elapsed());
    println!("\n{}", listing(&made.directory)?);
    if options.check {
        return Ok(check::run(workspace, &made));
    }
    Ok(true)
}

/// Writes everything into `target/dist`, which holds nothing else.
fn pack(workspace: &Workspace, release: &Release, built: &Path) -> Result<Made> {
    let started = Instant::now();
    let directory = workspace.target.join("dist");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    let version = &release.version;
    let made = Made {
        binary: directory.join("interdict"),
        image: directory.join(format!("interdict-{version}-oci.tar")),
        chart: directory.join(format!("interdict-chart-{version}.tgz")),
        directory,
    };
    fs::copy(built, &made.binary)?;
    let program = fs::read(built)?;
    let third_party = licences::text(workspace, &binary::target())?;

    let bundle = bundle(workspace, release, &program, &third_party)?;
    let name = format!("interdict-{version}-{}-linux.tar.gz", std::env::consts::ARCH);
    fs::write(made.directory.join(name), gzip(&bundle.tar()?)?)?;
    let image = oci::image(&root(workspace, release, program, third_party)?, release)?;
    fs::write(&made.image, image.layout.tar()?)?;
    let mut chart = Tree::new(release.time);
    chart.copy_all("interdict", &workspace.root.join("deploy/helm/interdict"))?;
    fs::write(&made.chart, gzip(&chart.tar()?)?)?;

    let mut sums = String::new();
    for (name, _) in files(&made.directory)? {
        let digest = sha256(&fs::read(made.directory.join(&name))?);
        writeln!(sums, "{digest}  {name}")?;
    }
    fs::write(made.directory.join("SHA256SUMS"), sums)?;
    ui::done("archives and image", started.elapsed());
    ui::note(&format!("image digest {}", image.digest));
    Ok(made)
}

/// What goes into the archive: the binary and all that it takes to install it.
fn bundle(workspace: &Workspace, release: &Release, program: &[u8], third_party: &str) -> Result<Tree> {
    let top = format!("interdict-{}", release.version);
    let root = &workspace.root;
    let mut tree = Tree::new(release.time);
    tree.file(&format!("{top}/bin/interdict"), 0o755, program.to_vec());
    for (path, from) in [
        ("systemd/interdict.service", "deploy/interdict.service"),
        ("examples/interdict.yaml", "deploy/interdict.example.yaml"),
        ("kubernetes/daemonset.yaml", "deploy/kubernetes/daemonset.yaml"),
        ("doc/deploy.md", "docs/deploy.md"),
        ("doc/audit.md", "docs/audit.md"),
        ("CHANGELOG.md", "CHANGELOG.md"),
        ("LICENSE-APACHE", "LICENSE-APACHE"),
        ("LICENSE-MIT", "LICENSE-MIT"),
    ] {
        tree.copy(&format!("{top}/{path}"), &root.join(from))?;
    }
    tree.copy_all(&format!("{top}/policies"), &root.join("policies"))?;
    tree.file(
        &format!("{top}/THIRD-PARTY-LICENSES"),
        0o644,
        third_party.as_bytes().to_vec(),
    );
    Ok(tree)
}

/// The image's file system: the binary, the ready policies, the licences, and the folders that are mounted over.
fn root(workspace: &Workspace, release: &Release, program: Vec<u8>, third_party: String) -> Result<Tree> {
    let root = &workspace.root;
    let mut tree = Tree::new(release.time);
    tree.file("usr/bin/interdict", 0o755, program);
    tree.copy_all("usr/share/interdict/policies", &root.join("policies"))?;
    let doc = "usr/share/doc/interdict";
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        tree.copy(&format!("{doc}/{name}"), &root.join(name))?;
    }
    tree.file(
        &format!("{doc}/THIRD-PARTY-LICENSES"),
        0o644,
        third_party.into_bytes(),
    );
    for (path, mode) in [
        ("dev", 0o755),
        ("etc/interdict", 0o755),
        ("proc", 0o555),
        ("run/interdict", 0o750),
        ("sys", 0o555),
        ("tmp", 0o1777),
        ("var/lib/interdict", 0o700),
    ] {
        tree.folder(path, mode);
    }
    Ok(tree)
}

/// The files of a folder by name, with their sizes.
fn files(directory: &Path) -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        files.push((
            entry.file_name().to_string_lossy().into_owned(),
            entry.metadata()?.len(),
        ));
    }
    files.sort();
    Ok(files)
}

fn listing(directory: &Path) -> Result<String> {
    let rows: Vec<Vec<String>> = files(directory)?
        .into_iter()
        .map(|(name, size)| vec![name, format!("{:.1} MiB", size as f64 / f64::from(1 << 20))])
        .collect();
    Ok(render(
        &[("target/dist", Align::Left), ("size", Align::Right)],
        &rows,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chart_and_manifest_are_of_this_version() -> Result<()> {
        let workspace = Workspace::find()?;
        let version = env!("CARGO_PKG_VERSION");
        let chart = fs::read_to_string(workspace.root.join("deploy/helm/interdict/Chart.yaml"))?;
        assert!(chart.contains(&format!("\nversion: {version}\n")));
        assert!(chart.contains(&format!("\nappVersion: \"{version}\"\n")));
        let manifest = fs::read_to_string(workspace.root.join("deploy/kubernetes/daemonset.yaml"))?;
        assert!(manifest.contains(&format!("interdict:{version}\n")));
        Ok(())
    }
}
