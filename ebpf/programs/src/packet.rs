//! Whither a packet goes, by its own headers (RFC 791, RFC 8200): what its socket says may not be so.

use aya_ebpf::bindings::__sk_buff;
use interdict_abi::{Address, protocol};

use crate::egress::{ethertype, load, size};

/// A packet's destination.
pub(crate) struct Target {
    pub(crate) address: Address,
    /// Host byte order.
    pub(crate) port: u16,
    /// Whether the port could be read: fragments after the first have none.
    pub(crate) has_port: bool,
    pub(crate) protocol: u32,
    /// Whether it is a TCP reset that carries nothing: the end of a connection that is being cut.
    pub(crate) is_reset: bool,
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// IPv6 extension headers.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const OPTIONS: u8 = 60;
/// How many are passed over. A packet with more goes to any port.
const EXTENSIONS: u32 = 8;

/// `None`: nothing that could reach a protected destination.
#[inline(always)]
pub(crate) fn target(skb: *mut __sk_buff) -> Option<Target> {
    match ethertype(skb) {
        IPV4 => v4(skb),
        IPV6 => v6(skb),
        _ => None,
    }
}

#[inline(always)]
fn v4(skb: *mut __sk_buff) -> Option<Target> {
    let header: [u8; 20] = load(skb, 0)?;
    let [
        first,
        _,
        _,
        _,
        _,
        _,
        f0,
        f1,
        _,
        next,
        _,
        _,
        _,
        _,
        _,
        _,
        a,
        b,
        c,
        d,
    ] = header;
    let address = Address::mapped(u32::from_ne_bytes([a, b, c, d]));
    let later_fragment = u16::from_be_bytes([f0, f1]) & 0x1fff != 0;
    let length = u32::from(first & 0x0f) * 4;
    with_port(skb, address, next, (!later_fragment).then_some(length))
}

#[inline(always)]
fn v6(skb: *mut __sk_buff) -> Option<Target> {
    let header: [u8; 40] = load(skb, 0)?;
    let address = Address(core::array::from_fn(|word| {
        let at = 24 + word * 4;
        u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    }));
    let mut next = header[6];
    let mut offset = 40_u32;
    for _ in 0..EXTENSIONS {
        match next {
            HOP_BY_HOP | ROUTING | OPTIONS | AUTHENTICATION => {
                let Some([following, length]) = load(skb, offset) else {
                    return with_port(skb, address, next, None);
                };
                offset += if next == AUTHENTICATION {
                    (u32::from(length) + 2) * 4
                } else {
                    (u32::from(length) + 1) * 8
                };
                next = following;
            }
            FRAGMENT => {
                let Some([following, _, high, low]) = load(skb, offset) else {
                    return with_port(skb, address, next, None);
                };
                if u16::from_be_bytes([high, low]) & 0xfff8 != 0 {
                    return with_port(skb, address, following, None);
                }
                offset += 8;
                next = following;
            }
            _ => return with_port(skb, address, next, Some(offset)),
        }
    }
    with_port(skb, address, next, None)
}

/// Whether the TCP segment at `offset` says reset (RFC 9293) and ends with its header.
#[inline(always)]
fn is_bare_reset(skb: *mut __sk_buff, offset: u32) -> bool {
    const RESET: u8 = 4;
    let Some([length, flags]) = load(skb, offset + 12) else {
        return false;
    };
    flags & RESET != 0 && offset + u32::from(length >> 4) * 4 == size(skb)
}

/// Reads the port from `offset`. Protocols that have none (ICMP, tunnels) carry no connection to a service.
#[inline(always)]
fn with_port(skb: *mut __sk_buff, address: Address, next: u8, offset: Option<u32>) -> Option<Target> {
    let number = u32::from(next);
    let mut target = Target {
        address,
        port: 0,
        has_port: false,
        protocol: number,
        is_reset: false,
    };
    let ported = matches!(
        number,
        protocol::TCP | protocol::UDP | protocol::UDPLITE | protocol::SCTP | protocol::DCCP
    );
    // An extension header here is one too many.
    let unresolved = matches!(next, HOP_BY_HOP | ROUTING | FRAGMENT | OPTIONS | AUTHENTICATION);
    if !ported && !unresolved {
        return None;
    }
    if ported
        && let Some(offset) = offset
        && let Some([_, _, high, low]) = load(skb, offset)
    {
        target.port = u16::from_be_bytes([high, low]);
        target.has_port = true;
        target.is_reset = number == protocol::TCP && is_bare_reset(skb, offset);
    }
    Some(target)
}
