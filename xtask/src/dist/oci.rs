//! An image as the OCI image specification 1.1 lays it out, written without a container engine: one layer, from scratch.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Release;
use super::tree::{Tree, gzip, sha256};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// What the image is called in the layout; a registry's name goes in front when it is pushed.
pub(crate) const NAME: &str = "interdict";

/// An image layout, and the digest that pins it (`interdict@sha256:…`).
pub(crate) struct Image {
    pub(crate) layout: Tree,
    pub(crate) digest: String,
}

/// The image whose file system is `root`.
pub(crate) fn image(root: &Tree, release: &Release) -> Result<Image> {
    let layer = root.tar()?;
    let diff_id = format!("sha256:{}", sha256(&layer));
    let mut layout = Tree::new(release.time);
    let layer = blob(&mut layout, LAYER, gzip(&layer)?);
    let config = config(release, &diff_id);
    let config = blob(&mut layout, CONFIG, serde_json::to_vec(&config)?);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": [layer],
        "annotations": annotations(release),
    });
    let mut manifest = blob(&mut layout, MANIFEST, serde_json::to_vec(&manifest)?);
    let digest = text(&manifest, "digest")?.to_owned();
    if let Some(manifest) = manifest.as_object_mut() {
        manifest.insert(
            "platform".to_owned(),
            json!({ "os": "linux", "architecture": architecture() }),
        );
        manifest.insert(
            "annotations".to_owned(),
            json!({
                "org.opencontainers.image.ref.name": release.version,
                // What containerd calls an image that it imports.
                "io.containerd.image.name": format!("localhost/{NAME}:{}", release.version),
            }),
        );
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest] });
    layout.file("index.json", 0o644, serde_json::to_vec(&index)?);
    let version = json!({ "imageLayoutVersion": "1.0.0" });
    layout.file("oci-layout", 0o644, serde_json::to_vec(&version)?);
    Ok(Image { layout, digest })
}

/// Stores the bytes under their digest, and describes them.
fn blob(layout: &mut Tree, kind: &str, bytes: Vec<u8>) -> Value {
    let digest = sha256(&bytes);
    let described = json!({ "mediaType": kind, "digest": format!("sha256:{digest}"), "size": bytes.len() });
    layout.file(&format!("blobs/sha256/{digest}"), 0o644, bytes);
    described
}

fn config(release: &Release, diff_id: &str) -> Value {
    json!({
        "created": release.created,
        "architecture": architecture(),
        "os": "linux",
        "config": {
            "User": "0:0",
            "Env": ["PATH=/usr/bin"],
            "Entrypoint": ["/usr/bin/interdict"],
            "Cmd": ["run"],
            "WorkingDir": "/",
            "StopSignal": "SIGTERM",
            "Labels": annotations(release),
        },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        "history": [{ "created": release.created, "created_by": "cargo xtask dist" }],
    })
}

fn annotations(release: &Release) -> Value {
    json!({
        "org.opencontainers.image.title": NAME,
        "org.opencontainers.image.description": "Data access control between agents and databases",
        "org.opencontainers.image.version": release.version,
        "org.opencontainers.image.revision": release.revision,
        "org.opencontainers.image.created": release.created,
        "org.opencontainers.image.licenses": "Apache-2.0 OR MIT",
    })
}

/// Go's name of the machine that this is built on and for.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// What a reader gets out of a layout.
pub(crate) struct Unpacked {
    /// The image's `config` object: what to run, as whom.
    pub(crate) config: Value,
    /// The layer, unpacked.
    pub(crate) layer: Vec<u8>,
}

