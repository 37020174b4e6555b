//! Every type of the server, by every mask.

use std::fmt::Write as _;

use bytes::BytesMut;

use super::Server;
use crate::{
    Mask,
    fixtures::every_mask,
    mysql::{Masked, Type, blank, mask, types::Kind},
};

/// Types as a table declares them, and values as SQL writes them.
const SAMPLES: &[(&str, &[&str])] = &[
    ("TINYINT", &["47", "-128", "127"]),
    ("TINYINT UNSIGNED", &["47", "255"]),
    ("BOOL", &["1"]),
    ("SMALLINT", &["47", "-32768", "32767"]),
    ("SMALLINT UNSIGNED", &["4711", "65535"]),
    ("MEDIUMINT", &["94107", "-8388608"]),
    ("MEDIUMINT UNSIGNED", &["94107", "16777215"]),
    ("INT", &["852417396", "-1", "94107", "47"]),
    ("INT UNSIGNED", &["852417396", "4294967295"]),
    ("INT(12) ZEROFILL", &["47"]),
    ("BIGINT", &["4000007391648255", "-9223372036854775808", "5"]),
    (
        "BIGINT UNSIGNED",
        &["4000007391648255", "18446744073709551615", "9223372036854775808"],
    ),
    ("FLOAT", &["3.25", "-1e30"]),
    ("DOUBLE", &["3.14159265358979", "1e300"]),
    ("DECIMAL(20,4)", &["12.34", "-852417396.5"]),
    ("YEAR", &["1987", "0", "2155"]),
    ("DATE", &["'1951-03-29'", "'9999-12-31'", "'0001-01-01'"]),
    ("DATETIME", &["'1951-03-29 04:05:06'", "'1999-12-31 00:00:00'"]),
    ("DATETIME(6)", &["'1951-03-29 04:05:06.789'"]),
    ("TIMESTAMP", &["'1999-12-31 23:59:59'", "'2038-01-18 01:02:03'"]),
    ("TIMESTAMP(3)", &["'1971-03-29 04:05:06.789'"]),
    ("TIME", &["'04:05:06'", "'-838:59:59'"]),
    ("TIME(6)", &["'-00:00:00.5'"]),
    (
        "VARCHAR(300)",
        &[
            "'852-41-7396'",
            "''",
            "'Zoë Müller – 北京 ☎'",
            "'1951-03-29'",
            "'47'",
        ],
    ),
    ("CHAR(250)", &["'852-41-7396'", "'94107-1234'"]),
    ("TINYTEXT", &["'852-41-7396'"]),
    ("TEXT", &["'852-41-7396'"]),
    ("MEDIUMTEXT", &["'852-41-7396'"]),
    ("LONGTEXT", &["'852-41-7396'"]),
    ("VARBINARY(300)", &["'852-41-7396'", "''"]),
    ("TINYBLOB", &["'852-41-7396'"]),
    ("LONGBLOB", &["'852-41-7396'"]),
    ("BIT(1)", &["b'1'"]),
    ("BIT(11)", &["b'1010111'"]),
    (
        "JSON",
        &["'{\"ssn\": \"852-41-7396\"}'", "'\"852-41-7396\"'", "'[1]'"],
    ),
    ("UUID", &["'0b0f6a3e-8c4f-4d0e-9a57-2f5d5c1f7b12'"]),
    ("INET4", &["'10.20.30.40'"]),
    ("INET6", &["'2001:db8::1'"]),
    ("ENUM('small', 'large')", &["'small'"]),
    ("SET('red', 'green')", &["'red,green'"]),
    ("POINT", &["POINT(1, 2)"]),
];

struct Subject {
    declared: &'static str,
    of: Type,
    values: Vec<String>,
}

