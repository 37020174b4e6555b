//! What the server sends.

mod authentication;
mod command_tag;
mod copy;
mod data_row;
mod fields;
mod negotiate;
mod response;
mod row_description;
mod status;

use std::fmt;

use bytes::BytesMut;

pub use self::authentication::{Authentication, Mechanisms, write_sasl_mechanisms};
pub use self::command_tag::affected_rows;
pub use self::copy::{CopyFormat, CopyKind, write_copy_response};
pub use self::data_row::{DataRow, RowWriter, write_data_row};
pub use self::fields::{Fields, FieldsIter, field, write_fields};
pub use self::negotiate::{NegotiateProtocolVersion, UnknownOptions, write_negotiate_protocol_version};
pub use self::response::{Response, Severity};
pub use self::row_description::{FieldDescription, FieldDescriptions, RowDescription, write_row_description};
pub use self::status::TransactionStatus;
use super::oids::{Oids, write_oids};
use super::opening::check_key;
use super::read::{cstring, int32, nothing, rest, value, whole};
use super::write::Frame;
use crate::WireError;

/// The type bytes of backend messages.
pub mod tag {
    #![expect(
        missing_docs,
        reason = "each is the type byte of the message that it is named after"
    )]

    pub const AUTHENTICATION: u8 = b'R';
    pub const BACKEND_KEY_DATA: u8 = b'K';
    pub const BIND_COMPLETE: u8 = b'2';
    pub const CLOSE_COMPLETE: u8 = b'3';
    pub const COMMAND_COMPLETE: u8 = b'C';
    pub const COPY_BOTH_RESPONSE: u8 = b'W';
    pub const COPY_DATA: u8 = b'd';
    pub const COPY_DONE: u8 = b'c';
    pub const COPY_IN_RESPONSE: u8 = b'G';
    pub const COPY_OUT_RESPONSE: u8 = b'H';
    pub const DATA_ROW: u8 = b'D';
    pub const EMPTY_QUERY_RESPONSE: u8 = b'I';
    pub const ERROR_RESPONSE: u8 = b'E';
    pub const FUNCTION_CALL_RESPONSE: u8 = b'V';
    pub const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
    pub const NO_DATA: u8 = b'n';
    pub const NOTICE_RESPONSE: u8 = b'N';
    pub const NOTIFICATION_RESPONSE: u8 = b'A';
    pub const PARAMETER_DESCRIPTION: u8 = b't';
    pub const PARAMETER_STATUS: u8 = b'S';
    pub const PARSE_COMPLETE: u8 = b'1';
    pub const PORTAL_SUSPENDED: u8 = b's';
    pub const READY_FOR_QUERY: u8 = b'Z';
    pub const ROW_DESCRIPTION: u8 = b'T';
}

