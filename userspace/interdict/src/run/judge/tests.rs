use interdict_kernel::Judge as _;

use super::*;

const POD: &str = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod11111111_1111_1111_1111_111111111111.slice";

fn judge(matches: &[Match]) -> Judge {
    let conditions = matches
        .iter()
        .enumerate()
        .map(|(position, one)| (position, Condition::of(one).unwrap().unwrap()));
    Judge::new(conditions.collect(), Pods::default(), Containers::default())
}

fn pod(namespace: &str) -> Match {
    Match::Pod {
        namespace: Some(namespace.to_owned()),
        labels: Vec::new(),
    }
}

fn pending(workload: usize) -> Judged {
    Judged {
        workload,
        certain: false,
    }
}

#[test]
fn a_pod_is_pending_until_it_is_known_and_only_at_its_own_cgroup() {
    let judge = judge(&[pod("research")]);
    assert_eq!(judge.judge(Path::new(POD)), Some(pending(0)));
    let cgroupfs = "/kubepods/besteffort/pod11111111-1111-1111-1111-111111111111";
    assert_eq!(judge.judge(Path::new(cgroupfs)), Some(pending(0)));
    let container = format!("{POD}/cri-containerd-{}.scope", "a".repeat(64));
    assert_eq!(judge.judge(Path::new(&container)), None, "in scope with its pod");
    for other in [
        "/",
        "/kubepods.slice",
        "/kubepods.slice/kubepods-burstable.slice",
        "/system.slice/pod1.service",
    ] {
        assert_eq!(judge.judge(Path::new(other)), None, "{other}");
    }
}

#[test]
fn a_container_matches_by_its_id_and_is_pending_by_name_only() {
    let id = "c0ffee".repeat(10) + "abcd";
    let path = format!("/system.slice/docker-{id}.scope");
    let container = |pattern: &str| Match::Container(pattern.to_owned());
    let by_id = Some(Judged {
        workload: 0,
        certain: true,
    });
    assert_eq!(judge(&[container("c0ffee*")]).judge(Path::new(&path)), by_id);
    // No engine's file here tells of it: a name could be anything, an id is what it is.
    assert_eq!(
        judge(&[container("web-*")]).judge(Path::new(&path)),
        Some(pending(0))
    );
    assert_eq!(judge(&[container("dead*")]).judge(Path::new(&path)), None);
    // The first workload that may own it counts, unless an earlier one is out of the question.
    assert_eq!(
        judge(&[container("dead*"), container("web-*"), container("c0*")]).judge(Path::new(&path)),
        Some(pending(1))
    );
    assert_eq!(
        judge(&[container("web-*")]).judge(Path::new(&format!("{path}/inner"))),
        None
    );
}
