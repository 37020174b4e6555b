//! The protected destinations.

use std::collections::BTreeMap;
use std::net::IpAddr;

use aya::maps::lpm_trie::Key;
use aya::maps::{Array, LpmTrie, MapData};
use interdict_abi::{Address, Protect, ProtectKey, entries, name, protect_flag};

use crate::KernelError;

/// An address or a range of them, and a port. It is protected for every transport: TCP goes to the proxy, all else is
/// refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The address; bits behind the prefix are ignored.
    pub address: IpAddr,
    /// The prefix: up to 32 bits of an IPv4 address, up to 128 of an IPv6 address. `::/0` includes IPv4.
    pub prefix: u8,
    /// The port.
    pub port: u16,
    /// The service's number, told again in [`Flow::service`](crate::Flow::service). Should mean the same after a restart:
    /// see [`stable_id`](crate::stable_id).
    pub service: u32,
    /// Whether connects go to the destination itself while no daemon is alive. A deliberate gap: see
    /// [`Settings::heartbeat`](crate::Settings::heartbeat).
    pub fail_open: bool,
}

/// The kernel's tables of destinations.
pub(crate) struct Protected {
    pub(crate) prefixes: LpmTrie<MapData, ProtectKey, Protect>,
    pub(crate) ports: Array<MapData, u64>,
}

type Table = BTreeMap<(u32, ProtectKey), Protect>;

/// Makes the table hold exactly `wanted`. New entries go in before old ones go out, so that no destination that stays is
/// open meanwhile; for the same reason the bits of ports are set first and cleared last.
pub(crate) fn replace(protected: &mut Protected, wanted: &[Destination]) -> Result<(), KernelError> {
    let Protected {
        prefixes: map,
        ports: bits,
    } = protected;
    let ports = ports(wanted);
    let wanted = table(wanted)?;
    write_ports(bits, |before, word| before | word, &ports)?;
    let mut stale = Vec::new();
    for key in map.keys() {
        let key = key.map_err(KernelError::read(name::PROTECT))?;
        if !wanted.contains_key(&(key.prefix_len(), key.data())) {
            stale.push(key);
        }
    }
    for ((prefix, key), value) in wanted {
        map.insert(&Key::new(prefix, key), value, 0)
            .map_err(KernelError::written(name::PROTECT))?;
    }
    for key in stale {
        map.remove(&key).map_err(KernelError::written(name::PROTECT))?;
    }
    write_ports(bits, |_, word| word, &ports)
}

/// A bit for each port, 64 to a word.
fn ports(wanted: &[Destination]) -> Vec<u64> {
    let mut words = vec![0; entries::PORTS];
    for destination in wanted {
        if let Some(word) = words.get_mut(usize::from(destination.port >> 6)) {
            *word |= 1 << (destination.port & 63);
        }
    }
    words
}

fn write_ports(
    bits: &mut Array<MapData, u64>,
    change: impl Fn(u64, u64) -> u64,
    words: &[u64],
) -> Result<(), KernelError> {
    for (place, word) in (0..).zip(words) {
        let before = bits.get(&place, 0).map_err(KernelError::read(name::PORTS))?;
        let after = change(before, *word);
        if before != after {
            bits.set(place, after, 0)
                .map_err(KernelError::written(name::PORTS))?;
        }
    }
    Ok(())
}

/// The table's entries. Of two destinations with the same prefix and port the first counts.
fn table(wanted: &[Destination]) -> Result<Table, KernelError> {
    let mut table = Table::new();
    for destination in wanted {
        let (prefix, key) = key(destination)?;
        let value = Protect {
            service: destination.service,
            flags: if destination.fail_open {
                protect_flag::FAIL_OPEN
            } else {
                0
            },
        };
        table.entry((prefix, key)).or_insert(value);
        // What has no port to read is looked up by its address alone.
        table
            .entry((prefix, ProtectKey::any_port(key.address)))
            .or_insert(value);
    }
    if table.len() > entries::PROTECT {
        return Err(KernelError::TooMany {
            name: name::PROTECT,
            limit: entries::PROTECT,
            wanted: table.len(),
        });
    }
    Ok(table)
}

fn key(destination: &Destination) -> Result<(u32, ProtectKey), KernelError> {
    let Destination {
        address,
        prefix,
        port,
        service: _,
        fail_open: _,
    } = *destination;
    let refuse = |reason| {
        Err(KernelError::Destination {
            address,
            prefix,
            port,
            reason,
        })
    };
    let (width, offset) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
    if prefix > width {
        return refuse("the prefix is longer than the address");
    }
    if port == 0 {
        return refuse("there is no port 0");
    }
    if prefix == width && address.to_canonical().is_unspecified() {
        return refuse(
            "an unspecified address is no destination; name the addresses that the service listens on",
        );
    }
    let prefix = u32::from(prefix) + offset;
    let Address(words) = address.into();
    let mut kept = 0;
    let masked = words.map(|word| {
        let bits = prefix.saturating_sub(kept).min(32);
        kept += 32;
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        word & mask.to_be()
    });
    Ok((ProtectKey::FIXED + prefix, ProtectKey::new(Address(masked), port)))
}

#[cfg(test)]
mod tests;
