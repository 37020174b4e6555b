//! A pod's container as a runtime sees it: the DaemonSet's own words, turned into a runc bundle.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::kubernetes;

/// What of the host the pod gets to see: what it asks for by path, or something else in its place.
pub(super) struct Host {
    /// For the ConfigMap.
    pub(super) settings: PathBuf,
    /// In place of /sys/fs/bpf: a bpffs of its own, so that a daemon of this host is left alone.
    pub(super) bpffs: PathBuf,
    /// In place of /var/lib/interdict.
    pub(super) state: PathBuf,
    /// For folders that are empty at first.
    pub(super) empty: PathBuf,
}

/// runc's `config.json` for the pod's first container. `image` is the image's own configuration, `calls` the system calls
/// that are let through.
pub(super) fn bundle(
    pod: &Value,
    image: &Value,
    host: &Host,
    cgroup: &str,
    calls: &[String],
) -> Result<Value> {
    let container = pod.pointer("/containers/0").context("the pod has no container")?;
    let yes = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_bool) == Some(true);
    let mut arguments = list(image.get("Entrypoint"));
    arguments.extend(list(container.get("args")));
    let capabilities: Vec<String> = kubernetes::capabilities(pod)?
        .into_iter()
        .map(|name| format!("CAP_{name}"))
        .collect();
    let mut namespaces = vec![
        json!({ "type": "mount" }),
        json!({ "type": "ipc" }),
        json!({ "type": "uts" }),
    ];
    if !yes(pod, "/hostPID") {
        namespaces.push(json!({ "type": "pid" }));
    }
    if !yes(pod, "/hostNetwork") {
        namespaces.push(json!({ "type": "network" }));
    }
    let mut mounts = super::runc::mounts();
    let wanted = container.get("volumeMounts").and_then(Value::as_array);
    for mount in wanted.into_iter().flatten() {
        mounts.push(volume(pod, mount, host)?);
    }
    Ok(json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": { "uid": 0, "gid": 0 },
            "args": arguments,
            "env": image.get("Env"),
            "cwd": "/",
            "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
            "noNewPrivileges": !yes(container, "/securityContext/allowPrivilegeEscalation"),
        },
        "root": { "path": "rootfs", "readonly": yes(container, "/securityContext/readOnlyRootFilesystem") },
        "mounts": mounts,
        "linux": {
            "namespaces": namespaces,
            "cgroupsPath": cgroup,
            "maskedPaths": super::runc::MASKED,
            "readonlyPaths": super::runc::READ_ONLY,
            "seccomp": {
                "defaultAction": "SCMP_ACT_ERRNO",
                "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
                "syscalls": [{ "names": calls, "action": "SCMP_ACT_ALLOW" }],
            },
        },
    }))
}

/// What a probe of the container runs.
pub(super) fn probe<'a>(pod: &'a Value, name: &str) -> Result<Vec<&'a str>> {
    let command = pod
        .pointer(&format!("/containers/0/{name}/exec/command"))
        .and_then(Value::as_array)
        .with_context(|| format!("the container has no {name} that runs a command"))?;
    Ok(command.iter().filter_map(Value::as_str).collect())
}

fn volume(pod: &Value, mount: &Value, host: &Host) -> Result<Value> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let name = text(mount, "name").context("a mount without a name")?;
    let place = text(mount, "mountPath").context("a mount without a place")?;
    let volume = pod
        .get("volumes")
        .and_then(Value::as_array)
        .and_then(|volumes| {
            volumes
                .iter()
                .find(|volume| text(volume, "name").as_ref() == Some(&name))
        })
        .with_context(|| format!("there is no volume {name}"))?;
    let source = match (volume.pointer("/hostPath/path").and_then(Value::as_str), &host) {
        (Some("/sys/fs/bpf"), Host { bpffs, .. }) => bpffs.clone(),
        (Some("/var/lib/interdict"), Host { state, .. }) => state.clone(),
        (Some(path), _) => PathBuf::from(path),
        (None, Host { settings, .. }) if volume.get("configMap").is_some() => settings.clone(),
        (None, Host { empty, .. }) if volume.get("emptyDir").is_some() => {
            let folder = empty.join(&name);
            std::fs::create_dir_all(&folder)?;
            folder
        }
        _ => bail!("the volume {name} is of a kind that is not known here"),
    };
    let access = if mount.get("readOnly").and_then(Value::as_bool) == Some(true) {
        "ro"
    } else {
        "rw"
    };
    let propagation = match mount.get("mountPropagation").and_then(Value::as_str) {
        None | Some("None") => "rprivate",
        Some("HostToContainer") => "rslave",
        Some(other) => bail!("{name}: {other} is for privileged containers only"),
    };
    Ok(json!({
        "destination": place,
        "type": "bind",
        "source": source,
        "options": ["rbind", propagation, access],
    }))
}

fn list(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_becomes_a_container_that_has_what_it_says_and_no_more() -> Result<()> {
        let pod = kubernetes::pod(&crate::workspace::Workspace::find()?)?;
        let place = tempfile::tempdir()?;
        let host = Host {
            settings: "/settings".into(),
            bpffs: "/private-bpf".into(),
            state: "/state".into(),
            empty: place.path().to_owned(),
        };
        let image = json!({ "Entrypoint": ["/usr/bin/interdict"], "Env": ["PATH=/usr/bin"] });
        let config = bundle(&pod, &image, &host, "/cgroup", &["read".into()])?;
        assert_eq!(
            config.pointer("/process/args/0"),
            Some(&json!("/usr/bin/interdict"))
        );
        assert_eq!(config.pointer("/process/args/1"), Some(&json!("run")));
        assert_eq!(config.pointer("/root/readonly"), Some(&json!(true)));
        assert_eq!(config.pointer("/process/noNewPrivileges"), Some(&json!(true)));
        let kinds = config.pointer("/linux/namespaces").unwrap().to_string();
        assert!(!kinds.contains("pid") && !kinds.contains("network"), "{kinds}");
        let mounts = config.get("mounts").unwrap().to_string();
        assert!(mounts.contains("/private-bpf") && !mounts.contains(r#""source":"/sys/fs/bpf""#));
        assert!(
            !config
                .pointer("/process/capabilities")
                .unwrap()
                .to_string()
                .contains("MODULE")
        );
        Ok(())
    }
}
