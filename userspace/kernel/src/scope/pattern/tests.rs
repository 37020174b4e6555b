use proptest::prelude::*;

use super::*;

fn workload(name: &str, paths: &[&str], units: &[&str]) -> Workload {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Workload {
        name: name.to_owned(),
        paths: owned(paths),
        units: owned(units),
        ..Workload::default()
    }
}

fn of(paths: &[&str], units: &[&str]) -> Patterns {
    compile(&[workload("agents", paths, units)]).unwrap()
}

fn matches(patterns: &Patterns, cgroup: &str) -> bool {
    patterns.workload(Path::new(cgroup)).is_some()
}

#[test]
fn a_subtree_is_named_by_its_root() {
    for text in ["/agents/**", "/agents", "agents/**", "/agents/"] {
        let patterns = of(&[text], &[]);
        assert!(matches(&patterns, "/agents"), "{text}");
        assert!(!matches(&patterns, "/agents2"), "{text}");
        assert!(!matches(&patterns, "/x/agents"), "{text}");
        // Below, the kernel finds the root among the ancestors: nothing to look for there.
        assert!(!patterns.may_match_below(Path::new("/agents")), "{text}");
        assert!(patterns.may_match_below(Path::new("/")), "{text}");
        assert_eq!(
            patterns.literals().collect::<Vec<_>>(),
            [Path::new("/agents")],
            "{text}"
        );
    }
}

#[test]
fn a_star_stops_at_a_slash() {
    let patterns = of(&["/kube/*/pod7*"], &[]);
    assert!(matches(&patterns, "/kube/burstable/pod77"));
    assert!(!matches(&patterns, "/kube/pod77"));
    assert!(!matches(&patterns, "/kube/a/b/pod77"));
    assert!(patterns.may_match_below(Path::new("/kube/burstable")));
    assert!(!patterns.may_match_below(Path::new("/kube/burstable/pod77")));
    assert!(!patterns.may_match_below(Path::new("/system.slice")));
    assert_eq!(patterns.literals().collect::<Vec<_>>(), [Path::new("/kube")]);
}

#[test]
fn two_stars_go_through() {
    let patterns = of(&["/kube/**/worker"], &[]);
    assert!(matches(&patterns, "/kube/a/b/worker"));
    assert!(patterns.may_match_below(Path::new("/kube/a/b/c/d")));
}

#[test]
fn everything() {
    for text in ["/**", "/", "**"] {
        let patterns = of(&[text], &[]);
        assert!(matches(&patterns, "/") || matches(&patterns, "/any"), "{text}");
    }
}

#[test]
fn units_match_anywhere_by_name() {
    let patterns = of(&[], &["agent-*.service", r"a\x2db.service"]);
    assert!(matches(&patterns, "/system.slice/agent-7.service"));
    assert!(matches(&patterns, "/user.slice/user-7.slice/agent-7.service"));
    assert!(matches(&patterns, r"/system.slice/a\x2db.service"));
    assert!(!matches(&patterns, "/agent-7.service/other"));
    assert!(!matches(&patterns, "/"));
}

#[test]
fn the_first_workload_counts_at_one_cgroup() {
    let patterns = compile(&[
        workload("special", &["/agents/s*"], &[]),
        workload("agents", &["/agents/**", "/agents/*"], &[]),
    ])
    .unwrap();
    assert_eq!(
        patterns.workload(Path::new("/agents/s1")).as_deref(),
        Some("special")
    );
    assert_eq!(
        patterns.workload(Path::new("/agents/t1")).as_deref(),
        Some("agents")
    );
    assert_eq!(patterns.name(stable_id("special")).as_deref(), Some("special"));
    assert_eq!(patterns.name(1), None);
}

#[test]
fn a_broken_glob_is_named() {
    let error = compile(&[workload("w", &["/a/[b"], &[])]).unwrap_err();
    assert_eq!(error.to_string(), "workload w: `/a/[b` is not a cgroup pattern");
}

proptest! {
    /// What is not descended into holds no match: the walk that `may_match_below` allows finds every match.
    #[test]
    fn no_match_is_out_of_reach(
        parts in proptest::collection::vec("[ab]|\\*|\\*\\*|a\\*", 1..4),
        path in proptest::collection::vec("[ab]{1,2}", 1..5),
    ) {
        let patterns = of(&[&format!("/{}", parts.join("/"))], &[]);
        let path = format!("/{}", path.join("/"));
        let path = Path::new(&path);
        // Only the outermost match counts: what is below it is in scope by its ancestor.
        if patterns.workload(path).is_some() && !path.ancestors().skip(1).any(|above| patterns.workload(above).is_some()) {
            for above in path.ancestors().skip(1) {
                prop_assert!(patterns.may_match_below(above), "{} from {}", path.display(), above.display());
            }
        }
    }
}
