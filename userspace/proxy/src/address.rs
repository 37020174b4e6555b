//! Where a service is reached.

use std::fmt;
use std::net::SocketAddr;

/// A host and port, or a resolved address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An IP address and port.
    Ip(SocketAddr),
    /// A name that is resolved at each connection.
    Name(String, u16),
}

impl Address {
    /// Whether it is an address, and no name.
    pub(crate) const fn is_address(&self) -> bool {
        matches!(self, Self::Ip(_))
    }

    /// The name to verify a certificate against.
    pub fn host(&self) -> String {
        match self {
            Self::Ip(address) => address.ip().to_string(),
            Self::Name(name, _) => name.clone(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}
