//! What a client sends before the first tagged message: encryption requests, a cancel request, or the start-up.

mod startup;

use std::fmt;

use bytes::BytesMut;
use nom::Parser;
use nom::number::complete::be_u32;

pub use self::startup::Startup;
use super::read::{bytes, int32, nothing, whole};
use super::write::Frame;
use crate::WireError;
use crate::hidden::Hidden;

/// The request code of a CancelRequest.
pub const CANCEL_REQUEST: u32 = 80_877_102;
/// The request code of an SSLRequest.
pub const SSL_REQUEST: u32 = 80_877_103;
/// The request code of a GSSENCRequest.
pub const GSSENC_REQUEST: u32 = 80_877_104;
/// The server's one-byte answer to an SSLRequest: go on with TLS.
pub const SSL_YES: u8 = b'S';
/// The server's one-byte answer to a GSSENCRequest: go on with GSSAPI encryption.
pub const GSSENC_YES: u8 = b'G';
/// The server's one-byte answer to either request: go on without.
pub const ENCRYPTION_NO: u8 = b'N';

/// The least length word: itself and a version or request code.
const MIN_LENGTH: u32 = 8;
/// The greatest: the server bounds what follows the length word to 10,000 bytes.
const MAX_LENGTH: u32 = 10_004;
/// The first byte of a TLS record that carries a handshake. As a length it would be far beyond the bound.
const TLS_HANDSHAKE: u8 = 0x16;
/// Bytes of a cancel key: always 4 in protocol 3.0, up to 256 in 3.2.
pub(super) const KEY_BYTES: std::ops::RangeInclusive<usize> = 4..=256;

/// The first message of a connection, or the next one after an encryption request was answered.
#[derive(Clone, PartialEq, Eq)]
pub enum Opening<'a> {
    /// TLS without an SSLRequest before it (`sslnegotiation=direct`). Nothing is consumed: the bytes belong to TLS.
    DirectTls,
    /// SSLRequest.
    Ssl,
    /// GSSENCRequest.
    GssEnc,
    /// CancelRequest; the client sends nothing else on this connection.
    Cancel {
        /// The process that BackendKeyData named.
        process_id: u32,
        /// Its secret, 4 to 256 bytes.
        key: &'a [u8],
    },
    /// StartupMessage.
    Startup(Startup<'a>),
}

/// Reads the message at the front of `buf`, and how many bytes it takes. `None`: it has not arrived entirely.
///
/// # Errors
/// [`WireError::Length`] outside the server's bounds, as soon as the length word is there; [`WireError::Version`] for a
/// version other than 3.x; otherwise what is wrong with the body.
pub fn parse(buf: &[u8]) -> Result<Option<(Opening<'_>, usize)>, WireError> {
    if buf.first() == Some(&TLS_HANDSHAKE) {
        return Ok(Some((Opening::DirectTls, 0)));
    }
    let Ok((_, length)) = be_u32::<_, ()>.parse(buf) else {
        return Ok(None);
    };
    if !(MIN_LENGTH..=MAX_LENGTH).contains(&length) {
        return Err(WireError::Length {
            message: "opening",
            length,
            least: MIN_LENGTH,
            most: MAX_LENGTH,
        });
    }
    let total = length as usize;
    let Some(packet) = buf.get(4..total) else {
        return Ok(None);
    };
    Ok(Some((Opening::parse_packet(packet)?, total)))
}

impl<'a> Opening<'a> {
    /// `packet` starts with the version or request code.
    fn parse_packet(packet: &'a [u8]) -> Result<Self, WireError> {
        let short = |_| WireError::Short {
            message: "opening",
            field: "protocol version",
        };
        let (body, code) = be_u32::<_, ()>.parse(packet).map_err(short)?;
        match code {
            SSL_REQUEST => nothing("SSLRequest", body).map(|()| Self::Ssl),
            GSSENC_REQUEST => nothing("GSSENCRequest", body).map(|()| Self::GssEnc),
            CANCEL_REQUEST => {
                let key = body.len().saturating_sub(4);
                let parser = (int32("process id"), bytes("secret key", key));
                let (process_id, key) = whole("CancelRequest", body, parser)?;
                check_key("CancelRequest", key)?;
                Ok(Self::Cancel { process_id, key })
            }
            _ => Startup::parse(code, body).map(Self::Startup),
        }
    }

    /// Writes the message; [`Opening::DirectTls`] is none and writes nothing.
    ///
    /// # Errors
    /// [`WireError::TooLarge`], [`WireError::ZeroByte`] or [`WireError::Invalid`]; `out` is then as it was.
    pub fn write(&self, out: &mut BytesMut) -> Result<(), WireError> {
        let (message, code) = match self {
            Self::DirectTls => return Ok(()),
            Self::Startup(startup) => return startup.write(out),
            Self::Ssl => ("SSLRequest", SSL_REQUEST),
            Self::GssEnc => ("GSSENCRequest", GSSENC_REQUEST),
            Self::Cancel { .. } => ("CancelRequest", CANCEL_REQUEST),
        };
        let mut frame = Frame::untagged(out, message);
        frame.int32(code);
        if let Self::Cancel { process_id, key } = self {
            check_key(message, key)?;
            frame.int32(*process_id);
            frame.bytes("secret key", key)?;
        }
        frame.finish()
    }
}

/// Checks the size of a cancel key.
pub(super) fn check_key(message: &'static str, key: &[u8]) -> Result<(), WireError> {
    if KEY_BYTES.contains(&key.len()) {
        Ok(())
    } else {
        Err(WireError::Invalid {
            message,
            field: "secret key",
        })
    }
}

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DirectTls => f.write_str("DirectTls"),
            Self::Ssl => f.write_str("Ssl"),
            Self::GssEnc => f.write_str("GssEnc"),
            Self::Cancel { process_id, key } => f
                .debug_struct("Cancel")
                .field("process_id", process_id)
                .field("key", &Hidden(key))
                .finish(),
            Self::Startup(startup) => startup.fmt(f),
        }
    }
}
