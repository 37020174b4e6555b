//! The programs at the cgroup2 root: attached once, pinned, and replaced without a gap.

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

/// The order in which programs are attached and replaced: what refuses comes first, what is only told comes last, so
/// that protection never weakens on the way.
pub(crate) const ORDER: [Hook; 8] = [
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Links made.
    pub(crate) attached: usize,
    /// Links of an earlier daemon that got this build's programs.
    pub(crate) adopted: usize,
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
        let program = program(ebpf, hook)?
            .fd()
            .map_err(KernelError::program(hook.name()))?
            .as_fd();
        let pin = links.join(hook.name());
        if adopt(hook, program, &pin)? {
            outcome.adopted += 1;
        } else {
            attach(hook, program, cgroup.as_fd(), &pin)?;
            outcome.attached += 1;
        }
    }
    Ok(outcome)
}

fn program(ebpf: &mut Ebpf, hook: Hook) -> Result<&mut Program, KernelError> {
    ebpf.program_mut(hook.name())
        .ok_or(KernelError::Missing(hook.name()))
}

fn load(program: &mut Program) -> Result<(), aya::programs::ProgramError> {
    match program {
        Program::CgroupSockAddr(program) => program.load(),
        Program::CgroupSock(program) => program.load(),
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
    let link = sys::link_create(program, cgroup, attach_type(hook)).map_err(failed)?;
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
            cgroup.cgroup_id == CgroupRoot::id() && cgroup.attach_type.clone() as u32 == attach_type(hook)
        }
        _ => false,
    }
}

/// The kernel's number for the place where a hook's program is attached.
pub(crate) fn attach_type(hook: Hook) -> u32 {
    match hook {
        Hook::Connect4 => bpf::BPF_CGROUP_INET4_CONNECT,
        Hook::Connect6 => bpf::BPF_CGROUP_INET6_CONNECT,
        Hook::Getpeername4 => bpf::BPF_CGROUP_INET4_GETPEERNAME,
        Hook::Getpeername6 => bpf::BPF_CGROUP_INET6_GETPEERNAME,
        Hook::SockOps => bpf::BPF_CGROUP_SOCK_OPS,
        Hook::SockRelease => bpf::BPF_CGROUP_INET_SOCK_RELEASE,
        Hook::Bind4 => bpf::BPF_CGROUP_INET4_BIND,
        Hook::Bind6 => bpf::BPF_CGROUP_INET6_BIND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_has_its_turn() {
        let mut order = ORDER;
        order.sort_unstable();
        assert_eq!(order, Hook::ALL);
    }
}
