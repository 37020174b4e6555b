//! What masks make of values, in tables here and with a running server in `server`.

use bytes::BytesMut;
use proptest::prelude::*;

use super::{types::TYPES, *};
use crate::{
    Detector, Generalise, Token, TokenFormat,
    fixtures::{every_mask, preserve, shift, token},
};

mod inside;
mod server;

const TEXT: u32 = 25;

fn show(with: &Mask, type_oid: u32, value: &str) -> Option<String> {
    let mut out = BytesMut::new();
    match mask(with, type_oid, Format::Text, value.as_bytes(), &mut out) {
        Masked::Value => Some(String::from_utf8(out.to_vec()).unwrap()),
        Masked::Null => None,
    }
}

#[test]
fn texts() {
    let partial = Mask::Partial {
        keep_first: 0,
        keep_last: 4,
    };
    let fixed = |text: &str| Mask::Fixed(text.to_owned());
    for (with, type_oid, value, want) in [
        (&Mask::Redact, TEXT, "852-41-7396", Some("[redacted]")),
        (&Mask::Redact, 1043, "852-41-7396", Some("[redacted]")),
        (&Mask::Null, TEXT, "852-41-7396", None),
        (&partial, TEXT, "852-41-7396", Some("*****7396")),
        // char(16): the blanks are no part of it.
        (&partial, 1042, "852-41-7396     ", Some("*****7396")),
        (&partial, 19, "x".repeat(63).as_str(), Some("*****xxxx")),
        (&partial, 23, "852417396", Some("0")),
        (&partial, 3802, "{\"ssn\": 1}", Some("{}")),
        (&Mask::Redact, 114, "[1]", Some("{}")),
        (&fixed("x \"y\""), 3802, "{}", Some("\"x \\\"y\\\"\"")),
        (&fixed("a<b"), 142, "<x/>", Some("a&lt;b")),
        (&fixed("42"), 23, "7", Some("42")),
        (&fixed("2147483648"), 23, "7", Some("0")),
        (&fixed("forty"), 23, "7", Some("0")),
        (
            &fixed("1999-12-31"),
            1184,
            "2024-05-06 07:08:09.1+05:30",
            Some("1999-12-31 00:00:00+05:30"),
        ),
        (
            &fixed("1999-12-31"),
            1114,
            "2024-05-06 07:08:09.1",
            Some("1999-12-31 00:00:00"),
        ),
        (&Mask::Redact, 1082, "1951-03-29", Some("0001-01-01")),
        (&Mask::Redact, 790, "$1,234.56", Some("$0.00")),
        (&Mask::Redact, 790, "-$1,234.56", Some("$0.00")),
        (&Mask::Redact, 790, "1.234,56 €", Some("0")),
        (&Mask::Redact, 17, "\\xdead", Some("\\x")),
        (&Mask::Redact, 17, "plain\\000", Some("")),
        (&Mask::Redact, 1560, "10101", Some("00000")),
        (&Mask::Redact, 1009, "{852-41-7396}", Some("{}")),
        (&Mask::Null, 1009, "{852-41-7396}", None),
        // No type of PostgreSQL's own.
        (&Mask::Redact, 16_500, "852-41-7396", None),
        (&Mask::Redact, 0, "852-41-7396", None),
        (&Mask::Redact, u32::MAX, "852-41-7396", None),
    ] {
        assert_eq!(
            show(with, type_oid, value).as_deref(),
            want,
            "{with} of {value} ({type_oid})"
        );
    }
}

fn blank_of(type_oid: u32, format: Format) -> Option<Vec<u8>> {
    let mut out = BytesMut::from(&b"before"[..]);
    match blank(type_oid, format, &mut out) {
        Masked::Value => Some(out.strip_prefix(b"before").unwrap().to_vec()),
        Masked::Null => {
            assert_eq!(&out[..], b"before");
            None
        }
    }
}

#[test]
fn blanks() {
    for (type_oid, text, binary) in [
        (TEXT, &b"[redacted]"[..], &b"[redacted]"[..]),
        (17, b"\\x", b""),
        (23, b"0", &[0; 4]),
        (790, b"0", &[0; 8]),
        (1560, b"0", &[0, 0, 0, 1, 0]),
        (3802, b"{}", b"\x01{}"),
        (1009, b"{}", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25]),
        (2277, b"{}", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25]),
    ] {
        assert_eq!(
            blank_of(type_oid, Format::Text).as_deref(),
            Some(text),
            "{type_oid}"
        );
        assert_eq!(
            blank_of(type_oid, Format::Binary).as_deref(),
            Some(binary),
            "{type_oid}"
        );
    }
    for type_oid in [0, 2249, 194, 16_500, u32::MAX] {
        for format in [Format::Text, Format::Binary] {
            assert_eq!(blank_of(type_oid, format), None, "{type_oid}");
        }
    }
    // It is what Redact shows, but where that looks at the value.
    for of in TYPES.iter().filter(|of| !of.kind.constant_reads_value()) {
        for format in [Format::Text, Format::Binary] {
            for oid in [of.oid, of.array] {
                let mut redacted = BytesMut::new();
                let masked = mask(&Mask::Redact, oid, format, b"x", &mut redacted);
                let redacted = (masked == Masked::Value).then(|| redacted.to_vec());
                assert_eq!(blank_of(oid, format), redacted, "{} ({oid})", of.name);
            }
        }
    }
}