/// A message from the server. Its `Debug` shows the name only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// A step of the authentication exchange, or its end.
    Authentication(Authentication<'a>),
    /// A setting and its present value.
    ParameterStatus {
        /// The setting.
        name: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// What a CancelRequest for this session must carry.
    BackendKeyData {
        /// The server process.
        process_id: u32,
        /// 4 bytes in protocol 3.0, up to 256 in 3.2.
        key: &'a [u8],
    },
    /// The server waits for the next statement.
    ReadyForQuery(TransactionStatus),
    /// The columns of the rows to come.
    RowDescription(RowDescription<'a>),
    /// A row.
    DataRow(DataRow<'a>),
    /// A statement has ended; its command tag.
    CommandComplete(&'a [u8]),
    /// In place of CommandComplete for an empty statement.
    EmptyQueryResponse,
    /// An error.
    ErrorResponse(Fields<'a>),
    /// A notice or warning; may come at any time.
    NoticeResponse(Fields<'a>),
    /// A NOTIFY that the session listens to; may come at any time.
    NotificationResponse {
        /// The process that notified.
        process_id: u32,
        /// The channel.
        channel: &'a [u8],
        /// What was passed with it.
        payload: &'a [u8],
    },
    /// Parse succeeded.
    ParseComplete,
    /// Bind succeeded.
    BindComplete,
    /// Close succeeded.
    CloseComplete,
    /// In place of RowDescription for what yields no rows.
    NoData,
    /// The types of a statement's parameters.
    ParameterDescription(Oids<'a>),
    /// Execute reached its row limit.
    PortalSuspended,
    /// The server awaits COPY data.
    CopyInResponse(CopyFormat<'a>),
    /// The server will send COPY data.
    CopyOutResponse(CopyFormat<'a>),
    /// Both at once: streaming replication.
    CopyBothResponse(CopyFormat<'a>),
    /// A piece of COPY data; the server sends one row in each.
    CopyData(&'a [u8]),
    /// End of COPY data.
    CopyDone,
    /// The result of a FunctionCall; `None` is NULL.
    FunctionCallResponse(Option<&'a [u8]>),
    /// The server does not know the minor version or some protocol options that the client asked for.
    NegotiateProtocolVersion(NegotiateProtocolVersion<'a>),
}

/// Reads the body of a message of type `tag`.
///
/// # Errors
/// [`WireError::UnknownTag`], or what is wrong with the body; it must be used up exactly.
pub fn parse(tag: u8, body: &[u8]) -> Result<Message<'_>, WireError> {
    Ok(match tag {
        // The frequent ones first.
        tag::DATA_ROW => Message::DataRow(DataRow::parse(body)?),
        tag::COPY_DATA => Message::CopyData(body),
        tag::AUTHENTICATION => Message::Authentication(Authentication::parse(body)?),
        tag::BACKEND_KEY_DATA => {
            let (process_id, key) = whole("BackendKeyData", body, (int32("process id"), rest))?;
            check_key("BackendKeyData", key)?;
            Message::BackendKeyData { process_id, key }
        }
        tag::BIND_COMPLETE => nothing("BindComplete", body).map(|()| Message::BindComplete)?,
        tag::CLOSE_COMPLETE => nothing("CloseComplete", body).map(|()| Message::CloseComplete)?,
        tag::COMMAND_COMPLETE => {
            Message::CommandComplete(whole("CommandComplete", body, cstring("command tag"))?)
        }
        tag::COPY_BOTH_RESPONSE => Message::CopyBothResponse(CopyFormat::parse(CopyKind::Both, body)?),
        tag::COPY_DONE => nothing("CopyDone", body).map(|()| Message::CopyDone)?,
        tag::COPY_IN_RESPONSE => Message::CopyInResponse(CopyFormat::parse(CopyKind::In, body)?),
        tag::COPY_OUT_RESPONSE => Message::CopyOutResponse(CopyFormat::parse(CopyKind::Out, body)?),
        tag::EMPTY_QUERY_RESPONSE => {
            nothing("EmptyQueryResponse", body).map(|()| Message::EmptyQueryResponse)?
        }
        tag::ERROR_RESPONSE => Message::ErrorResponse(Fields::parse("ErrorResponse", body)?),
        tag::FUNCTION_CALL_RESPONSE => {
            Message::FunctionCallResponse(whole("FunctionCallResponse", body, value("result"))?)
        }
        tag::NEGOTIATE_PROTOCOL_VERSION => {
            Message::NegotiateProtocolVersion(NegotiateProtocolVersion::parse(body)?)
        }
        tag::NO_DATA => nothing("NoData", body).map(|()| Message::NoData)?,
        tag::NOTICE_RESPONSE => Message::NoticeResponse(Fields::parse("NoticeResponse", body)?),
        tag::NOTIFICATION_RESPONSE => {
            let parser = (int32("process id"), cstring("channel"), cstring("payload"));
            let (process_id, channel, payload) = whole("NotificationResponse", body, parser)?;
            Message::NotificationResponse {
                process_id,
                channel,
                payload,
            }
        }
        tag::PARAMETER_DESCRIPTION => Message::ParameterDescription(whole(
            "ParameterDescription",
            body,
            Oids::parser("parameter types"),
        )?),
        tag::PARAMETER_STATUS => {
            let (name, value) = whole("ParameterStatus", body, (cstring("name"), cstring("value")))?;
            Message::ParameterStatus { name, value }
        }
        tag::PARSE_COMPLETE => nothing("ParseComplete", body).map(|()| Message::ParseComplete)?,
        tag::PORTAL_SUSPENDED => nothing("PortalSuspended", body).map(|()| Message::PortalSuspended)?,
        tag::READY_FOR_QUERY => Message::ReadyForQuery(TransactionStatus::parse(body)?),
        tag::ROW_DESCRIPTION => Message::RowDescription(RowDescription::parse(body)?),
        _ => return Err(WireError::UnknownTag { side: "backend", tag }),
    })
}

impl Message<'_> {
    /// The type byte.
    pub const fn tag(&self) -> u8 {
        self.kind().0
    }

    /// The name in the protocol's documentation.
    pub const fn name(&self) -> &'static str {
        self.kind().1
    }

    const fn kind(&self) -> (u8, &'static str) {
        match self {
            Self::Authentication(_) => (tag::AUTHENTICATION, "Authentication"),
            Self::ParameterStatus { .. } => (tag::PARAMETER_STATUS, "ParameterStatus"),
            Self::BackendKeyData { .. } => (tag::BACKEND_KEY_DATA, "BackendKeyData"),
            Self::ReadyForQuery(_) => (tag::READY_FOR_QUERY, "ReadyForQuery"),
            Self::RowDescription(_) => (tag::ROW_DESCRIPTION, "RowDescription"),
            Self::DataRow(_) => (tag::DATA_ROW, "DataRow"),
            Self::CommandComplete(_) => (tag::COMMAND_COMPLETE, "CommandComplete"),
            Self::EmptyQueryResponse => (tag::EMPTY_QUERY_RESPONSE, "EmptyQueryResponse"),
            Self::ErrorResponse(_) => (tag::ERROR_RESPONSE, "ErrorResponse"),
            Self::NoticeResponse(_) => (tag::NOTICE_RESPONSE, "NoticeResponse"),
            Self::NotificationResponse { .. } => (tag::NOTIFICATION_RESPONSE, "NotificationResponse"),
            Self::ParseComplete => (tag::PARSE_COMPLETE, "ParseComplete"),
            Self::BindComplete => (tag::BIND_COMPLETE, "BindComplete"),
            Self::CloseComplete => (tag::CLOSE_COMPLETE, "CloseComplete"),
            Self::NoData => (tag::NO_DATA, "NoData"),
            Self::ParameterDescription(_) => (tag::PARAMETER_DESCRIPTION, "ParameterDescription"),
            Self::PortalSuspended => (tag::PORTAL_SUSPENDED, "PortalSuspended"),
            Self::CopyInResponse(_) => (tag::COPY_IN_RESPONSE, "CopyInResponse"),
            Self::CopyOutResponse(_) => (tag::COPY_OUT_RESPONSE, "CopyOutResponse"),
            Self::CopyBothResponse(_) => (tag::COPY_BOTH_RESPONSE, "CopyBothResponse"),
            Self::CopyData(_) => (tag::COPY_DATA, "CopyData"),
            Self::CopyDone => (tag::COPY_DONE, "CopyDone"),
            Self::FunctionCallResponse(_) => (tag::FUNCTION_CALL_RESPONSE, "FunctionCallResponse"),
            Self::NegotiateProtocolVersion(_) => {
                (tag::NEGOTIATE_PROTOCOL_VERSION, "NegotiateProtocolVersion")
            }
        }
    }

    /// Writes the whole message.
    ///
    /// # Errors
    /// [`WireError::TooLarge`], [`WireError::ZeroByte`], or [`WireError::Invalid`] for a key of a wrong size; `out` is
    /// then as it was.
    pub fn write(&self, out: &mut BytesMut) -> Result<(), WireError> {
        let mut frame = Frame::tagged(out, self.tag(), self.name());
        match *self {
            Self::Authentication(authentication) => authentication.write_body(&mut frame)?,
            Self::ParameterStatus { name, value } => {
                frame.cstring("name", name)?;
                frame.cstring("value", value)?;
            }
            Self::BackendKeyData { process_id, key } => {
                check_key(self.name(), key)?;
                frame.int32(process_id);
                frame.bytes("secret key", key)?;
            }
            Self::ReadyForQuery(status) => frame.byte(status.code()),
            Self::RowDescription(columns) => columns.write_body(&mut frame)?,
            Self::DataRow(row) => row.write_body(&mut frame)?,
            Self::CommandComplete(tag) => frame.cstring("command tag", tag)?,
            Self::ErrorResponse(fields) | Self::NoticeResponse(fields) => fields.write_body(&mut frame)?,
            Self::NotificationResponse {
                process_id,
                channel,
                payload,
            } => {
                frame.int32(process_id);
                frame.cstring("channel", channel)?;
                frame.cstring("payload", payload)?;
            }
            Self::ParameterDescription(types) => types.write("parameter types", &mut frame)?,
            Self::CopyInResponse(copy) | Self::CopyOutResponse(copy) | Self::CopyBothResponse(copy) => {
                copy.write_body(&mut frame)?;
            }
            Self::CopyData(data) => frame.bytes("data", data)?,
            Self::FunctionCallResponse(result) => frame.value("result", result)?,
            Self::NegotiateProtocolVersion(negotiate) => negotiate.write_body(&mut frame)?,
            Self::EmptyQueryResponse
            | Self::ParseComplete
            | Self::BindComplete
            | Self::CloseComplete
            | Self::NoData
            | Self::PortalSuspended
            | Self::CopyDone => {}
        }
        frame.finish()
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Writes a whole ParameterDescription.
///
/// # Errors
/// [`WireError::TooLarge`]; `out` is then as it was.
pub fn write_parameter_description(out: &mut BytesMut, types: &[u32]) -> Result<(), WireError> {
    let mut frame = Frame::tagged(out, tag::PARAMETER_DESCRIPTION, "ParameterDescription");
    write_oids("parameter types", types, &mut frame)?;
    frame.finish()
}
