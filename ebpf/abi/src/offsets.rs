//! Where the running kernel keeps what the programs read: Rust programs can't ask for it to be relocated.

/// Offsets in bytes within the kernel's own structures, from its BTF. 0: unknown, and what depends on it is not decided
/// by it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// `task_struct.group_leader`.
    pub task_group_leader: u32,
    /// `task_struct.start_boottime`.
    pub task_start_boottime: u32,
    /// `task_struct.real_parent`.
    pub task_real_parent: u32,
    /// `task_struct.tgid`.
    pub task_tgid: u32,
    /// `task_struct.mm`.
    pub task_mm: u32,
    /// `mm_struct.exe_file`.
    pub mm_exe_file: u32,
    /// `file.f_inode`.
    pub file_inode: u32,
    /// `inode.i_ino`.
    pub inode_number: u32,
    /// `inode.i_sb`.
    pub inode_super: u32,
    /// `super_block.s_dev`.
    pub super_device: u32,
    /// `super_block.s_magic`.
    pub super_magic: u32,
    /// `file.f_path.dentry`.
    pub file_dentry: u32,
    /// `dentry.d_name.name`.
    pub dentry_name: u32,
    /// `dentry.d_parent`.
    pub dentry_parent: u32,
    /// `dentry.d_inode`.
    pub dentry_inode: u32,
    /// `unix_sock.path.dentry`.
    pub unix_dentry: u32,
    /// `bpf_sock_addr_kern.uaddr`.
    pub sock_addr_address: u32,
    /// `bpf_sock_addr_kern.uaddrlen`.
    pub sock_addr_length: u32,
    /// `file.f_mode`.
    pub file_mode: u32,
    /// `socket.sk`.
    pub socket_sock: u32,
    /// `vfsmount.mnt_sb`.
    pub mount_super: u32,
    /// `linux_binprm.filename`.
    pub binprm_filename: u32,
    /// Zero.
    pub reserved: [u32; 2],
}

const _: () = assert!(size_of::<Offsets>() == 96);
