//! Keys of Unix sockets.

use core::ffi::c_void;
use core::mem::MaybeUninit;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use interdict_abi::UnixKey;

use crate::task::zero;

/// [`UnixKey::new`], which the compiler would make by calling memset: see [`zero`].
#[inline(always)]
pub(crate) fn key(kind: u32, inode: u64, device: u32) -> UnixKey {
    const WORDS: usize = UnixKey::NAME / size_of::<u64>();
    let mut key = MaybeUninit::<UnixKey>::uninit();
    let nothing = u64::from(zero());
    // SAFETY: all fields are written, the name by words: its offset and size are multiples of theirs.
    unsafe {
        let place = key.as_mut_ptr();
        (&raw mut (*place).inode).write(inode);
        (&raw mut (*place).device).write(device);
        (&raw mut (*place).kind).write(kind);
        let name = (&raw mut (*place).name).cast::<u64>();
        for word in 0..WORDS {
            name.add(word).write(nothing);
        }
        key.assume_init()
    }
}

/// Copies a string of the kernel's into a key whose name is empty. One that can't be read leaves it empty.
#[inline(always)]
pub(crate) fn fill(key: &mut UnixKey, name: *const u8) {
    // SAFETY: the helper writes at most so many bytes, and checks the address that it reads from.
    let _length = unsafe {
        bpf_probe_read_kernel_str(
            key.name.as_mut_ptr().cast::<c_void>(),
            UnixKey::NAME as u32,
            name.cast::<c_void>(),
        )
    };
}
