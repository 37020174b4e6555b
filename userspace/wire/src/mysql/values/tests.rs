use bytes::BytesMut;
use nom::Parser as _;
use proptest::prelude::*;

use super::{ColumnType, DateTime, Kind, Time, Value, value};

fn kind(column_type: ColumnType) -> Kind {
    Kind::new(column_type, false)
}

fn text(value: &Value<'_>, kind: Kind) -> String {
    let mut out = BytesMut::new();
    assert!(value.write_text(kind, &mut out));
    String::from_utf8(out.to_vec()).unwrap()
}

/// The text's value on the wire.
fn encoded(kind: Kind, text: &str) -> Option<Vec<u8>> {
    let mut out = BytesMut::new();
    Value::from_text(kind, text.as_bytes())?
        .encode(kind, &mut out)
        .then(|| out.to_vec())
}

#[test]
fn integers_are_bounded_by_their_type() {
    for (column_type, unsigned, least, most) in [
        (ColumnType::TINY, false, "-128", "127"),
        (ColumnType::TINY, true, "0", "255"),
        (ColumnType::SHORT, false, "-32768", "32767"),
        (ColumnType::SHORT, true, "0", "65535"),
        (ColumnType::LONG, false, "-2147483648", "2147483647"),
        (ColumnType::LONG, true, "0", "4294967295"),
        (
            ColumnType::LONGLONG,
            false,
            "-9223372036854775808",
            "9223372036854775807",
        ),
        (ColumnType::LONGLONG, true, "0", "18446744073709551615"),
    ] {
        let kind = Kind::new(column_type, unsigned);
        for bound in [least, most] {
            let bytes = encoded(kind, bound).unwrap();
            let (rest, read) = value("x", kind).parse(&bytes).unwrap();
            assert!(rest.is_empty());
            assert_eq!(text(&read, kind), bound);
            // One more, away from zero.
            let beyond: i128 = bound.parse().unwrap();
            let beyond = if bound == least { beyond - 1 } else { beyond + 1 };
            assert_eq!(encoded(kind, &beyond.to_string()), None);
        }
    }
    let year = kind(ColumnType::YEAR);
    assert_eq!(text(&Value::Unsigned(0), year), "0000");
    assert_eq!(encoded(year, "2024"), Some(vec![0xe8, 0x07]));
}

#[test]
fn values_that_a_type_cannot_hold_are_refused() {
    for (column_type, text) in [
        (ColumnType::LONG, ""),
        (ColumnType::LONG, "***"),
        (ColumnType::LONG, "1.5"),
        (ColumnType::DOUBLE, "inf"),
        (ColumnType::DOUBLE, "NaN"),
        (ColumnType::FLOAT, "1e300"),
        (ColumnType::DATE, "2024-02-29 12:00:00"),
        (ColumnType::DATE, "2024-13-01"),
        (ColumnType::DATE, "2024-1-1-1"),
        (ColumnType::DATE, "+024-01-01"),
        (ColumnType::DATETIME, "2024-01-01 24:00:00"),
        (ColumnType::DATETIME, "2024-01-01 10:00"),
        (ColumnType::DATETIME, "2024-01-01 10:00:00.1234567"),
        (ColumnType::TIME, "839:00:00"),
        (ColumnType::TIME, "10:60:00"),
        (ColumnType::TIME, "--10:00:00"),
        (ColumnType::TIME, "10:00:00."),
        (ColumnType::NULL, ""),
        (ColumnType(14), "2024-01-01"),
    ] {
        assert_eq!(encoded(kind(column_type), text), None, "{column_type:?} {text}");
    }
}

