//! The eBPF object, embedded.

use crate::KernelError;

/// The programs as `cargo xtask build` made them; empty in a build that did not go through it.
pub static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/interdict.bpf.o"));

/// The programs for Unix sockets, which aya can't load.
pub(crate) static UNIX_OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/interdict-unix.bpf.o"));

/// Whether this build carries the eBPF programs.
#[must_use]
pub fn is_built() -> bool {
    !OBJECT.is_empty()
}

/// The programs, or the sentence that says how to get them.
pub(crate) fn object() -> Result<&'static [u8], KernelError> {
    if is_built() {
        Ok(OBJECT)
    } else {
        Err(KernelError::NotBuilt)
    }
}
