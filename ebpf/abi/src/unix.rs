//! Protected Unix sockets.

/// What a Unix socket is recognised by (map `UNIX`). A service's socket has several entries: whichever matches protects it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixKey {
    /// Inode of the socket or of its directory, by [`UnixKey::kind`]; 0 for a name alone.
    pub inode: u64,
    /// The file system's device as the kernel keeps it: major number times 2^20, plus the minor number; 0 for a name alone.
    pub device: u32,
    /// Of [`unix_kind`].
    pub kind: u32,
    /// The file's name, padded with NUL; all NUL for an inode.
    pub name: [u8; UnixKey::NAME],
}

/// What [`UnixKey::kind`] may hold.
pub mod unix_kind {
    /// The socket's own inode: whatever it is renamed to.
    pub const INODE: u32 = 1;
    /// A name in a directory: whatever inode it has after the service was restarted.
    pub const ENTRY: u32 = 2;
    /// A name in any directory: all that a hook can compare that sees nothing but the address named by the caller.
    pub const NAME: u32 = 3;
}

impl UnixKey {
    /// Bytes for a name. A socket's address holds 108, so a longer name can be neither bound nor connected to.
    pub const NAME: usize = 112;

    /// A key without a name.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the verifier follows no calls here")]
    pub const fn new(kind: u32, inode: u64, device: u32) -> Self {
        Self {
            inode,
            device,
            kind,
            name: [0; Self::NAME],
        }
    }
}

const _: () = assert!(size_of::<UnixKey>() == 128 && align_of::<UnixKey>() == 8);
