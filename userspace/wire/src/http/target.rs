//! Request targets: their forms (RFC 9112, section 3.2), and paths and queries for whoever decides by them.

mod escape;
mod path;
mod query;

use std::fmt;
use std::net::Ipv6Addr;

pub use self::escape::decode;
pub use self::path::{NormalPath, normalize};
pub use self::query::{QueryPairs, query_pairs};
use super::HttpError;
use crate::hidden::Hidden;

/// A request target, by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A path, perhaps with a query.
    Origin(PathAndQuery<'a>),
    /// A URI.
    Absolute {
        /// Its scheme.
        scheme: Scheme,
        /// Its host and port.
        authority: Authority<'a>,
        /// What follows; an empty path is `/`, as RFC 9110, section 4.2.3, has it.
        rest: PathAndQuery<'a>,
    },
    /// The host and port of a CONNECT request; the port is there.
    Authority(Authority<'a>),
    /// `*`: OPTIONS of the server as a whole.
    Asterisk,
}

/// The scheme of a target URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`.
    Http,
    /// `https`.
    Https,
}

impl Scheme {
    /// The port that a URI means when it names none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl<'a> Target<'a> {
    /// The target of a request with that method.
    ///
    /// # Errors
    /// [`HttpError::TargetForm`], [`HttpError::TargetScheme`], [`HttpError::TargetAuthority`]. Escapes are not looked
    /// at.
    pub fn parse(method: &str, target: &'a str) -> Result<Self, HttpError> {
        if method == "CONNECT" {
            return match Authority::parse(target) {
                Some(authority) if authority.port.is_some() => Ok(Self::Authority(authority)),
                Some(_) => Err(HttpError::TargetForm),
                None => Err(HttpError::TargetAuthority),
            };
        }
        if target.starts_with('/') {
            return Ok(Self::Origin(PathAndQuery::parse(target)));
        }
        if target == "*" {
            return if method == "OPTIONS" {
                Ok(Self::Asterisk)
            } else {
                Err(HttpError::TargetForm)
            };
        }
        let (scheme, rest) = target.split_once("://").ok_or(HttpError::TargetForm)?;
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ => return Err(HttpError::TargetScheme),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        Ok(Self::Absolute {
            scheme,
            authority: Authority::parse(authority).ok_or(HttpError::TargetAuthority)?,
            rest: PathAndQuery::parse(rest),
        })
    }

    /// The path and the query, if the form has them.
    pub const fn path_and_query(&self) -> Option<PathAndQuery<'a>> {
        match self {
            Self::Origin(rest) | Self::Absolute { rest, .. } => Some(*rest),
            Self::Authority(_) | Self::Asterisk => None,
        }
    }

    /// The host and port, if the form has them.
    pub const fn authority(&self) -> Option<Authority<'a>> {
        match self {
            Self::Absolute { authority, .. } | Self::Authority(authority) => Some(*authority),
            Self::Origin(_) | Self::Asterisk => None,
        }
    }
}

/// A path and a query, as they were sent. Its `Debug` tells their sizes only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PathAndQuery<'a> {
    /// The path, which begins with `/`.
    pub path: &'a str,
    /// What follows the first `?`.
    pub query: Option<&'a str>,
}

impl<'a> PathAndQuery<'a> {
    fn parse(text: &'a str) -> Self {
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        Self {
            path: if path.is_empty() { "/" } else { path },
            query,
        }
    }
}

impl fmt::Debug for PathAndQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathAndQuery")
            .field("path", &Hidden(self.path.as_bytes()))
            .field("query", &self.query.map(|query| Hidden(query.as_bytes())))
            .finish()
    }
}

/// A host, perhaps with a port: RFC 9110, section 7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// A name, an IPv4 address, or an IPv6 address in brackets; not empty.
    pub host: &'a str,
    /// The port, if there is one; not 0.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host` or `host:port`. Narrower than RFC 3986: a name consists of letters, digits, `-`, `.` and `_`, as
    /// names of hosts do; a port has digits; there is no user.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
            let (address, after) = bracketed.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            let port = match after {
                "" => None,
                after => Some(after.strip_prefix(':')?),
            };
            (text.get(..address.len() + 2)?, port)
        } else {
            match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if host.is_empty() || (!host.starts_with('[') && !host.bytes().all(name)) {
            return None;
        }
        let port = match port {
            None => None,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(port.parse().ok().filter(|port| *port > 0)?)
            }
            Some(_) => return None,
        };
        Some(Self { host, port })
    }

    /// Whether both name the same place; a port that is missing is `default`.
    pub fn same(&self, other: &Authority<'_>, default: Option<u16>) -> bool {
        self.host.eq_ignore_ascii_case(other.host) && self.port.or(default) == other.port.or(default)
    }
}

#[cfg(test)]
mod tests;
