use proptest::prelude::*;

use super::*;

const ID: &str = "3f4e8a9b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f";
const POD: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

/// One path as `(slice, unit, user unit, runtime/id, pod)`; `-` for nothing, `?` for an unknown runtime.
fn read(path: &str) -> String {
    let Placement {
        slice,
        unit,
        user_unit,
        container,
        pod_uid,
    } = Placement::parse(
        &path
            .replace("ID", ID)
            .replace("POD_", &POD.replace('-', "_"))
            .replace("POD", POD),
    );
    let show = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let container = container.map(|c| format!("{}/{}", c.runtime.unwrap_or("?"), c.id));
    [
        show(slice),
        show(unit),
        show(user_unit),
        show(container),
        show(pod_uid),
    ]
    .join(" ")
    .replace(ID, "ID")
    .replace(POD, "POD")
}

#[test]
fn paths_of_the_field() {
    for (path, expected) in [
        // systemd
        (
            "/system.slice/billing.service",
            "system.slice billing.service - - -",
        ),
        (
            "/system.slice/system-getty.slice/getty@tty1.service",
            "system-getty.slice getty@tty1.service - - -",
        ),
        ("/init.scope", "- init.scope - - -"),
        (
            "/user.slice/user-1000.slice/session-3.scope",
            "user-1000.slice session-3.scope - - -",
        ),
        ("/interdict-agents.slice", "interdict-agents.slice - - - -"),
        ("/", "- - - - -"),
        ("", "- - - - -"),
        ("/agents/one", "- - - - -"),
        // a user's own manager: nothing below it names a system unit, a container or a pod
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/billing.service",
            "user-1000.slice user@1000.service billing.service - -",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
            "user-1000.slice user@1000.service libpod-ID.scope - -",
        ),
        // docker
        ("/system.slice/docker-ID.scope", "system.slice - - docker/ID -"),
        ("/docker/ID", "- - - docker/ID -"),
        ("/docker/ID/nested.service", "- - - docker/ID -"),
        // podman
        (
            "/machine.slice/libpod-ID.scope/container",
            "machine.slice - - podman/ID -",
        ),
        ("/libpod_parent/libpod-ID", "- - - podman/ID -"),
        // nerdctl
        ("/system.slice/nerdctl-ID.scope", "system.slice - - nerdctl/ID -"),
        // kubernetes, systemd driver
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podPOD_.slice/cri-containerd-ID.scope",
            "kubepods-burstable-podPOD_.slice - - containerd/ID POD",
        ),
        (
            "/kubepods.slice/kubepods-podPOD_.slice/crio-ID.scope/container",
            "kubepods-podPOD_.slice - - crio/ID POD",
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podPOD_.slice/docker-ID.scope",
            "kubepods-besteffort-podPOD_.slice - - docker/ID POD",
        ),
        (
            "/kubepods.slice/kubepods-podPOD_.slice/crio-conmon-ID.scope",
            "kubepods-podPOD_.slice crio-conmon-ID.scope - - POD",
        ),
        (
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podPOD_.slice/cri-containerd-ID.scope",
            "kubelet-kubepods-podPOD_.slice - - containerd/ID POD",
        ),
        (
            "/kubepods.slice/kubepods-podPOD_.slice",
            "kubepods-podPOD_.slice - - - POD",
        ),
        // kubernetes, cgroupfs driver
        ("/kubepods/burstable/podPOD/ID", "- - - ?/ID POD"),
        ("/kubepods/podPOD/crio-ID", "- - - crio/ID POD"),
        ("/kubelet/kubepods/besteffort/podPOD/ID", "- - - ?/ID POD"),
        // one of each
        (
            "/system.slice/containerd.service/kubepods-burstable-podPOD_.slice:cri-containerd:ID",
            "system.slice - - containerd/ID POD",
        ),
        (
            "/kubepods-podPOD_.slice:cri-containerd:ID",
            "- - - containerd/ID POD",
        ),
        // made by a service below itself, to look like something else
        (
            "/system.slice/agent.service/kubepods/podPOD/ID",
            "system.slice agent.service - - -",
        ),
        (
            "/system.slice/agent.service/billing.service",
            "system.slice agent.service - - -",
        ),
        (
            "/system.slice/agent.service/kubepods-podPOD_.slice:cri-containerd:ID",
            "system.slice agent.service - - -",
        ),
        (
            "/agents/kubepods.slice/kubepods-podPOD_.slice/crio-ID.scope",
            "- - - - -",
        ),
        // from inside a cgroup namespace
        ("/../system.slice/billing.service", "- - - - -"),
        ("/system.slice/../billing.service", "- - - - -"),
        // near misses
        ("/docker/0123", "- - - - -"),
        ("/kubepods/podnothing/ID", "- - - - -"),
    ] {
        let expected = expected.replace("POD_", &POD.replace('-', "_"));
        assert_eq!(read(path), expected, "{path}");
    }
}

proptest! {
    #[test]
    fn anything_is_survived(path in "[/a-z.:@_-]{0,80}|.*") {
        let _ = Placement::parse(&path);
    }

    /// Whatever a service makes below itself, it stays that service.
    #[test]
    fn a_service_cannot_leave_its_name(below in "(/[a-z0-9.:@_-]{1,20}){0,4}") {
        prop_assume!(!below.split('/').any(|c| c == ".."));
        let found = Placement::parse(&format!("/system.slice/agent.service{below}"));
        prop_assert_eq!(found.unit.as_deref(), Some("agent.service"));
        prop_assert_eq!((found.container, found.pod_uid, found.user_unit), (None, None, None));
    }
}
