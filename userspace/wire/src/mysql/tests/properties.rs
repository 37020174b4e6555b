//! Whatever is written is read as it was.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::mysql::command::{Command, write_query};
use crate::mysql::opening::{Attributes, Login, write_attributes};
use crate::mysql::response::{
    Column, ColumnFlags, EofPacket, ErrPacket, OkPacket, Progress, SessionChanges, Status,
};
use crate::mysql::row::{BinaryRow, BinaryRowWriter, TextRow, TextRowWriter};
use crate::mysql::values::{ColumnType, Kind, Value};
use crate::mysql::{Capabilities, Reader, Sequence};

/// What a reader on the other side joins.
fn received(mut wire: BytesMut, from: u8) -> bytes::Bytes {
    let mut reader = Reader::new(1 << 30);
    reader.expect(Sequence::at(from));
    let message = reader.message(&mut wire).unwrap().unwrap();
    assert!(wire.is_empty());
    message.payload
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => vec(any::<u8>(), 0..20),
        // About where lengths take more bytes.
        1 => (245..260_usize).prop_map(|size| vec![b'x'; size]),
        1 => (65_530..65_540_usize).prop_map(|size| vec![b'y'; size]),
    ]
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(1..=255_u8, 0..20)
}

/// A type and a value that it holds.
fn value() -> impl Strategy<Value = (ColumnType, bool, i64, Vec<u8>)> {
    let types = prop_oneof![
        Just(ColumnType::TINY),
        Just(ColumnType::SHORT),
        Just(ColumnType::LONG),
        Just(ColumnType::LONGLONG),
        Just(ColumnType::VAR_STRING),
        Just(ColumnType::BLOB),
        Just(ColumnType::NEWDECIMAL),
    ];
    (types, any::<bool>(), any::<i64>(), text())
}

