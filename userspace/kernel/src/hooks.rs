//! The programs at the cgroup2 root: attached once, pinned, and replaced without a gap.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use aya::Ebpf;
use aya::programs::Program;
use interdict_abi::Hook;
use libbpf_rs::Link;
use libbpf_rs::libbpf_sys as bpf;
use libbpf_rs::query::{LinkInfo, LinkTypeInfo};

use crate::{CgroupRoot, KernelError, sys};

/// The hooks at the cgroup2 root without which there is no protection, in the order in which programs are attached and
/// replaced: what refuses comes first, what is only told comes last, so that protection never weakens on the way.
pub const ORDER: [Hook; 12] = [
    Hook::Egress,
    Hook::SockCreate,
    Hook::Sendmsg4,
    Hook::Sendmsg6,
    Hook::Connect4,
    Hook::Connect6,
    Hook::Bind4,
    Hook::Bind6,
    Hook::SockOps,
    Hook::SockRelease,
    Hook::Getpeername4,
    Hook::Getpeername6,
];

/// What came of [`attach_all`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Links made.
    pub(crate) attached: usize,
    /// Links of an earlier daemon that got this build's programs.
    pub(crate) adopted: usize,
    /// The ids of the programs that are in place now.
    pub(crate) programs: BTreeMap<Hook, u32>,
}

/// Loads every program and puts it in its place: in the pinned link if there is a sound one, else in a new link.
pub(crate) fn attach_all(ebpf: &mut Ebpf, root: &CgroupRoot, links: &Path) -> Result<Outcome, KernelError> {
    // All are loaded before the first is attached: a program that the kernel refuses must not leave half a set.
    for hook in ORDER {
        load(program(ebpf, hook)?).map_err(KernelError::program(hook.name()))?;
    }
    let cgroup = root.open()?;
    let mut outcome = Outcome::default();
    for hook in ORDER {
        let program = program(ebpf, hook)?;
        let id = program.info().map_err(KernelError::program(hook.name()))?.id();
        outcome.programs.insert(hook, id);
        let program = program.fd().map_err(KernelError::program(hook.name()))?.as_fd();
        let pin = links.join(hook.name());
        if place(hook, program, cgroup.as_fd(), &pin)? {
            outcome.adopted += 1;
        } else {
            outcome.attached += 1;
        }
    }
    Ok(outcome)
}

/// Puts a loaded program into its pinned link (`true`), or makes and pins a new one (`false`).
pub(crate) fn place(
    hook: Hook,
    program: BorrowedFd<'_>,
    cgroup: BorrowedFd<'_>,
    pin: &Path,
) -> Result<bool, KernelError> {
    if adopt(hook, program, pin)? {
        return Ok(true);
    }
    attach(hook, program, cgroup, pin)?;
    Ok(false)
}

fn program(ebpf: &mut Ebpf, hook: Hook) -> Result<&mut Program, KernelError> {
    ebpf.program_mut(hook.name())
        .ok_or(KernelError::Missing(hook.name()))
}

fn load(program: &mut Program) -> Result<(), aya::programs::ProgramError> {
    match program {
        Program::CgroupSockAddr(program) => program.load(),
        Program::CgroupSock(program) => program.load(),
        Program::CgroupSkb(program) => program.load(),
        Program::SockOps(program) => program.load(),
        _ => Err(aya::programs::ProgramError::UnexpectedProgramType),
    }
}

/// Replaces the program in a pinned link. `false`: there is no link, or none that is attached where it must be.
fn adopt(hook: Hook, program: BorrowedFd<'_>, pin: &Path) -> Result<bool, KernelError> {
    if !pin.exists() {
        return Ok(false);
    }
    let Ok(link) = Link::open(pin) else {
        return Ok(false);
    };
    let sound = link.info().is_ok_and(|info| is_at_root(hook, &info));
    if !sound {
        tracing::warn!(
            hook = hook.name(),
            "the pinned link is not at the cgroup2 root: making a new one"
        );
        return Ok(false);
    }
    match sys::link_update(link.as_fd(), program) {
        Ok(()) => Ok(true),
        // The link was detached, or its cgroup is gone.
        Err(error) if error.raw_os_error() == Some(libc::ENOLINK) => Ok(false),
        Err(source) => Err(KernelError::Link {
            hook: hook.name(),
            what: "replacing",
            source,
        }),
    }
}

