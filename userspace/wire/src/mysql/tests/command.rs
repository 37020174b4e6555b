//! Commands by hand: what the captures do not have.

use super::{invalid, payload};
use crate::WireError;
use crate::mysql::Capabilities;
use crate::mysql::command::{BinlogDump, ChangeUser, Command, ParameterValue, write_command};
use crate::mysql::opening::{Attributes, write_attributes};
use crate::mysql::response::Answer;
use crate::mysql::values::{ColumnType, Kind, Value};

#[test]
fn commands_have_a_name_and_an_answer() {
    let none = Capabilities::NONE;
    for (bytes, name, answer) in [
        (&b"\x01"[..], "COM_QUIT", Answer::None),
        (b"\x02shop", "COM_INIT_DB", Answer::Status),
        (b"\x05shop", "COM_CREATE_DB", Answer::Status),
        (b"\x06shop", "COM_DROP_DB", Answer::Status),
        (b"\x08\0", "COM_SHUTDOWN", Answer::Status),
        (b"\x10", "COM_DELAYED_INSERT", Answer::Status),
        (
            b"\x12\x04\0\0\0\0\0\x07\0\0\0bin.01",
            "COM_BINLOG_DUMP",
            Answer::Stream,
        ),
        (b"\x13\x01ab", "COM_TABLE_DUMP", Answer::Stream),
        (
            b"\x15\x07\0\0\0\x01h\x01u\x01p\xea\x0c\0\0\0\0\0\0\0\0",
            "COM_REGISTER_SLAVE",
            Answer::Status,
        ),
        (b"\x1d", "COM_DAEMON", Answer::Status),
        (
            b"\x1e\0\0\x07\0\0\0\x01\0\0\0f\x04\0\0\0\0\0\0\0\x02\0\0\0gg",
            "COM_BINLOG_DUMP_GTID",
            Answer::Stream,
        ),
        (b"\x20clone", "COM_CLONE", Answer::Stream),
        (b"\x21", "COM_SUBSCRIBE_GROUP_REPLICATION_STREAM", Answer::Stream),
        (b"\xfe", "an unknown command", Answer::Status),
    ] {
        let command = Command::parse(bytes, none).unwrap();
        assert_eq!((command.name(), command.answer()), (name, answer));
        assert!(format!("{command:?}").starts_with(name));
    }
    assert!(Command::parse(b"", none).is_err());
    assert_eq!(
        Command::parse(b"\x0ex", none),
        Err(WireError::Trailing {
            message: "COM_PING",
            bytes: 1
        })
    );
    assert_eq!(
        Command::parse(b"\x12\x04\0\0\0\x01\0\x07\0\0\0bin.01", none),
        Ok(Command::BinlogDump(BinlogDump {
            position: 4,
            flags: 1,
            server_id: 7,
            file: b"bin.01"
        }))
    );
    assert_eq!(
        payload(|sequence, out| write_command(0x19, &[1, 0, 0, 0], sequence, out)),
        [0x19, 1, 0, 0, 0]
    );
}

#[test]
fn a_change_of_user_is_written_as_it_was_read() {
    let all = Capabilities::SECURE_CONNECTION | Capabilities::PLUGIN_AUTH | Capabilities::CONNECT_ATTRS;
    let attributes = write_attributes([(&b"k"[..], &b"v"[..])]);
    let change = ChangeUser {
        user: b"ann",
        auth_data: b"\x01\x02",
        database: b"shop",
        charset: Some(45),
        plugin: Some(b"mysql_native_password"),
        attributes: Some(Attributes::parse(&attributes).unwrap()),
    };
    let bytes = payload(|sequence, out| change.write(all, sequence, out));
    assert_eq!(Command::parse(&bytes, all), Ok(Command::ChangeUser(change)));
    // The shortest that clients send.
    let short = ChangeUser {
        charset: None,
        plugin: None,
        attributes: None,
        ..change
    };
    let bytes = payload(|sequence, out| short.write(all, sequence, out));
    assert_eq!(bytes, b"\x11ann\0\x02\x01\x02shop\0");
    assert_eq!(Command::parse(&bytes, all), Ok(Command::ChangeUser(short)));
}

