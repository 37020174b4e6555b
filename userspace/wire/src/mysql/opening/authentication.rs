use std::fmt;

use bytes::BytesMut;

use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::read::{cstring, rest, tag, whole};
use crate::mysql::response::{ErrPacket, OkPacket};
use crate::mysql::write::Frame;
use crate::mysql::{Capabilities, Sequence};

/// What the server sends with [`Authentication::MoreData`] when it knew the password (caching_sha2_password); OK follows.
pub const CACHING_SHA2_FAST_OK: &[u8] = &[3];
/// What it sends when it wants the password itself (caching_sha2_password): in clear over TLS, else encrypted.
pub const CACHING_SHA2_FULL: &[u8] = &[4];
/// What a client sends to be given the server's public key (caching_sha2_password).
pub const CACHING_SHA2_PUBLIC_KEY: &[u8] = &[2];
/// What a client sends to be given the server's public key (sha256_password).
pub const SHA256_PUBLIC_KEY: &[u8] = &[1];

const SWITCH: &str = "AuthSwitchRequest";
const MORE: &str = "AuthMoreData";
const FACTOR: &str = "AuthNextFactor";

/// What a server sends while it authenticates: after a login, and after COM_CHANGE_USER. What the client answers has
/// no form of its own ([`write_auth_data`]).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// Done.
    Ok(OkPacket<'a>),
    /// Refused.
    Err(ErrPacket<'a>),
    /// Another plugin, with a new challenge.
    Switch {
        /// The plugin.
        plugin: &'a [u8],
        /// The challenge; may end with a zero byte.
        data: &'a [u8],
    },
    /// The authentication of before 4.1, which nobody should use.
    SwitchOld,
    /// More of the present plugin's exchange.
    MoreData(&'a [u8]),
    /// The next factor (MySQL).
    NextFactor {
        /// The plugin.
        plugin: &'a [u8],
        /// The challenge.
        data: &'a [u8],
    },
}

impl<'a> Authentication<'a> {
    /// Reads the payload.
    ///
    /// # Errors
    /// [`WireError::UnknownTag`], or what is wrong with it.
    pub fn parse(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        let Some(&first) = payload.first() else {
            return Err(WireError::Short {
                message: "authentication",
                field: "first byte",
            });
        };
        Ok(match first {
            0x00 => Self::Ok(OkPacket::parse(payload, capabilities)?),
            0xff => Self::Err(ErrPacket::parse(payload)?),
            0xfe if payload.len() == 1 => Self::SwitchOld,
            0xfe => {
                let ((), plugin, data) = whole(
                    SWITCH,
                    payload,
                    (tag("first byte", 0xfe), cstring("plugin"), rest),
                )?;
                Self::Switch { plugin, data }
            }
            0x01 => Self::MoreData(whole(MORE, payload, (tag("first byte", 1), rest))?.1),
            0x02 => {
                let ((), plugin, data) =
                    whole(FACTOR, payload, (tag("first byte", 2), cstring("plugin"), rest))?;
                Self::NextFactor { plugin, data }
            }
            tag => {
                return Err(WireError::UnknownTag {
                    side: "authentication",
                    tag,
                });
            }
        })
    }

    /// Writes the message.
    ///
    /// # Errors
    /// [`WireError::ZeroByte`] in a plugin's name, [`WireError::TooLarge`]; `out` and `sequence` are then as they were.
    pub fn write(
        &self,
        capabilities: Capabilities,
        sequence: &mut Sequence,
        out: &mut BytesMut,
    ) -> Result<(), WireError> {
        match self {
            Self::Ok(ok) => ok.write(capabilities, sequence, out),
            Self::Err(error) => error.write(sequence, out),
            Self::SwitchOld => Frame::tagged(out, sequence, SWITCH, 0xfe).finish(),
            Self::MoreData(data) => {
                let mut frame = Frame::tagged(out, sequence, MORE, 1);
                frame.bytes("data", data)?;
                frame.finish()
            }
            Self::Switch { plugin, data } | Self::NextFactor { plugin, data } => {
                let (message, tag) = if matches!(self, Self::Switch { .. }) {
                    (SWITCH, 0xfe)
                } else {
                    (FACTOR, 2)
                };
                let mut frame = Frame::tagged(out, sequence, message, tag);
                frame.cstring("plugin", plugin)?;
                frame.bytes("data", data)?;
                frame.finish()
            }
        }
    }
}

/// Writes what a client answers: to a switch, to more data, to the next factor.
///
/// # Errors
/// [`WireError::TooLarge`]; `out` and `sequence` are then as they were.
pub fn write_auth_data(data: &[u8], sequence: &mut Sequence, out: &mut BytesMut) -> Result<(), WireError> {
    let mut frame = Frame::new(out, sequence, "AuthResponse");
    frame.bytes("data", data)?;
    frame.finish()
}

impl fmt::Debug for Authentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, plugin, data) = match self {
            Self::Ok(ok) => return ok.fmt(f),
            Self::Err(error) => return error.fmt(f),
            Self::SwitchOld => return f.write_str("SwitchOld"),
            Self::MoreData(data) => return f.debug_tuple("MoreData").field(&Hidden(data)).finish(),
            Self::Switch { plugin, data } => ("Switch", plugin, data),
            Self::NextFactor { plugin, data } => ("NextFactor", plugin, data),
        };
        f.debug_struct(name)
            .field("plugin", &String::from_utf8_lossy(plugin))
            .field("data", &Hidden(data))
            .finish()
    }
}
