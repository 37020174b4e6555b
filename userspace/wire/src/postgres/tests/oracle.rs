//! The client library that most Rust programs use agrees: it reads what we write as a server, and what it writes as a
//! client is what we write.

use std::io;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::{ErrorFields, Message as Theirs};
use postgres_protocol::message::frontend as theirs;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::generated::{Back, back, format};
use super::samples::SAMPLES;
use super::{Side, rewrite};
use crate::postgres::backend::{Authentication, CopyFormat, Fields, Message};
use crate::postgres::frontend::{self, Password, SaslInitial, Target, write_bind, write_parse};
use crate::postgres::opening::{Opening, Startup};
use crate::postgres::{Format, backend, messages};

/// Whether they read from these bytes what we read. They insist on UTF-8 in places; where a text is not, that they
/// took the message is all there is to compare.
fn agrees(ours: Message<'_>, mut bytes: BytesMut) -> io::Result<bool> {
    let Some(theirs) = Theirs::parse(&mut bytes)? else {
        return Ok(false);
    };
    let same = |found: io::Result<&str>, text: &[u8]| match found {
        Ok(found) => found.as_bytes() == text,
        Err(_) => str::from_utf8(text).is_err(),
    };
    Ok(bytes.is_empty()
        && match (ours, theirs) {
            (Message::Authentication(ours), theirs) => authentication_agrees(ours, theirs)?,
            (Message::ParameterStatus { name, value }, Theirs::ParameterStatus(body)) => {
                same(body.name(), name) && same(body.value(), value)
            }
            (Message::BackendKeyData { process_id, key }, Theirs::BackendKeyData(body)) => {
                body.process_id().cast_unsigned() == process_id && body.secret_key().to_be_bytes() == key
            }
            (Message::ReadyForQuery(status), Theirs::ReadyForQuery(body)) => body.status() == status.code(),
            (Message::RowDescription(columns), Theirs::RowDescription(body)) => {
                let mut fields = body.fields();
                for column in columns {
                    let Ok(name) = str::from_utf8(column.name) else {
                        return Ok(true);
                    };
                    let Some(field) = fields.next()? else {
                        return Ok(false);
                    };
                    let same = field.name() == name
                        && field.table_oid() == column.table_oid
                        && field.column_id() == column.attribute
                        && field.type_oid() == column.type_oid
                        && field.type_size() == column.type_size
                        && field.type_modifier() == column.type_modifier
                        && field.format().cast_unsigned() == column.format.code();
                    if !same {
                        return Ok(false);
                    }
                }
                fields.next()?.is_none()
            }
            (Message::DataRow(row), Theirs::DataRow(body)) => {
                let ranges: Vec<_> = body.ranges().collect()?;
                let cells = ranges
                    .into_iter()
                    .map(|range| range.map(|range| &body.buffer()[range]));
                row.iter().eq(cells)
            }
            (Message::CommandComplete(tag), Theirs::CommandComplete(body)) => same(body.tag(), tag),
            (Message::ErrorResponse(fields), Theirs::ErrorResponse(body)) => {
                fields_agree(fields, body.fields())?
            }
            (Message::NoticeResponse(fields), Theirs::NoticeResponse(body)) => {
                fields_agree(fields, body.fields())?
            }
            (
                Message::NotificationResponse {
                    process_id,
                    channel,
                    payload,
                },
                Theirs::NotificationResponse(body),
            ) => {
                body.process_id().cast_unsigned() == process_id
                    && same(body.channel(), channel)
                    && same(body.message(), payload)
            }
            (Message::ParameterDescription(types), Theirs::ParameterDescription(body)) => {
                types.iter().eq(body.parameters().collect::<Vec<_>>()?)
            }
            (Message::CopyInResponse(copy), Theirs::CopyInResponse(body)) => {
                copy_agrees(copy, body.format(), body.column_formats().collect()?)
            }
            (Message::CopyOutResponse(copy), Theirs::CopyOutResponse(body)) => {
                copy_agrees(copy, body.format(), body.column_formats().collect()?)
            }
            (Message::CopyData(data), Theirs::CopyData(body)) => body.data() == data,
            (Message::EmptyQueryResponse, Theirs::EmptyQueryResponse)
            | (Message::ParseComplete, Theirs::ParseComplete)
            | (Message::BindComplete, Theirs::BindComplete)
            | (Message::CloseComplete, Theirs::CloseComplete)
            | (Message::NoData, Theirs::NoData)
            | (Message::PortalSuspended, Theirs::PortalSuspended)
            | (Message::CopyDone, Theirs::CopyDone) => true,
            _ => false,
        })
}

