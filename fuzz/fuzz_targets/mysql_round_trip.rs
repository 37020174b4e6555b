#![no_main]

use bytes::BytesMut;
use interdict_wire::mysql::response::{Column, EofPacket, ErrPacket, OkPacket, PrepareOk, Progress};
use interdict_wire::mysql::row::{BinaryRow, BinaryRowWriter, TextRow, TextRowWriter};
use interdict_wire::mysql::values::{ColumnType, Kind, Value};
use interdict_wire::mysql::{Capabilities, Header, Sequence};
use libfuzzer_sys::fuzz_target;

// A count of columns, their types, then a payload.
fuzz_target!(|data: &[u8]| {
    let Some((&count, rest)) = data.split_first() else {
        return;
    };
    let Some((types, payload)) = rest.split_at_checked(usize::from(count % 16)) else {
        return;
    };
    let (mut sequence, mut out) = (Sequence::default(), BytesMut::new());
    let kinds: Vec<_> = types
        .iter()
        .map(|number| Kind::new(ColumnType(*number), count & 0x80 != 0))
        .collect();

    if let Ok(row) = TextRow::parse(payload, kinds.len()) {
        let mut writer = TextRowWriter::new(&mut sequence, &mut out);
        for (index, cell) in row.located().enumerate() {
            match index % 3 {
                0 => writer.cell(cell.value).unwrap(),
                1 => writer.run(&row.encoded()[cell.range]).unwrap(),
                _ => writer.cell_with(|out| {
                    out.extend_from_slice(cell.value.unwrap_or_default());
                    cell.value.is_some()
                }),
            }
        }
        writer.finish().unwrap();
        let again = TextRow::parse(&out[Header::SIZE..], kinds.len()).unwrap();
        assert!(again.iter().eq(row.iter()));
    }
    out.clear();
    if let Ok(row) = BinaryRow::parse(payload, &kinds) {
        let mut writer = BinaryRowWriter::new(kinds.len(), &mut sequence, &mut out);
        for (index, (value, range)) in row.located().enumerate() {
            if value == Value::Null || index % 2 == 0 {
                writer.cell(kinds[index], &value).unwrap();
            } else {
                writer.run(&row.encoded()[range]).unwrap();
            }
        }
        writer.finish().unwrap();
        let again = BinaryRow::parse(&out[Header::SIZE..], &kinds).unwrap();
        for ((kind, old), new) in kinds.iter().zip(row.iter()).zip(again.iter()) {
            let (mut before, mut after) = (BytesMut::new(), BytesMut::new());
            assert_eq!(
                old.write_text(*kind, &mut before),
                new.write_text(*kind, &mut after)
            );
            // A time of zero has no sign.
            assert!(before == after || before.strip_prefix(b"-") == Some(&after[..]));
            if let Some(value) = Value::from_text(*kind, &before) {
                assert!(value.encode(*kind, &mut after));
            }
        }
    }
    for capabilities in [
        Capabilities::NONE,
        Capabilities::SESSION_TRACK | Capabilities::OPTIONAL_RESULTSET_METADATA,
        Capabilities::MARIADB_EXTENDED_METADATA,
    ] {
        out.clear();
        if let Ok(ok) = OkPacket::parse(payload, capabilities) {
            ok.write(capabilities, &mut sequence, &mut out).unwrap();
            assert_eq!(OkPacket::parse(&out[Header::SIZE..], capabilities), Ok(ok));
        }
        out.clear();
        if let Ok(column) = Column::parse_field(payload, capabilities) {
            column.write(&mut sequence, &mut out).unwrap();
            assert_eq!(
                Column::parse_field(&out[Header::SIZE..], capabilities),
                Ok(column)
            );
        }
        out.clear();
        if let Ok(prepared) = PrepareOk::parse(payload, capabilities) {
            prepared.write(&mut sequence, &mut out).unwrap();
            assert_eq!(PrepareOk::parse(&out[Header::SIZE..], capabilities), Ok(prepared));
        }
    }
    out.clear();
    if let Ok(error) = ErrPacket::parse(payload) {
        error.write(&mut sequence, &mut out).unwrap();
        assert_eq!(ErrPacket::parse(&out[Header::SIZE..]), Ok(error));
    }
    out.clear();
    if let Ok(progress) = Progress::parse(payload) {
        progress.write(&mut sequence, &mut out).unwrap();
        assert_eq!(Progress::parse(&out[Header::SIZE..]), Ok(progress));
    }
    out.clear();
    if let Ok(eof) = EofPacket::parse(payload) {
        eof.write(&mut sequence, &mut out).unwrap();
        assert_eq!(&out[Header::SIZE..], payload);
    }
});
