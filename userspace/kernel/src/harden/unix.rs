//! The programs that see a Unix socket's address before the kernel looks it up (from 6.7), for kernels that run none of the
//! security modules' programs. They are in an object of their own, which libbpf loads: aya's parser refuses their sections.

use std::os::fd::AsFd as _;
use std::path::Path;

use interdict_abi::{Hook, Offsets};
use libbpf_rs::{Link, ObjectBuilder};

use super::{Hardening, State};
use crate::object::UNIX_OBJECT;
use crate::{CgroupRoot, KernelError, hooks, offsets};

/// The hooks.
pub(super) const ALL: [Hook; 2] = [Hook::ConnectUnix, Hook::SendmsgUnix];

/// Attaches both or none. Where the security modules see the sockets themselves (`not_needed`) these would only add refusals
/// of sockets that happen to have a protected one's name.
pub(super) fn attach(
    root: &CgroupRoot,
    links: &Path,
    maps: &Path,
    offsets: &Offsets,
    not_needed: bool,
) -> Vec<Hardening> {
    let both = |state: State| {
        ALL.map(|hook| Hardening {
            hook,
            state: state.clone(),
        })
        .to_vec()
    };
    if not_needed {
        for hook in ALL {
            // Of a daemon that ran before the security modules did; mostly there is none.
            let _ = std::fs::remove_file(links.join(hook.name()));
        }
        return both(State::NotNeeded);
    }
    if offsets.sock_addr_length == 0 {
        return both(State::Unavailable(
            "the kernel has no such hook: it came with 6.7".to_owned(),
        ));
    }
    match load(root, links, maps) {
        Ok(()) => both(State::Active),
        Err(reason) => both(State::Unavailable(reason)),
    }
}

fn load(root: &CgroupRoot, links: &Path, maps: &Path) -> Result<(), String> {
    if UNIX_OBJECT.is_empty() {
        return Err("this build carries no programs for Unix sockets: run `cargo xtask build`".to_owned());
    }
    let refused = |error: libbpf_rs::Error| format!("the kernel refused the programs: {error}");
    let mut object = ObjectBuilder::default()
        .open_memory(UNIX_OBJECT)
        .map_err(|error| format!("the object could not be read: {error}"))?;
    for mut map in object.maps_mut() {
        let pin = maps.join(map.name());
        map.reuse_pinned_map(&pin)
            .map_err(|error| format!("the map {} could not be shared: {error}", pin.display()))?;
    }
    let object = object.load().map_err(refused)?;
    let cgroup = root.open().map_err(|error| error.to_string())?;
    for hook in ALL {
        let program = object
            .progs()
            .find(|program| program.name() == hook.name())
            .ok_or_else(|| KernelError::Missing(hook.name()).to_string())?;
        hooks::place(hook, program.as_fd(), cgroup.as_fd(), &links.join(hook.name()))
            .map_err(|error| super::root_cause(&error))?;
    }
    Ok(())
}

/// The hooks whose links are pinned here and are where they must be.
pub(super) fn pinned(links: &Path) -> impl Iterator<Item = Hook> {
    ALL.into_iter().filter(|hook| {
        Link::open(links.join(hook.name()))
            .and_then(|link| link.info())
            .is_ok_and(|info| hooks::is_at_root(*hook, &info))
    })
}

/// Whether the kernel has such hooks.
pub(super) fn expected() -> bool {
    offsets::of_running_kernel().sock_addr_length != 0
}
