use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use super::Attributes;
use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::read::{
    Read, byte, bytes, cstring, cstring_or_rest, int16, int32, lenenc, short_bytes, whole,
};
use crate::mysql::write::Frame;
use crate::mysql::{Capabilities, Sequence};

const LOGIN: &str = "HandshakeResponse";
const SSL: &str = "SSLRequest";
/// Bytes of an SSLRequest, and of what precedes the user in a HandshakeResponse.
const HEAD: usize = 32;
/// Bytes between the character set and MariaDB's capabilities.
const FILLER: usize = 19;

/// What a client sends first: it asks for TLS, or logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening<'a> {
    /// It goes on with TLS, and then logs in.
    Ssl(SslRequest<'a>),
    /// It logs in.
    Login(Login<'a>),
}

impl<'a> Opening<'a> {
    /// Reads the payload.
    ///
    /// # Errors
    /// What is wrong with it. [`WireError::Invalid`] for a client of before 4.1 (protocol 3.20), which is refused.
    pub fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        let (_, low) = int16("capability flags")
            .parse(payload)
            .map_err(|_| WireError::Short {
                message: LOGIN,
                field: "capability flags",
            })?;
        let low = Capabilities::from_words(u32::from(low), 0);
        if !low.has(Capabilities::PROTOCOL_41) {
            return Err(WireError::Invalid {
                message: LOGIN,
                field: "capability flags (a client of before MySQL 4.1)",
            });
        }
        if payload.len() == HEAD && low.has(Capabilities::SSL) {
            return whole(SSL, payload, Head::read).map(|head| Self::Ssl(SslRequest { head }));
        }
        Login::parse(payload).map(Self::Login)
    }
}

/// What both have first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head<'a> {
    capabilities: Capabilities,
    max_packet: u32,
    charset: u8,
    filler: Filler<'a>,
}

/// Bytes that nobody reads, kept as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filler<'a> {
    bytes: &'a [u8],
    /// What is where MariaDB has its capabilities.
    upper: u32,
}

impl Default for Filler<'_> {
    fn default() -> Self {
        Self {
            bytes: &[0; FILLER],
            upper: 0,
        }
    }
}

impl<'a> Head<'a> {
    fn read(input: &'a [u8]) -> Read<'a, Self> {
        let (input, lower) = int32("capability flags").parse(input)?;
        let (input, max_packet) = int32("maximum packet size").parse(input)?;
        let (input, charset) = byte("character set").parse(input)?;
        let (input, bytes) = bytes("filler", FILLER).parse(input)?;
        let (input, upper) = int32("filler").parse(input)?;
        let lower = Capabilities::from_words(lower, 0);
        let head = Self {
            capabilities: Capabilities::from_words(lower.lower(), if lower.extended() { upper } else { 0 }),
            max_packet,
            charset,
            filler: Filler { bytes, upper },
        };
        Ok((input, head))
    }

    fn write(self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.int32(self.capabilities.lower());
        frame.int32(self.max_packet);
        frame.byte(self.charset);
        frame.bytes("filler", self.filler.bytes)?;
        frame.int32(if self.capabilities.extended() {
            self.capabilities.upper()
        } else {
            self.filler.upper
        });
        Ok(())
    }
}

/// A client's wish to go on with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SslRequest<'a> {
    head: Head<'a>,
}

impl SslRequest<'static> {
    /// One to be sent to a server.
    pub fn new(capabilities: Capabilities, max_packet: u32, charset: u8) -> Self {
        Self {
            head: Head {
                capabilities: capabilities.with(Capabilities::SSL),
                max_packet,
                charset,
                filler: Filler::default(),
            },
        }
    }
}

impl SslRequest<'_> {
    /// What the client will use. The login after it counts, not this.
    pub const fn capabilities(&self) -> Capabilities {
        self.head.capabilities
    }

    /// Writes the message.
    ///
    /// # Errors
    /// None that its fields can cause.
    pub fn write(&self, sequence: &mut Sequence, out: &mut BytesMut) -> Result<(), WireError> {
        let mut frame = Frame::new(out, sequence, SSL);
        self.head.write(&mut frame)?;
        frame.finish()
    }
}

/// A client's login (HandshakeResponse41). Of its capabilities, those that say which fields follow are set by the
/// fields when it is written: CONNECT_WITH_DB, PLUGIN_AUTH, CONNECT_ATTRS, ZSTD_COMPRESSION_ALGORITHM.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Login<'a> {
    /// What the client uses.
    pub capabilities: Capabilities,
    /// The greatest packet that it takes, in bytes.
    pub max_packet: u32,
    /// Its character set, the collation's lower byte.
    pub charset: u8,
    /// Bytes that nobody reads.
    pub filler: Filler<'a>,
    /// The user.
    pub user: &'a [u8],
    /// What answers the challenge; depends on the plugin. May be a password in clear.
    pub auth_data: &'a [u8],
    /// The database to begin in.
    pub database: Option<&'a [u8]>,
    /// The plugin that `auth_data` is for.
    pub plugin: Option<&'a [u8]>,
    /// What the client says of itself.
    pub attributes: Option<Attributes<'a>>,
    /// The level of Zstandard.
    pub zstd_level: Option<u8>,
}

