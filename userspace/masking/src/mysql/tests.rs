//! What masks make of values, in tables here and with a running server in `server`.

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::{
    Detector, Generalise, Token,
    calendar::Date,
    fixtures::{every_mask, preserve, shift, token},
};

mod inside;
mod server;

const UNSIGNED: u16 = 0x20;
const UTF8MB4: u16 = 45;
const BINARY: u16 = 63;

fn number(column_type: u8) -> Type {
    Type::new(column_type, 0, BINARY)
}

fn unsigned(column_type: u8) -> Type {
    Type::new(column_type, UNSIGNED, BINARY)
}

fn text(column_type: u8) -> Type {
    Type::new(column_type, 0, UTF8MB4)
}

fn formatted(name: &str) -> Type {
    text(254).with_format(name.as_bytes())
}

const VARCHAR: u8 = 253;
const CHAR: u8 = 254;

/// Every type: its name, itself, and a value.
fn every_type() -> Vec<(&'static str, Type, &'static str)> {
    vec![
        ("tinyint", number(1), "47"),
        ("tinyint unsigned", unsigned(1), "200"),
        ("bool", number(244), "1"),
        ("smallint", number(2), "-4711"),
        ("smallint unsigned", unsigned(2), "65535"),
        ("mediumint", number(9), "8388607"),
        ("mediumint unsigned", unsigned(9), "94107"),
        ("int", number(3), "852417396"),
        ("int unsigned", unsigned(3), "4294967295"),
        ("bigint", number(8), "-9223372036854775808"),
        ("bigint unsigned", unsigned(8), "18446744073709551615"),
        ("float", number(4), "3.25"),
        ("double", number(5), "3.14159265358979"),
        ("decimal", number(246), "12.34"),
        ("old decimal", number(0), "12.34"),
        ("year", Type::new(13, 0x60, BINARY), "1987"),
        ("date", number(10), "1951-03-29"),
        ("datetime", number(12), "1951-03-29 04:05:06.789"),
        ("timestamp", number(7), "1999-12-31 23:59:59.999999"),
        ("time", number(11), "-838:59:59.000000"),
        ("varchar", text(VARCHAR), "852-41-7396"),
        ("old varchar", text(15), "852-41-7396"),
        ("char", text(CHAR), "852-41-7396"),
        ("text", text(252), "852-41-7396"),
        ("longtext", text(251), "852-41-7396"),
        ("varbinary", Type::new(VARCHAR, 0x80, BINARY), "852-41-7396"),
        ("blob", Type::new(252, 0x90, BINARY), "852-41-7396"),
        ("enum", Type::new(CHAR, 0x100, UTF8MB4), "small"),
        ("set", Type::new(CHAR, 0x800, UTF8MB4), "red,green"),
        ("bare enum", text(247), "small"),
        ("bare set", text(248), "red"),
        ("bit", unsigned(16), "\u{2}\u{7f}"),
        ("json", Type::new(245, 0x90, BINARY), "{\"ssn\": 1}"),
        ("json of MariaDB", text(252).with_format(b"json"), "[1]"),
        ("uuid", formatted("uuid"), "0b0f6a3e-8c4f-4d0e-9a57-2f5d5c1f7b12"),
        ("inet4", formatted("inet4"), "10.20.30.40"),
        ("inet6", formatted("inet6"), "2001:db8::1"),
    ]
}

/// Of these nothing is known that could be shown.
fn opaque_types() -> Vec<(&'static str, Type)> {
    vec![
        ("null", number(6)),
        ("geometry", number(255).with_format(b"point")),
        ("vector", number(242)),
        ("newdate", number(14)),
        ("timestamp2", number(17)),
        ("typed array", number(243)),
        ("unknown", number(200)),
        ("a format to come", formatted("xmltype")),
        ("utf16", Type::new(VARCHAR, 0, 54)),
        ("json in utf32", Type::new(252, 0, 60).with_format(b"json")),
        ("enum in ucs2", Type::new(CHAR, 0x100, 35)),
    ]
}

