use std::fmt;

use bytes::BytesMut;

use super::fields::{field, write_fields};
use super::status::TransactionStatus;
use crate::WireError;

/// How grave an error or notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The session ends.
    Fatal,
    /// The statement ends.
    Error,
    /// A notice that something may be wrong.
    Warning,
    /// A notice.
    Notice,
}

impl Severity {
    /// The word that goes over the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
        }
    }

    const fn is_error(self) -> bool {
        matches!(self, Self::Fatal | Self::Error)
    }
}

/// An ErrorResponse or NoticeResponse of our own making.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Response<'a> {
    severity: Severity,
    sqlstate: &'a str,
    message: &'a str,
    more: Vec<(u8, &'a str)>,
}

impl<'a> Response<'a> {
    /// A response of this severity: an ErrorResponse if it is fatal or an error, else a NoticeResponse.
    pub const fn new(severity: Severity, sqlstate: &'a str, message: &'a str) -> Self {
        Self {
            severity,
            sqlstate,
            message,
            more: Vec::new(),
        }
    }

    /// An error that ends the statement.
    pub const fn error(sqlstate: &'a str, message: &'a str) -> Self {
        Self::new(Severity::Error, sqlstate, message)
    }

    /// An error that ends the session.
    pub const fn fatal(sqlstate: &'a str, message: &'a str) -> Self {
        Self::new(Severity::Fatal, sqlstate, message)
    }

    /// A notice.
    pub const fn notice(sqlstate: &'a str, message: &'a str) -> Self {
        Self::new(Severity::Notice, sqlstate, message)
    }

    /// Adds details.
    pub fn detail(self, text: &'a str) -> Self {
        self.field(field::DETAIL, text)
    }

    /// Adds what the reader may do.
    pub fn hint(self, text: &'a str) -> Self {
        self.field(field::HINT, text)
    }

    /// Adds any other field; see [`field`].
    pub fn field(mut self, code: u8, text: &'a str) -> Self {
        self.more.push((code, text));
        self
    }

    /// Writes the whole message.
    ///
    /// # Errors
    /// [`WireError::TooLarge`], [`WireError::ZeroByte`], or [`WireError::Invalid`] for a field code of zero; `out` is
    /// then as it was.
    pub fn write(&self, out: &mut BytesMut) -> Result<(), WireError> {
        let severity = self.severity.as_str();
        let first = [
            (field::SEVERITY_LOCAL, severity),
            (field::SEVERITY, severity),
            (field::CODE, self.sqlstate),
            (field::MESSAGE, self.message),
        ];
        let fields = first
            .iter()
            .chain(&self.more)
            .map(|(code, text)| (*code, text.as_bytes()));
        write_fields(out, self.severity.is_error(), fields)
    }

    /// Writes the whole message and the ReadyForQuery that ends a simple query or pipelined unit.
    ///
    /// # Errors
    /// As [`Response::write`].
    pub fn write_then_ready(&self, out: &mut BytesMut, status: TransactionStatus) -> Result<(), WireError> {
        self.write(out)?;
        super::Message::ReadyForQuery(status).write(out)
    }
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("severity", &self.severity)
            .field("sqlstate", &self.sqlstate)
            .finish_non_exhaustive()
    }
}
