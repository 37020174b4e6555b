use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{borrowed, data, format, text, values};
use crate::postgres::Format;
use crate::postgres::frontend::{Message, Password, Target, write_bind, write_function_call, write_parse};

type Values = Vec<Option<Vec<u8>>>;

/// A frontend message.
#[derive(Clone, Debug)]
pub(in super::super) enum Front {
    Query(Vec<u8>),
    Parse(Vec<u8>, Vec<u8>, Vec<u32>),
    Bind(Vec<u8>, Vec<u8>, Vec<Format>, Values, Vec<Format>),
    Describe(Target, Vec<u8>),
    Close(Target, Vec<u8>),
    Execute(Vec<u8>, i32),
    Sync,
    Flush,
    CopyData(Vec<u8>),
    CopyDone,
    CopyFail(Vec<u8>),
    FunctionCall(u32, Vec<Format>, Values, Format),
    Password(Vec<u8>),
    Terminate,
}

pub(in super::super) fn front() -> impl Strategy<Value = Front> {
    let target = || prop_oneof![Just(Target::Statement), Just(Target::Portal)];
    let formats = || vec(format(), 0..5);
    prop_oneof![
        text().prop_map(Front::Query),
        (text(), text(), vec(any::<u32>(), 0..5))
            .prop_map(|(name, query, types)| Front::Parse(name, query, types)),
        (text(), text(), formats(), values(), formats()).prop_map(
            |(portal, statement, codes, values, results)| Front::Bind(
                portal, statement, codes, values, results
            )
        ),
        (target(), text()).prop_map(|(target, name)| Front::Describe(target, name)),
        (target(), text()).prop_map(|(target, name)| Front::Close(target, name)),
        (text(), any::<i32>()).prop_map(|(portal, rows)| Front::Execute(portal, rows)),
        Just(Front::Sync),
        Just(Front::Flush),
        data().prop_map(Front::CopyData),
        Just(Front::CopyDone),
        text().prop_map(Front::CopyFail),
        (any::<u32>(), formats(), values(), format()).prop_map(|(function, codes, values, result)| {
            Front::FunctionCall(function, codes, values, result)
        }),
        data().prop_map(Front::Password),
        Just(Front::Terminate),
    ]
}

impl Front {
    pub(in super::super) fn write(&self, out: &mut BytesMut) {
        let message = match self {
            Self::Parse(name, query, types) => return write_parse(out, name, query, types).unwrap(),
            Self::Bind(portal, statement, codes, values, results) => {
                return write_bind(out, portal, statement, codes, borrowed(values), results).unwrap();
            }
            Self::FunctionCall(function, codes, values, result) => {
                return write_function_call(out, *function, codes, borrowed(values), *result).unwrap();
            }
            Self::Query(text) => Message::Query(text),
            Self::Describe(target, name) => Message::Describe {
                target: *target,
                name,
            },
            Self::Close(target, name) => Message::Close {
                target: *target,
                name,
            },
            Self::Execute(portal, max_rows) => Message::Execute {
                portal,
                max_rows: *max_rows,
            },
            Self::Sync => Message::Sync,
            Self::Flush => Message::Flush,
            Self::CopyData(data) => Message::CopyData(data),
            Self::CopyDone => Message::CopyDone,
            Self::CopyFail(reason) => Message::CopyFail(reason),
            Self::Password(data) => Message::Password(Password(data)),
            Self::Terminate => Message::Terminate,
        };
        message.write(out).unwrap();
    }

    /// Whether what was read is this message, field by field.
    pub(in super::super) fn is(&self, message: Message<'_>) -> bool {
        match (self, message) {
            (Self::Query(text), Message::Query(found)) => text == found,
            (Self::Parse(name, query, types), Message::Parse(found)) => {
                name == found.name
                    && query == found.query
                    && found.parameter_types.iter().eq(types.iter().copied())
            }
            (Self::Bind(portal, statement, codes, values, results), Message::Bind(found)) => {
                portal == found.portal
                    && statement == found.statement
                    && found.parameter_formats.iter().eq(codes.iter().copied())
                    && found.parameters.iter().eq(borrowed(values))
                    && found.result_formats.iter().eq(results.iter().copied())
            }
            (
                Self::Describe(target, name),
                Message::Describe {
                    target: found,
                    name: called,
                },
            )
            | (
                Self::Close(target, name),
                Message::Close {
                    target: found,
                    name: called,
                },
            ) => *target == found && name == called,
            (
                Self::Execute(portal, rows),
                Message::Execute {
                    portal: found,
                    max_rows,
                },
            ) => portal == found && *rows == max_rows,
            (Self::CopyData(data), Message::CopyData(found))
            | (Self::Password(data), Message::Password(Password(found)))
            | (Self::CopyFail(data), Message::CopyFail(found)) => data == found,
            (Self::FunctionCall(function, codes, values, result), Message::FunctionCall(found)) => {
                *function == found.function
                    && found.argument_formats.iter().eq(codes.iter().copied())
                    && found.arguments.iter().eq(borrowed(values))
                    && *result == found.result_format
            }
            (Self::Sync, Message::Sync)
            | (Self::Flush, Message::Flush)
            | (Self::CopyDone, Message::CopyDone)
            | (Self::Terminate, Message::Terminate) => true,
            _ => false,
        }
    }
}