#[test]
fn what_masks_show_is_a_value_of_the_type() {
    let Some(server) = Server::start() else { return };
    let subjects = subjects(&server);
    let mut script = String::new();
    let mut expected = Vec::new();
    for (number, subject) in subjects.iter().enumerate() {
        let Subject { declared, of, values } = subject;
        let kind = of.kind();
        let bytes = matches!(kind, Kind::Bit | Kind::Bytes);
        writeln!(
            script,
            "SELECT 'table {number}'; CREATE TABLE m_{number} (k INT PRIMARY KEY, v {declared} NULL);"
        )
        .unwrap();
        let mut shown_here = Vec::new();
        let mut row = |with: String, shown: &str| {
            let text: String = shown.bytes().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            });
            let charset = if bytes { "binary" } else { "utf8mb4" };
            let key = shown_here.len();
            writeln!(
                script,
                "INSERT INTO m_{number} VALUES ({key}, _{charset} x'{text}');"
            )
            .unwrap();
            shown_here.push((with, shown.to_owned()));
        };
        let mut out = BytesMut::new();
        let nothing_known = kind == Kind::Opaque;
        assert_eq!(blank(*of, &mut out) == Masked::Null, nothing_known, "{declared}");
        // Of an ENUM it is what the server has for no member, which strict mode does not take.
        let members = kind == Kind::Choice;
        if !nothing_known && !members {
            row("blank".to_owned(), std::str::from_utf8(&out).unwrap());
        }
        for value in values {
            for with in every_mask() {
                let mut out = BytesMut::new();
                let masked = mask(&with, *of, value.as_bytes(), &mut out);
                let null = with == Mask::Null || nothing_known;
                assert_eq!(masked == Masked::Null, null, "{with} of {declared}");
                let shown = std::str::from_utf8(&out).unwrap();
                if !null && !members {
                    hides(&with, subject, value, shown);
                    row(format!("{with} of {declared} {value:?}"), shown);
                }
            }
        }
        writeln!(script, "SELECT v FROM m_{number} ORDER BY k;").unwrap();
        expected.push(vec![("table".to_owned(), format!("table {number}"))]);
        expected.push(shown_here);
    }
    let expected: Vec<_> = expected.concat();
    assert!(expected.len() > 1_000, "{}", expected.len());
    let (rows, errors) = server.rows(&script);
    assert!(errors.is_empty(), "{errors}");
    assert_eq!(rows.len(), expected.len());
    for (row, (with, shown)) in rows.iter().zip(&expected) {
        let [back] = &row[..] else {
            panic!("{with}: {row:?}")
        };
        assert!(is_same(shown, back), "{with}: {shown:?} is {back:?}");
    }
    check_zones(&server);
    check_members(&server);
    check_wide(&server);
}

/// The same text; with as many decimals as the column has, with the zeros before a ZEROFILL and the bits of a BIT, without the blanks after a CHAR; a
/// number written otherwise.
fn is_same(shown: &str, back: &str) -> bool {
    let zeros = |text: &str| text.bytes().all(|digit| matches!(digit, b'0' | 0));
    let decimals = back
        .strip_prefix(shown)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(zeros);
    let number = |text: &str| text.parse::<f64>().ok();
    shown.trim_end() == back.trim_end()
        || decimals
        || back.strip_suffix(shown).is_some_and(zeros)
        || shown.len() < 10 && number(shown).is_some() && number(shown) == number(back)
}

/// What is to be hidden is not shown, unless it is the type's constant anyway.
fn hides(with: &Mask, subject: &Subject, value: &str, shown: &str) {
    let mut constant = BytesMut::new();
    let _ = mask(&Mask::Redact, subject.of, value.as_bytes(), &mut constant);
    if value.as_bytes() != constant && matches!(with, Mask::Redact | Mask::Token(_) | Mask::Partial { .. }) {
        assert_ne!(value, shown, "{with} of {}", subject.declared);
    }
}

/// Samples as the server writes them, with types as it names them.
fn subjects(server: &Server) -> Vec<Subject> {
    let mut script = String::new();
    let mut query = String::new();
    for (number, (declared, values)) in SAMPLES.iter().enumerate() {
        writeln!(
            script,
            "CREATE TABLE s_{number} (k INT PRIMARY KEY, v {declared} NULL);"
        )
        .unwrap();
        for (key, value) in values.iter().enumerate() {
            writeln!(script, "INSERT INTO s_{number} VALUES ({key}, {value});").unwrap();
        }
        // Of a geometry no mask reads the value, and it is no text to read here.
        let shown = if *declared == "POINT" { "'a point'" } else { "v" };
        writeln!(script, "SELECT {number}, {shown} FROM s_{number} ORDER BY k;").unwrap();
        writeln!(query, "SELECT v FROM s_{number} LIMIT 0;").unwrap();
    }
    let (rows, errors) = server.rows(&script);
    assert!(errors.is_empty(), "{errors}");
    let (described, errors) = server.run(&["--table", "--column-type-info", "masks"], &query);
    assert!(errors.is_empty(), "{errors}");
    let after = |label: &'static str| {
        let lines = described.lines();
        lines
            .filter_map(move |line| line.strip_prefix(label))
            .map(str::trim)
    };
    let types: Vec<Type> = after("Type:")
        .zip(after("Collation:"))
        .zip(after("Flags:"))
        .map(|((name, collation), flags)| column(name, collation, flags))
        .collect();
    assert_eq!(types.len(), SAMPLES.len(), "{described}");
    let subjects: Vec<Subject> = SAMPLES
        .iter()
        .zip(types)
        .enumerate()
        .map(|(number, ((declared, _), of))| Subject {
            declared,
            of,
            values: rows
                .iter()
                .filter(|row| row[0] == number.to_string())
                .map(|row| row[1].clone())
                .collect(),
        })
        .collect();
    for (subject, (_, samples)) in subjects.iter().zip(SAMPLES) {
        assert_eq!(subject.values.len(), samples.len(), "{}", subject.declared);
    }
    subjects
}

