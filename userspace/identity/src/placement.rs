//! What a cgroup's path says: systemd unit, container, pod.
//!
//! Only what root's own managers (systemd, the kubelet, a container engine) laid out counts: a service with a delegated
//! subtree, and every user's service manager, can make directories below its own that look like a pod's or another
//! service's. So the path is read from the root, through slices, to the first component that is not a slice, and
//! nothing below a service is believed.

use serde::Serialize;

/// Where a process runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Placement {
    /// The innermost slice on the way to the unit.
    pub slice: Option<String>,
    /// systemd's system unit: a service or a scope.
    pub unit: Option<String>,
    /// The unit inside a user's own manager; named as the user likes.
    pub user_unit: Option<String>,
    /// The container.
    pub container: Option<Container>,
    /// The Kubernetes pod's uid, with dashes (static pods have none).
    pub pod_uid: Option<String>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Container {
    /// `docker`, `containerd`, `crio`, `podman` or `nerdctl`; `None` where the path does not tell.
    pub runtime: Option<&'static str>,
    /// 64 hexadecimal digits.
    pub id: String,
}

/// Prefixes of the scopes and directories that engines make, and the engines' names.
const ENGINES: [(&str, &str); 5] = [
    ("docker-", "docker"),
    ("cri-containerd-", "containerd"),
    ("crio-", "crio"),
    ("libpod-", "podman"),
    ("nerdctl-", "nerdctl"),
];

impl Placement {
    /// Reads a path from the root of the cgroup version 2 hierarchy. A path that leaves it (`/../x`, seen from inside a
    /// cgroup namespace) says nothing.
    pub fn parse(path: &str) -> Self {
        let mut found = Self::default();
        let mut components = path.split('/').filter(|component| !component.is_empty());
        if path.split('/').any(|component| component == "..") {
            return found;
        }
        let first = loop {
            match components.next() {
                Some(slice) if slice.strip_suffix(".slice").is_some() => {
                    found.pod_uid = pod_of_slice(slice).or(found.pod_uid);
                    found.slice = Some(slice.to_owned());
                }
                Some(first) => break first,
                None => return found,
            }
        };
        if first.starts_with("user@") && first.ends_with(".service") {
            found.user_unit = components
                .find(|component| component.strip_suffix(".slice").is_none())
                .map(str::to_owned);
            found.unit = Some(first.to_owned());
        } else if first.ends_with(".service") {
            found.unit = Some(first.to_owned());
            // containerd told to use cgroupfs under a kubelet that uses systemd: a literal "slice:prefix:id" below its own unit.
            if first == "containerd.service" {
                found.read_colons(components.next().unwrap_or_default());
            }
        } else if let Some(scope) = first.strip_suffix(".scope") {
            found.container = container(scope);
            if found.container.is_none() {
                found.unit = Some(first.to_owned());
            }
        } else if first.contains(':') {
            found.read_colons(first);
        } else {
            found.read_directories(first, components);
        }
        found
    }

    /// `kubepods-burstable-podUID.slice:cri-containerd:ID`
    fn read_colons(&mut self, component: &str) {
        let mut parts = component.split(':');
        if let (Some(slice), Some(prefix), Some(id), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
            && let Some(container) = container(&format!("{prefix}-{id}"))
        {
            self.pod_uid = pod_of_slice(slice);
            self.container = Some(container);
            self.unit = None;
        }
    }

    /// The cgroupfs driver: `kubepods[/QUALITY]/podUID/ID`, `docker/ID`, `libpod_parent/libpod-ID`.
    fn read_directories<'a>(&mut self, first: &'a str, mut rest: impl Iterator<Item = &'a str>) {
        let first = if first == "kubelet" {
            rest.next().unwrap_or_default()
        } else {
            first
        };
        match first {
            "kubepods" => {
                let mut next = rest.next().unwrap_or_default();
                if matches!(next, "burstable" | "besteffort" | "guaranteed") {
                    next = rest.next().unwrap_or_default();
                }
                self.pod_uid = next.strip_prefix("pod").and_then(uid);
                if self.pod_uid.is_some() {
                    self.container = rest.next().and_then(container);
                }
            }
            "docker" => {
                self.container = rest.next().filter(|id| is_container_id(id)).map(|id| Container {
                    runtime: Some("docker"),
                    id: id.to_owned(),
                });
            }
            "libpod_parent" => self.container = rest.next().and_then(container),
            // A pod's slice with a bare container directory in it.
            id if self.pod_uid.is_some() => self.container = container(id),
            _ => {}
        }
    }
}

/// `kubepods[-QUALITY]-podUID.slice`, with the kubelet's own prefix (`kubelet-`) where it has a root of its own.
fn pod_of_slice(slice: &str) -> Option<String> {
    let name = slice.strip_suffix(".slice")?;
    let name = name.strip_prefix("kubelet-").unwrap_or(name);
    let (_, pod) = name.strip_prefix("kubepods")?.rsplit_once("-pod")?;
    uid(pod)
}

/// A pod's uid: 32 hexadecimal digits; dashes are underscores in slices.
fn uid(text: &str) -> Option<String> {
    let uid = text.replace('_', "-");
    let digits = uid.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes = uid.bytes().filter(|&b| b == b'-').count();
    (digits == 32 && digits.saturating_add(dashes) == uid.len()).then_some(uid)
}

/// `ENGINE-ID`, or an id alone.
fn container(name: &str) -> Option<Container> {
    let known = ENGINES
        .iter()
        .find_map(|&(prefix, runtime)| Some((Some(runtime), name.strip_prefix(prefix)?)));
    let (runtime, id) = known.unwrap_or((None, name));
    is_container_id(id).then(|| Container {
        runtime,
        id: id.to_owned(),
    })
}

fn is_container_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests;