/// An execution of statement 1 without a cursor.
fn execute(body: &[u8]) -> Vec<u8> {
    [&b"\x17\x01\0\0\0\0\x01\0\0\0"[..], body].concat()
}

fn parameters(
    bytes: &[u8],
    prepared: u16,
    known: &[Kind],
    long: &[usize],
) -> Result<Vec<ParameterValue<'static>>, WireError> {
    let Command::Execute(execute) = Command::parse(bytes, Capabilities::NONE).unwrap() else {
        panic!("not an execution");
    };
    let found = execute.parameters(Capabilities::NONE, prepared, known, |at| long.contains(&at))?;
    Ok(found
        .iter()
        .map(|parameter| match parameter.value {
            ParameterValue::Value(Value::Signed(value)) => ParameterValue::Value(Value::Signed(value)),
            ParameterValue::Value(Value::Null) => ParameterValue::Value(Value::Null),
            ParameterValue::LongData => ParameterValue::LongData,
            _ => panic!("not in these tests"),
        })
        .collect())
}

#[test]
fn types_are_sent_or_known() {
    let long = Kind::new(ColumnType::LONG, false);
    let sent = execute(b"\0\x01\x03\0\x07\0\0\0");
    let seven = ParameterValue::Value(Value::Signed(7));
    assert_eq!(parameters(&sent, 1, &[], &[]), Ok(vec![seven]));
    let unsent = execute(b"\0\0\x07\0\0\0");
    assert_eq!(parameters(&unsent, 1, &[long], &[]), Ok(vec![seven]));
    invalid(parameters(&unsent, 1, &[], &[]), "whether types are sent");
    // A value of long data is not among the others, whatever the bitmap says.
    assert_eq!(
        parameters(&execute(b"\0\0"), 1, &[long], &[0]),
        Ok(vec![ParameterValue::LongData])
    );
    assert_eq!(
        parameters(&execute(b"\x01\0"), 1, &[long], &[0]),
        Ok(vec![ParameterValue::LongData])
    );
    assert_eq!(
        parameters(&execute(b"\x01\0"), 1, &[long], &[]),
        Ok(vec![ParameterValue::Value(Value::Null)])
    );
    assert_eq!(parameters(&execute(b""), 0, &[], &[]), Ok(Vec::new()));
    assert!(parameters(&execute(b"\0"), 0, &[], &[]).is_err());
    assert!(parameters(&sent[..sent.len() - 1], 1, &[], &[]).is_err());
}

/// MySQL 9.7 refuses such values, MariaDB 10.11 takes NULL and reads the next value at their place.
#[test]
fn types_that_the_servers_read_differently_are_refused() {
    for number in [9, 13, 16, 244, 255] {
        invalid(
            parameters(&execute(&[0, 1, number, 0, 1, 1, 1, 1]), 1, &[], &[]),
            "parameter type",
        );
        assert!(parameters(&execute(&[1, 1, number, 0]), 1, &[], &[]).is_ok());
    }
    // Types of the servers' insides.
    for number in [14, 17, 18, 19, 20, 243] {
        invalid(
            parameters(&execute(&[0, 1, number, 0, 1, 1]), 1, &[], &[]),
            "parameter value",
        );
    }
}

#[test]
fn counts_of_parameters_do_not_cost_memory() {
    let attributes = Capabilities::QUERY_ATTRIBUTES;
    let many = b"\x03\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\x01";
    invalid(Command::parse(many, attributes), "parameter count");
    assert!(matches!(
        Command::parse(b"\x03\xfd\xff\xff\0\x01abc", attributes),
        Err(WireError::Short { .. })
    ));
    invalid(
        Command::parse(b"\x03\0\x02select 1", attributes),
        "attribute set count",
    );
}