/// Attaches anew. A useless pin gives way only when the new link is in place.
fn attach(
    hook: Hook,
    program: BorrowedFd<'_>,
    cgroup: BorrowedFd<'_>,
    pin: &Path,
) -> Result<(), KernelError> {
    let failed = |source| KernelError::Link {
        hook: hook.name(),
        what: "attaching",
        source,
    };
    let place = attach_type(hook).ok_or(KernelError::Missing(hook.name()))?;
    let link = sys::link_create(program, cgroup, place).map_err(failed)?;
    match std::fs::remove_file(pin) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(KernelError::Io {
                what: "removing",
                path: pin.to_owned(),
                source: error,
            });
        }
        _ => {}
    }
    sys::pin(link.as_fd(), pin).map_err(KernelError::io("pinning", pin))
}

/// Whether a link is of this hook's kind and at the cgroup2 root.
pub(crate) fn is_at_root(hook: Hook, info: &LinkInfo) -> bool {
    match &info.info {
        LinkTypeInfo::Cgroup(cgroup) => {
            cgroup.cgroup_id == CgroupRoot::id()
                && attach_type(hook) == Some(cgroup.attach_type.clone() as u32)
        }
        _ => false,
    }
}

/// The required hooks whose links are pinned here and are where they must be.
pub(crate) fn pinned(links: &Path) -> impl Iterator<Item = Hook> {
    ORDER.into_iter().filter(|hook| {
        Link::open(links.join(hook.name()))
            .and_then(|link| link.info())
            .is_ok_and(|info| is_at_root(*hook, &info))
    })
}

/// The kernel's number for the place where a hook's program is attached; `None` for hooks that are not of a cgroup.
pub(crate) fn attach_type(hook: Hook) -> Option<u32> {
    Some(match hook {
        Hook::Connect4 => bpf::BPF_CGROUP_INET4_CONNECT,
        Hook::Connect6 => bpf::BPF_CGROUP_INET6_CONNECT,
        Hook::Getpeername4 => bpf::BPF_CGROUP_INET4_GETPEERNAME,
        Hook::Getpeername6 => bpf::BPF_CGROUP_INET6_GETPEERNAME,
        Hook::SockOps => bpf::BPF_CGROUP_SOCK_OPS,
        Hook::SockRelease => bpf::BPF_CGROUP_INET_SOCK_RELEASE,
        Hook::Bind4 => bpf::BPF_CGROUP_INET4_BIND,
        Hook::Bind6 => bpf::BPF_CGROUP_INET6_BIND,
        Hook::SockCreate => bpf::BPF_CGROUP_INET_SOCK_CREATE,
        Hook::Sendmsg4 => bpf::BPF_CGROUP_UDP4_SENDMSG,
        Hook::Sendmsg6 => bpf::BPF_CGROUP_UDP6_SENDMSG,
        Hook::Egress => bpf::BPF_CGROUP_INET_EGRESS,
        Hook::ConnectUnix => bpf::BPF_CGROUP_UNIX_CONNECT,
        Hook::SendmsgUnix => bpf::BPF_CGROUP_UNIX_SENDMSG,
        Hook::LsmSocketCreate
        | Hook::LsmUnixConnect
        | Hook::LsmUnixSend
        | Hook::LsmPtrace
        | Hook::LsmKill
        | Hook::LsmBpf
        | Hook::LsmFileOpen
        | Hook::LsmUnlink
        | Hook::LsmRename
        | Hook::LsmUnmount
        | Hook::LsmClone
        | Hook::ProcessFork
        | Hook::ProcessExec => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_required_hook_has_one_turn_and_a_place() {
        let mut order = ORDER;
        order.sort_unstable();
        assert!(order.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(ORDER.iter().all(|hook| attach_type(*hook).is_some()));
    }
}
