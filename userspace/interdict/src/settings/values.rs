//! Values with a form of their own. Each type's `FromStr` error says what was expected.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What an agent connects to, and what is therefore protected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Destination {
    /// `10.0.3.7:5432`, `[fd00:3::7]:5432`
    Address(SocketAddr),
    /// `10.0.3.0/24:5432`, `fd00:3::/64:5432`: the network's own address, the length of its prefix in bits.
    Network { address: IpAddr, prefix: u8, port: u16 },
    /// `db.clinic.internal:5432`: whatever addresses the name has; looked up when the daemon starts, not by `check`.
    Name { name: String, port: u16 },
    /// `unix:/run/postgresql/.s.PGSQL.5432`
    Unix(PathBuf),
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') {
                Ok(Self::Unix(PathBuf::from(path)))
            } else {
                Err("expected an absolute path after `unix:`".to_owned())
            };
        }
        if let Some((network, port)) = text.rsplit_once(':')
            && let Some((address, prefix)) = network.split_once('/')
        {
            return network_of(address, prefix, parse_port(port)?);
        }
        Ok(match text.parse()? {
            Endpoint::Address(address) => Self::Address(address),
            Endpoint::Name { name, port } => Self::Name { name, port },
        })
    }
}

fn network_of(address: &str, prefix: &str, port: u16) -> Result<Destination, String> {
    let bare = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(address);
    let address: IpAddr = bare
        .parse()
        .map_err(|_| format!("expected an address before `/`, found `{address}`"))?;
    let (bits, value) = match address {
        IpAddr::V4(v4) => (32_u8, u128::from(u32::from(v4))),
        IpAddr::V6(v6) => (128, u128::from(v6)),
    };
    let prefix: u8 = prefix
        .parse()
        .ok()
        .filter(|prefix| *prefix <= bits)
        .ok_or_else(|| format!("expected a prefix of 0 to {bits} bits after `/`, found `{prefix}`"))?;
    let host_bits = u32::from(bits.saturating_sub(prefix));
    let network = value
        .checked_shr(host_bits)
        .and_then(|kept| kept.checked_shl(host_bits))
        .unwrap_or(0);
    if network != value {
        let meant = match address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(network as u32)),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(network)),
        };
        return Err(format!(
            "{address} has bits beyond the prefix: expected {meant}/{prefix}:{port}"
        ));
    }
    Ok(Destination::Network {
        address,
        prefix,
        port,
    })
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Network {
                address,
                prefix,
                port,
            } => write!(f, "{address}/{prefix}:{port}"),
            Self::Name { name, port } => write!(f, "{name}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Somewhere to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    Address(SocketAddr),
    Name { name: String, port: u16 },
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            format!(
                "expected ADDRESS:PORT, [IPv6]:PORT or NAME:PORT, found `{}`",
                text.escape_debug()
            )
        };
        if text.starts_with('[') {
            let address: SocketAddrV6 = text.parse().map_err(|_| form())?;
            parse_port(&address.port().to_string())?;
            return Ok(Self::Address(address.into()));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(form)?;
        if host.contains(':') {
            return Err(format!(
                "expected brackets around an IPv6 address: [{host}]:{port}"
            ));
        }
        let port = parse_port(port)?;
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return Ok(Self::Address((address, port).into()));
        }
        if is_host_name(host) {
            Ok(Self::Name {
                name: host.to_ascii_lowercase(),
                port,
            })
        } else {
            Err(form())
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name { name, port } => write!(f, "{name}:{port}"),
        }
    }
}

/// RFC 1123 §2.1, with the underscores that some zones have. Digits and dots alone are a mistyped address.
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let plain = name.strip_suffix('.').unwrap_or(name);
    plain.len() <= 253
        && plain.split('.').all(label)
        && !plain.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn parse_port(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
        format!(
            "expected a port from 1 to 65535 after the last `:`, found `{}`",
            text.escape_debug()
        )
    })
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) SocketAddr);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<Endpoint>()? {
            Endpoint::Address(address) => Ok(Self(address)),
            Endpoint::Name { .. } => Err(format!(
                "expected ADDRESS:PORT or [IPv6]:PORT, found the name `{text}`"
            )),
        }
    }
}

/// `50ms`, `30s`, `5m`, `12h`, `2190d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let milliseconds = [
            ("ms", 1),
            ("s", 1000),
            ("m", 60_000),
            ("h", 3_600_000),
            ("d", 86_400_000),
        ];
        scaled(text, &milliseconds)
            .map(|ms| Self(Duration::from_millis(ms)))
            .ok_or_else(|| {
                format!("expected a duration above zero such as 50ms, 30s, 5m, 12h or 2190d, found `{text}`")
            })
    }
}