impl<'a> Login<'a> {
    /// One to be sent to a server.
    pub fn new(capabilities: Capabilities, max_packet: u32, charset: u8, user: &'a [u8]) -> Self {
        Self {
            capabilities,
            max_packet,
            charset,
            filler: Filler::default(),
            user,
            auth_data: &[],
            database: None,
            plugin: None,
            attributes: None,
            zstd_level: None,
        }
    }

    /// Reads the payload.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        whole(LOGIN, payload, |input: &'a [u8]| {
            let (input, head) = Head::read(input)?;
            let has = |flag| head.capabilities.has(flag);
            let (input, user) = cstring("user").parse(input)?;
            let (input, auth_data) = if has(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA) {
                lenenc("auth response").parse(input)?
            } else if has(Capabilities::SECURE_CONNECTION) {
                short_bytes("auth response").parse(input)?
            } else {
                cstring("auth response").parse(input)?
            };
            // Clients set CONNECT_WITH_DB and end without one; the server takes that as none.
            let (input, database) = if has(Capabilities::CONNECT_WITH_DB) && !input.is_empty() {
                cstring("database").map(Some).parse(input)?
            } else {
                (input, None)
            };
            let (input, plugin) = if has(Capabilities::PLUGIN_AUTH) && !input.is_empty() {
                cstring_or_rest("plugin").map(Some).parse(input)?
            } else {
                (input, None)
            };
            let (input, attributes) = if has(Capabilities::CONNECT_ATTRS) && !input.is_empty() {
                Attributes::parser().map(Some).parse(input)?
            } else {
                (input, None)
            };
            let (input, zstd_level) = if has(Capabilities::ZSTD_COMPRESSION_ALGORITHM) && !input.is_empty() {
                byte("zstd compression level").map(Some).parse(input)?
            } else {
                (input, None)
            };
            let login = Self {
                capabilities: head.capabilities,
                max_packet: head.max_packet,
                charset: head.charset,
                filler: head.filler,
                user,
                auth_data,
                database,
                plugin,
                attributes,
                zstd_level,
            };
            Ok((input, login))
        })
    }

    /// Writes the message.
    ///
    /// # Errors
    /// [`WireError::ZeroByte`] in a user, database, plugin, or in authentication data that a zero byte ends;
    /// [`WireError::TooLarge`]. `out` and `sequence` are then as they were.
    pub fn write(&self, sequence: &mut Sequence, out: &mut BytesMut) -> Result<(), WireError> {
        let capabilities = self
            .capabilities
            .set(Capabilities::CONNECT_WITH_DB, self.database.is_some())
            .set(Capabilities::PLUGIN_AUTH, self.plugin.is_some())
            .set(Capabilities::CONNECT_ATTRS, self.attributes.is_some())
            .set(
                Capabilities::ZSTD_COMPRESSION_ALGORITHM,
                self.zstd_level.is_some(),
            );
        let head = Head {
            capabilities,
            max_packet: self.max_packet,
            charset: self.charset,
            filler: self.filler,
        };
        let mut frame = Frame::new(out, sequence, LOGIN);
        head.write(&mut frame)?;
        frame.cstring("user", self.user)?;
        if capabilities.has(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA) {
            frame.lenenc("auth response", self.auth_data)?;
        } else if capabilities.has(Capabilities::SECURE_CONNECTION) {
            frame.short_bytes("auth response", self.auth_data)?;
        } else {
            frame.cstring("auth response", self.auth_data)?;
        }
        if let Some(database) = self.database {
            frame.cstring("database", database)?;
        }
        if let Some(plugin) = self.plugin {
            frame.cstring("plugin", plugin)?;
        }
        if let Some(attributes) = self.attributes {
            attributes.write(&mut frame)?;
        }
        if let Some(level) = self.zstd_level {
            frame.byte(level);
        }
        frame.finish()
    }
}

impl fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("capabilities", &self.capabilities)
            .field("max_packet", &self.max_packet)
            .field("charset", &self.charset)
            .field("user", &Hidden(self.user))
            .field("auth_data", &Hidden(self.auth_data))
            .field("database", &self.database.map(Hidden))
            .field("plugin", &self.plugin.map(String::from_utf8_lossy))
            .field("attributes", &self.attributes)
            .field("zstd_level", &self.zstd_level)
            .finish_non_exhaustive()
    }
}