#[test]
fn dates() {
    let year = Mask::Generalise(Generalise::Year);
    let decade = Mask::Generalise(Generalise::Decade);
    let month = Mask::Generalise(Generalise::Month);
    for (with, type_oid, value, want) in [
        (&year, 1082, "1951-03-29", "1951-01-01"),
        (&decade, 1082, "1951-03-29", "1950-01-01"),
        (&month, 1082, "1951-03-29", "1951-03-01"),
        (&year, 1114, "1951-03-29 10:11:12.5", "1951-01-01 00:00:00"),
        (&year, 1184, "1951-03-29 10:11:12.5-03", "1951-01-01 00:00:00-03"),
        (&year, 1043, "1951-03-29", "1951-01-01"),
        (&year, 1082, "infinity", "0001-01-01"),
        (&year, 1082, "0044-03-15 BC", "0001-01-01"),
        (&year, 1184, "0044-03-15 00:00:00+00 BC", "0001-01-01 00:00:00+00"),
        (&year, 1082, "29.03.1951", "0001-01-01"),
        (&year, 23, "1951", "0"),
        (&Mask::Generalise(Generalise::AgeBand), 21, "47", "40"),
        (&Mask::Generalise(Generalise::Zip3), 23, "94107", "94100"),
        (&Mask::Generalise(Generalise::Zip3), 1042, "94107    ", "94100"),
    ] {
        assert_eq!(
            show(with, type_oid, value).as_deref(),
            Some(want),
            "{with} of {value} ({type_oid})"
        );
    }
}

#[test]
fn shifted_dates_keep_their_distance() {
    let days = |text: &str| {
        let shown = show(&shift(), 1082, text).unwrap();
        crate::calendar::Date::parse_iso(shown.as_bytes())
            .unwrap()
            .0
            .days()
    };
    let offset = days("2000-01-01");
    assert!(offset != 0 && (-30..=30).contains(&offset), "{offset}");
    assert_eq!(days("2001-01-01") - offset, 366);
    let shown = show(&shift(), 1184, "2024-05-06 07:08:09.1+05:30").unwrap();
    assert!(
        shown.ends_with(" 07:08:09.1+05:30") && !shown.starts_with("2024-05-06"),
        "{shown}"
    );
    let edges: Vec<_> = ["0001-01-01", "9999-12-31"]
        .map(|edge| show(&shift(), 1082, edge).unwrap())
        .into();
    assert!(
        edges.contains(&"0001-01-01".to_owned()),
        "one of the two has no place to go: {edges:?}"
    );
}

#[test]
fn tokens_join() {
    let as_text = show(&token(), TEXT, "852-41-7396").unwrap();
    assert!(as_text.starts_with("tok_") && as_text.len() == 20);
    assert_eq!(show(&token(), 1043, "852-41-7396").unwrap(), as_text);
    assert_eq!(show(&token(), 1042, "852-41-7396    ").unwrap(), as_text);
    assert_eq!(
        show(&token(), 3802, "852").unwrap(),
        format!("\"{}\"", show(&token(), TEXT, "852").unwrap())
    );
    assert_eq!(show(&token(), 23, "4711"), show(&token(), 20, "4711"));
    let mut binary = BytesMut::new();
    assert_eq!(
        mask(&token(), 23, Format::Binary, &4711_i32.to_be_bytes(), &mut binary),
        Masked::Value
    );
    let number = i32::from_be_bytes(binary[..].try_into().unwrap());
    assert_eq!(show(&token(), 23, "4711").unwrap(), number.to_string());
    assert_eq!(
        show(&Mask::Token(Token::new("never bound")), TEXT, "852").unwrap(),
        "[redacted]"
    );
}

