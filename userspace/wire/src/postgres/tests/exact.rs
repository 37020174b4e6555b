//! The samples are read as what they are, and written byte for byte.

use std::collections::BTreeSet;

use bytes::BytesMut;

use super::samples::{ID, NAME, SAMPLES, Sample, openings};
use super::{Side, rewrite};
use crate::WireError;
use crate::postgres::backend::{self, Authentication, TransactionStatus, field};
use crate::postgres::frontend::{self, Target};
use crate::postgres::{Format, messages, opening};

fn sample(name: &str) -> &'static Sample {
    SAMPLES.iter().find(|sample| sample.name == name).unwrap()
}

fn client(name: &str) -> frontend::Message<'static> {
    let sample = sample(name);
    frontend::parse(sample.tag(), sample.body()).unwrap()
}

fn server(name: &str) -> backend::Message<'static> {
    let sample = sample(name);
    backend::parse(sample.tag(), sample.body()).unwrap()
}

#[test]
fn writers_give_the_documented_bytes() {
    for sample in SAMPLES {
        let mut out = BytesMut::new();
        (sample.write)(&mut out).unwrap();
        assert_eq!(
            out.escape_ascii().to_string(),
            sample.bytes.escape_ascii().to_string(),
            "{}",
            sample.name
        );
    }
}

#[test]
fn what_is_read_is_written_back_unchanged() {
    for sample in SAMPLES {
        let split: Vec<_> = messages(sample.bytes).map(Result::unwrap).collect();
        assert_eq!(split, [(sample.tag(), sample.body())], "{}", sample.name);
        let out = rewrite(sample.side, sample.tag(), sample.body()).unwrap();
        assert_eq!(&out[..], sample.bytes, "{}", sample.name);
    }
}

#[test]
fn every_type_has_a_sample() {
    let sampled = |side| -> BTreeSet<u8> {
        SAMPLES
            .iter()
            .filter(|sample| sample.side == side)
            .map(Sample::tag)
            .collect()
    };
    let known = |side| -> BTreeSet<u8> {
        let unknown = |tag: &u8| matches!(rewrite(side, *tag, b""), Err(WireError::UnknownTag { .. }));
        (0..=u8::MAX).filter(|tag| !unknown(tag)).collect()
    };
    for side in [Side::Frontend, Side::Backend] {
        assert_eq!(sampled(side), known(side));
    }
}

#[test]
fn openings_are_read_and_written_exactly() {
    for (expected, bytes) in openings() {
        assert_eq!(
            opening::parse(bytes).unwrap(),
            Some((expected.clone(), bytes.len()))
        );
        let mut out = BytesMut::new();
        expected.write(&mut out).unwrap();
        assert_eq!(&out[..], bytes, "{expected:?}");
    }
}

#[test]
fn frontend_fields() {
    use frontend::Message;
    let Message::Bind(bind) = client("Bind") else {
        panic!("not a Bind")
    };
    assert_eq!((bind.portal, bind.statement), (&b"p"[..], &b"s"[..]));
    assert_eq!(
        bind.parameter_formats.iter().collect::<Vec<_>>(),
        [Format::Text, Format::Binary]
    );
    assert_eq!(
        bind.parameters.iter().collect::<Vec<_>>(),
        [Some(&b"ab"[..]), None]
    );
    assert_eq!(bind.result_formats.iter().collect::<Vec<_>>(), [Format::Binary]);
    assert_eq!(
        (bind.result_formats.get(0), bind.result_formats.get(1)),
        (Some(Format::Binary), None)
    );

    let Message::Parse(parse) = client("Parse") else {
        panic!("not a Parse")
    };
    assert_eq!((parse.name, parse.query), (&b"s"[..], &b"SELECT $1"[..]));
    assert_eq!(parse.parameter_types.iter().collect::<Vec<_>>(), [23, 0]);
    assert_eq!(
        (parse.parameter_types.get(0), parse.parameter_types.get(2)),
        (Some(23), None)
    );

    let Message::FunctionCall(call) = client("FunctionCall") else {
        panic!("not a FunctionCall")
    };
    assert_eq!((call.function, call.result_format), (1234, Format::Binary));
    assert_eq!(call.arguments.iter().collect::<Vec<_>>(), [Some(&b""[..]), None]);

    assert_eq!(client("Query"), Message::Query(b"SELECT 1"));
    assert_eq!(
        client("Close"),
        Message::Close {
            target: Target::Statement,
            name: b"x"
        }
    );
    assert_eq!(
        client("Describe"),
        Message::Describe {
            target: Target::Portal,
            name: b""
        }
    );
    assert_eq!(
        client("Execute"),
        Message::Execute {
            portal: b"p",
            max_rows: 100
        }
    );
    assert_eq!(client("CopyData"), Message::CopyData(b"1\t2\n"));
    assert_eq!(client("CopyFail"), Message::CopyFail(b"why"));

    let Message::Password(password) = client("PasswordMessage") else {
        panic!("not a PasswordMessage")
    };
    assert_eq!(password.password(), Ok(&b"secret"[..]));
    assert!(password.sasl_initial().is_err());
    let Message::Password(initial) = client("SASLInitialResponse") else {
        panic!("not a PasswordMessage")
    };
    let initial = initial.sasl_initial().unwrap();
    assert_eq!(
        (initial.mechanism, initial.response),
        (&b"SCRAM-SHA-256"[..], Some(&b"n,,n="[..]))
    );
}