/// `64MiB`, `512KiB`, `1GiB`, `4096B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        scaled(text, &bytes)
            .and_then(|bytes| usize::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(|| {
                format!("expected a size above zero such as 512KiB, 64MiB or 1GiB, found `{text}`")
            })
    }
}

/// A whole number above zero with its unit directly behind it.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(*scale)
        .filter(|value| *value > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown<T: FromStr<Err = String> + fmt::Debug>(text: &str) -> String {
        match text.parse::<T>() {
            Ok(value) => format!("{value:?}"),
            Err(message) => message,
        }
    }

    #[test]
    fn destinations() {
        for (text, expected) in [
            ("10.0.3.7:5432", "Address(10.0.3.7:5432)"),
            ("[fd00:3::7]:5432", "Address([fd00:3::7]:5432)"),
            (
                "DB.clinic.internal:5432",
                r#"Name { name: "db.clinic.internal", port: 5432 }"#,
            ),
            (
                "10.0.0.0/8:5432",
                "Network { address: 10.0.0.0, prefix: 8, port: 5432 }",
            ),
            (
                "fd00:3::/64:5432",
                "Network { address: fd00:3::, prefix: 64, port: 5432 }",
            ),
            (
                "[fd00:3::]/64:5432",
                "Network { address: fd00:3::, prefix: 64, port: 5432 }",
            ),
            (
                "0.0.0.0/0:5432",
                "Network { address: 0.0.0.0, prefix: 0, port: 5432 }",
            ),
            ("::/0:5432", "Network { address: ::, prefix: 0, port: 5432 }"),
            (
                "10.0.3.7/32:5432",
                "Network { address: 10.0.3.7, prefix: 32, port: 5432 }",
            ),
            ("unix:/run/pg.5432", r#"Unix("/run/pg.5432")"#),
            ("unix:pg", "expected an absolute path after `unix:`"),
            (
                "10.0.3.7/8:5432",
                "10.0.3.7 has bits beyond the prefix: expected 10.0.0.0/8:5432",
            ),
            (
                "10.0.0.0/33:5432",
                "expected a prefix of 0 to 32 bits after `/`, found `33`",
            ),
            ("db/8:5432", "expected an address before `/`, found `db`"),
            (
                "10.0.3.7",
                "expected ADDRESS:PORT, [IPv6]:PORT or NAME:PORT, found `10.0.3.7`",
            ),
            (
                "10.0.3:5432",
                "expected ADDRESS:PORT, [IPv6]:PORT or NAME:PORT, found `10.0.3:5432`",
            ),
            (
                "10.0.3.7:0",
                "expected a port from 1 to 65535 after the last `:`, found `0`",
            ),
            (
                "10.0.3.7:70000",
                "expected a port from 1 to 65535 after the last `:`, found `70000`",
            ),
            (
                "[fd00::1]:0",
                "expected a port from 1 to 65535 after the last `:`, found `0`",
            ),
            (
                "fd00::1:5432",
                "expected brackets around an IPv6 address: [fd00::1]:5432",
            ),
            (
                "*.internal:5432",
                "expected ADDRESS:PORT, [IPv6]:PORT or NAME:PORT, found `*.internal:5432`",
            ),
        ] {
            assert_eq!(shown::<Destination>(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_and_sizes() {
        for (text, expected) in [
            ("50ms", 50),
            ("30s", 30_000),
            ("5m", 300_000),
            ("2190d", 189_216_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(expected))), "{text}");
        }
        for text in [
            "5",
            "5 m",
            "m",
            "0s",
            "-5m",
            "1.5h",
            "5M",
            "99999999999999999999d",
            "9999999999999999d",
            "",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!("64MiB".parse(), Ok(Size(64 << 20)));
        for text in ["64", "64MB", "0B", "64 MiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_survived(text in "[0-9a-f:./\\[\\]]{0,20}|.*") {
            let _ = (text.parse::<Destination>(), text.parse::<Span>(), text.parse::<Size>(), text.parse::<Listen>());
        }

        #[test]
        fn what_is_shown_reads_back(ip: IpAddr, port in 1_u16.., prefix in 0_u8..=32) {
            let address = Destination::Address(SocketAddr::new(ip, port));
            prop_assert_eq!(address.to_string().parse(), Ok(address));
            let shifted = 32_u32.saturating_sub(prefix.into());
            let network = u32::MAX.checked_shl(shifted).unwrap_or(0);
            let network = Destination::Network { address: Ipv4Addr::from(network).into(), prefix, port };
            prop_assert_eq!(network.to_string().parse(), Ok(network));
        }
    }
}