fn authentication_agrees(ours: Authentication<'_>, theirs: Theirs) -> io::Result<bool> {
    Ok(match (ours, theirs) {
        (Authentication::Ok, Theirs::AuthenticationOk)
        | (Authentication::CleartextPassword, Theirs::AuthenticationCleartextPassword)
        | (Authentication::Gss, Theirs::AuthenticationGss)
        | (Authentication::Sspi, Theirs::AuthenticationSspi) => true,
        (Authentication::Md5Password { salt }, Theirs::AuthenticationMd5Password(body)) => {
            body.salt() == salt
        }
        (Authentication::GssContinue(data), Theirs::AuthenticationGssContinue(body)) => body.data() == data,
        (Authentication::SaslContinue(data), Theirs::AuthenticationSaslContinue(body)) => body.data() == data,
        (Authentication::SaslFinal(data), Theirs::AuthenticationSaslFinal(body)) => body.data() == data,
        (Authentication::Sasl(names), Theirs::AuthenticationSasl(body)) => {
            let Ok(names) = names.iter().map(str::from_utf8).collect::<Result<Vec<_>, _>>() else {
                return Ok(true);
            };
            body.mechanisms().collect::<Vec<_>>()? == names
        }
        _ => false,
    })
}

fn fields_agree(ours: Fields<'_>, theirs: ErrorFields<'_>) -> io::Result<bool> {
    let theirs: Vec<_> = theirs
        .map(|field| Ok((field.type_(), field.value_bytes().to_vec())))
        .collect()?;
    Ok(ours
        .iter()
        .eq(theirs.iter().map(|(code, value)| (*code, value.as_slice()))))
}

fn copy_agrees(ours: CopyFormat<'_>, format: u8, columns: Vec<u16>) -> bool {
    u16::from(format) == ours.format.code() && ours.columns.iter().map(Format::code).eq(columns)
}

/// What their library does not know: CopyBothResponse, FunctionCallResponse, NegotiateProtocolVersion, long keys.
fn known(message: Message<'_>) -> bool {
    !matches!(
        message,
        Message::CopyBothResponse(_)
            | Message::FunctionCallResponse(_)
            | Message::NegotiateProtocolVersion(_)
    ) && !matches!(message, Message::BackendKeyData { key, .. } if key.len() != 4)
}

