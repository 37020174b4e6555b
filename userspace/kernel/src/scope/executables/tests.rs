use std::os::unix::fs::symlink;

use super::*;

fn workload(name: &str, globs: &[String]) -> Workload {
    Workload {
        name: name.to_owned(),
        executables: globs.to_vec(),
        ..Workload::default()
    }
}

fn made(directory: &Path, names: &[&str]) -> Vec<ExecutableKey> {
    let make = |name: &&str| {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name).unwrap();
        processes::key(&fs::metadata(&path).unwrap())
    };
    names.iter().map(make).collect()
}

fn found(executables: &Executables) -> BTreeSet<ExecutableKey> {
    executables.found.keys().copied().collect()
}

#[test]
fn globs_find_files_part_by_part() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let files = made(
        root,
        &[
            "bin/agent-1",
            "bin/agent-2",
            "bin/other",
            "a/b/agent-3",
            "agent-4",
        ],
    );
    let of = |glob: &str| {
        let glob = format!("{}/{glob}", root.display());
        let executables = Executables::new(&[workload("agents", &[glob])]).unwrap();
        let found = found(&executables);
        let matched = (1..).zip(&files).filter(|(_, key)| found.contains(key));
        assert_eq!(found.len(), matched.clone().count());
        matched.map(|(number, _)| number).collect::<Vec<_>>()
    };
    assert_eq!(of("bin/agent-*"), [1, 2]);
    assert_eq!(of("bin/agent-1"), [1]);
    assert_eq!(of("*/agent-?"), [1, 2]);
    assert_eq!(of("**/agent-*"), [1, 2, 4, 5]);
    assert_eq!(of("**"), [1, 2, 3, 4, 5]);
    assert_eq!(of("a/**"), [4]);
    assert_eq!(of("{bin,a}/*"), [1, 2, 3]);
    assert_eq!(of("*/none"), [0; 0]);
    assert_eq!(of("bin/agent-1/*"), [0; 0]);
}

#[test]
fn what_a_link_points_to_counts_and_is_watched() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let files = made(root, &["real/agent", "links/none"]);
    symlink("../real/agent", root.join("links/agent")).unwrap();
    let glob = format!("{}/links/agent", root.display());
    let mut executables = Executables::new(&[workload("agents", &[glob])]).unwrap();
    assert_eq!(found(&executables), BTreeSet::from([files[0]]));
    fs::write(root.join("real/new"), "new").unwrap();
    fs::rename(root.join("real/new"), root.join("real/agent")).unwrap();
    let mut buffer = vec![0; 16 * 1024];
    executables.follow(&mut buffer).unwrap();
    let now = processes::key(&fs::metadata(root.join("real/agent")).unwrap());
    assert_eq!(found(&executables), BTreeSet::from([now]));
}

#[test]
fn what_is_missing_is_an_error_at_first_unless_it_may_be() {
    let directory = tempfile::tempdir().unwrap();
    let glob = format!("{}/later/agent", directory.path().display());
    let error = Executables::new(&[workload("agents", std::slice::from_ref(&glob))])
        .err()
        .unwrap();
    assert!(error.to_string().contains("is not there"), "{error}");
    let mut executables = Executables::new(&[workload("agents", &[format!("-{glob}")])]).unwrap();
    assert!(found(&executables).is_empty());
    let files = made(directory.path(), &["later/agent"]);
    let mut buffer = vec![0; 16 * 1024];
    executables.follow(&mut buffer).unwrap();
    assert_eq!(found(&executables), BTreeSet::from([files[0]]));
}

#[test]
fn the_first_workload_counts() {
    let directory = tempfile::tempdir().unwrap();
    let files = made(directory.path(), &["agent", "other"]);
    let at = |name: &str| format!("{}/{name}", directory.path().display());
    let executables = Executables::new(&[workload("a", &[at("agent")]), workload("b", &[at("*")])]).unwrap();
    let of = |file| executables.found.get(file).map(|scope| scope.workload);
    assert_eq!(of(&files[0]), Some(stable_id("a")));
    assert_eq!(of(&files[1]), Some(stable_id("b")));
}

#[test]
fn no_pattern() {
    for (text, reason) in [
        ("bin/agent", "not an absolute path"),
        ("/opt/../agent", "may not contain"),
        ("/", "names no file"),
        ("/opt/[", "is no pattern"),
        ("-/opt/[", "is no pattern"),
    ] {
        let error = Executables::new(&[workload("agents", &[text.to_owned()])])
            .err()
            .unwrap();
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
}

#[test]
fn the_daemons_own_executable_is_refused() {
    let own = std::env::current_exe().unwrap().display().to_string();
    let workloads = [workload("agents", &[own])];
    let executables = Executables::new(&workloads).unwrap();
    let error = executables.refuse_own(&workloads).unwrap_err();
    assert!(matches!(error, KernelError::OwnProcessInScope { .. }), "{error}");
}

#[test]
fn scripts_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("script");
    fs::write(&path, "#!/bin/sh\n").unwrap();
    assert!(is_script(&path));
    assert!(!is_script(Path::new("/proc/self/exe")));
}
