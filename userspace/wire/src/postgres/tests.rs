//! Tests over all messages; what concerns one file only is tested there.

mod bounds;
mod exact;
mod generated;
mod oracle;
mod robust;
mod round_trip;
mod rows;
mod samples;
mod writers;

use bytes::BytesMut;

use super::{backend, frontend};
use crate::WireError;

/// Which side sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Frontend,
    Backend,
}

/// Reads a message, visits everything that it offers, and writes it again.
fn rewrite(side: Side, tag: u8, body: &[u8]) -> Result<BytesMut, WireError> {
    let mut out = BytesMut::new();
    match side {
        Side::Frontend => {
            let message = frontend::parse(tag, body)?;
            assert_eq!(message.tag(), tag);
            visit_frontend(message);
            message.write(&mut out)?;
        }
        Side::Backend => {
            let message = backend::parse(tag, body)?;
            assert_eq!(message.tag(), tag);
            visit_backend(message);
            message.write(&mut out)?;
        }
    }
    Ok(out)
}

/// Every iterator yields as much as its count promises.
fn visit_frontend(message: frontend::Message<'_>) {
    use frontend::Message;
    match message {
        Message::Parse(parse) => {
            assert_eq!(parse.parameter_types.iter().count(), parse.parameter_types.len());
        }
        Message::Bind(bind) => {
            assert_eq!(bind.parameters.iter().count(), bind.parameters.len());
            assert_eq!(
                bind.parameter_formats.iter().count(),
                bind.parameter_formats.len()
            );
            assert_eq!(bind.result_formats.iter().count(), bind.result_formats.len());
        }
        Message::FunctionCall(call) => {
            assert_eq!(call.arguments.iter().count(), call.arguments.len());
            assert_eq!(call.argument_formats.iter().count(), call.argument_formats.len());
        }
        Message::Password(password) => {
            let _ = (password.password(), password.sasl_initial());
        }
        _ => {}
    }
}

/// As [`visit_frontend`].
fn visit_backend(message: backend::Message<'_>) {
    use backend::{Authentication, Message};
    match message {
        Message::Authentication(Authentication::Sasl(mechanisms)) => {
            assert!(
                mechanisms
                    .iter()
                    .all(|name| !name.is_empty() && !name.contains(&0))
            );
        }
        Message::RowDescription(columns) => assert_eq!(columns.iter().count(), columns.len()),
        Message::DataRow(row) => {
            assert_eq!(row.iter().count(), row.len());
            let mut end = 0;
            for cell in row.located() {
                assert_eq!(cell.range.start, end);
                assert_eq!(cell.range.len(), 4 + cell.value.map_or(0, <[u8]>::len));
                end = cell.range.end;
            }
            assert_eq!(end, row.encoded().len());
        }
        Message::CommandComplete(tag) => {
            let _ = backend::affected_rows(tag);
        }
        Message::ErrorResponse(fields) | Message::NoticeResponse(fields) => {
            assert!(
                fields
                    .iter()
                    .all(|(code, value)| code != 0 && !value.contains(&0))
            );
            let _ = (fields.code(), fields.message(), fields.severity());
        }
        Message::ParameterDescription(types) => assert_eq!(types.iter().count(), types.len()),
        Message::CopyInResponse(copy) | Message::CopyOutResponse(copy) | Message::CopyBothResponse(copy) => {
            assert_eq!(copy.columns.iter().count(), copy.columns.len());
        }
        Message::NegotiateProtocolVersion(negotiate) => {
            assert_eq!(negotiate.options.iter().count(), negotiate.options.len());
        }
        _ => {}
    }
}
