use bytes::BytesMut;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{borrowed, data, format, text, values};
use crate::postgres::Format;
use crate::postgres::backend::{
    Authentication, CopyKind, FieldDescription, Message, TransactionStatus, write_copy_response,
    write_data_row, write_fields, write_negotiate_protocol_version, write_parameter_description,
    write_row_description, write_sasl_mechanisms,
};

/// A backend message.
#[derive(Clone, Debug)]
pub(in super::super) enum Back {
    /// One whose reading is trivial.
    Plain(Message<'static>),
    Md5([u8; 4]),
    Sasl(Vec<Vec<u8>>),
    /// The codes 8, 11 and 12.
    Opaque(u32, Vec<u8>),
    ParameterStatus(Vec<u8>, Vec<u8>),
    BackendKeyData(u32, Vec<u8>),
    RowDescription(Vec<Column>),
    DataRow(Vec<Option<Vec<u8>>>),
    CommandComplete(Vec<u8>),
    Fields(bool, Vec<(u8, Vec<u8>)>),
    Notification(u32, Vec<u8>, Vec<u8>),
    ParameterDescription(Vec<u32>),
    Copy(CopyKind, Format, Vec<Format>),
    CopyData(Vec<u8>),
    FunctionCall(Option<Vec<u8>>),
    Negotiate(u32, Vec<Vec<u8>>),
}

/// A column of a RowDescription.
#[derive(Clone, Debug)]
pub(in super::super) struct Column {
    pub(in super::super) name: Vec<u8>,
    numbers: (u32, i16, u32, i16, i32),
    format: Format,
}

impl Column {
    pub(in super::super) fn description(&self) -> FieldDescription<'_> {
        let (table_oid, attribute, type_oid, type_size, type_modifier) = self.numbers;
        let Self { name, format, .. } = self;
        FieldDescription {
            name,
            table_oid,
            attribute,
            type_oid,
            type_size,
            type_modifier,
            format: *format,
        }
    }
}

fn plain() -> impl Strategy<Value = Message<'static>> {
    prop::sample::select(vec![
        Message::Authentication(Authentication::Ok),
        Message::Authentication(Authentication::CleartextPassword),
        Message::Authentication(Authentication::Gss),
        Message::Authentication(Authentication::Sspi),
        Message::ReadyForQuery(TransactionStatus::Idle),
        Message::ReadyForQuery(TransactionStatus::InTransaction),
        Message::ReadyForQuery(TransactionStatus::Failed),
        Message::EmptyQueryResponse,
        Message::ParseComplete,
        Message::BindComplete,
        Message::CloseComplete,
        Message::NoData,
        Message::PortalSuspended,
        Message::CopyDone,
    ])
}

pub(in super::super) fn back() -> impl Strategy<Value = Back> {
    let name = || vec(1..=u8::MAX, 1..9);
    let column =
        (text(), any::<(u32, i16, u32, i16, i32)>(), format()).prop_map(|(name, numbers, format)| Column {
            name,
            numbers,
            format,
        });
    let kind = prop::sample::select(vec![CopyKind::In, CopyKind::Out, CopyKind::Both]);
    prop_oneof![
        4 => plain().prop_map(Back::Plain),
        1 => any::<[u8; 4]>().prop_map(Back::Md5),
        1 => vec(name(), 0..4).prop_map(Back::Sasl),
        1 => (prop::sample::select(vec![8, 11, 12]), data()).prop_map(|(code, data)| Back::Opaque(code, data)),
        1 => (text(), text()).prop_map(|(name, value)| Back::ParameterStatus(name, value)),
        1 => (any::<u32>(), vec(any::<u8>(), 4..=256)).prop_map(|(pid, key)| Back::BackendKeyData(pid, key)),
        2 => vec(column, 0..6).prop_map(Back::RowDescription),
        2 => values().prop_map(Back::DataRow),
        1 => text().prop_map(Back::CommandComplete),
        1 => (any::<bool>(), vec((1..=u8::MAX, text()), 0..6)).prop_map(|(error, fields)| Back::Fields(error, fields)),
        1 => (any::<u32>(), text(), text()).prop_map(|(pid, channel, payload)| Back::Notification(pid, channel, payload)),
        1 => vec(any::<u32>(), 0..6).prop_map(Back::ParameterDescription),
        1 => (kind, format(), vec(format(), 0..6)).prop_map(|(kind, format, columns)| Back::Copy(kind, format, columns)),
        1 => data().prop_map(Back::CopyData),
        1 => option::of(data()).prop_map(Back::FunctionCall),
        1 => (any::<u32>(), vec(text(), 0..4)).prop_map(|(newest, options)| Back::Negotiate(newest, options)),
    ]
}

