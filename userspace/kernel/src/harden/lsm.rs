//! Programs of the security modules.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

use aya::maps::{Map, MapData, PerCpuArray};
use aya::programs::{Lsm, LsmAttachType, ProgramError, ProgramType};
use aya::{Btf, Ebpf};
use interdict_abi::{Hook, Offsets, VERDICTS, name};
use libbpf_rs::query::LinkTypeInfo;
use libbpf_rs::{Link, ProgramAttachType};

use super::{Hardening, State, root_cause};
use crate::sys;

/// A running kernel's types don't change, and reading them takes longer than all else here.
static TYPES: OnceLock<Option<Btf>> = OnceLock::new();

/// Each hook and the kernel's name for it. The first is the one that shows whether any of them is run.
pub(super) const ALL: [(Hook, &str); 11] = [
    (Hook::LsmBpf, "bpf"),
    (Hook::LsmSocketCreate, "socket_create"),
    (Hook::LsmUnixConnect, "unix_stream_connect"),
    (Hook::LsmUnixSend, "unix_may_send"),
    (Hook::LsmFileOpen, "file_open"),
    (Hook::LsmClone, "task_alloc"),
    (Hook::LsmUnlink, "inode_unlink"),
    (Hook::LsmRename, "inode_rename"),
    (Hook::LsmUnmount, "sb_umount"),
    (Hook::LsmPtrace, "ptrace_access_check"),
    (Hook::LsmKill, "task_kill"),
];

const NOT_RUN: &str =
    "the kernel takes security module programs but does not run them: boot with `bpf` in the list `lsm=`";
const NO_BTF: &str =
    "the kernel has no BTF (CONFIG_DEBUG_INFO_BTF), without which these programs can't be loaded";

/// Attaches what the kernel takes.
pub(super) fn attach(ebpf: &mut Ebpf, links: &Path, maps: &Path, offsets: &Offsets) -> Vec<Hardening> {
    let none = |reason: &str| {
        ALL.map(|(hook, _)| Hardening {
            hook,
            state: State::Unavailable(reason.to_owned()),
        })
        .to_vec()
    };
    let Some(btf) = TYPES.get_or_init(|| Btf::from_sys_fs().ok()) else {
        return none(NO_BTF);
    };
    let mut all = Vec::with_capacity(ALL.len());
    for (hook, kernel_name) in ALL {
        let attached = if knows(hook, offsets) {
            load(ebpf, hook, kernel_name, btf)
        } else {
            Err("the kernel's BTF does not have what this hook reads".to_owned())
        };
        let state = match attached {
            Ok(link) if hook == Hook::LsmBpf && are_run(maps) != Some(true) => {
                drop(link);
                return none(NOT_RUN);
            }
            Ok(link) => match pin(link.as_fd(), hook, links) {
                Ok(()) => State::Active,
                Err(error) => State::Unavailable(format!("its link could not be pinned: {error}")),
            },
            Err(reason) => State::Unavailable(reason),
        };
        all.push(Hardening { hook, state });
    }
    all
}

/// Whether everything that a hook reads could be found in the kernel's description of itself.
fn knows(hook: Hook, offsets: &Offsets) -> bool {
    let inode = [offsets.inode_super, offsets.super_magic];
    let dentry = [offsets.dentry_inode, offsets.dentry_parent, offsets.dentry_name];
    let unix = [offsets.unix_dentry, offsets.inode_super, offsets.super_device];
    // Numbers that may well be 0 (the first field of a structure) are not among these.
    let all = |groups: &[&[u32]]| {
        groups
            .iter()
            .flat_map(|group| group.iter())
            .all(|offset| *offset != 0)
    };
    match hook {
        Hook::LsmUnixConnect => all(&[&unix, &dentry]),
        Hook::LsmUnixSend => all(&[&unix, &dentry, &[offsets.socket_sock]]),
        Hook::LsmFileOpen => all(&[
            &inode,
            &dentry,
            &[offsets.file_mode, offsets.file_dentry, offsets.file_inode],
        ]),
        Hook::LsmUnlink | Hook::LsmRename => all(&[&inode]),
        Hook::LsmUnmount => all(&[&[offsets.mount_super, offsets.super_magic]]),
        Hook::LsmPtrace | Hook::LsmKill => all(&[&[offsets.task_tgid]]),
        _ => true,
    }
}

fn load(ebpf: &mut Ebpf, hook: Hook, kernel_name: &str, btf: &Btf) -> Result<OwnedFd, String> {
    let program: &mut Lsm = ebpf
        .program_mut(hook.name())
        .ok_or("the eBPF object does not have it: it was built from another version")?
        .try_into()
        .map_err(|error: ProgramError| error.to_string())?;
    program.load(kernel_name, btf).map_err(|error| {
        tracing::debug!(hook = hook.name(), %error, "not loaded");
        match &error {
            ProgramError::LoadError { io_error, .. }
                if io_error.kind() == io::ErrorKind::PermissionDenied =>
            {
                "the kernel refuses programs of the security modules to this process".to_owned()
            }
            error => format!("the kernel refused the program: {}", root_cause(error)),
        }
    })?;
    let program = program.fd().map_err(|error| error.to_string())?.as_fd();
    sys::lsm_link_create(program).map_err(|error| format!("the kernel refused to attach it: {error}"))
}

/// Pins a new link in the place of an earlier daemon's, which ends with that: both are in force until then.
pub(super) fn pin(link: BorrowedFd<'_>, hook: Hook, links: &Path) -> io::Result<()> {
    let place = links.join(hook.name());
    // bpffs keeps names with dots for itself.
    let beside = links.join(format!("{}_next", hook.name()));
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    sys::pin(link, &beside)?;
    std::fs::rename(&beside, &place)
}

/// The hooks whose links are pinned here.
pub(super) fn pinned(links: &Path) -> impl Iterator<Item = Hook> {
    ALL.iter().map(|(hook, _)| *hook).filter(|hook| {
        Link::open(links.join(hook.name()))
            .and_then(|link| link.info())
            .is_ok_and(|info| match info.info {
                LinkTypeInfo::Tracing(tracing) => matches!(tracing.attach_type, ProgramAttachType::LsmMac),
                _ => false,
            })
    })
}

/// Whether the kernel runs these programs, shown by what `lsm_bpf` counts of the very calls that ask. `None`: that can't be
/// read.
pub(super) fn are_run(maps: &Path) -> Option<bool> {
    let stats = MapData::from_pin(maps.join(name::STATS)).ok()?;
    let stats: PerCpuArray<_, u64> = PerCpuArray::try_from(Map::PerCpuArray(stats)).ok()?;
    let first = Hook::LsmBpf as u32 * VERDICTS;
    let counted = || {
        (first..first + VERDICTS)
            .map(|index| stats.get(&index, 0).map(|values| values.iter().sum::<u64>()))
            .sum::<Result<u64, _>>()
            .ok()
    };
    Some(counted()? < counted()?)
}

/// Whether the kernel takes such programs and says that it runs them.
pub(super) fn expected() -> bool {
    aya::sys::is_program_supported(ProgramType::Lsm(LsmAttachType::Mac)).unwrap_or(false)
        && std::fs::read_to_string("/sys/kernel/security/lsm")
            .is_ok_and(|modules| modules.trim().split(',').any(|module| module == "bpf"))
}
