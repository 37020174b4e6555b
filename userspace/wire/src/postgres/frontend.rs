//! What clients send once the session has started.

mod bind;
mod function_call;
mod parse;
mod password;

use std::fmt;

use bytes::BytesMut;
use nom::Parser;

pub use self::bind::{Bind, write_bind};
pub use self::function_call::{FunctionCall, write_function_call};
pub use self::parse::{Parse, write_parse};
pub use self::password::{Password, SaslInitial};
use super::read::{Read, byte, cstring, int32, invalid, nothing, whole};
use super::write::Frame;
use crate::WireError;

/// The type bytes of frontend messages.
pub mod tag {
    #![expect(
        missing_docs,
        reason = "each is the type byte of the message that it is named after"
    )]

    pub const BIND: u8 = b'B';
    pub const CLOSE: u8 = b'C';
    pub const COPY_DATA: u8 = b'd';
    pub const COPY_DONE: u8 = b'c';
    pub const COPY_FAIL: u8 = b'f';
    pub const DESCRIBE: u8 = b'D';
    pub const EXECUTE: u8 = b'E';
    pub const FLUSH: u8 = b'H';
    pub const FUNCTION_CALL: u8 = b'F';
    pub const PARSE: u8 = b'P';
    pub const PASSWORD: u8 = b'p';
    pub const QUERY: u8 = b'Q';
    pub const SYNC: u8 = b'S';
    pub const TERMINATE: u8 = b'X';
}

