use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use super::MAX_LENGTH;
use crate::WireError;
use crate::postgres::read::{Read, byte, utf8, whole};
use crate::postgres::write::Frame;

const MESSAGE: &str = "StartupMessage";

/// StartupMessage: the protocol version that the client asks for, and its parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct Startup<'a> {
    /// Always 3 in what was read.
    pub major: u16,
    /// The newest minor version that the client knows: 0, 2, or one not yet defined (the server then negotiates).
    pub minor: u16,
    /// Names and values in the order sent. A name may occur twice; the server takes the last.
    pub parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Startup<'a> {
    /// The value in force for `name`.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .iter()
            .rev()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| *value)
    }

    /// `body` is what follows the version word.
    pub(super) fn parse(version: u32, body: &'a [u8]) -> Result<Self, WireError> {
        let (major, minor) = ((version >> 16) as u16, version as u16);
        if major != 3 {
            return Err(WireError::Version { major, minor });
        }
        let parameters = whole(MESSAGE, body, parameters)?;
        Ok(Self {
            major,
            minor,
            parameters,
        })
    }

    /// Writes the message.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] beyond the server's bound, [`WireError::ZeroByte`] within a name or value,
    /// [`WireError::Invalid`] for an empty name; `out` is then as it was.
    pub fn write(&self, out: &mut BytesMut) -> Result<(), WireError> {
        let mut frame = Frame::untagged(out, MESSAGE);
        frame.int32(u32::from(self.major) << 16 | u32::from(self.minor));
        for (name, value) in &self.parameters {
            // An empty name would end the list early.
            if name.is_empty() {
                return Err(WireError::Invalid {
                    message: MESSAGE,
                    field: "parameter name",
                });
            }
            frame.cstring("parameter name", name.as_bytes())?;
            frame.cstring("parameter value", value.as_bytes())?;
        }
        frame.byte(0);
        frame.finish_within(MAX_LENGTH)
    }
}

impl fmt::Debug for Startup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Startup")
            .field("major", &self.major)
            .field("minor", &self.minor)
            .field("parameters", &self.parameters.len())
            .finish()
    }
}

/// Pairs until an empty name.
fn parameters(mut input: &[u8]) -> Read<'_, Vec<(&str, &str)>> {
    let mut parameters = Vec::new();
    loop {
        if let Ok((rest, 0)) = byte("terminator").parse(input) {
            return Ok((rest, parameters));
        }
        let parameter;
        (input, parameter) = (utf8("parameter name"), utf8("parameter value")).parse(input)?;
        parameters.push(parameter);
    }
}
