#![no_main]

use bytes::BytesMut;
use interdict_wire::mysql::response::{Answer, Event, Responses};
use interdict_wire::mysql::row::{BinaryRow, TextRow};
use interdict_wire::mysql::{Capabilities, Reader};
use libfuzzer_sys::fuzz_target;

const ANSWERS: [Answer; 8] = [
    Answer::Status,
    Answer::Text,
    Answer::Binary,
    Answer::Prepared,
    Answer::Fetched,
    Answer::Fields,
    Answer::Statistics,
    Answer::Authentication,
];

// Two bytes of choices, then what a server sends.
fuzz_target!(|data: &[u8]| {
    let Some((&[choice, answer], stream)) = data.split_first_chunk::<2>() else {
        return;
    };
    let capabilities = Capabilities::PROTOCOL_41
        .set(Capabilities::DEPRECATE_EOF, choice & 1 != 0)
        .set(Capabilities::SESSION_TRACK, choice & 2 != 0)
        .set(Capabilities::MARIADB_CACHE_METADATA, choice & 4 != 0)
        .set(Capabilities::MARIADB_EXTENDED_METADATA, choice & 8 != 0)
        .set(Capabilities::MARIADB_PROGRESS, choice & 16 != 0)
        .set(Capabilities::OPTIONAL_RESULTSET_METADATA, choice & 32 != 0);
    let mut responses = Responses::new(capabilities, ANSWERS[usize::from(answer) % ANSWERS.len()]);
    let binary = matches!(
        ANSWERS[usize::from(answer) % ANSWERS.len()],
        Answer::Binary | Answer::Fetched
    );
    let (mut reader, mut buffer, mut kinds) = (Reader::new(1 << 20), BytesMut::from(stream), Vec::new());
    while !responses.is_done() {
        if responses.awaits_file() {
            responses.file_data(1).unwrap();
            responses.file_data(0).unwrap();
            continue;
        }
        let row = reader
            .peek(&buffer)
            .and_then(|(header, first)| Some(responses.is_row(header, *first.first()?)));
        let Ok(Some(message)) = reader.message(&mut buffer) else {
            return;
        };
        let event = responses.read(&message.payload);
        // What may be passed on unseen is what would be taken for a row.
        if let Some(row) = row {
            assert_eq!(row, matches!(event, Ok(Event::Row(_))));
        }
        match event {
            Ok(Event::ResultSet { .. }) => kinds.clear(),
            Ok(Event::Column(column)) => kinds.push(column.kind()),
            Ok(Event::Row(payload)) if binary => {
                if let Ok(row) = BinaryRow::parse(payload, &kinds) {
                    assert_eq!(row.located().count(), kinds.len());
                }
            }
            Ok(Event::Row(payload)) => {
                if let Ok(row) = TextRow::parse(payload, kinds.len()) {
                    assert_eq!(row.located().count(), kinds.len());
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
});