#[test]
fn they_read_our_samples() {
    for sample in SAMPLES.iter().filter(|sample| sample.side == Side::Backend) {
        let ours = backend::parse(sample.tag(), sample.body()).unwrap();
        if known(ours) {
            assert!(
                agrees(ours, BytesMut::from(sample.bytes)).unwrap(),
                "{}",
                sample.name
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn they_read_what_we_write(sent in back()) {
        let mut out = BytesMut::new();
        Back::write(&sent, &mut out);
        let (tag, body) = messages(&out).next().unwrap().unwrap();
        let ours = backend::parse(tag, body).unwrap();
        if known(ours) {
            prop_assert!(agrees(ours, out.clone()).unwrap(), "{:?}", sent);
        }
    }

    #[test]
    fn what_we_take_from_a_damaged_row_they_take_alike(body in vec(prop_oneof![0..4_u8, Just(255)], 0..24)) {
        for tag in [backend::tag::DATA_ROW, backend::tag::ERROR_RESPONSE, backend::tag::PARAMETER_DESCRIPTION] {
            if let Ok(out) = rewrite(Side::Backend, tag, &body) {
                prop_assert!(agrees(backend::parse(tag, &body).unwrap(), out).unwrap());
            }
        }
    }

    #[test]
    fn we_write_the_same_bind(
        portal in "[^\0]{0,8}",
        statement in "[^\0]{0,8}",
        codes in vec(format(), 0..4),
        values in vec(option::of(vec(any::<u8>(), 0..9)), 0..5),
        results in vec(format(), 0..4),
    ) {
        let code = |format: &Format| format.code().cast_signed();
        let mut expected = BytesMut::new();
        let serialize = |value: Option<&[u8]>, buf: &mut BytesMut| {
            Ok(match value {
                Some(value) => {
                    buf.extend_from_slice(value);
                    postgres_protocol::IsNull::No
                }
                None => postgres_protocol::IsNull::Yes,
            })
        };
        let parameters = || values.iter().map(Option::as_deref);
        let done = theirs::bind(
            &portal, &statement, codes.iter().map(code), parameters(), serialize, results.iter().map(code), &mut expected,
        );
        prop_assert!(done.is_ok());
        let mut out = BytesMut::new();
        write_bind(&mut out, portal.as_bytes(), statement.as_bytes(), &codes, parameters(), &results).unwrap();
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn we_write_the_same_of_the_rest(
        text in "[^\0]{0,24}",
        name in "[^\0]{0,8}",
        types in vec(any::<u32>(), 0..4),
        data in vec(any::<u8>(), 0..24),
        number in any::<i32>(),
        secret in any::<i32>(),
    ) {
        let (text_bytes, name_bytes) = (text.as_bytes(), name.as_bytes());
        let mut expected = BytesMut::new();
        theirs::ssl_request(&mut expected);
        theirs::cancel_request(number, secret, &mut expected);
        theirs::startup_message([("user", text.as_str()), ("database", name.as_str())], &mut expected).unwrap();
        theirs::password_message(text_bytes, &mut expected).unwrap();
        theirs::sasl_initial_response(&name, &data, &mut expected).unwrap();
        theirs::sasl_response(&data, &mut expected).unwrap();
        theirs::query(&text, &mut expected).unwrap();
        theirs::parse(&name, &text, types.iter().copied(), &mut expected).unwrap();
        theirs::describe(b'S', &name, &mut expected).unwrap();
        theirs::describe(b'P', &name, &mut expected).unwrap();
        theirs::execute(&name, number, &mut expected).unwrap();
        theirs::close(b'P', &name, &mut expected).unwrap();
        theirs::CopyData::new(&data[..]).unwrap().write(&mut expected);
        theirs::copy_done(&mut expected);
        theirs::copy_fail(&text, &mut expected).unwrap();
        theirs::flush(&mut expected);
        theirs::sync(&mut expected);
        theirs::terminate(&mut expected);

        let mut out = BytesMut::new();
        Opening::Ssl.write(&mut out).unwrap();
        let key = secret.to_be_bytes();
        Opening::Cancel { process_id: number.cast_unsigned(), key: &key }.write(&mut out).unwrap();
        let parameters = vec![("user", text.as_str()), ("database", name.as_str())];
        Opening::Startup(Startup { major: 3, minor: 0, parameters }).write(&mut out).unwrap();
        Password::write_password(&mut out, text_bytes).unwrap();
        SaslInitial { mechanism: name_bytes, response: Some(&data) }.write(&mut out).unwrap();
        Password(&data).write(&mut out).unwrap();
        frontend::Message::Query(text_bytes).write(&mut out).unwrap();
        write_parse(&mut out, name_bytes, text_bytes, &types).unwrap();
        for message in [
            frontend::Message::Describe { target: Target::Statement, name: name_bytes },
            frontend::Message::Describe { target: Target::Portal, name: name_bytes },
            frontend::Message::Execute { portal: name_bytes, max_rows: number },
            frontend::Message::Close { target: Target::Portal, name: name_bytes },
            frontend::Message::CopyData(&data),
            frontend::Message::CopyDone,
            frontend::Message::CopyFail(text_bytes),
            frontend::Message::Flush,
            frontend::Message::Sync,
            frontend::Message::Terminate,
        ] {
            message.write(&mut out).unwrap();
        }
        prop_assert_eq!(out, expected);
    }
}