/// A message from the client. Its `Debug` shows the name only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// The text of one or more statements.
    Query(&'a [u8]),
    /// Prepare a statement.
    Parse(Parse<'a>),
    /// Bind parameters to a prepared statement, making a portal.
    Bind(Bind<'a>),
    /// Ask for the description of a statement or portal.
    Describe {
        /// Which of the two `name` names.
        target: Target,
        /// Empty for the unnamed one.
        name: &'a [u8],
    },
    /// Close a statement or portal.
    Close {
        /// Which of the two `name` names.
        target: Target,
        /// Empty for the unnamed one.
        name: &'a [u8],
    },
    /// Run a portal.
    Execute {
        /// Empty for the unnamed one.
        portal: &'a [u8],
        /// Rows after which the portal is suspended; 0 (and, in practice, any negative number) means no limit.
        max_rows: i32,
    },
    /// End of a pipelined unit.
    Sync,
    /// Send what is pending.
    Flush,
    /// A piece of COPY data; boundaries mean nothing.
    CopyData(&'a [u8]),
    /// End of COPY data.
    CopyDone,
    /// COPY fails, for this reason.
    CopyFail(&'a [u8]),
    /// The fast-path call of a function by its OID.
    FunctionCall(FunctionCall<'a>),
    /// An answer of the authentication exchange.
    Password(Password<'a>),
    /// The client goes.
    Terminate,
}

/// What a Describe or Close names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A prepared statement; `S`.
    Statement,
    /// A portal; `P`.
    Portal,
}

/// Reads the body of a message of type `tag`.
///
/// # Errors
/// [`WireError::UnknownTag`], or what is wrong with the body; it must be used up exactly.
pub fn parse(tag: u8, body: &[u8]) -> Result<Message<'_>, WireError> {
    Ok(match tag {
        tag::BIND => Message::Bind(Bind::parse(body)?),
        tag::CLOSE => {
            let (target, name) = whole("Close", body, (target, cstring("name")))?;
            Message::Close { target, name }
        }
        tag::COPY_DATA => Message::CopyData(body),
        tag::COPY_DONE => nothing("CopyDone", body).map(|()| Message::CopyDone)?,
        tag::COPY_FAIL => Message::CopyFail(whole("CopyFail", body, cstring("reason"))?),
        tag::DESCRIBE => {
            let (target, name) = whole("Describe", body, (target, cstring("name")))?;
            Message::Describe { target, name }
        }
        tag::EXECUTE => {
            let (portal, rows) = whole("Execute", body, (cstring("portal"), int32("row limit")))?;
            Message::Execute {
                portal,
                max_rows: rows.cast_signed(),
            }
        }
        tag::FLUSH => nothing("Flush", body).map(|()| Message::Flush)?,
        tag::FUNCTION_CALL => Message::FunctionCall(FunctionCall::parse(body)?),
        tag::PARSE => Message::Parse(Parse::parse(body)?),
        tag::PASSWORD => Message::Password(Password(body)),
        tag::QUERY => Message::Query(whole("Query", body, cstring("text"))?),
        tag::SYNC => nothing("Sync", body).map(|()| Message::Sync)?,
        tag::TERMINATE => nothing("Terminate", body).map(|()| Message::Terminate)?,
        _ => {
            return Err(WireError::UnknownTag {
                side: "frontend",
                tag,
            });
        }
    })
}

impl Message<'_> {
    /// The type byte.
    pub const fn tag(&self) -> u8 {
        match self {
            Self::Query(_) => tag::QUERY,
            Self::Parse(_) => tag::PARSE,
            Self::Bind(_) => tag::BIND,
            Self::Describe { .. } => tag::DESCRIBE,
            Self::Close { .. } => tag::CLOSE,
            Self::Execute { .. } => tag::EXECUTE,
            Self::Sync => tag::SYNC,
            Self::Flush => tag::FLUSH,
            Self::CopyData(_) => tag::COPY_DATA,
            Self::CopyDone => tag::COPY_DONE,
            Self::CopyFail(_) => tag::COPY_FAIL,
            Self::FunctionCall(_) => tag::FUNCTION_CALL,
            Self::Password(_) => tag::PASSWORD,
            Self::Terminate => tag::TERMINATE,
        }
    }

    /// The name in the protocol's documentation.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Query(_) => "Query",
            Self::Parse(_) => "Parse",
            Self::Bind(_) => "Bind",
            Self::Describe { .. } => "Describe",
            Self::Close { .. } => "Close",
            Self::Execute { .. } => "Execute",
            Self::Sync => "Sync",
            Self::Flush => "Flush",
            Self::CopyData(_) => "CopyData",
            Self::CopyDone => "CopyDone",
            Self::CopyFail(_) => "CopyFail",
            Self::FunctionCall(_) => "FunctionCall",
            Self::Password(_) => "PasswordMessage",
            Self::Terminate => "Terminate",
        }
    }

    /// Writes the whole message.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] or [`WireError::ZeroByte`]; `out` is then as it was.
    pub fn write(&self, out: &mut BytesMut) -> Result<(), WireError> {
        let mut frame = Frame::tagged(out, self.tag(), self.name());
        match *self {
            Self::Query(text) => frame.cstring("text", text)?,
            Self::Parse(parse) => parse.write_body(&mut frame)?,
            Self::Bind(bind) => bind.write_body(&mut frame)?,
            Self::Describe { target, name } | Self::Close { target, name } => {
                frame.byte(target.code());
                frame.cstring("name", name)?;
            }
            Self::Execute { portal, max_rows } => {
                frame.cstring("portal", portal)?;
                frame.int32(max_rows.cast_unsigned());
            }
            Self::CopyData(data) => frame.bytes("data", data)?,
            Self::CopyFail(reason) => frame.cstring("reason", reason)?,
            Self::FunctionCall(call) => call.write_body(&mut frame)?,
            Self::Password(Password(body)) => frame.bytes("data", body)?,
            Self::Sync | Self::Flush | Self::CopyDone | Self::Terminate => {}
        }
        frame.finish()
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Target {
    const fn code(self) -> u8 {
        match self {
            Self::Statement => b'S',
            Self::Portal => b'P',
        }
    }
}

fn target(input: &[u8]) -> Read<'_, Target> {
    match byte("target").parse(input)? {
        (rest, b'S') => Ok((rest, Target::Statement)),
        (rest, b'P') => Ok((rest, Target::Portal)),
        _ => invalid::<(_, _)>("target"),
    }
}