fn show(with: &Mask, of: Type, value: &str) -> Option<String> {
    let mut out = BytesMut::from(&b"before"[..]);
    let masked = mask(with, of, value.as_bytes(), &mut out);
    let shown = String::from_utf8(out.to_vec()).unwrap();
    let shown = shown.strip_prefix("before").unwrap();
    match masked {
        Masked::Value => Some(shown.to_owned()),
        Masked::Null => {
            assert_eq!(shown, "");
            None
        }
    }
}

#[test]
fn redacted_and_blank() {
    let constants = [
        ("tinyint", "0"),
        ("decimal", "0"),
        ("double", "0"),
        ("year", "0000"),
        ("date", "0001-01-01"),
        ("datetime", "0001-01-01 00:00:00"),
        ("timestamp", "1970-01-02 00:00:00"),
        ("time", "00:00:00"),
        ("varchar", "[redacted]"),
        ("char", "[redacted]"),
        ("longtext", "[redacted]"),
        ("varbinary", ""),
        ("blob", ""),
        ("enum", ""),
        ("set", ""),
        ("bit", "\0\0"),
        ("json", "{}"),
        ("json of MariaDB", "{}"),
        ("uuid", "00000000-0000-0000-0000-000000000000"),
        ("inet4", "0.0.0.0"),
        ("inet6", "::"),
    ];
    for (name, want) in constants {
        let types = every_type();
        let (_, of, value) = types.iter().find(|(known, ..)| *known == name).unwrap();
        assert_eq!(show(&Mask::Redact, *of, value).as_deref(), Some(want), "{name}");
    }
    for (name, of, value) in every_type() {
        let redacted = show(&Mask::Redact, of, value).unwrap();
        let mut out = BytesMut::new();
        assert_eq!(blank(of, &mut out), Masked::Value, "{name}");
        if name == "bit" {
            assert_eq!(&out[..], b"\0");
        } else {
            assert_eq!(&out[..], redacted.as_bytes(), "{name}");
        }
        assert_eq!(show(&Mask::Null, of, value), None, "{name}");
        let unbound = Mask::Token(Token::new("never bound"));
        assert_eq!(show(&unbound, of, value), Some(redacted), "{name}");
    }
    for (name, of) in opaque_types() {
        for with in every_mask() {
            assert_eq!(show(&with, of, "852-41-7396"), None, "{with} of {name}");
        }
        assert_eq!(blank(of, &mut BytesMut::new()), Masked::Null, "{name}");
    }
}

