use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::read::{byte, bytes, cstring, cstring_or_rest, int16, int32, invalid, rest, whole};
use crate::mysql::write::Frame;
use crate::mysql::{Capabilities, Sequence};

const MESSAGE: &str = "Handshake";
/// The only protocol version that this codec reads.
const VERSION: u8 = 10;
/// What MariaDB puts before its version for old clients' sake.
const MARIADB_PREFIX: &[u8] = b"5.5.5-";

/// Whose server it is, by what it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Oracle's, or one that follows it.
    MySql,
    /// MariaDB.
    MariaDb,
}

/// What a server sends first (protocol version 10).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Greeting<'a> {
    payload: &'a [u8],
    /// The server's version as it is sent. See [`Greeting::version`].
    pub server_version: &'a [u8],
    /// The connection's number, as KILL and PROCESSLIST have it.
    pub connection: u32,
    /// What is offered.
    pub capabilities: Capabilities,
    /// The server's character set, its collation's lower byte.
    pub charset: u8,
    /// Status flags; see [`Status`](crate::mysql::response::Status).
    pub status: u16,
    scramble: [&'a [u8]; 2],
    /// The authentication plugin, if named.
    pub plugin: Option<&'a [u8]>,
    /// Where the first part of the capabilities is; the others lie at fixed distances.
    at: usize,
}

impl<'a> Greeting<'a> {
    /// Reads the payload.
    ///
    /// # Errors
    /// What is wrong with it; [`WireError::Invalid`] for a protocol version other than 10, and for a server older than
    /// 4.1.
    pub fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        whole(MESSAGE, payload, |input: &'a [u8]| {
            let (input, version) = byte("protocol version").parse(input)?;
            if version != VERSION {
                return invalid("protocol version");
            }
            let (input, server_version) = cstring("server version").parse(input)?;
            let (input, connection) = int32("thread id").parse(input)?;
            let (input, first) = bytes("auth-plugin-data-part-1", 8).parse(input)?;
            let (input, _) = byte("filler").parse(input)?;
            let at = payload.len().saturating_sub(input.len());
            let (input, low) = int16("capability flags").parse(input)?;
            let (input, charset) = byte("character set").parse(input)?;
            let (input, status) = int16("status flags").parse(input)?;
            let (input, high) = int16("capability flags, upper part").parse(input)?;
            let (input, length) = byte("auth-plugin-data length").parse(input)?;
            let (input, _) = bytes("reserved", 6).parse(input)?;
            let (input, upper) = int32("reserved").parse(input)?;
            let lower = Capabilities::from_words(u32::from(low) | u32::from(high) << 16, 0);
            if !lower.has(Capabilities::PROTOCOL_41) {
                return invalid("capability flags");
            }
            let capabilities = if lower.extended() {
                Capabilities::from_words(lower.lower(), upper)
            } else {
                lower
            };
            let (input, second) = if lower.has(Capabilities::SECURE_CONNECTION) {
                bytes(
                    "auth-plugin-data-part-2",
                    usize::from(length).saturating_sub(8).max(13),
                )
                .parse(input)?
            } else {
                (input, &[][..])
            };
            let (input, plugin) = if lower.has(Capabilities::PLUGIN_AUTH) {
                cstring_or_rest("auth plugin name").map(Some).parse(input)?
            } else {
                (input, None)
            };
            // Room for fields to come.
            let (input, _) = rest(input)?;
            let greeting = Self {
                payload,
                server_version,
                connection,
                capabilities,
                charset,
                status,
                scramble: [first, second],
                plugin,
                at,
            };
            Ok((input, greeting))
        })
    }

    /// Whose server it is: MariaDB says it in the version.
    pub fn flavour(&self) -> Flavour {
        let named = |name: &[u8]| memchr::memmem::find(self.server_version, name).is_some();
        if self.server_version.starts_with(MARIADB_PREFIX) || named(b"MariaDB") {
            Flavour::MariaDb
        } else {
            Flavour::MySql
        }
    }

    /// The version without the prefix that MariaDB puts before it.
    pub fn version(&self) -> &'a [u8] {
        self.server_version
            .strip_prefix(MARIADB_PREFIX)
            .unwrap_or(self.server_version)
    }

    /// The two parts of the challenge (the second ends with a zero byte that is not part of it).
    pub const fn scramble(&self) -> [&'a [u8]; 2] {
        self.scramble
    }

    /// Writes the greeting with other capabilities and every other byte as it came. Only capabilities that say nothing
    /// about the greeting's own layout may change; of others the old ones stay.
    ///
    /// # Errors
    /// [`WireError::TooLarge`]; `out` is then as it was.
    pub fn write_with(
        &self,
        capabilities: Capabilities,
        sequence: &mut Sequence,
        out: &mut BytesMut,
    ) -> Result<(), WireError> {
        let fixed = Capabilities::PROTOCOL_41
            | Capabilities::SECURE_CONNECTION
            | Capabilities::PLUGIN_AUTH
            | Capabilities::LONG_PASSWORD;
        let capabilities = capabilities.without(fixed) | (self.capabilities & fixed);
        let mut frame = Frame::new(out, sequence, MESSAGE);
        frame.bytes("payload", self.payload)?;
        let [a, b, c, d] = capabilities.lower().to_le_bytes();
        for (distance, value) in [(0, a), (1, b), (5, c), (6, d)] {
            frame.patch(self.at.saturating_add(distance), |byte| *byte = value);
        }
        if self.capabilities.extended() {
            for (distance, value) in (14..).zip(capabilities.upper().to_le_bytes()) {
                frame.patch(self.at.saturating_add(distance), |byte| *byte = value);
            }
        }
        frame.finish()
    }
}

impl fmt::Debug for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Greeting")
            .field("server_version", &String::from_utf8_lossy(self.server_version))
            .field("connection", &self.connection)
            .field("capabilities", &self.capabilities)
            .field("charset", &self.charset)
            .field("status", &self.status)
            .field("scramble", &self.scramble.map(Hidden))
            .field("plugin", &self.plugin.map(String::from_utf8_lossy))
            .finish_non_exhaustive()
    }
}
