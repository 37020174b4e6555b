use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use super::{Message, tag};
use crate::WireError;
use crate::hidden::Hidden;
use crate::postgres::read::{cstring, value, whole};
use crate::postgres::write::Frame;

/// The message of type `p`. What it is depends on what the server asked for last: PasswordMessage,
/// SASLInitialResponse, SASLResponse or GSSResponse. The last two are the bytes as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password<'a>(pub &'a [u8]);

/// SASLInitialResponse.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SaslInitial<'a> {
    /// The mechanism that the client chose.
    pub mechanism: &'a [u8],
    /// Its first message, if it sends one.
    pub response: Option<&'a [u8]>,
}

impl<'a> Password<'a> {
    /// Reads it as PasswordMessage: the password, or its MD5 form.
    ///
    /// # Errors
    /// What is wrong with it as such.
    pub fn password(self) -> Result<&'a [u8], WireError> {
        whole("PasswordMessage", self.0, cstring("password"))
    }

    /// Reads it as SASLInitialResponse.
    ///
    /// # Errors
    /// What is wrong with it as such.
    pub fn sasl_initial(self) -> Result<SaslInitial<'a>, WireError> {
        let parser = (cstring("mechanism"), value("response"));
        let parser = parser.map(|(mechanism, response)| SaslInitial { mechanism, response });
        whole("SASLInitialResponse", self.0, parser)
    }

    /// Writes it, whatever it is: the way to send a SASLResponse or GSSResponse.
    ///
    /// # Errors
    /// [`WireError::TooLarge`]; `out` is then as it was.
    pub fn write(self, out: &mut BytesMut) -> Result<(), WireError> {
        Message::Password(self).write(out)
    }

    /// Writes a PasswordMessage.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] or [`WireError::ZeroByte`]; `out` is then as it was.
    pub fn write_password(out: &mut BytesMut, password: &[u8]) -> Result<(), WireError> {
        let mut frame = Frame::tagged(out, tag::PASSWORD, "PasswordMessage");
        frame.cstring("password", password)?;
        frame.finish()
    }
}

impl SaslInitial<'_> {
    /// Writes it as a whole message.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] or [`WireError::ZeroByte`]; `out` is then as it was.
    pub fn write(&self, out: &mut BytesMut) -> Result<(), WireError> {
        let mut frame = Frame::tagged(out, tag::PASSWORD, "SASLInitialResponse");
        frame.cstring("mechanism", self.mechanism)?;
        frame.value("response", self.response)?;
        frame.finish()
    }
}

impl fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Password").field(&Hidden(self.0)).finish()
    }
}

impl fmt::Debug for SaslInitial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslInitial")
            .field("mechanism", &Hidden(self.mechanism))
            .field("response", &self.response.map(Hidden))
            .finish()
    }
}
