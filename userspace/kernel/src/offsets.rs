//! Where the running kernel keeps what the programs read.

use std::sync::OnceLock;

use interdict_abi::Offsets;
use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{Composite, MemberAttr};

/// From the kernel's own BTF. What can't be had is 0, and the programs do without.
pub(crate) fn of_running_kernel() -> Offsets {
    static FOUND: OnceLock<Offsets> = OnceLock::new();
    *FOUND.get_or_init(read)
}

fn read() -> Offsets {
    let Ok(btf) = Btf::from_vmlinux() else {
        tracing::warn!(
            "the kernel has no BTF: flows carry no process start time, and workloads can't be matched by executable"
        );
        return Offsets::default();
    };
    let at = |path: &[(&str, &str)]| {
        let found = path.iter().try_fold(0_u32, |sum, (within, member)| {
            let within: Composite<'_> = btf.type_by_name(within)?;
            sum.checked_add(offset(&btf, &within, member)?)
        });
        if found.is_none() {
            tracing::warn!(?path, "the kernel's BTF does not have this");
        }
        found.unwrap_or_default()
    };
    let start = match at(&[("task_struct", "start_boottime")]) {
        // Named so before 5.5.
        0 => at(&[("task_struct", "real_start_time")]),
        found => found,
    };
    Offsets {
        task_group_leader: at(&[("task_struct", "group_leader")]),
        task_start_boottime: start,
        task_real_parent: at(&[("task_struct", "real_parent")]),
        task_tgid: at(&[("task_struct", "tgid")]),
        task_mm: at(&[("task_struct", "mm")]),
        mm_exe_file: at(&[("mm_struct", "exe_file")]),
        file_inode: at(&[("file", "f_inode")]),
        inode_number: at(&[("inode", "i_ino")]),
        inode_super: at(&[("inode", "i_sb")]),
        super_device: at(&[("super_block", "s_dev")]),
        super_magic: at(&[("super_block", "s_magic")]),
        file_dentry: at(&[("file", "f_path"), ("path", "dentry")]),
        dentry_name: at(&[("dentry", "d_name"), ("qstr", "name")]),
        dentry_parent: at(&[("dentry", "d_parent")]),
        dentry_inode: at(&[("dentry", "d_inode")]),
        unix_dentry: at(&[("unix_sock", "path"), ("path", "dentry")]),
        sock_addr_address: at(&[("bpf_sock_addr_kern", "uaddr")]),
        // After `t_ctx`; before 6.7 it is not there, and neither are the hooks that ask for it.
        sock_addr_length: at(&[("bpf_sock_addr_kern", "uaddrlen")]),
        file_mode: at(&[("file", "f_mode")]),
        socket_sock: at(&[("socket", "sk")]),
        mount_super: at(&[("vfsmount", "mnt_sb")]),
        binprm_filename: at(&[("linux_binprm", "filename")]),
        reserved: [0; 2],
    }
}

/// The offset of a member in bytes, also if it is in an unnamed struct or union within (as with a kernel that
/// randomises its structs).
fn offset(btf: &Btf<'_>, within: &Composite<'_>, wanted: &str) -> Option<u32> {
    (0..within.len())
        .filter_map(|index| within.get(index))
        .find_map(|member| {
            let MemberAttr::Normal { offset: bits } = member.attr else {
                return None;
            };
            match member.name {
                Some(name) if !name.is_empty() => (name == wanted).then_some(bits / 8),
                _ => {
                    let inner: Composite<'_> = btf.type_by_id(member.ty)?;
                    offset(btf, &inner, wanted)?.checked_add(bits / 8)
                }
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kernel that interdict supports has BTF, and this test runs on one.
    #[test]
    fn the_running_kernel_is_understood() {
        let found = of_running_kernel();
        for pointer in [
            found.task_group_leader,
            found.task_start_boottime,
            found.task_real_parent,
            found.task_mm,
            found.mm_exe_file,
            found.file_inode,
            found.inode_number,
            found.inode_super,
            found.unix_dentry,
        ] {
            assert!(pointer > 0 && pointer.is_multiple_of(8), "{found:?}");
        }
        assert_ne!(found.task_group_leader, found.task_start_boottime);
        assert_ne!(found.task_tgid, 0);
        assert_ne!(found.super_device, 0);
    }
}