impl Back {
    pub(in super::super) fn write(&self, out: &mut BytesMut) {
        let result = match self {
            Self::Plain(message) => message.write(out),
            Self::Md5(salt) => {
                Message::Authentication(Authentication::Md5Password { salt: *salt }).write(out)
            }
            Self::Sasl(names) => write_sasl_mechanisms(out, names.iter().map(Vec::as_slice)),
            Self::Opaque(8, data) => Message::Authentication(Authentication::GssContinue(data)).write(out),
            Self::Opaque(11, data) => Message::Authentication(Authentication::SaslContinue(data)).write(out),
            Self::Opaque(_, data) => Message::Authentication(Authentication::SaslFinal(data)).write(out),
            Self::ParameterStatus(name, value) => Message::ParameterStatus { name, value }.write(out),
            Self::BackendKeyData(pid, key) => Message::BackendKeyData {
                process_id: *pid,
                key,
            }
            .write(out),
            Self::RowDescription(columns) => {
                write_row_description(out, columns.iter().map(Column::description))
            }
            Self::DataRow(cells) => write_data_row(out, borrowed(cells)),
            Self::CommandComplete(tag) => Message::CommandComplete(tag).write(out),
            Self::Fields(error, fields) => write_fields(
                out,
                *error,
                fields.iter().map(|(code, value)| (*code, value.as_slice())),
            ),
            Self::Notification(pid, channel, payload) => Message::NotificationResponse {
                process_id: *pid,
                channel,
                payload,
            }
            .write(out),
            Self::ParameterDescription(types) => write_parameter_description(out, types),
            Self::Copy(kind, format, columns) => write_copy_response(out, *kind, *format, columns),
            Self::CopyData(data) => Message::CopyData(data).write(out),
            Self::FunctionCall(result) => Message::FunctionCallResponse(result.as_deref()).write(out),
            Self::Negotiate(newest, options) => {
                let options: Vec<_> = options.iter().map(Vec::as_slice).collect();
                write_negotiate_protocol_version(out, *newest, &options)
            }
        };
        result.unwrap();
    }

    /// Whether what was read is this message, field by field.
    pub(in super::super) fn is(&self, message: Message<'_>) -> bool {
        match (self, message) {
            (Self::Plain(expected), found) => *expected == found,
            (Self::Md5(expected), Message::Authentication(Authentication::Md5Password { salt })) => {
                *expected == salt
            }
            (Self::Sasl(names), Message::Authentication(Authentication::Sasl(found))) => {
                found.iter().eq(names)
            }
            (Self::Opaque(8, data), Message::Authentication(Authentication::GssContinue(found)))
            | (Self::Opaque(11, data), Message::Authentication(Authentication::SaslContinue(found)))
            | (Self::Opaque(12, data), Message::Authentication(Authentication::SaslFinal(found)))
            | (Self::CopyData(data), Message::CopyData(found))
            | (Self::CommandComplete(data), Message::CommandComplete(found)) => data == found,
            (Self::ParameterStatus(key, set), Message::ParameterStatus { name, value }) => {
                key == name && set == value
            }
            (Self::BackendKeyData(pid, secret), Message::BackendKeyData { process_id, key }) => {
                *pid == process_id && secret == key
            }
            (Self::RowDescription(columns), Message::RowDescription(found)) => {
                found.iter().eq(columns.iter().map(Column::description))
            }
            (Self::DataRow(cells), Message::DataRow(found)) => found.iter().eq(borrowed(cells)),
            (Self::Fields(true, fields), Message::ErrorResponse(found))
            | (Self::Fields(false, fields), Message::NoticeResponse(found)) => found
                .iter()
                .eq(fields.iter().map(|(code, value)| (*code, value.as_slice()))),
            (
                Self::Notification(pid, to, text),
                Message::NotificationResponse {
                    process_id,
                    channel,
                    payload,
                },
            ) => *pid == process_id && to == channel && text == payload,
            (Self::ParameterDescription(types), Message::ParameterDescription(found)) => {
                found.iter().eq(types.iter().copied())
            }
            (Self::Copy(CopyKind::In, format, columns), Message::CopyInResponse(found))
            | (Self::Copy(CopyKind::Out, format, columns), Message::CopyOutResponse(found))
            | (Self::Copy(CopyKind::Both, format, columns), Message::CopyBothResponse(found)) => {
                *format == found.format && found.columns.iter().eq(columns.iter().copied())
            }
            (Self::FunctionCall(result), Message::FunctionCallResponse(found)) => result.as_deref() == found,
            (Self::Negotiate(newest, options), Message::NegotiateProtocolVersion(found)) => {
                *newest == found.newest && found.options.iter().eq(options)
            }
            _ => false,
        }
    }
}
