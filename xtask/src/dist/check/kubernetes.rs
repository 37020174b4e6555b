//! Manifest and chart: valid for the oldest and the newest Kubernetes, the same thing said twice, settings that interdict
//! takes.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::super::Made;
use super::{systemd, tools};
use crate::ui;
use crate::ui::stages::Outcome;
use crate::workspace::Workspace;

/// The oldest that the chart admits, and the newest that has schemas.
const VERSIONS: [&str; 2] = ["1.30", "1.37"];

/// Everything that a value can switch on.
const ALL: &str = r#"
image: { digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000" }
imagePullSecrets: [{ name: registry }]
policies: { clinic.yaml: "name: clinic\ndefault: deny\n" }
secrets: [clinic-tls]
hostCertificates: /etc/ssl/certs
serviceAccount: { create: true, annotations: { a: b } }
affinity: { nodeAffinity: {} }
seLinuxOptions: { type: spc_t }
podAnnotations: { a: b }
podLabels: { a: b }
"#;

pub(super) fn check(workspace: &Workspace, made: &Made) -> Result<Outcome> {
    let place = tempfile::tempdir()?;
    let manifest = workspace.root.join(MANIFEST);
    let helm = tools::helm(workspace)?;
    ui::note(&format!(
        "helm {}",
        ui::output(Command::new(&helm).args(["version", "--short"]))?.trim()
    ));
    ui::output(Command::new(&helm).args(["lint", "--strict"]).arg(&made.chart))?;
    let render = |name: &str, more: &[&str]| -> Result<std::path::PathBuf> {
        let mut command = Command::new(&helm);
        command
            .args(["template", "interdict"])
            .arg(&made.chart)
            .args(["--namespace", "interdict", "--kube-version", VERSIONS[0]])
            .args(more);
        let file = place.path().join(name);
        fs::write(&file, ui::output(&mut command)?)?;
        Ok(file)
    };
    let plain = render("plain.yaml", &[])?;
    let values = place.path().join("values.yaml");
    fs::write(&values, ALL)?;
    let values = values
        .to_str()
        .context("the temporary directory's path is not text")?;
    let all = render("all.yaml", &["--values", values])?;
    for (what, wrong) in [
        ("an unknown value", "imgae.tag=1"),
        ("a value of the wrong kind", "image.pullPolicy=Sometimes"),
        ("settings without services", "settings.services=null"),
    ] {
        ensure!(
            render("wrong.yaml", &["--set", wrong]).is_err(),
            "the chart takes {what} ({wrong})"
        );
    }
    for version in VERSIONS {
        let mut validator = tools::validator(workspace)?;
        validator
            .args(["-k", version])
            .arg(&manifest)
            .args([&plain, &all]);
        ui::output(&mut validator).with_context(|| format!("Kubernetes {version}"))?;
    }
    ui::note(&format!(
        "valid for Kubernetes {} and {}",
        VERSIONS[0], VERSIONS[1]
    ));

    same(&documents(&manifest)?, &documents(&plain)?)?;
    let pod = pod(workspace)?;
    let mut added: Vec<&str> = capabilities(&pod)?;
    added.sort_unstable();
    let unit = systemd::capabilities(workspace)?;
    ensure!(
        added.iter().copied().eq(unit.iter().map(String::as_str)),
        "the DaemonSet keeps {added:?}, the unit {unit:?}"
    );
    settings(workspace, made, &documents(&manifest)?)?;
    Ok(Outcome::Passed)
}

/// The manifest, from the workspace's root.
const MANIFEST: &str = "deploy/kubernetes/daemonset.yaml";

/// The pod's `spec` as the plain manifest has it.
pub(super) fn pod(workspace: &Workspace) -> Result<Value> {
    let documents = documents(&workspace.root.join(MANIFEST))?;
    Ok(one(&documents, "DaemonSet", "/spec/template/spec")?.clone())
}

/// What the pod's container may do beyond any process.
pub(super) fn capabilities(pod: &Value) -> Result<Vec<&str>> {
    let added = pod
        .pointer("/containers/0/securityContext/capabilities/add")
        .and_then(Value::as_array)
        .context("the container adds no capabilities")?;
    Ok(added.iter().filter_map(Value::as_str).collect())
}

fn documents(file: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(file)?;
    serde_saphyr::from_multiple(&text).with_context(|| format!("{} is no YAML", file.display()))
}

fn one<'a>(documents: &'a [Value], kind: &str, pointer: &str) -> Result<&'a Value> {
    documents
        .iter()
        .find(|document| document.get("kind").and_then(Value::as_str) == Some(kind))
        .and_then(|document| document.pointer(pointer))
        .with_context(|| format!("there is no {kind} with {pointer}"))
}

/// The chart with its defaults and the plain manifest are one thing said twice.
fn same(manifest: &[Value], chart: &[Value]) -> Result<()> {
    for (kind, pointer) in [
        ("ClusterRole", "/rules"),
        ("ClusterRoleBinding", "/subjects"),
        ("DaemonSet", "/spec/updateStrategy"),
        ("DaemonSet", "/spec/template/spec"),
    ] {
        let (one, other) = (one(manifest, kind, pointer)?, one(chart, kind, pointer)?);
        ensure!(
            one == other,
            "manifest and chart differ in {kind}{pointer}:\n{one}\n{other}"
        );
    }
    let read = |documents: &[Value]| -> Result<Value> {
        let text = one(documents, "ConfigMap", "/data/interdict.yaml")?;
        Ok(serde_saphyr::from_str(text.as_str().unwrap_or_default())?)
    };
    let (one, other) = (read(manifest)?, read(chart)?);
    ensure!(
        one == other,
        "manifest and chart differ in settings:\n{one}\n{other}"
    );
    Ok(())
}

/// interdict takes the settings of the manifest. Paths of the image are those of the workspace here.
fn settings(workspace: &Workspace, made: &Made, manifest: &[Value]) -> Result<()> {
    let text = one(manifest, "ConfigMap", "/data/interdict.yaml")?
        .as_str()
        .context("the settings are no text")?;
    let policies = workspace.root.join("policies");
    let place = tempfile::tempdir()?;
    let file = place.path().join("interdict.yaml");
    fs::write(
        &file,
        text.replace("/usr/share/interdict/policies", &policies.display().to_string()),
    )?;
    ui::output(Command::new(&made.binary).args(["check", "--config"]).arg(&file))
        .context("the ConfigMap's settings")?;
    Ok(())
}
