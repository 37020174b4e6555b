//! Writers refuse what could not be read back, and leave the buffer as it was.

use bytes::BytesMut;

use crate::WireError;
use crate::postgres::backend::{self, Response, write_data_row, write_fields, write_sasl_mechanisms};
use crate::postgres::frontend::{self, write_bind, write_parse};
use crate::postgres::opening::{Opening, Startup};
use crate::postgres::{Format, write_message};

#[test]
fn writers_refuse_what_the_protocol_cannot_say() {
    let mut out = BytesMut::from(&b"before"[..]);
    let too_large = |result: Result<(), WireError>| matches!(result, Err(WireError::TooLarge { .. }));
    let zero = |result: Result<(), WireError>| matches!(result, Err(WireError::ZeroByte { .. }));
    let invalid = |result: Result<(), WireError>| matches!(result, Err(WireError::Invalid { .. }));

    assert!(too_large(write_data_row(&mut out, vec![None; 65_536])));
    assert!(too_large(write_bind(
        &mut out,
        b"",
        b"",
        &[],
        vec![None; 65_536],
        &[]
    )));
    assert!(too_large(write_bind(
        &mut out,
        b"",
        b"",
        &vec![Format::Text; 65_536],
        [],
        &[]
    )));
    assert!(too_large(write_parse(&mut out, b"", b"", &vec![0; 65_536])));
    let long = "x".repeat(10_000);
    let startup = Startup {
        major: 3,
        minor: 0,
        parameters: vec![("user", &long)],
    };
    assert!(too_large(startup.write(&mut out)));

    assert!(zero(frontend::Message::Query(b"a\0b").write(&mut out)));
    assert!(zero(write_parse(&mut out, b"a\0", b"", &[])));
    assert!(zero(Response::error("42501", "a\0b").write(&mut out)));
    assert!(zero(backend::Message::CommandComplete(b"\0").write(&mut out)));

    assert!(invalid(write_fields(&mut out, true, [(0, &b"x"[..])])));
    assert!(invalid(write_sasl_mechanisms(&mut out, [&b""[..]])));
    assert!(invalid(
        backend::Message::BackendKeyData {
            process_id: 1,
            key: b"abc"
        }
        .write(&mut out)
    ));
    assert!(invalid(
        Opening::Cancel {
            process_id: 1,
            key: &[0; 257]
        }
        .write(&mut out)
    ));
    let startup = Startup {
        major: 3,
        minor: 0,
        parameters: vec![("", "x")],
    };
    assert!(invalid(startup.write(&mut out)));

    assert_eq!(&out[..], b"before");
    assert!(write_data_row(&mut out, vec![None; 65_535]).is_ok());
    assert!(write_message(b'd', b"x", &mut out).is_ok());
    assert!(out.ends_with(b"d\0\0\0\x05x"));
}
