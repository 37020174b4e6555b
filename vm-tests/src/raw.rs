//! The one call that no dependency offers.
#![allow(unsafe_code, reason = "connect() with AF_UNSPEC has no safe wrapper")]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

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
