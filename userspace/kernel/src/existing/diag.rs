//! Asking the kernel for its sockets: NETLINK_SOCK_DIAG, `linux/inet_diag.h`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket,
    sockopt,
};

use crate::{KernelError, Namespace};

/// How a socket talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP, multipath TCP's subflows included.
    Tcp,
    /// UDP, connected.
    Udp,
}

impl Transport {
    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Tcp => libc::IPPROTO_TCP as u8,
            Self::Udp => libc::IPPROTO_UDP as u8,
        }
    }
}

/// A connected socket, as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Transport.
    pub transport: Transport,
    /// This side.
    pub local: SocketAddr,
    /// The other side.
    pub remote: SocketAddr,
    /// The socket's inode, 0 once no process has it open.
    pub inode: u32,
    /// The user who made it, in the initial user namespace.
    pub uid: u32,
    /// The socket's cookie; never given twice.
    pub cookie: u64,
    /// The cgroup in which it was made (kernels from 5.8 tell it, not for every state).
    pub cgroup_id: Option<u64>,
    /// As the kernel wrote it.
    pub(super) family: u8,
    pub(super) id: [u8; ID],
}

/// Every connected socket of a namespace.
#[derive(Debug, Default)]
pub struct Connections {
    /// The sockets.
    pub list: Vec<Connection>,
    /// Transports that this kernel can't list (its module `tcp_diag` or `udp_diag` is missing).
    pub untold: Vec<Transport>,
}

impl Namespace {
    /// Lists the connected sockets in the namespace: TCP in every state but listening and waiting after the end, UDP
    /// that is connected.
    ///
    /// # Errors
    /// The kernel refused.
    pub async fn connections(&self) -> Result<Connections, KernelError> {
        self.run("listing the sockets of", list).await
    }
}

/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// `struct inet_diag_sockid`.
const ID: usize = 48;
/// `struct inet_diag_req_v2`.
const REQUEST: usize = 8 + ID;
/// `struct inet_diag_msg`.
const MESSAGE: usize = 4 + ID + 20;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const INET_DIAG_CGROUP_ID: u16 = 21;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// All states but TCP_TIME_WAIT (6), TCP_CLOSE (7) and TCP_LISTEN (10).
const TCP_STATES: u32 = 0x1fff & !(1 << 6) & !(1 << 7) & !(1 << 10) & !1;
/// What a connected UDP socket says: TCP_ESTABLISHED.
const UDP_STATES: u32 = 1 << 1;

/// Nothing that the kernel answers takes longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than the kernel puts into one answer.
const BUFFER: usize = 64 << 10;

fn list() -> io::Result<Connections> {
    let socket = open()?;
    let mut connections = Connections::default();
    for (transport, states) in [(Transport::Tcp, TCP_STATES), (Transport::Udp, UDP_STATES)] {
        for family in [libc::AF_INET as u8, libc::AF_INET6 as u8] {
            match dump(&socket, family, transport, states, &mut connections.list) {
                // No handler for this transport, or none for IPv6.
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                    if family == libc::AF_INET as u8 {
                        connections.untold.push(transport);
                    }
                }
                answer => answer?,
            }
        }
    }
    Ok(connections)
}

/// A socket to the kernel, in the namespace of the calling thread.
pub(super) fn open() -> io::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
    nix::sys::socket::connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    let patience = nix::sys::time::TimeVal::from(libc::timeval {
        tv_sec: PATIENCE.as_secs() as libc::time_t,
        tv_usec: 0,
    });
    setsockopt(&socket, sockopt::ReceiveTimeout, &patience)?;
    Ok(socket)
}

fn dump(
    socket: &OwnedFd,
    family: u8,
    transport: Transport,
    states: u32,
    list: &mut Vec<Connection>,
) -> io::Result<()> {
    let request = request(
        SOCK_DIAG_BY_FAMILY,
        NLM_F_DUMP,
        family,
        transport,
        states,
        &[0; ID],
    );
    send(socket.as_raw_fd(), &request, MsgFlags::empty())?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        for message in messages(buffer.get(..length).unwrap_or_default()) {
            match message {
                Message::Done => return Ok(()),
                Message::Error(0) => {}
                Message::Error(number) => return Err(io::Error::from_raw_os_error(number)),
                Message::Other(body) => list.extend(Connection::read(transport, body)),
            }
        }
    }
}

/// A whole request.
pub(super) fn request(
    kind: u16,
    flags: u16,
    family: u8,
    transport: Transport,
    states: u32,
    id: &[u8; ID],
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + REQUEST);
    bytes.extend(((HEADER + REQUEST) as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | flags).to_ne_bytes());
    // Sequence number and port: there is one request at a time, and the kernel fills in the port.
    bytes.extend([0; 8]);
    bytes.extend([family, transport.number(), 0, 0]);
    bytes.extend(states.to_ne_bytes());
    bytes.extend(id);
    bytes
}

/// One message of an answer.
pub(super) enum Message<'a> {
    Done,
    /// An error's number; 0: it is done.
    Error(i32),
    Other(&'a [u8]),
}

/// The messages in what was received. What is cut off is left out.
pub(super) fn messages(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        loop {
            let length = u32_at(rest, 0)? as usize;
            let kind = u16_at(rest, 4)?;
            let body = rest.get(HEADER..length)?;
            rest = rest.get(aligned(length)..).unwrap_or_default();
            return Some(match kind {
                NLMSG_NOOP => continue,
                // A dump's end may carry an error.
                NLMSG_DONE => match u32_at(body, 0).unwrap_or(0).cast_signed() {
                    0.. => Message::Done,
                    number => Message::Error(number.saturating_neg()),
                },
                NLMSG_ERROR => Message::Error(u32_at(body, 0)?.cast_signed().saturating_neg()),
                _ => Message::Other(body),
            });
        }
    })
}

impl Connection {
    /// Reads `struct inet_diag_msg` and what follows it; `None` if it is no connection.
    fn read(transport: Transport, body: &[u8]) -> Option<Self> {
        let family = *body.first()?;
        let id: [u8; ID] = body.get(4..4 + ID)?.try_into().ok()?;
        let remote = SocketAddr::new(address(family, id.get(20..36)?)?, port_at(&id, 2)?);
        if remote.port() == 0 {
            return None;
        }
        let cookie = u64::from(u32_at(&id, 40)?) | u64::from(u32_at(&id, 44)?) << 32;
        Some(Self {
            transport,
            local: SocketAddr::new(address(family, id.get(4..20)?)?, port_at(&id, 0)?),
            remote,
            uid: u32_at(body, 4 + ID + 12)?,
            inode: u32_at(body, 4 + ID + 16)?,
            cookie,
            cgroup_id: attribute(body.get(MESSAGE..)?, INET_DIAG_CGROUP_ID)
                .and_then(|value| Some(u64::from_ne_bytes(value.get(..8)?.try_into().ok()?))),
            family,
            id,
        })
    }
}

/// The value of an attribute.
fn attribute(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(rest, 0)?);
        let value = rest.get(4..length)?;
        if u16_at(rest, 2)? == wanted {
            return Some(value);
        }
        rest = rest.get(aligned(length)..)?;
    }
}

fn address(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match i32::from(family) {
        libc::AF_INET => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(..4)?).ok()?).into()),
        libc::AF_INET6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()),
        _ => None,
    }
}

fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn port_at(bytes: &[u8], at: usize) -> Option<u16> {
    u16_at(bytes, at).map(u16::from_be)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests;