#[test]
fn texts() {
    let partial = Mask::Partial {
        keep_first: 0,
        keep_last: 4,
    };
    let fixed = |text: &str| Mask::Fixed(text.to_owned());
    let (bytes, choice, json) = (
        Type::new(252, 0x90, BINARY),
        Type::new(CHAR, 0x100, UTF8MB4),
        number(245),
    );
    let token_of_ssn = show(&token(), text(VARCHAR), "852-41-7396").unwrap();
    for (with, of, value, want) in [
        (&partial, text(VARCHAR), "852-41-7396", "*****7396"),
        // PAD_CHAR_TO_FULL_LENGTH: the blanks are no part of it.
        (&partial, text(CHAR), "852-41-7396     ", "*****7396"),
        (&partial, text(VARCHAR), "852-41-7396  ", "*****96  "),
        (&partial, bytes, "852-41-7396", "*****7396"),
        (&partial, number(3), "852417396", "0"),
        (&partial, json, "{\"ssn\": 1}", "{}"),
        (&fixed("x"), bytes, "y", "x"),
        (&fixed("x"), choice, "small", "x"),
        (&fixed("x \"y\""), json, "{}", "\"x \\\"y\\\"\""),
        (&token(), text(CHAR), "852-41-7396    ", &token_of_ssn),
        (&token(), text(252), "852-41-7396", &token_of_ssn),
        (&token(), bytes, "852-41-7396", &token_of_ssn),
        // What a mask can't follow is the type's own constant.
        (&Mask::Generalise(Generalise::Year), bytes, "born", ""),
        (&Mask::Generalise(Generalise::Year), choice, "small", ""),
        (
            &Mask::Generalise(Generalise::Year),
            text(VARCHAR),
            "1951-03-29",
            "1951-01-01",
        ),
        (
            &Mask::Generalise(Generalise::Zip3),
            text(CHAR),
            "94107  ",
            "94100",
        ),
    ] {
        assert_eq!(
            show(with, of, value).as_deref(),
            Some(want),
            "{with} of {value} ({of:?})"
        );
    }
    let preserved = show(&preserve(), text(VARCHAR), "852-41-7396").unwrap();
    assert_ne!(preserved, "852-41-7396");
    assert_eq!(preserved.len(), 11);
    assert_eq!(
        show(&preserve(), json, "\"852-41-7396\"").unwrap(),
        format!("\"{preserved}\"")
    );
    assert_eq!(
        show(&preserve(), json, "{\"ssn\": \"852-41-7396\"}").unwrap(),
        "{}"
    );
    // Latin1: the ends are no UTF-8.
    let mut out = BytesMut::new();
    assert_eq!(
        mask(&partial, text(VARCHAR), b"M\xfcller\xfc", &mut out),
        Masked::Value
    );
    assert_eq!(&out[..], b"*****");
}

#[test]
fn both_servers_show_alike() {
    // One policy, one key: what PostgreSQL shows joins with what MySQL shows.
    let of_postgres = |with: &Mask, oid, value: &str| {
        let mut out = BytesMut::new();
        let format = crate::postgres::Format::Text;
        assert_eq!(
            crate::postgres::mask(with, oid, format, value.as_bytes(), &mut out),
            Masked::Value
        );
        String::from_utf8(out.to_vec()).unwrap()
    };
    for (oid, of, value) in [
        (25, text(VARCHAR), "852-41-7396"),
        (21, number(2), "4711"),
        (23, number(3), "-852417396"),
        (20, number(8), "4000007391648255"),
        (20, unsigned(8), "852417396"),
        (114, number(245), "\"852-41-7396\""),
        (2950, formatted("uuid"), "0b0f6a3e-8c4f-4d0e-9a57-2f5d5c1f7b12"),
        (1082, number(10), "1951-03-29"),
        (1114, number(12), "1951-03-29 04:05:06.789"),
    ] {
        // NULL is one everywhere; no unsigned number is -7.
        let skipped =
            |with: &Mask| *with == Mask::Null || of == unsigned(8) && *with == Mask::Fixed("-7".to_owned());
        for with in every_mask().into_iter().filter(|with| !skipped(with)) {
            assert_eq!(
                show(&with, of, value).unwrap(),
                of_postgres(&with, oid, value),
                "{with} of {value}"
            );
        }
    }
}

