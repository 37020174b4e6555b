//! What certificates may be for.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// Names and networks of services: what the authority may sign for, or what one service goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    dns: BTreeSet<String>,
    /// A network's own address and the length of its prefix in bits.
    networks: BTreeSet<(IpAddr, u8)>,
}

impl Names {
    /// A DNS name. Case and a dot at the end mean nothing.
    pub fn insert_name(&mut self, name: &str) {
        self.dns
            .insert(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase());
    }

    /// A single address. A loopback address is also reached as `localhost`.
    pub fn insert_address(&mut self, address: IpAddr) {
        let address = address.to_canonical();
        self.insert_network(address, if address.is_ipv4() { 32 } else { 128 });
        if address.is_loopback() {
            self.insert_name("localhost");
        }
    }

    /// A network, by its own address and the length of its prefix in bits.
    pub fn insert_network(&mut self, address: IpAddr, prefix: u8) {
        self.networks.insert((address, prefix));
    }

    /// Takes those of another service.
    pub fn extend(&mut self, other: &Self) {
        self.dns.extend(other.dns.iter().cloned());
        self.networks.extend(other.networks.iter().copied());
    }

    pub(super) fn dns(&self) -> impl Iterator<Item = &str> {
        self.dns.iter().map(String::as_str)
    }

    pub(super) fn networks(&self) -> impl Iterator<Item = (IpAddr, u8)> {
        self.networks.iter().copied()
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        self.dns.contains(name.strip_suffix('.').unwrap_or(name))
    }

    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|(network, prefix)| is_within(address, *network, *prefix))
    }
}

fn is_within(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let (address, network, bits) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => (
            u128::from(u32::from(address)),
            u128::from(u32::from(network)),
            32_u8,
        ),
        (IpAddr::V6(address), IpAddr::V6(network)) => (u128::from(address), u128::from(network), 128),
        _ => return false,
    };
    let beyond = u32::from(bits.saturating_sub(prefix));
    address.checked_shr(beyond).unwrap_or(0) == network.checked_shr(beyond).unwrap_or(0)
}