/// The type of a column as the client program tells it: `STRING (type=uuid)`, `utf8mb4_general_ci (45)`, `UNSIGNED NUM`.
fn column(name: &str, collation: &str, flags: &str) -> Type {
    let (name, format) = match name.split_once(" (") {
        Some((name, format)) => (name, format.trim_end_matches(')').split_once('=')),
        None => (name, None),
    };
    let number = [
        ("TINY", 1),
        ("SHORT", 2),
        ("LONG", 3),
        ("FLOAT", 4),
        ("DOUBLE", 5),
        ("TIMESTAMP", 7),
        ("LONGLONG", 8),
        ("INT24", 9),
        ("DATE", 10),
        ("TIME", 11),
        ("DATETIME", 12),
        ("YEAR", 13),
        ("BIT", 16),
        ("NEWDECIMAL", 246),
        ("TINY_BLOB", 249),
        ("MEDIUM_BLOB", 250),
        ("LONG_BLOB", 251),
        ("BLOB", 252),
        ("VAR_STRING", 253),
        ("STRING", 254),
        ("GEOMETRY", 255),
    ]
    .into_iter()
    .find_map(|(known, number)| (known == name).then_some(number))
    .unwrap_or_else(|| panic!("{name}"));
    let charset = collation.rsplit_once('(').unwrap().1.trim_end_matches(')');
    let flags = flags
        .split_whitespace()
        .map(|flag| match flag {
            "UNSIGNED" => 0x20,
            "ZEROFILL" => 0x40,
            "BINARY" => 0x80,
            "ENUM" => 0x100,
            "SET" => 0x800,
            _ => 0,
        })
        .sum();
    let of = Type::new(number, flags, charset.parse().unwrap());
    format.map_or(of, |(_, format)| of.with_format(format.as_bytes()))
}

/// The constant of a TIMESTAMP, and the ends of what is shown of one, are instants in every time zone.
fn check_zones(server: &Server) {
    let mut constant = BytesMut::new();
    let of = Type::new(7, 0, 63);
    assert_eq!(blank(of, &mut constant), Masked::Value);
    let constant = std::str::from_utf8(&constant).unwrap();
    let mut script = "CREATE TABLE zones (v TIMESTAMP NULL);".to_owned();
    for zone in ["+13:00", "+00:00", "-12:59"] {
        for value in [constant, "2038-01-18 00:00:00"] {
            writeln!(script, "SET time_zone = '{zone}'; TRUNCATE zones; INSERT INTO zones VALUES ('{value}'); SELECT v FROM zones;")
                .unwrap();
        }
    }
    let (rows, errors) = server.rows(&script);
    assert!(errors.is_empty(), "{errors}");
    assert_eq!(rows.len(), 6);
    for row in rows.chunks_exact(2) {
        assert_eq!(row, [[constant], ["2038-01-18 00:00:00"]]);
    }
}

/// What a redacted ENUM and SET show is what the server itself shows where there is no member.
fn check_members(server: &Server) {
    let (rows, errors) = server.rows(
        "CREATE TABLE members (e ENUM('a'), s SET('a'));
         INSERT IGNORE INTO members VALUES ('b', 'b');
         SELECT CONCAT('<', e, s, '>') FROM members;",
    );
    assert!(errors.is_empty(), "{errors}");
    assert_eq!(rows, [["<>"]]);
}

/// All of the server's collations whose characters take more than a byte at least, and no other.
fn check_wide(server: &Server) {
    let (rows, errors) = server.rows(
        "SELECT a.id, c.character_set_name IN ('ucs2', 'utf16', 'utf16le', 'utf32')
         FROM information_schema.collation_character_set_applicability a
         JOIN information_schema.character_sets c USING (character_set_name);",
    );
    assert!(errors.is_empty(), "{errors}");
    assert!(rows.len() > 300);
    for row in rows {
        let wide = matches!(Type::new(253, 0, row[0].parse().unwrap()).kind(), Kind::Wide(_));
        assert_eq!(wide, row[1] == "1", "collation {}", row[0]);
    }
}
