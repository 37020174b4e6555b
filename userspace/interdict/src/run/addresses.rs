//! The host's own addresses.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Multicast groups of rtnetlink (linux/rtnetlink.h): an IPv4 or IPv6 address came or went.
const RTMGRP_IPV4_IFADDR: u32 = 0x10;
const RTMGRP_IPV6_IFADDR: u32 = 0x100;

/// Addresses of the interfaces in this network namespace, without their zones.
pub(super) fn own() -> io::Result<BTreeSet<IpAddr>> {
    let interfaces = nix::ifaddrs::getifaddrs()?;
    let address = |interface: nix::ifaddrs::InterfaceAddress| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|found| found.ip().into());
        v4.or_else(|| address.as_sockaddr_in6().map(|found| found.ip().into()))
    };
    Ok(interfaces.filter_map(address).collect())
}

/// Tells when addresses come or go.
pub(super) struct Changes(AsyncFd<OwnedFd>);

impl Changes {
    pub(super) fn subscribe() -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        bind(
            socket.as_raw_fd(),
            &NetlinkAddr::new(0, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR),
        )?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe; what that asks for holds: the socket is owned for as long as it is registered"
        )]
        AsyncFd::with_interest(socket, Interest::READABLE).map(Self)
    }

    /// Waits until something changed. What is told is not read: all addresses are looked at again anyway, so messages
    /// that were lost (ENOBUFS) cost nothing.
    pub(super) async fn next(&self) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        let mut buffer = [0; 8192];
        loop {
            match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(_) | Err(nix::Error::ENOBUFS | nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => {
                    ready.clear_ready();
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn loopback_is_one_of_them() {
        assert!(super::own().unwrap().contains(&"127.0.0.1".parse().unwrap()));
    }
}