#[test]
fn numbers() {
    let fixed = |text: &str| Mask::Fixed(text.to_owned());
    let band = Mask::Generalise(Generalise::AgeBand);
    let zip = Mask::Generalise(Generalise::Zip3);
    let decade = Mask::Generalise(Generalise::Decade);
    let month = Mask::Generalise(Generalise::Month);
    for (with, of, value, want) in [
        (&fixed("127"), number(1), "5", "127"),
        (&fixed("128"), number(1), "5", "0"),
        (&fixed("128"), unsigned(1), "5", "128"),
        (&fixed("-1"), unsigned(1), "5", "0"),
        (&fixed("8388608"), number(9), "5", "0"),
        (&fixed("8388608"), unsigned(9), "5", "8388608"),
        (
            &fixed("18446744073709551615"),
            unsigned(8),
            "5",
            "18446744073709551615",
        ),
        (&fixed("18446744073709551616"), unsigned(8), "5", "0"),
        (&fixed("42"), number(246), "12.34", "42"),
        (&fixed("1e3"), number(5), "1.5", "1000"),
        (&fixed("1e300"), number(4), "1.5", "0"),
        (&fixed("1999"), number(13), "1987", "1999"),
        (&fixed("99"), number(13), "1987", "0000"),
        (&fixed("2156"), number(13), "1987", "0000"),
        (&band, unsigned(1), "47", "40"),
        (&band, number(1), "103", "90"),
        (&band, number(1), "-1", "0"),
        (&zip, unsigned(9), "94107", "94100"),
        (&band, unsigned(8), "18446744073709551615", "0"),
        // INT(8) ZEROFILL.
        (&band, unsigned(3), "00000047", "40"),
        (&decade, number(13), "1987", "1980"),
        (&month, number(13), "1987", "1987"),
        (&decade, number(13), "1903", "0000"),
        (&decade, number(13), "0000", "0000"),
        (&band, number(13), "1987", "0000"),
        (&shift(), number(13), "1987", "0000"),
    ] {
        assert_eq!(
            show(with, of, value).as_deref(),
            Some(want),
            "{with} of {value} ({of:?})"
        );
    }
}

#[test]
fn dates() {
    let year = Mask::Generalise(Generalise::Year);
    let decade = Mask::Generalise(Generalise::Decade);
    let fixed = |text: &str| Mask::Fixed(text.to_owned());
    for (with, column_type, value, want) in [
        (&year, 10, "1951-03-29", "1951-01-01"),
        (&year, 12, "1951-03-29 10:11:12.500000", "1951-01-01 00:00:00"),
        (&year, 7, "2024-03-29 10:11:12", "2024-01-01 00:00:00"),
        // The epoch's first day is no TIMESTAMP in every zone.
        (&decade, 7, "1978-03-29 10:11:12", "1970-01-02 00:00:00"),
        (
            &fixed("1951-03-29"),
            7,
            "2024-03-29 10:11:12",
            "1970-01-02 00:00:00",
        ),
        (
            &fixed("2039-01-01"),
            7,
            "2024-03-29 10:11:12",
            "1970-01-02 00:00:00",
        ),
        (
            &fixed("2039-01-01"),
            12,
            "2024-03-29 10:11:12",
            "2039-01-01 00:00:00",
        ),
        (&fixed("soon"), 10, "2024-03-29", "0001-01-01"),
        (&year, 10, "0000-00-00", "0001-01-01"),
        (&year, 10, "2024-00-00", "0001-01-01"),
        (&year, 12, "0000-00-00 00:00:00", "0001-01-01 00:00:00"),
        (&year, 7, "0000-00-00 00:00:00.000", "1970-01-02 00:00:00"),
        (&shift(), 10, "0000-00-00", "0001-01-01"),
        (&shift(), 12, "2024-02-00 01:02:03", "0001-01-01 00:00:00"),
        (&year, 11, "-838:59:59", "00:00:00"),
        (&fixed("12:00:00"), 11, "10:00:00", "00:00:00"),
    ] {
        assert_eq!(
            show(with, number(column_type), value).as_deref(),
            Some(want),
            "{with} of {value}"
        );
    }
    let days = |text: &str| Date::parse_iso(text.as_bytes()).unwrap().0.days();
    let moved = show(&shift(), number(12), "2024-05-06 07:08:09.100").unwrap();
    assert!(moved.ends_with(" 07:08:09.100"), "{moved}");
    let by = days(&moved) - days("2024-05-06");
    assert!(by != 0 && (-30..=30).contains(&by), "{by}");
    let other = show(&shift(), number(7), "2001-01-01 00:00:00").unwrap();
    assert_eq!(days(&other) - days("2001-01-01"), by);
    // One of the two would leave the type's range.
    let edges = ["1970-01-02 00:00:00", "2038-01-18 00:00:00"];
    let edges = edges.map(|edge| show(&shift(), number(7), edge).unwrap());
    assert!(edges.contains(&"1970-01-02 00:00:00".to_owned()), "{edges:?}");
}

