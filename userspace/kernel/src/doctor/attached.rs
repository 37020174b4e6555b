//! What is attached to cgroups, asked of the kernel.

use std::collections::HashMap;
use std::path::Path;

use interdict_abi::Hook;
use libbpf_rs::Link;
use libbpf_rs::query::{LinkInfo, LinkInfoIter, LinkTypeInfo, ProgInfoIter};
use serde::Serialize;

use super::Shortfall;
use crate::{CgroupRoot, hooks, pins};

/// A program attached to a cgroup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// The link's id.
    pub link_id: u32,
    /// The program's id.
    pub program_id: u32,
    /// The program's name.
    pub name: String,
    /// The hash of the program's instructions, 16 hexadecimal digits.
    pub tag: String,
    /// Where it is attached, as the kernel's headers name it without `BPF_`.
    pub attach_type: String,
    /// The cgroup's id; 1 is the root, 0 one that is gone.
    pub cgroup_id: u64,
    /// interdict's hook, if this link is pinned by this build's schema and is where it must be.
    pub hook: Option<&'static str>,
}

/// Every cgroup link. Adds what is wrong with our own.
pub(super) fn query(pin_root: &Path, shortfalls: &mut Vec<Shortfall>) -> Vec<Attached> {
    let programs: HashMap<u32, (String, String)> = ProgInfoIter::default()
        .map(|info| {
            (
                info.id,
                (info.name.to_string_lossy().into_owned(), hex::encode(info.tag.0)),
            )
        })
        .collect();
    let links = pins::directory(pin_root).join("links");
    let mut ours = HashMap::new();
    let pinned_any = links.exists();
    for hook in hooks::ORDER {
        let info = Link::open(links.join(hook.name())).and_then(|link| link.info());
        match info {
            Ok(info) if hooks::is_at_root(hook, &info) => drop(ours.insert(info.id, hook)),
            Ok(_) => shortfalls.push(Shortfall::new(
                format!("the pinned link of {} is not at the cgroup2 root", hook.name()),
                "connects that this hook should see are not seen",
                "restart the daemon: it makes a new link",
            )),
            Err(_) if pinned_any => shortfalls.push(Shortfall::new(
                format!("{} is not attached", hook.name()),
                "connects that this hook should see are not seen",
                "restart the daemon: it makes a new link",
            )),
            Err(_) => {}
        }
    }
    if !pinned_any {
        shortfalls.push(Shortfall::new(
            format!("no programs are pinned under {}", pin_root.display()),
            "nothing is redirected: no daemon has run since boot, or `interdict detach` was run",
            "start the daemon",
        ));
    }
    let mut attached: Vec<_> = LinkInfoIter::default()
        .filter_map(|link| describe(&link, &programs, &ours))
        .collect();
    attached.sort_by_key(|link| (link.hook.is_none(), link.link_id));
    attached
}

fn describe(
    link: &LinkInfo,
    programs: &HashMap<u32, (String, String)>,
    ours: &HashMap<u32, Hook>,
) -> Option<Attached> {
    let LinkTypeInfo::Cgroup(cgroup) = &link.info else {
        return None;
    };
    let (name, tag) = programs.get(&link.prog_id).cloned().unwrap_or_default();
    Some(Attached {
        link_id: link.id,
        program_id: link.prog_id,
        name,
        tag,
        attach_type: screaming(&format!("{:?}", cgroup.attach_type)),
        cgroup_id: cgroup.cgroup_id,
        hook: ours
            .get(&link.id)
            .map(|hook| hook.name())
            .filter(|_| cgroup.cgroup_id == CgroupRoot::id()),
    })
}

/// `CgroupInet4Connect` as `CGROUP_INET4_CONNECT`.
fn screaming(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (place, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && place > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_in_the_headers() {
        assert_eq!(screaming("CgroupInet4Connect"), "CGROUP_INET4_CONNECT");
        assert_eq!(screaming("CgroupSockOps"), "CGROUP_SOCK_OPS");
    }
}
