//! Whatever arrives: no panic, and what is accepted is what is written again.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::mysql::command::{Command, Query};
use crate::mysql::opening::{Authentication, Greeting, Opening};
use crate::mysql::response::{Answer, Column, Event, OkPacket, Responses};
use crate::mysql::row::{BinaryRow, TextRow};
use crate::mysql::values::{ColumnType, Kind};
use crate::mysql::{Capabilities, Header, Sequence};

const CAPTURES: [&str; 3] = [
    include_str!("captures/mysql_full.txt"),
    include_str!("captures/mariadb_full.txt"),
    include_str!("captures/mariadb_plain.txt"),
];

const ANSWERS: [Answer; 10] = [
    Answer::None,
    Answer::Status,
    Answer::Text,
    Answer::Binary,
    Answer::Prepared,
    Answer::Fetched,
    Answer::Fields,
    Answer::Statistics,
    Answer::Authentication,
    Answer::Stream,
];

const SETS: [Capabilities; 4] = [
    Capabilities::PROTOCOL_41,
    Capabilities::SESSION_TRACK,
    Capabilities::QUERY_ATTRIBUTES,
    Capabilities::MARIADB_EXTENDED_METADATA,
];

static PAYLOADS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(payloads);

/// All payloads of the captures, each once.
fn payloads() -> Vec<Vec<u8>> {
    let all: BTreeSet<_> = CAPTURES
        .iter()
        .flat_map(|capture| capture.lines())
        .filter_map(|line| line.strip_prefix(['<', '>']))
        .map(|hex| {
            let hex = hex.trim();
            (0..hex.len() / 2)
                .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
                .collect()
        })
        .map(|packet: Vec<u8>| packet[Header::SIZE..].to_vec())
        .collect();
    all.into_iter().collect()
}

/// Reads a payload as everything that it could be; what is accepted is written and read again as the same.
fn read_all(payload: &[u8], capabilities: Capabilities) {
    let (mut sequence, mut out) = (Sequence::START, BytesMut::new());
    if let Ok(greeting) = Greeting::parse(payload) {
        greeting
            .write_with(greeting.capabilities, &mut sequence, &mut out)
            .unwrap();
        assert_eq!(&out[Header::SIZE..], payload);
        let _ = (greeting.flavour(), greeting.version(), format!("{greeting:?}"));
    }
    out.clear();
    if let Ok(Opening::Login(login)) = Opening::parse(payload) {
        login.write(&mut sequence, &mut out).unwrap();
        let again = Opening::parse(&out[Header::SIZE..]).unwrap();
        let Opening::Login(again) = again else {
            panic!("no login")
        };
        assert_eq!(
            (again.user, again.auth_data, again.attributes),
            (login.user, login.auth_data, login.attributes)
        );
    }
    out.clear();
    if let Ok(step) = Authentication::parse(payload, capabilities) {
        step.write(capabilities, &mut sequence, &mut out).unwrap();
        assert_eq!(
            Authentication::parse(&out[Header::SIZE..], capabilities),
            Ok(step)
        );
    }
    if let Ok(command) = Command::parse(payload, capabilities) {
        let known = [Kind::new(ColumnType::LONG, false); 4];
        match &command {
            Command::Execute(execute) => {
                for prepared in 0..4 {
                    let _ = execute.parameters(capabilities, prepared, &known, |at| at == 1);
                }
            }
            Command::BulkExecute(bulk) => {
                for prepared in 0..4 {
                    let _ = bulk.rows(prepared, &known).map(Iterator::count);
                }
            }
            Command::Query(Query { text, .. }) => assert!(payload.ends_with(text)),
            _ => {}
        }
        let _ = format!("{command:?}");
    }
    out.clear();
    if let Ok(ok) = OkPacket::parse(payload, capabilities) {
        ok.write(capabilities, &mut sequence, &mut out).unwrap();
        assert_eq!(OkPacket::parse(&out[Header::SIZE..], capabilities), Ok(ok));
        assert!(
            ok.changes
                .iter()
                .all(|change| change.variables().count() < payload.len())
        );
    }
    out.clear();
    if let Ok(column) = Column::parse(payload, capabilities) {
        column.write(&mut sequence, &mut out).unwrap();
        assert_eq!(Column::parse(&out[Header::SIZE..], capabilities), Ok(column));
    }
    for columns in 0..4 {
        if let Ok(row) = TextRow::parse(payload, columns) {
            assert_eq!(row.located().count(), columns);
            let end = row.located().fold(0, |end, cell| {
                assert_eq!(cell.range.start, end);
                cell.range.end
            });
            assert_eq!(end, payload.len());
        }
        let kinds: Vec<_> = (0..columns)
            .map(|at| {
                Kind::new(
                    [ColumnType::LONG, ColumnType::STRING, ColumnType::TIME][at],
                    false,
                )
            })
            .collect();
        if let Ok(row) = BinaryRow::parse(payload, &kinds) {
            assert_eq!(row.located().count(), columns);
            assert_eq!(
                row.located().last().map_or(0, |(_, range)| range.end),
                row.encoded().len()
            );
        }
    }
    for answer in ANSWERS {
        let mut responses = Responses::new(capabilities, answer);
        let first = payload.first().copied().unwrap_or_default();
        let row = responses.is_row(
            Header {
                length: payload.len(),
                sequence: 0,
            },
            first,
        );
        let event = responses.read(payload);
        // What may be passed unseen is what would be taken for a row.
        if !payload.is_empty() {
            assert_eq!(row, matches!(event, Ok(Event::Row(_))));
        }
    }
}

#[test]
fn every_prefix_of_every_message_is_read_or_refused() {
    for payload in PAYLOADS.iter() {
        for end in 0..=payload.len() {
            read_all(&payload[..end], SETS[end % SETS.len()]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

    #[test]
    fn damaged_messages_are_read_or_refused(
        which in any::<Index>(),
        changes in vec((any::<Index>(), prop_oneof![0..8_u8, 0xf9..=0xff_u8, any::<u8>()]), 1..5),
        cut in proptest::option::of((any::<Index>(), vec(any::<u8>(), 0..4))),
        bits in any::<u64>(),
    ) {
        let mut payload = which.get(&PAYLOADS).clone();
        for (at, value) in changes {
            if !payload.is_empty() {
                let at = at.index(payload.len());
                payload[at] = value;
            }
        }
        if let Some((at, piece)) = cut {
            let at = at.index(payload.len() + 1);
            payload.splice(at..at, piece);
        }
        read_all(&payload, Capabilities::from_words(bits as u32, (bits >> 32) as u32));
    }

    #[test]
    fn noise_is_read_or_refused(payload in vec(any::<u8>(), 0..64), bits in any::<u64>()) {
        read_all(&payload, Capabilities::from_words(bits as u32, (bits >> 32) as u32));
    }
}