/// A number cut to a type.
fn cut(kind: Kind, number: i64) -> Value<'static> {
    let shift = match kind.column_type {
        ColumnType::TINY => 56,
        ColumnType::SHORT => 48,
        ColumnType::LONG => 32,
        _ => 0,
    };
    if kind.unsigned {
        Value::Unsigned(number.cast_unsigned() >> shift)
    } else {
        Value::Signed(number >> shift)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn text_rows(cells in vec(option::of(text()), 0..12), from in any::<u8>()) {
        let (mut sequence, mut out) = (Sequence::at(from), BytesMut::new());
        let mut writer = TextRowWriter::new(&mut sequence, &mut out);
        for (index, cell) in cells.iter().enumerate() {
            if index % 2 == 0 {
                writer.cell(cell.as_deref()).unwrap();
            } else {
                writer.cell_with(|out| {
                    out.extend_from_slice(cell.as_deref().unwrap_or(b"dropped"));
                    cell.is_some()
                });
            }
        }
        writer.finish().unwrap();
        let payload = received(out, from);
        let row = TextRow::parse(&payload, cells.len()).unwrap();
        prop_assert!(row.iter().eq(cells.iter().map(Option::as_deref)));
        prop_assert!(TextRow::parse(&payload, cells.len() + 1).is_err());
    }

    #[test]
    fn binary_rows(cells in vec(option::of(value()), 0..20), from in any::<u8>()) {
        let kinds: Vec<_> = cells
            .iter()
            .map(|cell| cell.as_ref().map_or(Kind::new(ColumnType::DATE, false), |cell| Kind::new(cell.0, cell.1)))
            .collect();
        let values: Vec<_> = cells
            .iter()
            .zip(&kinds)
            .map(|(cell, kind)| match cell {
                None => Value::Null,
                Some((.., bytes)) if kind.is_bytes() => Value::Bytes(bytes),
                Some((.., number, _)) => cut(*kind, *number),
            })
            .collect();
        let (mut sequence, mut out) = (Sequence::at(from), BytesMut::new());
        let mut writer = BinaryRowWriter::new(kinds.len(), &mut sequence, &mut out);
        for (kind, value) in kinds.iter().zip(&values) {
            writer.cell(*kind, value).unwrap();
        }
        writer.finish().unwrap();
        let payload = received(out, from);
        let row = BinaryRow::parse(&payload, &kinds).unwrap();
        prop_assert!(row.iter().eq(values.iter().copied()));
        for (value, kind) in values.iter().zip(&kinds) {
            let mut out = BytesMut::new();
            if value.write_text(*kind, &mut out) {
                prop_assert!(Value::from_text(*kind, &out) == Some(*value));
            }
        }
    }

    #[test]
    fn columns(names in vec(text(), 6), numbers in any::<(u16, u32, u8, u16, u8)>(), default in option::of(option::of(text()))) {
        let column = Column {
            catalog: &names[0],
            schema: &names[1],
            table: &names[2],
            org_table: &names[3],
            name: &names[4],
            org_name: &names[5],
            extended: None,
            charset: numbers.0,
            length: numbers.1,
            column_type: ColumnType(numbers.2),
            flags: ColumnFlags(numbers.3),
            decimals: numbers.4,
            default: default.as_ref().map(Option::as_deref),
        };
        let mut out = BytesMut::new();
        column.write(&mut Sequence::default(), &mut out).unwrap();
        let payload = received(out, 0);
        prop_assert_eq!(Column::parse_field(&payload, Capabilities::NONE), Ok(column));
        prop_assert_eq!(Column::parse(&payload, Capabilities::NONE).is_ok(), default.is_none());
    }

    #[test]
    fn results(numbers in any::<(u64, u64, u16, u16, bool)>(), info in text(), track in any::<bool>(), schema in option::of(vec(any::<u8>(), 0..40))) {
        let capabilities = Capabilities::PROTOCOL_41.set(Capabilities::SESSION_TRACK, track);
        let encoded = schema.map(|name| {
            let size = name.len() as u8;
            [&[1, size + 1, size][..], &name].concat()
        });
        let changes = encoded.as_deref().filter(|_| track).map(SessionChanges::encoded).unwrap_or_default();
        let mut status = Status(numbers.2);
        if track {
            status = status.set(Status::SESSION_STATE_CHANGED, !changes.is_absent());
        }
        let ok = OkPacket {
            ends_rows: numbers.4,
            affected_rows: numbers.0,
            last_insert_id: numbers.1,
            status,
            warnings: numbers.3,
            info: &info,
            changes,
        };
        let mut out = BytesMut::new();
        ok.write(capabilities, &mut Sequence::default(), &mut out).unwrap();
        let payload = received(out, 0);
        let read = OkPacket::parse(&payload, capabilities).unwrap();
        prop_assert_eq!((read.ends_rows, read.affected_rows, read.last_insert_id), (ok.ends_rows, ok.affected_rows, ok.last_insert_id));
        prop_assert_eq!((read.status, read.warnings, read.info, read.changes), (ok.status, ok.warnings, ok.info, ok.changes));

        let eof = EofPacket { warnings: numbers.3, status };
        let mut out = BytesMut::new();
        eof.write(&mut Sequence::default(), &mut out).unwrap();
        prop_assert_eq!(EofPacket::parse(&received(out, 0)), Ok(eof));
    }

    #[test]
    fn errors(code in 0..0xffff_u16, state in any::<[u8; 5]>(), message in text(), stage in any::<(u8, u8)>()) {
        let error = ErrPacket { code, state: Some(state), message: &message };
        let mut out = BytesMut::new();
        error.write(&mut Sequence::default(), &mut out).unwrap();
        let payload = received(out, 0);
        prop_assert_eq!(ErrPacket::parse(&payload), Ok(error));
        let progress = Progress { stage: stage.0, stages: stage.1, progress: u32::from(code), info: &message };
        let mut out = BytesMut::new();
        progress.write(&mut Sequence::default(), &mut out).unwrap();
        let payload = received(out, 0);
        prop_assert_eq!(Progress::parse(&payload), Ok(progress));
    }

    #[test]
    fn logins(user in name(), auth in vec(1..=255_u8, 0..250), database in option::of(name()), plugin in option::of(name()), attributes in option::of(vec((text(), text()), 0..3)), bits in any::<u64>(), level in option::of(any::<u8>())) {
        let encoded = attributes.map(|list| write_attributes(list.iter().map(|(name, value)| (&name[..], &value[..]))));
        let mut capabilities = Capabilities::from_words(bits as u32, (bits >> 32) as u32) | Capabilities::PROTOCOL_41;
        if !capabilities.extended() {
            capabilities = Capabilities::from_words(capabilities.lower(), 0);
        }
        let login = Login {
            auth_data: &auth,
            database: database.as_deref(),
            plugin: plugin.as_deref(),
            attributes: encoded.as_deref().map(|encoded| Attributes::parse(encoded).unwrap()),
            zstd_level: level,
            ..Login::new(capabilities, 1 << 24, 45, &user)
        };
        let mut out = BytesMut::new();
        login.write(&mut Sequence::at(1), &mut out).unwrap();
        let payload = received(out, 1);
        let read = Login::parse(&payload).unwrap();
        prop_assert_eq!((read.user, read.auth_data, read.database, read.plugin), (login.user, login.auth_data, login.database, login.plugin));
        prop_assert_eq!((read.attributes, read.zstd_level), (login.attributes, login.zstd_level));
        let mut out = BytesMut::new();
        read.write(&mut Sequence::at(1), &mut out).unwrap();
        prop_assert_eq!(received(out, 1), payload);
    }

    #[test]
    fn queries(text in text(), attributes in any::<bool>()) {
        let capabilities = Capabilities::NONE.set(Capabilities::QUERY_ATTRIBUTES, attributes);
        let mut out = BytesMut::new();
        write_query(&text, capabilities, &mut Sequence::at(9), &mut out).unwrap();
        let payload = received(out, 0);
        let Ok(Command::Query(query)) = Command::parse(&payload, capabilities) else { panic!("no query") };
        prop_assert!(query.text == text && query.attributes.is_empty());
    }
}
