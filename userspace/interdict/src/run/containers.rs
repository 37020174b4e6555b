//! Containers' names, from what their engines keep on disk.
//!
//! No engine's socket is asked: it would be one more door, and it may hang. What is written before a container's cgroup
//! is made is enough:
//!
//! | engine | file | name |
//! |---|---|---|
//! | Docker | `/var/lib/docker/containers/ID/config.v2.json` | `Name` |
//! | Podman, CRI-O | `/var/lib/containers/storage/overlay-containers/containers.json` | `names` |
//! | containerd | `/run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json` | annotations |
//! | CRI-O | `/run/containers/storage/overlay-containers/ID/userdata/config.json` | annotations |

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use interdict_identity::Container;
use serde::Deserialize;

/// Annotations that hold a name: of Kubernetes by containerd and by CRI-O, and of nerdctl.
const ANNOTATIONS: [&str; 3] = [
    "io.kubernetes.cri.container-name",
    "io.kubernetes.container.name",
    "nerdctl/name",
];
/// Names that are kept so that files are not read again.
const REMEMBERED: usize = 16_384;
/// A file larger than this is none of an engine's.
const LARGEST: u64 = 16 << 20;

/// Where engines keep their containers.
pub(super) struct Containers {
    root: PathBuf,
    names: Mutex<HashMap<String, Vec<String>>>,
}

/// What is known of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Its names. A container that is renamed keeps the ones that it had when it was first seen.
    Names(Vec<String>),
    /// No engine's file tells of it (yet).
    Nothing,
}

impl Default for Containers {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

#[derive(Deserialize)]
struct Docker {
    #[serde(rename = "Name")]
    name: String,
}

#[derive(Deserialize)]
struct Stored {
    id: String,
    #[serde(default)]
    names: Vec<String>,
}

#[derive(Deserialize)]
struct Bundle {
    #[serde(default)]
    annotations: HashMap<String, String>,
}

impl Containers {
    fn below(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            names: Mutex::default(),
        }
    }

    /// What is known of a container now. Reads files.
    pub(super) fn known(&self, container: &Container) -> Known {
        let id = &container.id;
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = names.get(id) {
            return Known::Names(names.clone());
        }
        let found = [self.docker(id), self.stored(id), self.annotated(id)].concat();
        if found.is_empty() {
            return Known::Nothing;
        }
        if names.len() >= REMEMBERED {
            names.clear();
        }
        names.insert(id.clone(), found.clone());
        Known::Names(found)
    }

    fn docker(&self, id: &str) -> Vec<String> {
        let path = format!("var/lib/docker/containers/{id}/config.v2.json");
        let found: Option<Docker> = read(&self.root.join(path));
        let name = found.map(|docker| docker.name.trim_start_matches('/').to_owned());
        name.into_iter().filter(|name| !name.is_empty()).collect()
    }

    fn stored(&self, id: &str) -> Vec<String> {
        let path = "var/lib/containers/storage/overlay-containers/containers.json";
        let all: Vec<Stored> = read(&self.root.join(path)).unwrap_or_default();
        let mine = all.into_iter().find(|one| one.id == id);
        mine.map(|one| one.names).unwrap_or_default()
    }

    fn annotated(&self, id: &str) -> Vec<String> {
        let tasks = self.root.join("run/containerd/io.containerd.runtime.v2.task");
        let namespaces = fs::read_dir(tasks).into_iter().flatten().flatten();
        let mut bundles: Vec<PathBuf> = namespaces
            .map(|namespace| namespace.path().join(id).join("config.json"))
            .collect();
        let crio = format!("run/containers/storage/overlay-containers/{id}/userdata/config.json");
        bundles.push(self.root.join(crio));
        let mut names = Vec::new();
        for bundle in bundles {
            let Some(Bundle { annotations }) = read(&bundle) else {
                continue;
            };
            names.extend(
                ANNOTATIONS
                    .iter()
                    .filter_map(|key| annotations.get(*key).cloned()),
            );
        }
        names
    }
}

/// A file that is not there, or is just being written, tells nothing yet.
fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    let size = fs::metadata(path).ok()?.len();
    if size > LARGEST {
        tracing::warn!(path = %path.display(), size, "this file is too large to be an engine's: it is not read");
        return None;
    }
    match serde_json::from_slice(&fs::read(path).ok()?) {
        Ok(found) => Some(found),
        Err(error) => {
            tracing::debug!(path = %path.display(), %error, "an engine's file was not understood");
            None
        }
    }
}

#[cfg(test)]
mod tests;
