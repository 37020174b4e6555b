//! Detectors in values that hold text in one way or another.

use super::*;

fn detection(with: &Mask) -> Detection {
    Detection::new(&[(Detector::UsSsn.into(), with.clone())]).unwrap()
}

fn found(with: &Mask, type_oid: u32, format: Format, value: &[u8]) -> (Detected, Vec<u8>) {
    let mut out = BytesMut::new();
    let detected = detect(&detection(with), type_oid, format, value, &mut out, |name| {
        assert_eq!(name, "us_ssn");
    });
    (detected, out.to_vec())
}

#[test]
fn in_text() {
    let awkward = Mask::Fixed("a, \"b\"".to_owned());
    for (with, type_oid, value, want) in [
        (&Mask::Redact, 25, "SSN 852-41-7396.", "SSN [redacted]."),
        (
            &Mask::Redact,
            3802,
            "{\"a\": \"852-41-7396\"}",
            "{\"a\": \"[redacted]\"}",
        ),
        (
            &Mask::Redact,
            1009,
            "{852-41-7396,\"x 852-41-7396\",NULL}",
            "{[redacted],\"x [redacted]\",NULL}",
        ),
        (&awkward, 1009, "{852-41-7396}", "{[redacted]}"),
        (&awkward, 25, "852-41-7396", "a, \"b\""),
        (&Mask::Redact, 2249, "(1,852-41-7396)", "(1,[redacted])"),
        (&Mask::Redact, 142, "<p>852-41-7396</p>", "<p>[redacted]</p>"),
        (&awkward, 142, "<p>852-41-7396</p>", "<p>[redacted]</p>"),
        (&Mask::Redact, 16_500, "852-41-7396", "[redacted]"),
    ] {
        let value = found(with, type_oid, Format::Text, value.as_bytes());
        assert_eq!(
            value,
            (Detected::Replaced, want.as_bytes().to_vec()),
            "{type_oid}"
        );
    }
    for (type_oid, value) in [
        (25, "a"),
        (23, "852417396"),
        (1007, "{852417396}"),
        (1082, "1951-03-29"),
        (17, "852-41-7396"),
    ] {
        assert_eq!(
            found(&Mask::Redact, type_oid, Format::Text, value.as_bytes()),
            (Detected::Clean, vec![])
        );
    }
}

fn array(element: u32, values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut array = [1, 1, element, values.len() as u32, 1]
        .map(u32::to_be_bytes)
        .concat();
    for value in values {
        field(value.as_deref(), &mut array);
    }
    array
}

fn field(value: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend(value.map_or(-1, |value| value.len() as i32).to_be_bytes());
    out.extend(value.unwrap_or_default());
}

fn record(fields: &[(u32, Option<&[u8]>)]) -> Vec<u8> {
    let mut record = (fields.len() as u32).to_be_bytes().to_vec();
    for (type_oid, value) in fields {
        record.extend(type_oid.to_be_bytes());
        field(*value, &mut record);
    }
    record
}

#[test]
fn in_binary() {
    let ssn = Some(&b"852-41-7396"[..]);
    let redacted = Some(&b"[redacted]"[..]);
    let seven = Some(&[0, 0, 0, 7][..]);
    for (type_oid, value, want) in [
        (
            3802,
            b"\x01[\"852-41-7396\"]".to_vec(),
            b"\x01[\"[redacted]\"]".to_vec(),
        ),
        (
            1009,
            array(25, &[ssn, None, Some(b"x")]),
            array(25, &[redacted, None, Some(b"x")]),
        ),
        (2277, array(25, &[ssn]), array(25, &[redacted])),
        (
            2249,
            record(&[(23, seven), (25, ssn), (25, None)]),
            record(&[(23, seven), (25, redacted), (25, None)]),
        ),
        (
            2249,
            record(&[(1009, Some(&array(25, &[ssn]))), (3802, Some(b"\x01{}"))]),
            record(&[(1009, Some(&array(25, &[redacted]))), (3802, Some(b"\x01{}"))]),
        ),
        (
            2287,
            array(2249, &[Some(&record(&[(25, ssn)]))]),
            array(2249, &[Some(&record(&[(25, redacted)]))]),
        ),
        // A composite type's value in a record: what is found in it can't be replaced.
        (
            2249,
            record(&[(16_500, Some(&record(&[(25, ssn)]))), (25, Some(b"x"))]),
            record(&[(16_500, None), (25, Some(b"x"))]),
        ),
        // citext
        (16_501, b"852-41-7396".to_vec(), b"[redacted]".to_vec()),
    ] {
        assert_eq!(
            found(&Mask::Redact, type_oid, Format::Binary, &value),
            (Detected::Replaced, want),
            "{type_oid}"
        );
    }
    let documents = br#"{"{\"ssn\": 852417396}"}"#;
    assert_eq!(
        found(&Mask::Redact, 3807, Format::Text, documents),
        (Detected::Null, vec![])
    );
    let composite = record(&[(25, ssn)]);
    assert_eq!(
        found(&Mask::Redact, 16_500, Format::Binary, &composite),
        (Detected::Null, vec![])
    );
    // Not what it says it is.
    for (type_oid, value) in [
        (1009, &b"852-41-7396"[..]),
        (2249, b"852-41-7396"),
        (3802, b"\x02852-41-7396"),
    ] {
        assert_eq!(
            found(&Mask::Redact, type_oid, Format::Binary, value),
            (Detected::Null, vec![]),
            "{type_oid}"
        );
    }
}

#[test]
fn in_records_in_records() {
    let mut value = record(&[(25, Some(b"852-41-7396"))]);
    for _ in 0..100 {
        value = record(&[(2249, Some(&value))]);
    }
    let (detected, shown) = found(&Mask::Redact, 2249, Format::Binary, &value);
    assert_eq!(detected, Detected::Replaced);
    assert!(memchr::memmem::find(&shown, b"852-41-7396").is_none());
}
