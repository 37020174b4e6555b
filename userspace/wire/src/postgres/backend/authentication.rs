use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use super::tag;
use crate::WireError;
use crate::hidden::Hidden;
use crate::postgres::read::{Read, byte, bytes, cstring, int32, invalid, nothing, rest, whole};
use crate::postgres::write::Frame;

const MESSAGE: &str = "Authentication";

/// The Authentication… messages. Kerberos V5 and SCM credentials, which no supported server sends, are not known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// Authentication succeeded.
    Ok,
    /// The password itself is wanted.
    CleartextPassword,
    /// The password's MD5 form is wanted.
    Md5Password {
        /// What to salt it with.
        salt: [u8; 4],
    },
    /// GSSAPI.
    Gss,
    /// The next step of GSSAPI or SSPI.
    GssContinue(&'a [u8]),
    /// SSPI.
    Sspi,
    /// SASL; the client chooses among these mechanisms.
    Sasl(Mechanisms<'a>),
    /// The next step of SASL.
    SaslContinue(&'a [u8]),
    /// The last step of SASL.
    SaslFinal(&'a [u8]),
}

impl<'a> Authentication<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// What is wrong with it; it must be used up exactly.
    pub fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let (code, data) = whole(MESSAGE, body, (int32("kind"), rest))?;
        let plain = |kind: Self| nothing(MESSAGE, data).map(|()| kind);
        match code {
            0 => plain(Self::Ok),
            3 => plain(Self::CleartextPassword),
            5 => whole(MESSAGE, data, salt),
            7 => plain(Self::Gss),
            8 => Ok(Self::GssContinue(data)),
            9 => plain(Self::Sspi),
            10 => whole(MESSAGE, data, mechanisms).map(Self::Sasl),
            11 => Ok(Self::SaslContinue(data)),
            12 => Ok(Self::SaslFinal(data)),
            _ => Err(WireError::Invalid {
                message: MESSAGE,
                field: "kind",
            }),
        }
    }

    const fn code(self) -> u32 {
        match self {
            Self::Ok => 0,
            Self::CleartextPassword => 3,
            Self::Md5Password { .. } => 5,
            Self::Gss => 7,
            Self::GssContinue(_) => 8,
            Self::Sspi => 9,
            Self::Sasl(_) => 10,
            Self::SaslContinue(_) => 11,
            Self::SaslFinal(_) => 12,
        }
    }

    pub(super) fn write_body(self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.int32(self.code());
        match self {
            Self::Ok | Self::CleartextPassword | Self::Gss | Self::Sspi => Ok(()),
            Self::Md5Password { salt } => frame.bytes("salt", &salt),
            Self::GssContinue(data) | Self::SaslContinue(data) | Self::SaslFinal(data) => {
                frame.bytes("data", data)
            }
            Self::Sasl(Mechanisms(encoded)) => {
                frame.bytes("mechanisms", encoded)?;
                frame.byte(0);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Authentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("Ok"),
            Self::CleartextPassword => f.write_str("CleartextPassword"),
            Self::Md5Password { .. } => f.write_str("Md5Password"),
            Self::Gss => f.write_str("Gss"),
            Self::GssContinue(data) => f.debug_tuple("GssContinue").field(&Hidden(data)).finish(),
            Self::Sspi => f.write_str("Sspi"),
            Self::Sasl(mechanisms) => f.debug_tuple("Sasl").field(mechanisms).finish(),
            Self::SaslContinue(data) => f.debug_tuple("SaslContinue").field(&Hidden(data)).finish(),
            Self::SaslFinal(data) => f.debug_tuple("SaslFinal").field(&Hidden(data)).finish(),
        }
    }
}

fn salt(input: &[u8]) -> Read<'_, Authentication<'_>> {
    let (rest, salt) = bytes("salt", 4).parse(input)?;
    match salt.first_chunk() {
        Some(salt) => Ok((rest, Authentication::Md5Password { salt: *salt })),
        None => invalid("salt"),
    }
}

/// The SASL mechanisms that a server offers, best first. Checked when they were read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Mechanisms<'a>(
    /// Without the byte that ends the list.
    &'a [u8],
);

impl<'a> Mechanisms<'a> {
    /// The names in order.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.0
            .split_inclusive(|byte| *byte == 0)
            .filter_map(|name| name.split_last().map(|(_, name)| name))
    }
}

impl fmt::Debug for Mechanisms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Hidden)).finish()
    }
}

/// Names until an empty one.
fn mechanisms(input: &[u8]) -> Read<'_, Mechanisms<'_>> {
    let mut rest = input;
    loop {
        if let Ok((after, 0)) = byte("mechanisms").parse(rest) {
            let size = input.len().saturating_sub(rest.len());
            return Ok((after, Mechanisms(input.get(..size).unwrap_or_default())));
        }
        (rest, _) = cstring("mechanisms").parse(rest)?;
    }
}

/// Writes a whole AuthenticationSASL.
///
/// # Errors
/// [`WireError::TooLarge`], [`WireError::ZeroByte`], or [`WireError::Invalid`] for an empty name; `out` is then as it
/// was.
pub fn write_sasl_mechanisms<'v>(
    out: &mut BytesMut,
    names: impl IntoIterator<Item = &'v [u8]>,
) -> Result<(), WireError> {
    let mut frame = Frame::tagged(out, tag::AUTHENTICATION, MESSAGE);
    frame.int32(10);
    for name in names {
        if name.is_empty() {
            return Err(WireError::Invalid {
                message: MESSAGE,
                field: "mechanisms",
            });
        }
        frame.cstring("mechanisms", name)?;
    }
    frame.byte(0);
    frame.finish()
}
