mod scan;

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

pub(super) use self::scan::{RequestScan, ResponseScan};
use super::grammar::{is_token, is_value};
use super::target::Target;
use super::text::check_target;
use super::{Headers, HttpError, Text};
use crate::hidden::Hidden;

/// The version that a message is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

impl Version {
    /// As it is written in a start line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }

    pub(super) const fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"HTTP/1.0" => Some(Self::Http10),
            b"HTTP/1.1" => Some(Self::Http11),
            _ => None,
        }
    }
}

/// The head of a request. `Debug` tells sizes but for the method and the names of fields.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestHead {
    /// The method, whose case matters.
    pub method: Text,
    /// The target as it was sent.
    pub target: Text,
    /// The version.
    pub version: Version,
    /// The fields.
    pub headers: Headers,
}

impl RequestHead {
    /// The parts of the target.
    ///
    /// # Errors
    /// None for a head that a [`super::RequestReader`] gave; otherwise as [`Target::parse`].
    pub fn target(&self) -> Result<Target<'_>, HttpError> {
        Target::parse(self.method.as_str(), self.target.as_str())
    }

    /// Whether the client means to send further requests on the connection: RFC 9112, section 9.3.
    pub fn keeps_alive(&self) -> bool {
        keeps_alive(self.version, &self.headers)
    }

    /// Whether the request asks for another protocol (`Upgrade`), or for a tunnel (CONNECT).
    pub fn asks_upgrade(&self) -> bool {
        self.method == "CONNECT" || self.headers.contains("Upgrade")
    }

    /// Writes the head, its empty line included. The fields that frame the body are the caller's:
    /// [`super::Framing::set`].
    ///
    /// # Errors
    /// [`HttpError::Method`] or an error of the target, if they were put together otherwise than by [`Text::method`] and
    /// [`Text::target`]: nothing is written.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), HttpError> {
        let Self {
            method,
            target,
            version,
            headers,
        } = self;
        if !method.as_bytes().iter().copied().all(is_token) {
            return Err(HttpError::Method);
        }
        check_target(target.as_bytes())?;
        out.put_slice(method.as_bytes());
        out.put_u8(b' ');
        out.put_slice(target.as_bytes());
        out.put_u8(b' ');
        out.put_slice(version.as_str().as_bytes());
        out.put_slice(b"\r\n");
        headers.encode(out);
        out.put_slice(b"\r\n");
        Ok(())
    }
}

impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method.as_str())
            .field("target", &self.target)
            .field("version", &self.version)
            .field("headers", &self.headers)
            .finish()
    }
}

/// The head of a response. `Debug` tells sizes but for the status and the names of fields.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// The version.
    pub version: Version,
    /// The status, 100 to 999.
    pub status: u16,
    /// The reason phrase, often empty: nothing depends on it.
    pub reason: Bytes,
    /// The fields.
    pub headers: Headers,
}

impl ResponseHead {
    /// Whether the server means to keep the connection: RFC 9112, section 9.3. One that [`super::Framing::UntilClose`]
    /// ends does not, whatever this says.
    pub fn keeps_alive(&self) -> bool {
        keeps_alive(self.version, &self.headers)
    }

    /// Whether another head follows: 1xx but for 101.
    pub const fn is_interim(&self) -> bool {
        matches!(self.status, 100 | 102..=199)
    }

    /// Writes the head, its empty line included. The fields that frame the body are the caller's:
    /// [`super::Framing::set`].
    ///
    /// # Errors
    /// [`HttpError::Status`], [`HttpError::Reason`]: nothing is written.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), HttpError> {
        let Self {
            version,
            status,
            reason,
            headers,
        } = self;
        if !(100..=999).contains(status) {
            return Err(HttpError::Status);
        }
        if !reason.iter().copied().all(is_value) {
            return Err(HttpError::Reason);
        }
        out.put_slice(version.as_str().as_bytes());
        out.put_slice(format!(" {status} ").as_bytes());
        out.put_slice(reason);
        out.put_slice(b"\r\n");
        headers.encode(out);
        out.put_slice(b"\r\n");
        Ok(())
    }
}

impl fmt::Debug for ResponseHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseHead")
            .field("version", &self.version)
            .field("status", &self.status)
            .field("reason", &Hidden(&self.reason))
            .field("headers", &self.headers)
            .finish()
    }
}

fn keeps_alive(version: Version, headers: &Headers) -> bool {
    !headers.has_token("Connection", "close")
        && (version == Version::Http11 || headers.has_token("Connection", "keep-alive"))
}
