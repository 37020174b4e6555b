#![no_main]

use bytes::BytesMut;
use interdict_wire::mysql::command::Command;
use interdict_wire::mysql::values::{ColumnType, Kind};
use interdict_wire::mysql::{Capabilities, Reader, Sequence};
use libfuzzer_sys::fuzz_target;

// A byte of choices, then a stream of packets, each a command.
fuzz_target!(|data: &[u8]| {
    let Some((&choice, stream)) = data.split_first() else {
        return;
    };
    let capabilities = Capabilities::SECURE_CONNECTION
        .set(Capabilities::QUERY_ATTRIBUTES, choice & 1 != 0)
        .set(
            Capabilities::PLUGIN_AUTH | Capabilities::CONNECT_ATTRS,
            choice & 2 != 0,
        );
    let prepared = u16::from(choice >> 4);
    let known = [
        ColumnType::LONG,
        ColumnType::STRING,
        ColumnType::DATETIME,
        ColumnType::TIME,
    ]
    .map(|column_type| Kind::new(column_type, choice & 4 != 0));
    let (mut reader, mut buffer) = (Reader::new(1 << 20), BytesMut::from(stream));
    loop {
        reader.expect(Sequence::at(buffer.get(3).copied().unwrap_or_default()));
        let Ok(Some(message)) = reader.message(&mut buffer) else {
            return;
        };
        let Ok(command) = Command::parse(&message.payload, capabilities) else {
            continue;
        };
        let _ = (command.name(), command.answer(), format!("{command:?}"));
        match command {
            Command::Execute(execute) => {
                let long = |index| choice & 8 != 0 && index == 1;
                if let Ok(found) = execute.parameters(capabilities, prepared, &known, long) {
                    assert!(found.len() <= 65_535);
                }
            }
            Command::BulkExecute(bulk) => {
                for row in bulk.rows(prepared, &known).into_iter().flatten().flatten() {
                    assert_eq!(row.len(), usize::from(prepared));
                }
            }
            Command::Query(query) => assert!(message.payload.ends_with(query.text)),
            Command::ChangeUser(change) => {
                let mut out = BytesMut::new();
                change
                    .write(capabilities, &mut Sequence::default(), &mut out)
                    .unwrap();
                assert_eq!(
                    Command::parse(&out[4..], capabilities),
                    Ok(Command::ChangeUser(change))
                );
            }
            _ => {}
        }
    }
});
