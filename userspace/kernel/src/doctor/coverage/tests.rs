use super::*;
use crate::{harden, hooks};

fn of<'a>(all: &'a [Coverage], start: &str) -> &'a Coverage {
    all.iter().find(|one| one.technique.starts_with(start)).unwrap()
}

#[test]
fn without_hooks_only_the_design_closes() {
    let all = coverage(&BTreeSet::new());
    for one in &all {
        assert_eq!(one.closed_by.is_empty(), one.gap.is_some(), "{one:?}");
        if let Some(gap) = &one.gap {
            assert!(!gap.consequence.is_empty() && !gap.remedy.is_empty(), "{one:?}");
        }
    }
    assert!(of(&all, "connect by").gap.is_some());
    assert!(of(&all, "marks").gap.is_none());
}

#[test]
fn alternatives_close_what_they_close_whole() {
    let required: BTreeSet<_> = hooks::ORDER.into_iter().collect();
    let all = coverage(&required);
    assert_eq!(
        of(&all, "io_uring").closed_by,
        ["connect4", "connect6", "sock_ops"]
    );
    assert!(of(&all, "packet sockets").gap.is_some());
    assert!(of(&all, "the Unix socket").gap.is_some());

    let mut by_name = required.clone();
    by_name.extend([Hook::ConnectUnix, Hook::SendmsgUnix]);
    let by_name = coverage(&by_name);
    let unix = of(&by_name, "the Unix socket");
    assert!(unix.gap.is_some(), "a name is not the socket");
    assert_eq!(unix.closed_by, ["connect_unix", "sendmsg_unix"]);

    let mut half = required.clone();
    half.insert(Hook::LsmUnixConnect);
    assert!(of(&coverage(&half), "the Unix socket").gap.is_some());
    half.insert(Hook::LsmUnixSend);
    assert_eq!(
        of(&coverage(&half), "the Unix socket").closed_by,
        ["lsm_unix_connect", "lsm_unix_send"]
    );

    let mut one_way = required;
    one_way.retain(|hook| !matches!(hook, Hook::Sendmsg4 | Hook::Sendmsg6));
    assert_eq!(
        of(&coverage(&one_way), "UDP and QUIC to a protected address, unconn").closed_by,
        ["egress"]
    );
}

#[test]
fn techniques_are_told_once_and_hooks_close_something() {
    let every: BTreeSet<_> = Hook::ALL.into_iter().collect();
    let all = coverage(&every);
    let names: BTreeSet<_> = all.iter().map(|one| one.technique).collect();
    assert_eq!(names.len(), all.len());
    let closing: BTreeSet<_> = all.iter().flat_map(|one| one.closed_by.iter().copied()).collect();
    for hook in harden::hooks() {
        let by_name_only = matches!(hook, Hook::ConnectUnix | Hook::SendmsgUnix);
        assert!(by_name_only || closing.contains(hook.name()), "{}", hook.name());
    }
}
