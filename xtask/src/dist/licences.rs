//! Whose work is inside the binary, and on what terms: a static program carries the notices of all that is linked into it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::ui;
use crate::workspace::Workspace;

/// What `cargo metadata` tells, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    manifest_path: PathBuf,
    /// None: a crate of the workspace.
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// None: needed by the program itself, not by its build or its tests.
    kind: Option<String>,
}

/// How deep below a crate's folder the sources that it brings along keep their licence (`libbpf-sys/elfutils/COPYING`,
/// `libmimalloc-sys/c_src/mimalloc/LICENSE`).
const DEPTH: usize = 3;

/// The text of `THIRD-PARTY-LICENSES`.
pub(crate) fn text(workspace: &Workspace, target: &str) -> Result<String> {
    let metadata = ui::output(workspace.cargo().args([
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        target,
        "--features",
        super::binary::FEATURE,
    ]))?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("cargo metadata is of another form")?;
    let linked = linked(&metadata, "interdict")?;
    let mut packages: Vec<&Package> = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some() && linked.contains(package.id.as_str()))
        .collect();
    packages.sort_by_key(|package| (&package.name, &package.version));

    let mut text = String::from(HEAD);
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages {
        let Package {
            name,
            version,
            license,
            repository,
            manifest_path,
            ..
        } = package;
        writeln!(
            text,
            "{name} {version}: {} {}",
            license.as_deref().unwrap_or("see its files below"),
            repository.as_deref().unwrap_or_default()
        )?;
        let folder = manifest_path.parent().context("a manifest in no folder")?;
        let mut files = Vec::new();
        notices(folder, DEPTH, &mut files);
        for file in files {
            let Ok(bytes) = fs::read(&file) else { continue };
            let shown = file.strip_prefix(folder).unwrap_or(&file);
            texts
                .entry(String::from_utf8_lossy(&bytes).trim().to_owned())
                .or_default()
                .insert(format!("{name} {version}: {}", shown.display()));
        }
    }
    for (notice, files) in &texts {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        write!(text, "\n{}\n{}\n\n{notice}\n", "=".repeat(80), files.join("\n"))?;
    }
    Ok(text)
}

const HEAD: &str = "\
What is linked into this build of interdict beside its own code, and the notices that go with it.

The eBPF loader's libbpf brings elfutils' libelf along (LGPL-3.0-or-later or GPL-2.0-or-later). Its source is in the crate
libbpf-sys; interdict's own source and `cargo xtask dist` are what it takes to link with a changed libelf.

";

/// Everything that a package needs to run, and what that needs.
fn linked<'a>(metadata: &'a Metadata, root: &str) -> Result<BTreeSet<&'a str>> {
    let nodes: HashMap<&str, &Node> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node))
        .collect();
    let root = metadata
        .packages
        .iter()
        .find(|package| package.name == root && package.source.is_none())
        .with_context(|| format!("there is no package {root}"))?;
    let mut found = BTreeSet::new();
    let mut open = vec![root.id.as_str()];
    while let Some(id) = open.pop() {
        if !found.insert(id) {
            continue;
        }
        let edges = nodes.get(id).map_or(&[][..], |node| &node.deps);
        open.extend(
            edges
                .iter()
                .filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none()))
                .map(|edge| edge.pkg.as_str()),
        );
    }
    Ok(found)
}

fn notices(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().to_uppercase());
        if path.is_dir() {
            if depth > 1 && name != "TESTS" && name != "TEST" {
                notices(&path, depth - 1, found);
            }
        } else if [
            "LICENSE",
            "LICENCE",
            "COPYING",
            "COPYRIGHT",
            "NOTICE",
            "UNLICENSE",
        ]
        .iter()
        .any(|start| name.starts_with(start))
        {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_builds_or_tests_is_left_out() -> Result<()> {
        let package = |name: &str, source: &str| {
            format!(
                r#"{{"id":"{name}","name":"{name}","version":"1","license":null,"repository":null,"manifest_path":"/x/Cargo.toml","source":{source}}}"#
            )
        };
        let edge = |name: &str, kind: &str| format!(r#"{{"pkg":"{name}","dep_kinds":[{{"kind":{kind}}}]}}"#);
        let text = format!(
            r#"{{"packages":[{},{},{},{}],"resolve":{{"nodes":[{{"id":"interdict","deps":[{},{}]}},{{"id":"linked","deps":[{}]}}]}}}}"#,
            package("interdict", "null"),
            package("linked", r#""registry""#),
            package("deeper", r#""registry""#),
            package("build-only", r#""registry""#),
            edge("linked", "null"),
            edge("build-only", r#""build""#),
            edge("deeper", "null"),
        );
        let metadata: Metadata = serde_json::from_str(&text)?;
        let found: Vec<_> = linked(&metadata, "interdict")?.into_iter().collect();
        assert_eq!(found, ["deeper", "interdict", "linked"]);
        Ok(())
    }
}