#[test]
fn temporal_values_take_their_shortest_form() {
    for (column_type, shown, length) in [
        (ColumnType::DATE, "0000-00-00", 0),
        (ColumnType::DATE, "2024-02-29", 4),
        (ColumnType::DATETIME, "0000-00-00 00:00:00", 0),
        (ColumnType::DATETIME, "2024-02-29 00:00:00", 4),
        (ColumnType::TIMESTAMP, "2024-02-29 23:59:59", 7),
        (ColumnType::DATETIME, "2024-02-29 00:00:00.000001", 11),
        (ColumnType::TIME, "00:00:00", 0),
        (ColumnType::TIME, "-838:59:59", 8),
        (ColumnType::TIME, "00:00:00.500000", 12),
    ] {
        let kind = kind(column_type);
        let bytes = encoded(kind, shown).unwrap();
        assert_eq!(bytes[0], length);
        assert_eq!(bytes.len(), usize::from(length) + 1);
        assert_eq!(text(&value("x", kind).parse(&bytes).unwrap().1, kind), shown);
    }
}

#[test]
fn fractions_have_the_columns_digits() {
    let moment = Value::DateTime(DateTime {
        year: 2024,
        month: 1,
        day: 2,
        microsecond: 120_000,
        ..DateTime::default()
    });
    for (decimals, shown) in [
        (0, ".120000"),
        (1, ".1"),
        (3, ".120"),
        (6, ".120000"),
        (31, ".120000"),
    ] {
        let kind = Kind {
            decimals,
            ..kind(ColumnType::DATETIME)
        };
        assert_eq!(text(&moment, kind), format!("2024-01-02 00:00:00{shown}"));
    }
    let money = Kind {
        decimals: 2,
        ..kind(ColumnType::DOUBLE)
    };
    assert_eq!(text(&Value::Double(1.5), money), "1.50");
}

#[test]
fn lengths_that_no_date_has_are_errors() {
    for length in 0..=20 {
        let bytes = [&[length][..], &[0; 20]].concat();
        let accepts = |column_type| value("x", kind(column_type)).parse(&bytes).is_ok();
        assert_eq!(accepts(ColumnType::DATETIME), [0, 4, 7, 11].contains(&length));
        assert_eq!(accepts(ColumnType::TIME), [0, 8, 12].contains(&length));
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    (
        any::<u8>(),
        any::<bool>(),
        prop_oneof![0..=6_u8, Just(Kind::NOT_FIXED)],
    )
        .prop_map(|(number, unsigned, decimals)| Kind {
            column_type: ColumnType(number),
            unsigned,
            decimals,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    /// What is read is written with the same value.
    #[test]
    fn read_values_are_written(kind in kinds(), bytes in proptest::collection::vec(any::<u8>(), 0..14)) {
        if let Ok((_, read)) = value("x", kind).parse(&bytes[..]) {
            let mut out = BytesMut::new();
            prop_assert!(read.encode(kind, &mut out));
            let again = value("x", kind).parse(&out[..]).unwrap().1;
            // Not equal to itself, a NaN is the same by its bytes.
            match (read, again) {
                (Value::Float(old), Value::Float(new)) => prop_assert_eq!(old.to_bits(), new.to_bits()),
                (Value::Double(old), Value::Double(new)) => prop_assert_eq!(old.to_bits(), new.to_bits()),
                (Value::Time(old), Value::Time(new)) => {
                    // A zero has no sign.
                    prop_assert!(old == new || new == Time::default());
                }
                (old, new) => prop_assert!(old == new),
            }
        }
    }

    /// A text that is a value is that value's text, but for another way to write it.
    #[test]
    fn texts_are_stable(kind in kinds(), written in "-?[0-9]{1,5}(-[0-9]{1,2}-[0-9]{1,2})?( ?[0-9]{1,3}:[0-9]{1,2}:[0-9]{1,2}(\\.[0-9]{1,6})?)?") {
        if let Some(read) = Value::from_text(kind, written.as_bytes()) {
            let shown = text(&read, Kind { decimals: Kind::NOT_FIXED, ..kind });
            let again = Value::from_text(kind, shown.as_bytes());
            prop_assert!(again == Some(read), "{} {}", written, shown);
            let mut out = BytesMut::new();
            prop_assert!(read.encode(kind, &mut out));
        }
    }
}