#[test]
fn preserved_forms() {
    let same = |a: &str, b: &str| {
        let class = |c: u8| match c {
            b'0'..=b'9' => b'0',
            b'a'..=b'z' => b'a',
            b'A'..=b'Z' => b'A',
            other => other,
        };
        a != b && a.bytes().map(class).eq(b.bytes().map(class))
    };
    let ssn = show(&preserve(), TEXT, "852-41-7396").unwrap();
    assert!(same(&ssn, "852-41-7396"), "{ssn}");
    assert_eq!(show(&preserve(), 1043, "852-41-7396").unwrap(), ssn);
    assert_eq!(show(&preserve(), 1042, "852-41-7396     ").unwrap(), ssn);
    for type_oid in [114, 3802] {
        assert_eq!(
            show(&preserve(), type_oid, "\"852-41-7396\"").unwrap(),
            format!("\"{ssn}\"")
        );
        for document in [
            "{\"ssn\": \"852-41-7396\"}",
            "\"852-41-7396\\n\"",
            "852417396",
            "\"x\"",
        ] {
            assert_eq!(show(&preserve(), type_oid, document).unwrap(), "{}", "{document}");
        }
    }
    let mut binary = BytesMut::new();
    assert_eq!(
        mask(
            &preserve(),
            3802,
            Format::Binary,
            b"\x01\"852-41-7396\"",
            &mut binary
        ),
        Masked::Value
    );
    assert_eq!(&binary[..], format!("\x01\"{ssn}\"").as_bytes());
    for (type_oid, value, want) in [
        (TEXT, "94107", "[redacted]"),
        (1700, "852417396", "0"),
        (142, "<p>852-41-7396</p>", "<redacted/>"),
        (1082, "1951-03-29", "0001-01-01"),
    ] {
        assert_eq!(show(&preserve(), type_oid, value).unwrap(), want, "{value}");
    }
    // Numbers and UUIDs are what they are in any format.
    for (type_oid, value) in [
        (23, "4711"),
        (20, "4000007391648255"),
        (2950, "0b0f6a3e-8c4f-4d0e-9a57-2f5d5c1f7b12"),
    ] {
        assert_eq!(
            show(&preserve(), type_oid, value),
            show(&token(), type_oid, value)
        );
    }
    let unbound = Mask::Token(Token::with_format("never bound", TokenFormat::Preserve));
    assert_eq!(show(&unbound, TEXT, "852-41-7396").unwrap(), "[redacted]");
}

fn any_mask() -> impl Strategy<Value = Mask> {
    prop::sample::select(every_mask())
}

fn any_type() -> impl Strategy<Value = u32> {
    let mut oids: Vec<u32> = TYPES.iter().flat_map(|of| [of.oid, of.array]).collect();
    oids.extend([0, 16_500, u32::MAX]);
    prop::sample::select(oids)
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(
        with in any_mask(),
        type_oid in any_type(),
        binary: bool,
        value in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let format = if binary { Format::Binary } else { Format::Text };
        let mut out = BytesMut::from(&b"before"[..]);
        let masked = mask(&with, type_oid, format, &value, &mut out);
        prop_assert!(out.starts_with(b"before"));
        prop_assert!(masked == Masked::Value || out.len() == 6);
        let mut out = BytesMut::from(&b"before"[..]);
        let detected = detect(&crate::detect::tests::ALL, type_oid, format, &value, &mut out, |_| {});
        prop_assert!(out.starts_with(b"before"));
        prop_assert!(detected == Detected::Replaced || out.len() == 6);
    }

    #[test]
    fn a_hidden_text_is_nowhere_in_what_is_shown(value in "[A-Z0-9]{4,60}", type_oid in any_type()) {
        for with in [Mask::Redact, token(), shift(), Mask::Partial { keep_first: 2, keep_last: 1 }] {
            for format in [Format::Text, Format::Binary] {
                let mut out = BytesMut::new();
                let _ = mask(&with, type_oid, format, value.as_bytes(), &mut out);
                prop_assert!(memchr::memmem::find(&out, value.as_bytes()).is_none());
            }
        }
    }

    #[test]
    fn partial_never_shows_a_whole_text(value: String, keep_first in 0_usize..9, keep_last in 0_usize..9) {
        let mut out = BytesMut::new();
        let _ = mask(&Mask::Partial { keep_first, keep_last }, TEXT, Format::Text, value.as_bytes(), &mut out);
        let shown = std::str::from_utf8(&out).unwrap();
        // Shorter by a character at least, once the stars are gone.
        let kept = shown.chars().count() - 5;
        prop_assert!(kept == 0 || kept < value.chars().count());
    }

    #[test]
    fn texts_of_integers_and_their_binaries_are_masked_alike(value: i64, with in any_mask()) {
        for (type_oid, text, binary) in [
            (20, value.to_string(), value.to_be_bytes().to_vec()),
            (23, (value as i32).to_string(), (value as i32).to_be_bytes().to_vec()),
            (21, (value as i16).to_string(), (value as i16).to_be_bytes().to_vec()),
        ] {
            let mut out = BytesMut::new();
            let masked = mask(&with, type_oid, Format::Binary, &binary, &mut out);
            let from_binary = match out.len() {
                0 => None,
                2 => Some(i64::from(i16::from_be_bytes(out[..].try_into().unwrap()))),
                4 => Some(i64::from(i32::from_be_bytes(out[..].try_into().unwrap()))),
                _ => Some(i64::from_be_bytes(out[..].try_into().unwrap())),
            };
            prop_assert_eq!(masked == Masked::Null, from_binary.is_none());
            let from_text = show(&with, type_oid, &text).map(|text| text.parse::<i64>().unwrap());
            prop_assert_eq!(from_text, from_binary);
        }
    }
}

#[test]
fn what_is_searched() {
    for (type_oid, like_text, searched) in [
        (TEXT, true, true),
        (1043, true, true),
        (3802, true, true),
        (1009, false, true),
        (2249, false, true),
        (23, false, false),
        (1007, false, false),
        (16_500, true, true),
    ] {
        assert_eq!(
            (is_text_like(type_oid), is_searched(type_oid)),
            (like_text, searched),
            "{type_oid}"
        );
    }
}