#[test]
fn wide_character_sets_are_known() {
    for (charset, wide) in [
        (45, false),
        (255, false),
        (8, false),
        (63, false),
        (33, false),
        (576, false),
    ] {
        assert_eq!(wide::units(charset).is_some(), wide, "{charset}");
    }
    // What a server of MariaDB 10.11 lists for ucs2, utf16, utf16le, utf32, at the ends of its ranges.
    for charset in [
        35, 90, 128, 151, 159, 640, 642, 1059, 1174, 2560, 2759, 54, 55, 101, 124, 672, 674, 1078, 1147,
        2816, 3015, 56, 62, 1080, 1086, 60, 61, 160, 183, 736, 738, 1084, 1206, 3072, 3271,
    ] {
        assert!(wide::units(charset).is_some(), "{charset}");
    }
}

fn any_mask() -> impl Strategy<Value = Mask> {
    proptest::sample::select(every_mask())
}

fn any_type() -> impl Strategy<Value = Type> {
    let charset = prop_oneof![Just(BINARY), Just(UTF8MB4), any::<u16>()];
    let format = prop_oneof![
        Just(None),
        Just(Some("json")),
        Just(Some("uuid")),
        Just(Some("point"))
    ];
    (any::<u8>(), any::<u16>(), charset, format).prop_map(|(column_type, flags, charset, format)| {
        let of = Type::new(column_type, flags, charset);
        format.map_or(of, |name| of.with_format(name.as_bytes()))
    })
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(with in any_mask(), of in any_type(), value: Vec<u8>) {
        let mut out = BytesMut::from(&b"before"[..]);
        let masked = mask(&with, of, &value, &mut out);
        prop_assert!(out.starts_with(b"before"));
        prop_assert!(masked == Masked::Value || out.len() == 6);
        let detection = Detection::new(&[(Detector::UsSsn.into(), with)]).unwrap();
        out.truncate(6);
        let detected = detect(&detection, of, &value, &mut out, |_| {});
        prop_assert!(out.starts_with(b"before"));
        prop_assert!(detected == Detected::Replaced || out.len() == 6);
        prop_assert!(is_searched(of) || detected == Detected::Clean);
    }

    #[test]
    fn a_hidden_text_is_nowhere_in_what_is_shown(value in "[A-Z][A-Z0-9]{3,60}", of in any_type()) {
        let masks = [Mask::Redact, Mask::Null, token(), Mask::Fixed("x".to_owned())];
        for with in masks {
            let mut out = BytesMut::new();
            let _ = mask(&with, of, value.as_bytes(), &mut out);
            prop_assert!(memchr::memmem::find(&out, value.as_bytes()).is_none(), "{with} of {of:?}");
        }
    }

    #[test]
    fn masked_numbers_are_numbers_of_their_type(value: i64, with in any_mask(), unsigned: bool) {
        let widths = [(1, 8), (2, 16), (9, 24), (3, 32), (8, 64)];
        for (column_type, bits) in widths {
            let of = Type::new(column_type, if unsigned { UNSIGNED } else { 0 }, BINARY);
            let value = i128::from(value) & ((1 << bits) - 1);
            let value = if unsigned || value < 1 << (bits - 1) { value } else { value - (1 << bits) };
            let (least, most) = if unsigned { (0, (1 << bits) - 1) } else { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) };
            if let Some(shown) = show(&with, of, &value.to_string()) {
                let shown: i128 = shown.parse().unwrap();
                prop_assert!((least..=most).contains(&shown), "{with} of {value} in {bits} bits: {shown}");
            }
        }
    }
}
