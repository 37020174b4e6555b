//! Ways around a redirect that do not call `connect` on a TCP socket. Success is error 0: there is no word to read.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;

use io_uring::{IoUring, opcode, types};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// What has no word to read.
const NOTHING: i32 = 0;

/// The way of that name; `None`: there is none.
pub(super) fn connect(how: &str, address: SocketAddr) -> Option<io::Result<TcpStream>> {
    let sent = match how {
        "sendto" => sendto(address),
        "raw" => raw(address),
        "udplite" => udp_lite(address),
        "sctp" => socket(Type::STREAM, libc::IPPROTO_SCTP, address).map(drop),
        "dccp" => socket(Type::from(libc::SOCK_DCCP), libc::IPPROTO_DCCP, address).map(drop),
        "mptcp" => Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::MPTCP)).map(drop),
        "uring" => return Some(uring(address)),
        _ => return None,
    };
    Some(sent.and(Err(io::Error::from_raw_os_error(NOTHING))))
}

fn socket(kind: Type, protocol: i32, address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), kind, Some(Protocol::from(protocol)))
}

/// A datagram that names its destination.
fn sendto(address: SocketAddr) -> io::Result<()> {
    let any: SocketAddr = if address.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    UdpSocket::bind(any)?.send_to(b"hello", address).map(drop)
}

/// The beginning of a TCP connection, written by hand.
fn raw(address: SocketAddr) -> io::Result<()> {
    let socket = socket(Type::RAW, libc::IPPROTO_TCP, address)?;
    let mut segment = [0_u8; 20];
    let [high, low] = address.port().to_be_bytes();
    for (place, byte) in [(0, 200), (1, 1), (2, high), (3, low), (12, 5 << 4), (13, 2)] {
        if let Some(at) = segment.get_mut(place) {
            *at = byte;
        }
    }
    let mut to = address;
    to.set_port(0);
    socket.send_to(&segment, &SockAddr::from(to)).map(drop)
}

/// Its connect meets no connect hook on any kernel that has it.
fn udp_lite(address: SocketAddr) -> io::Result<()> {
    let socket = socket(Type::DGRAM, libc::IPPROTO_UDPLITE, address)?;
    socket.connect(&address.into())?;
    socket.send(b"hello").map(drop)
}

/// A connect that the kernel makes for the task, from a queue.
fn uring(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    let to = SockAddr::from(address);
    let mut ring = IoUring::new(2)?;
    let entry = opcode::Connect::new(types::Fd(socket.as_raw_fd()), to.as_ptr().cast(), to.len()).build();
    crate::raw::submit(&mut ring, &entry)?;
    ring.submit_and_wait(1)?;
    let done = ring
        .completion()
        .next()
        .ok_or_else(|| io::Error::other("the ring completed nothing"))?;
    match done.result() {
        0 => Ok(socket.into()),
        error => Err(io::Error::from_raw_os_error(error.saturating_neg())),
    }
}