#[test]
fn backend_fields() {
    use backend::Message;
    let Message::RowDescription(columns) = server("RowDescription") else {
        panic!("not a RowDescription")
    };
    assert_eq!(columns.iter().collect::<Vec<_>>(), [ID, NAME]);

    let Message::DataRow(row) = server("DataRow") else {
        panic!("not a DataRow")
    };
    assert_eq!(
        row.iter().collect::<Vec<_>>(),
        [Some(&b"ab"[..]), None, Some(b"")]
    );
    assert_eq!(
        row.located().map(|cell| cell.range).collect::<Vec<_>>(),
        [0..6, 6..10, 10..14]
    );

    let Message::ErrorResponse(fields) = server("ErrorResponse") else {
        panic!("not an ErrorResponse")
    };
    assert_eq!(fields.iter().map(|(code, _)| code).collect::<Vec<_>>(), b"SVCMDH");
    assert_eq!(fields.severity(), Some(&b"ERROR"[..]));
    assert_eq!(fields.code(), Some(&b"42501"[..]));
    assert_eq!(fields.message(), Some(&b"no"[..]));
    assert_eq!(fields.get(field::HINT), Some(&b"ask"[..]));
    assert_eq!(fields.get(field::COLUMN), None);

    let sasl = server("AuthenticationSASL");
    let Message::Authentication(Authentication::Sasl(mechanisms)) = sasl else {
        panic!("not SASL")
    };
    assert_eq!(
        mechanisms.iter().collect::<Vec<_>>(),
        [&b"SCRAM-SHA-256-PLUS"[..], b"SCRAM-SHA-256"]
    );

    let Message::NegotiateProtocolVersion(negotiate) = server("NegotiateProtocolVersion") else {
        panic!("not a NegotiateProtocolVersion")
    };
    assert_eq!((negotiate.newest, negotiate.minor()), (0x0003_0002, 2));
    assert_eq!(negotiate.options.iter().collect::<Vec<_>>(), [b"_pq_.x"]);

    let Message::CopyOutResponse(copy) = server("CopyOutResponse") else {
        panic!("not a CopyOutResponse")
    };
    assert_eq!(copy.format, Format::Binary);
    assert_eq!(copy.columns.iter().collect::<Vec<_>>(), [Format::Binary]);

    let Message::ParameterDescription(types) = server("ParameterDescription") else {
        panic!("not a ParameterDescription")
    };
    assert_eq!(types.iter().collect::<Vec<_>>(), [23, 25]);

    let md5 = Authentication::Md5Password { salt: [1, 2, 3, 4] };
    assert_eq!(server("AuthenticationMD5Password"), Message::Authentication(md5));
    assert_eq!(
        server("BackendKeyData"),
        Message::BackendKeyData {
            process_id: 4242,
            key: b"\xde\xad\xbe\xef"
        }
    );
    assert_eq!(server("CommandComplete"), Message::CommandComplete(b"SELECT 5"));
    assert_eq!(
        server("FunctionCallResponse of NULL"),
        Message::FunctionCallResponse(None)
    );
    assert_eq!(
        server("ParameterStatus"),
        Message::ParameterStatus {
            name: b"TimeZone",
            value: b"Etc/UTC"
        }
    );
    assert_eq!(
        server("ReadyForQuery"),
        Message::ReadyForQuery(TransactionStatus::InTransaction)
    );
    let notification = Message::NotificationResponse {
        process_id: 7,
        channel: b"ch",
        payload: b"pay",
    };
    assert_eq!(server("NotificationResponse"), notification);
}

#[test]
fn debug_output_tells_no_contents() {
    let secret = "secret";
    let mut out = BytesMut::new();
    frontend::write_bind(&mut out, b"", b"", &[], [Some(secret.as_bytes())], &[]).unwrap();
    frontend::write_parse(&mut out, b"", secret.as_bytes(), &[]).unwrap();
    frontend::Message::Query(secret.as_bytes())
        .write(&mut out)
        .unwrap();
    frontend::Message::CopyData(secret.as_bytes())
        .write(&mut out)
        .unwrap();
    for (tag, body) in messages(&out).map(Result::unwrap) {
        let message = frontend::parse(tag, body).unwrap();
        let inner = match message {
            frontend::Message::Bind(bind) => format!("{bind:?}{:?}", bind.parameters.iter()),
            frontend::Message::Parse(parse) => format!("{parse:?}"),
            _ => String::new(),
        };
        let shown = format!("{message:?}{inner}");
        // Neither as text nor as the numbers of its first bytes.
        assert!(!shown.contains(secret) && !shown.contains("115"), "{shown}");
    }
    let row = b"\0\x01\0\0\0\x06secret";
    let row = backend::DataRow::parse(row).unwrap();
    let shown = format!("{row:?}{:?}{:?}", row.located(), row.located().next());
    assert!(!shown.contains(secret) && !shown.contains("115"), "{shown}");
}
