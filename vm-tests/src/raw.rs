//! What no dependency offers safely.
#![allow(
    unsafe_code,
    reason = "connect() with AF_UNSPEC and descriptors out of messages have no safe wrappers"
)]

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

/// Owns a descriptor that a message brought.
pub(crate) fn own(received: RawFd) -> OwnedFd {
    // SAFETY: the kernel made it for this process as it was received, and each message is looked at once.
    unsafe { OwnedFd::from_raw_fd(received) }
}
