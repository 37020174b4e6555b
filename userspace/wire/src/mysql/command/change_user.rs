use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use super::tag;
use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::opening::Attributes;
use crate::mysql::read::{cstring, cstring_or_rest, int16, short_bytes, whole};
use crate::mysql::write::Frame;
use crate::mysql::{Capabilities, Sequence};

const MESSAGE: &str = "COM_CHANGE_USER";

/// COM_CHANGE_USER: the session begins anew under another user. Authentication follows as in the opening.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChangeUser<'a> {
    /// The user.
    pub user: &'a [u8],
    /// What answers the last challenge; depends on the plugin.
    pub auth_data: &'a [u8],
    /// The database to begin in; empty for none.
    pub database: &'a [u8],
    /// The character set, by its collation's number.
    pub charset: Option<u16>,
    /// The plugin that `auth_data` is for.
    pub plugin: Option<&'a [u8]>,
    /// What the client says of itself.
    pub attributes: Option<Attributes<'a>>,
}

impl<'a> ChangeUser<'a> {
    pub(super) fn parse(body: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        whole(MESSAGE, body, |input: &'a [u8]| {
            let (input, user) = cstring("user").parse(input)?;
            let (input, auth_data) = if capabilities.has(Capabilities::SECURE_CONNECTION) {
                short_bytes("auth response").parse(input)?
            } else {
                cstring("auth response").parse(input)?
            };
            let (input, database) = cstring("database").parse(input)?;
            let (input, charset) = if input.is_empty() {
                (input, None)
            } else {
                int16("character set").map(Some).parse(input)?
            };
            let (input, plugin) = if capabilities.has(Capabilities::PLUGIN_AUTH) && !input.is_empty() {
                cstring_or_rest("plugin").map(Some).parse(input)?
            } else {
                (input, None)
            };
            let (input, attributes) = if capabilities.has(Capabilities::CONNECT_ATTRS) && !input.is_empty() {
                Attributes::parser().map(Some).parse(input)?
            } else {
                (input, None)
            };
            let change = Self {
                user,
                auth_data,
                database,
                charset,
                plugin,
                attributes,
            };
            Ok((input, change))
        })
    }

    /// Writes the message, as the first packet of a new exchange. Fields that the capabilities do not allow for, or
    /// that follow one that is absent, are left out.
    ///
    /// # Errors
    /// [`WireError::ZeroByte`], [`WireError::TooLarge`]; `out` is then as it was.
    pub fn write(
        &self,
        capabilities: Capabilities,
        sequence: &mut Sequence,
        out: &mut BytesMut,
    ) -> Result<(), WireError> {
        *sequence = Sequence::START;
        let mut frame = Frame::tagged(out, sequence, MESSAGE, tag::CHANGE_USER);
        frame.cstring("user", self.user)?;
        if capabilities.has(Capabilities::SECURE_CONNECTION) {
            frame.short_bytes("auth response", self.auth_data)?;
        } else {
            frame.cstring("auth response", self.auth_data)?;
        }
        frame.cstring("database", self.database)?;
        if let Some(charset) = self.charset {
            frame.int16(charset);
            let named = capabilities.has(Capabilities::PLUGIN_AUTH);
            if let Some(plugin) = self.plugin.filter(|_| named) {
                frame.cstring("plugin", plugin)?;
            }
            if let Some(attributes) = self.attributes
                && (self.plugin.is_some() || !named)
                && capabilities.has(Capabilities::CONNECT_ATTRS)
            {
                attributes.write(&mut frame)?;
            }
        }
        frame.finish()
    }
}

impl fmt::Debug for ChangeUser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeUser")
            .field("user", &Hidden(self.user))
            .field("auth_data", &Hidden(self.auth_data))
            .field("database", &Hidden(self.database))
            .field("charset", &self.charset)
            .field("plugin", &self.plugin.map(String::from_utf8_lossy))
            .field("attributes", &self.attributes)
            .finish()
    }
}
