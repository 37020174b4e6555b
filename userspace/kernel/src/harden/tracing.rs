//! Programs that note where processes come from, at raw tracepoints.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use aya::Ebpf;
use aya::programs::{ProgramError, ProgramType, RawTracePoint};
use interdict_abi::{Hook, Offsets};
use libbpf_rs::Link;
use libbpf_rs::query::LinkTypeInfo;

use super::{Hardening, State, lsm, root_cause};
use crate::sys;

/// Each hook and the kernel's name for its tracepoint.
pub(super) const ALL: [(Hook, &str); 2] = [
    (Hook::ProcessFork, "sched_process_fork"),
    (Hook::ProcessExec, "sched_process_exec"),
];

/// Attaches what the kernel takes.
pub(super) fn attach(ebpf: &mut Ebpf, links: &Path, offsets: &Offsets) -> Vec<Hardening> {
    let one = |(hook, tracepoint)| {
        let attached = if knows(hook, offsets) {
            link(ebpf, hook, tracepoint)
        } else {
            Err("the kernel's BTF does not have what this hook reads".to_owned())
        };
        let pinned = attached.and_then(|link| {
            lsm::pin(link.as_fd(), hook, links)
                .map_err(|error| format!("its link could not be pinned: {error}"))
        });
        let state = pinned.map_or_else(State::Unavailable, |()| State::Active);
        Hardening { hook, state }
    };
    ALL.map(one).to_vec()
}

/// Whether everything that a hook reads could be found in the kernel's description of itself.
fn knows(hook: Hook, offsets: &Offsets) -> bool {
    let process = [
        offsets.task_group_leader,
        offsets.task_start_boottime,
        offsets.task_tgid,
        offsets.task_real_parent,
    ];
    process.iter().all(|offset| *offset != 0) && (hook != Hook::ProcessExec || offsets.binprm_filename != 0)
}

fn link(ebpf: &mut Ebpf, hook: Hook, tracepoint: &str) -> Result<OwnedFd, String> {
    let program: &mut RawTracePoint = ebpf
        .program_mut(hook.name())
        .ok_or("the eBPF object does not have it: it was built from another version")?
        .try_into()
        .map_err(|error: ProgramError| error.to_string())?;
    program.load().map_err(|error| {
        ::tracing::debug!(hook = hook.name(), %error, "not loaded");
        format!("the kernel refused the program: {}", root_cause(&error))
    })?;
    let program: BorrowedFd<'_> = program.fd().map_err(|error| error.to_string())?.as_fd();
    sys::raw_tracepoint_open(program, tracepoint)
        .map_err(|error| format!("the kernel refused to attach it: {error}"))
}

/// The hooks whose links are pinned here.
pub(super) fn pinned(links: &Path) -> impl Iterator<Item = Hook> {
    ALL.iter().map(|(hook, _)| *hook).filter(|hook| {
        Link::open(links.join(hook.name()))
            .and_then(|link| link.info())
            .is_ok_and(|info| matches!(info.info, LinkTypeInfo::RawTracepoint(_)))
    })
}

/// The hooks that this kernel would take.
pub(super) fn expected() -> impl Iterator<Item = Hook> {
    let taken = aya::sys::is_program_supported(ProgramType::RawTracePoint).unwrap_or(false);
    ALL.iter().map(|(hook, _)| *hook).filter(move |_| taken)
}
