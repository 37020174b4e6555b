//! Network devices, by rtnetlink: `ip` may not be there.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, send, socket,
};

/// The loopback device of a new namespace.
pub(crate) const LOOPBACK: i32 = 1;

const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_CREATE: u16 = 0x400;
const NLM_F_EXCL: u16 = 0x200;

const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_PID: u16 = 19;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// Brings a device up.
pub(crate) fn up(index: i32) -> io::Result<()> {
    ask(RTM_NEWLINK, 0, &link(index, libc::IFF_UP as u32))
}

/// Makes a pair of devices: one here, the other in the namespace of a process.
pub(crate) fn veth(here: &str, there: &str, process: i32) -> io::Result<()> {
    let peer = [
        link(0, 0),
        attribute(IFLA_IFNAME, &name(there)),
        attribute(IFLA_NET_NS_PID, &process.to_ne_bytes()),
    ]
    .concat();
    let info = [
        attribute(IFLA_INFO_KIND, b"veth"),
        attribute(IFLA_INFO_DATA, &attribute(VETH_INFO_PEER, &peer)),
    ]
    .concat();
    let body = [
        link(0, 0),
        attribute(IFLA_IFNAME, &name(here)),
        attribute(IFLA_LINKINFO, &info),
    ]
    .concat();
    ask(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &body)
}

/// Gives a device an address of a network of 24 bits, and brings it up.
pub(crate) fn address(device: &str, address: IpAddr) -> io::Result<()> {
    let index = nix::net::if_::if_nametoindex(device)?;
    let IpAddr::V4(address) = address else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    // struct ifaddrmsg: family, prefix, flags, scope, index.
    let mut body = vec![libc::AF_INET as u8, 24, 0, 0];
    body.extend(index.to_ne_bytes());
    body.extend(attribute(IFA_LOCAL, &address.octets()));
    body.extend(attribute(IFA_ADDRESS, &address.octets()));
    ask(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body)?;
    up(index as i32)
}

/// The devices of this namespace.
pub(crate) fn names() -> io::Result<Vec<String>> {
    let devices = nix::net::if_::if_nameindex()?;
    Ok(devices
        .iter()
        .map(|device| device.name().to_string_lossy().into_owned())
        .collect())
}

/// `struct ifinfomsg` that sets these flags.
fn link(index: i32, flags: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(index.to_ne_bytes());
    body.extend(flags.to_ne_bytes());
    body.extend(flags.to_ne_bytes());
    body
}

fn name(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::from(((value.len() + 4) as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Sends one request and waits for its answer.
fn ask(kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    nix::sys::socket::connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    let mut request = Vec::from(((16 + body.len()) as u32).to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
    request.extend([0; 8]);
    request.extend(body);
    send(socket.as_raw_fd(), &request, MsgFlags::empty())?;
    let mut answer = [0; 4096];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    // struct nlmsghdr, then struct nlmsgerr, which begins with the error.
    let error = answer
        .get(..length)
        .and_then(|answer| answer.get(16..20)?.try_into().ok());
    match error.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(number) => Err(io::Error::from_raw_os_error(number.saturating_neg())),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
