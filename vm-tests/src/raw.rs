//! What no dependency offers safely.
#![allow(
    unsafe_code,
    reason = "connect() with odd addresses, clone3() and descriptors out of messages have no safe wrappers"
)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};

/// Dissolves a socket's association, after which it can be connected again.
pub(crate) fn disconnect(socket: impl AsFd) -> io::Result<()> {
    let address = libc::sockaddr {
        sa_family: libc::AF_UNSPEC as libc::sa_family_t,
        sa_data: [0; 14],
    };
    let length = size_of::<libc::sockaddr>() as libc::socklen_t;
    // SAFETY: the address is a whole sockaddr that outlives the call.
    let result = unsafe { libc::connect(socket.as_fd().as_raw_fd(), &raw const address, length) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Queues an entry whose pointers outlive its completion: the caller waits for that before it returns.
pub(crate) fn submit(ring: &mut io_uring::IoUring, entry: &io_uring::squeue::Entry) -> io::Result<()> {
    // SAFETY: see above.
    unsafe { ring.submission().push(entry) }.map_err(io::Error::other)
}

/// Owns a descriptor that a message brought.
pub(crate) fn own(received: RawFd) -> OwnedFd {
    // SAFETY: the kernel made it for this process as it was received, and each message is looked at once.
    unsafe { OwnedFd::from_raw_fd(received) }
}

/// Starts a child in the cgroup of this directory (`CLONE_INTO_CGROUP`, from 5.7), which ends at once.
pub(crate) fn clone_into(cgroup: &File) -> io::Result<()> {
    const INTO_CGROUP: u64 = 1 << 33;
    // SAFETY: all-zero is a valid value of this structure of numbers.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = INTO_CGROUP;
    arguments.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
    arguments.cgroup = u64::from(cgroup.as_raw_fd().unsigned_abs());
    // SAFETY: the structure outlives the call, and its size is told. The child runs nothing but `_exit`.
    let child = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const arguments,
            size_of::<libc::clone_args>(),
        )
    };
    if child == 0 {
        // SAFETY: ends this process, and runs none of its handlers.
        unsafe { libc::_exit(0) }
    }
    if child < 0 {
        return Err(io::Error::last_os_error());
    }
    let child = i32::try_from(child).map_err(io::Error::other)?;
    nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(child), None)?;
    Ok(())
}

/// Connects a stream socket to a Unix address of exactly these bytes: std and its like always end it with one NUL.
pub(crate) fn connect_unix(path: &[u8]) -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    let mut address = libc::sockaddr_un {
        sun_family: libc::AF_UNIX as libc::sa_family_t,
        sun_path: [0; 108],
    };
    for (place, byte) in address.sun_path.iter_mut().zip(path) {
        *place = byte.cast_signed();
    }
    let length = (std::mem::offset_of!(libc::sockaddr_un, sun_path) + path.len()) as libc::socklen_t;
    // SAFETY: the address outlives the call, and no more of it is told than there is.
    let result = unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
