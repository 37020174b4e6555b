//! Listeners for redirected connections.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;

use socket2::{Domain, Socket, Type};

/// Ports for redirected connections: below those that the kernel gives out by itself, so that no socket of an agent gets
/// one by chance while no daemon holds it.
pub const LISTENER_PORTS: RangeInclusive<u16> = 15_900..=15_999;

/// Connections that the kernel may queue before they are accepted.
const BACKLOG: i32 = 4096;

/// The listeners of one namespace, non-blocking.
#[derive(Debug)]
pub struct Listeners {
    /// On 127.0.0.1.
    pub v4: TcpListener,
    /// On ::1; `None` where the kernel has no IPv6.
    pub v6: Option<TcpListener>,
}

/// Opens the listeners in the calling thread's namespace.
pub(super) fn listen() -> io::Result<Listeners> {
    let v4 = bind_one_of(Ipv4Addr::LOCALHOST.into())?;
    let v6 = match bind_one_of(Ipv6Addr::LOCALHOST.into()) {
        Ok(listener) => Some(listener),
        Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => None,
        Err(error) => return Err(error),
    };
    Ok(Listeners { v4, v6 })
}

fn bind_one_of(address: IpAddr) -> io::Result<TcpListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for port in LISTENER_PORTS {
        match bind(SocketAddr::new(address, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    // A port of a daemon that just ended is free again at once.
    socket.set_reuse_address(true)?;
    // In a namespace that was just made loopback is down, and has no address to bind to.
    if address.is_ipv4() {
        socket.set_freebind_v4(true)?;
    } else {
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