/// Reads a layout back as a runtime does, from the index down; every size and digest on the way is compared.
pub(crate) fn read(find: impl Fn(&str) -> Result<Vec<u8>>) -> Result<Unpacked> {
    let version: Value = serde_json::from_slice(&find("oci-layout")?)?;
    ensure!(
        text(&version, "imageLayoutVersion")? == "1.0.0",
        "another version of layout"
    );
    let index: Value = serde_json::from_slice(&find("index.json")?)?;
    let fetch = |described: Option<&Value>, kind: &str| -> Result<Vec<u8>> {
        let described = described.with_context(|| format!("no {kind} is described"))?;
        ensure!(text(described, "mediaType")? == kind, "{described} is no {kind}");
        let digest = text(described, "digest")?;
        let hex = digest
            .strip_prefix("sha256:")
            .context("a digest of another kind")?;
        let bytes = find(&format!("blobs/sha256/{hex}"))?;
        ensure!(sha256(&bytes) == hex, "{digest} has other bytes");
        ensure!(
            described.get("size").and_then(Value::as_u64) == Some(bytes.len() as u64),
            "{digest} has another size"
        );
        Ok(bytes)
    };
    let manifest: Value = serde_json::from_slice(&fetch(index.pointer("/manifests/0"), MANIFEST)?)?;
    let config: Value = serde_json::from_slice(&fetch(manifest.get("config"), CONFIG)?)?;
    let packed = fetch(manifest.pointer("/layers/0"), LAYER)?;
    ensure!(manifest.pointer("/layers/1").is_none(), "more than one layer");
    let mut layer = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut layer)?;
    let diff_id = format!("sha256:{}", sha256(&layer));
    ensure!(
        config.pointer("/rootfs/diff_ids/0").and_then(Value::as_str) == Some(diff_id.as_str()),
        "the layer is not the one that the configuration names"
    );
    let config = config
        .get("config")
        .cloned()
        .context("nothing says what to run")?;
    Ok(Unpacked { config, layer })
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value
        .get(key)
        .and_then(Value::as_str)
        .with_context(|| format!("{value} has no {key}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io::Read as _;

    use super::*;

    fn release() -> Release {
        Release {
            version: "1.2.3".into(),
            revision: "abc".into(),
            time: 1_700_000_000,
            created: "2023-11-14T22:13:20Z".into(),
        }
    }

    fn files() -> Result<HashMap<String, Vec<u8>>> {
        let mut root = Tree::new(1_700_000_000);
        root.file("usr/bin/interdict", 0o755, b"program".to_vec());
        let tar = image(&root, &release())?.layout.tar()?;
        let mut files = HashMap::new();
        for entry in tar::Archive::new(tar.as_slice()).entries()? {
            let mut entry = entry?;
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(entry.path()?.display().to_string(), bytes);
        }
        Ok(files)
    }

    fn read_from(files: &HashMap<String, Vec<u8>>) -> Result<Unpacked> {
        read(|path| {
            files
                .get(path)
                .cloned()
                .with_context(|| format!("{path} is missing"))
        })
    }

    #[test]
    fn what_is_written_is_read_back() -> Result<()> {
        let unpacked = read_from(&files()?)?;
        assert_eq!(
            unpacked.config.pointer("/Entrypoint/0"),
            Some(&json!("/usr/bin/interdict"))
        );
        let mut archive = tar::Archive::new(unpacked.layer.as_slice());
        let names: Vec<_> = archive
            .entries()?
            .map(|entry| Ok(entry?.path()?.display().to_string()))
            .collect::<Result<_>>()?;
        assert_eq!(names, ["usr/", "usr/bin/", "usr/bin/interdict"]);
        Ok(())
    }

    #[test]
    fn the_same_files_give_the_same_image() -> Result<()> {
        assert_eq!(files()?, files()?);
        Ok(())
    }

    #[test]
    fn a_changed_blob_is_noticed() -> Result<()> {
        let mut files = files()?;
        for (path, bytes) in &mut files {
            if path.starts_with("blobs/sha256/")
                && let Some(last) = bytes.last_mut()
            {
                *last ^= 1;
            }
        }
        assert!(read_from(&files).is_err());
        Ok(())
    }
}
