//! The few kernel calls that no dependency wraps.
#![allow(
    unsafe_code,
    reason = "raw bpf() and getsockopt(); every block says why it is sound"
)]

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use aya::maps::{MapData, RingBuf};
use interdict_abi::Event;
use libbpf_rs::libbpf_sys;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Attaches a loaded program to a cgroup (BPF_LINK_CREATE). One call for every program type, where aya has a different
/// one for each.
pub(crate) fn link_create(
    program: BorrowedFd<'_>,
    cgroup: BorrowedFd<'_>,
    attach_type: u32,
) -> io::Result<OwnedFd> {
    // SAFETY: both descriptors are open for the call; null options are allowed.
    let fd = unsafe {
        libbpf_sys::bpf_link_create(
            program.as_raw_fd(),
            cgroup.as_raw_fd(),
            attach_type,
            std::ptr::null(),
        )
    };
    let fd = answer(fd)?;
    // SAFETY: the kernel just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Attaches a loaded program of a security module to its hook (BPF_LINK_CREATE, or on kernels that have it not for these,
/// BPF_RAW_TRACEPOINT_OPEN, as libbpf chooses).
pub(crate) fn lsm_link_create(program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is open for the call; there is no target, and null options are allowed.
    let fd = unsafe {
        libbpf_sys::bpf_link_create(program.as_raw_fd(), 0, libbpf_sys::BPF_LSM_MAC, std::ptr::null())
    };
    let fd = answer(fd)?;
    // SAFETY: the kernel just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Attaches a loaded program to a raw tracepoint (BPF_RAW_TRACEPOINT_OPEN).
pub(crate) fn raw_tracepoint_open(program: BorrowedFd<'_>, tracepoint: &str) -> io::Result<OwnedFd> {
    let name = CString::new(tracepoint)?;
    // SAFETY: the descriptor is open and the name is a string that ends in NUL, both for the call.
    let fd = answer(unsafe { libbpf_sys::bpf_raw_tracepoint_open(name.as_ptr(), program.as_raw_fd()) })?;
    // SAFETY: the kernel just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Replaces the program of a link, atomically (BPF_LINK_UPDATE). aya has no wrapper for cgroup links.
pub(crate) fn link_update(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both descriptors are open for the call; null options are allowed.
    answer(unsafe { libbpf_sys::bpf_link_update(link.as_raw_fd(), program.as_raw_fd(), std::ptr::null()) })?;
    Ok(())
}

/// Pins a link's descriptor (BPF_OBJ_PIN).
pub(crate) fn pin(fd: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the descriptor is open and the path is a string that ends in NUL, both for the call.
    answer(unsafe { libbpf_sys::bpf_obj_pin(fd.as_raw_fd(), path.as_ptr()) })?;
    Ok(())
}

/// Takes an entry out of a hash map in one step (BPF_MAP_LOOKUP_AND_DELETE_ELEM, hash maps from 5.14), or in two on
/// kernels that can't. aya only has it for queues and stacks.
///
/// `K` and `V` must be the map's own types; the map's sizes were compared with theirs when it was opened.
pub(crate) fn take<K: aya::Pod, V: aya::Pod>(map: BorrowedFd<'_>, key: &K) -> io::Result<Option<V>> {
    let mut value = MaybeUninit::<V>::uninit();
    let fd = map.as_raw_fd();
    let key = std::ptr::from_ref(key).cast();
    // SAFETY: the kernel reads one key and writes one value, of the sizes that the map has and `K` and `V` have.
    let taken =
        answer(unsafe { libbpf_sys::bpf_map_lookup_and_delete_elem(fd, key, value.as_mut_ptr().cast()) });
    let taken = match taken {
        Err(error) if not_supported(&error) => {
            // SAFETY: as above.
            answer(unsafe { libbpf_sys::bpf_map_lookup_elem(fd, key, value.as_mut_ptr().cast()) })
                // SAFETY: as above. Whoever deletes the entry has taken it: of two takers one is told ENOENT here.
                .and_then(|_| answer(unsafe { libbpf_sys::bpf_map_delete_elem(fd, key) }))
        }
        taken => taken,
    };
    match taken {
        // SAFETY: on success the kernel has written the value, and any bytes make a `Pod`.
        Ok(_) => Ok(Some(unsafe { value.assume_init() })),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The cookie of a socket's network namespace (SO_NETNS_COOKIE, from 5.14).
///
/// # Errors
/// ENOPROTOOPT before 5.14.
pub fn netns_cookie(socket: impl AsFd) -> io::Result<u64> {
    const SO_NETNS_COOKIE: libc::c_int = 71;
    let mut cookie = 0_u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `cookie`, both of which outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            std::ptr::from_mut(&mut cookie).cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(cookie)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Whether this process may use bpf() at all: asks for the first program's id, which changes nothing.
pub(crate) fn bpf_allowed() -> io::Result<()> {
    let mut id = 0;
    // SAFETY: the kernel writes one number.
    match answer(unsafe { libbpf_sys::bpf_prog_get_next_id(0, &raw mut id) }) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        answer => answer.map(drop),
    }
}

/// An event as the programs wrote it; `None` if there are too few bytes.
pub(crate) fn event(bytes: &[u8]) -> Option<Event> {
    let bytes = bytes.get(..size_of::<Event>())?;
    // SAFETY: there are enough bytes, any of which make an `Event`; the read needs no alignment.
    Some(unsafe { bytes.as_ptr().cast::<Event>().read_unaligned() })
}

/// Lets tokio tell when a ring buffer has something. Must be called within a runtime.
pub(crate) fn readable(ring: RingBuf<MapData>) -> io::Result<AsyncFd<RingBuf<MapData>>> {
    // SAFETY: the ring owns its descriptor for as long as it lives, and it lives within what is returned.
    unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }.map_err(|error| error.into_parts().1)
}

fn not_supported(error: &io::Error) -> bool {
    /// The kernel's own ENOTSUPP, which user space has no name for.
    const ENOTSUPP: i32 = 524;
    matches!(
        error.raw_os_error(),
        Some(ENOTSUPP | libc::EINVAL | libc::EOPNOTSUPP)
    )
}

/// libbpf's answer: a number from 0 up, or an error's number below 0.
fn answer(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::from_raw_os_error(result.saturating_neg()))
    } else {
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_event_is_none() {
        assert!(event(&[0; size_of::<Event>() - 1]).is_none());
        let mut bytes = vec![0; size_of::<Event>() + 8];
        bytes[0] = 3;
        assert_eq!(event(&bytes).unwrap().verdict, 3);
    }

    #[test]
    fn sockets_of_one_namespace_have_one_cookie() {
        let bound = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let cookie = netns_cookie(bound()).unwrap();
        assert_ne!(cookie, 0);
        assert_eq!(netns_cookie(bound()).unwrap(), cookie);
    }
}
