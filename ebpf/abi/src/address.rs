//! IP addresses as the programs see them.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `AF_INET`: the caller named an IPv4 address, plain or v4-mapped.
pub const AF_INET: u16 = 2;
/// `AF_INET6`.
pub const AF_INET6: u16 = 10;

/// An IPv6 address, or an IPv4 address in its v4-mapped form: four words whose memory is in network byte order.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u32; 4]);

#[expect(clippy::inline_always, reason = "the verifier follows no calls here")]
impl Address {
    /// `::1`.
    pub const LOOPBACK_V6: Self = Self([0, 0, 0, 1u32.to_be()]);
    /// `::ffff:127.0.0.1`.
    pub const LOOPBACK_V4: Self = Self::mapped(0x7f00_0001u32.to_be());

    /// The v4-mapped form of an IPv4 address given in network byte order.
    #[must_use]
    #[inline(always)]
    pub const fn mapped(v4: u32) -> Self {
        Self([0, 0, 0xffffu32.to_be(), v4])
    }

    /// Whether this stands for an IPv4 address.
    #[must_use]
    #[inline(always)]
    pub const fn is_mapped(&self) -> bool {
        let Self([a, b, c, _]) = *self;
        a == 0 && b == 0 && c == 0xffffu32.to_be()
    }

    /// Whether this is `::`.
    #[must_use]
    #[inline(always)]
    pub const fn is_any_v6(&self) -> bool {
        let Self([a, b, c, d]) = *self;
        (a | b | c | d) == 0
    }

    /// Whether this is `::1` or within 127.0.0.0/8.
    #[must_use]
    #[inline(always)]
    pub const fn is_loopback(&self) -> bool {
        let Self([a, b, c, d]) = *self;
        if self.is_mapped() {
            d.to_ne_bytes()[0] == 127
        } else {
            (a | b | c) == 0 && d == 1u32.to_be()
        }
    }
}

impl From<Ipv4Addr> for Address {
    fn from(address: Ipv4Addr) -> Self {
        Self::mapped(u32::from_ne_bytes(address.octets()))
    }
}

impl From<Ipv6Addr> for Address {
    fn from(address: Ipv6Addr) -> Self {
        let bits = address.to_bits();
        Self([96, 64, 32, 0].map(|shift| ((bits >> shift) as u32).to_be()))
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => v6.into(),
        }
    }
}

impl From<Address> for IpAddr {
    fn from(Address(words): Address) -> Self {
        let [a, b, c, d] = words.map(u32::from_be);
        let bits = u128::from(a) << 96 | u128::from(b) << 64 | u128::from(c) << 32 | u128::from(d);
        Ipv6Addr::from_bits(bits).to_canonical()
    }
}
