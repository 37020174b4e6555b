//! Commands that act on the session, and its end.

use std::time::{Duration, Instant};

use crate::stage::Stage;
use crate::wire::{Answer, Wire, command};

const DONE: Answer = Answer::Ok { affected: 0 };

fn own_id(wire: &mut Wire) -> u32 {
    wire.query("select connection_id()").shown().parse().unwrap()
}

/// Answers what the server may ask with the proof that is given; the last of its packets.
fn change_user(wire: &mut Wire, user: &str, proof: &[u8]) -> Vec<u8> {
    let body = [user.as_bytes(), b"\0\0clinic\0\x2d\0mysql_native_password\0"].concat();
    wire.send(command::CHANGE_USER, &body);
    let (sequence, asked) = wire.packet();
    if asked[0] != 0xfe {
        return asked;
    }
    wire.reply(sequence + 1, proof);
    wire.packet().1
}

#[test]
fn another_session_is_killed_and_its_statement_too() {
    let stage = Stage::start();
    let (mut killed, mut killer) = (stage.wire(), stage.wire());
    let id = own_id(&mut killed);
    let started = Instant::now();
    killed.send(command::QUERY, b"select sleep(25)");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(killer.query(&format!("kill query {id}")), DONE);
    let cut = killed.answer();
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(
        matches!(&cut, Answer::Err { code: 1317, .. }) || cut.shown() == "1",
        "{cut:?}"
    );
    assert_eq!(killed.query("select 'on'").shown(), "on");

    killed.send(command::QUERY, b"select sleep(25)");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(killer.query(&format!("kill {id}")), DONE);
    // The server says why, or only closes.
    while !killed.is_closed() {}
    assert!(started.elapsed() < Duration::from_secs(20));

    let mut killed = stage.wire();
    let id = own_id(&mut killed);
    assert_eq!(killer.ask(command::PROCESS_KILL, &id.to_le_bytes()), DONE);
    while !killed.is_closed() {}
    assert_eq!(killer.query("select 'on'").shown(), "on");
}

#[test]
fn the_statements_of_others_are_not_shown() {
    let stage = Stage::start();
    let (mut other, mut wire) = (stage.wire(), stage.wire());
    assert_eq!(wire.query("select 1").shown(), "1");
    other.send(
        command::QUERY,
        b"select sleep(2), name from patients where ssn = '123-45-6789'",
    );
    std::thread::sleep(Duration::from_millis(500));
    for text in [
        "show full processlist",
        "show processlist",
        "select info from information_schema.processlist",
    ] {
        match wire.query(text) {
            Answer::Err { message, .. } => assert!(message.contains("interdict:"), "{text}: {message}"),
            answer => assert!(
                !answer.shown().contains("123-45-6789"),
                "{text}: {}",
                answer.shown()
            ),
        }
    }
    wire.send(command::PROCESS_INFO, &[]);
    let mut seen = Vec::new();
    // An error, or columns, a mark, rows, a mark.
    let mut marks = 0;
    while marks < 2 {
        let (_, payload) = wire.packet();
        marks += usize::from(payload[0] == 0xfe && payload.len() < 9);
        let refused = payload[0] == 0xff;
        seen.extend(payload);
        if refused {
            break;
        }
    }
    assert!(!seen.windows(11).any(|window| window == b"123-45-6789"));
    assert_eq!(other.answer().shown(), "0|Ada Example");
}

#[test]
fn a_session_continues_as_another_user() {
    let mut stage = Stage::start();
    let mut wire = stage.wire();
    assert_eq!(wire.query("set sql_mode = 'ANSI_QUOTES', @kept = 1"), DONE);
    assert_eq!(
        wire.query("select \"ssn\" from patients where id = 1").shown(),
        "*****6789"
    );
    let (statement, ..) = wire.prepare("select ssn from patients where id = 1").unwrap();
    assert_eq!(change_user(&mut wire, "open", &[])[0], 0);
    assert_eq!(
        wire.query("select current_user(), @kept").shown(),
        "open@127.0.0.1|NULL"
    );
    // The mode is as new: the same text means a literal.
    assert_eq!(
        wire.query("select \"ssn\" from patients where id = 1").shown(),
        "ssn"
    );
    assert_eq!(
        wire.query("select ssn from patients where id = 1").shown(),
        "*****6789"
    );
    assert_eq!(wire.execute(statement, &[], false).error().0, 1243);
    // A wrong password ends it, as it does without the daemon.
    let refused = change_user(&mut wire, "other", &[7; 20]);
    assert_eq!(
        (refused[0], u16::from_le_bytes([refused[1], refused[2]])),
        (0xff, 1045)
    );
    drop(wire);
    let rows = stage.statements();
    assert!(
        rows.iter()
            .any(|row| row["statement"].to_string().contains("COM_CHANGE_USER open")),
        "{rows:#?}"
    );
}

#[test]
fn a_session_is_made_as_new() {
    let stage = Stage::start();
    let mut wire = stage.wire();
    assert_eq!(wire.query("set sql_mode = 'ANSI_QUOTES', @kept = 1"), DONE);
    let (statement, ..) = wire.prepare("select ssn from patients where id = 1").unwrap();
    assert_eq!(wire.execute(statement, &[], false).shown(), "*****6789");
    assert_eq!(wire.ask(command::RESET_CONNECTION, &[]), DONE);
    assert_eq!(wire.query("select @kept").shown(), "NULL");
    assert_eq!(
        wire.query("select \"ssn\" from patients where id = 1").shown(),
        "ssn"
    );
    assert_eq!(
        wire.query("select ssn from patients where id = 1").shown(),
        "*****6789"
    );
    assert_eq!(wire.execute(statement, &[], false).error().0, 1243);
}

#[test]
fn the_database_in_use_is_followed() {
    let stage = Stage::start();
    stage.server.sql("create database spare; create table spare.patients (id int, ssn varchar(20), colour varchar(20)); insert into spare.patients values (1, '987-65-4321', 'red')");
    let mut wire = stage.wire();
    assert_eq!(wire.ask(command::INIT_DB, b"spare"), DONE);
    assert_eq!(wire.query("select * from patients").shown(), "1|*****4321|red");
    assert_eq!(wire.query("use clinic"), DONE);
    assert_eq!(
        wire.query("select ssn from patients where id = 1").shown(),
        "*****6789"
    );
    assert_eq!(
        wire.query("select ssn, colour from spare.patients").shown(),
        "*****4321|red"
    );
    assert_eq!(wire.ask(command::INIT_DB, b"nosuch").error().0, 1049);
    assert_eq!(wire.query("select database()").shown(), "clinic");
}

#[test]
fn commands_besides_statements_work_or_are_refused() {
    let stage = Stage::start();
    let mut wire = stage.wire();
    assert_eq!(wire.ask(command::PING, &[]), DONE);
    wire.send(command::STATISTICS, &[]);
    assert!(wire.packet().1.starts_with(b"Uptime"));
    wire.send(command::FIELD_LIST, b"visits\0");
    let mut names = Vec::new();
    loop {
        let (_, payload) = wire.packet();
        if payload[0] == 0xfe && payload.len() < 9 {
            break;
        }
        assert_ne!(payload[0], 0xff);
        names.push(payload);
    }
    assert_eq!(names.len(), 4);
    // Several statements in a text: off, and on again.
    wire.send(command::SET_OPTION, &1_u16.to_le_bytes());
    assert_eq!(wire.packet().1[0], 0xfe);
    assert_eq!(wire.query("select 1; select 2").error().0, 1064);
    wire.send(command::SET_OPTION, &0_u16.to_le_bytes());
    assert_eq!(wire.packet().1[0], 0xfe);
    assert_eq!(wire.queries("select 1; select 2").len(), 2);

    let dump = [
        &4_u32.to_le_bytes()[..],
        &[0, 0],
        &7_u32.to_le_bytes(),
        b"binlog.000001",
    ]
    .concat();
    let (code, message) = match wire.ask(command::BINLOG_DUMP, &dump) {
        Answer::Err { code, message, .. } => (code, message),
        other => panic!("{other:?}"),
    };
    assert!(code == 1227 && message.contains("interdict:"), "{code} {message}");
    assert_eq!(wire.query("select 'on'").shown(), "on");
    wire.send(command::QUIT, &[]);
    assert!(wire.is_closed());
}

#[test]
fn no_file_of_the_clients_host_is_asked_for() {
    let stage = Stage::start();
    let mut wire = Wire::connect_for_files(stage.port);
    let refused = wire.query("load data local infile '/etc/hostname' into table visits");
    let (_, message) = refused.error();
    assert!(message.contains("interdict:"), "{message}");
    assert_eq!(wire.query("select 'on'").shown(), "on");
    assert!(!stage.server.log().contains("/etc/hostname"));
}

#[test]
fn a_daemon_that_stops_says_so_to_its_sessions() {
    let mut stage = Stage::start();
    let (mut idle, mut busy) = (stage.wire(), stage.wire());
    assert_eq!(idle.query("select 1").shown(), "1");
    busy.send(command::QUERY, b"select sleep(1), ssn from patients where id = 1");
    std::thread::sleep(Duration::from_millis(300));
    let sessions = std::thread::spawn(move || {
        let (_, words) = idle.packet();
        assert_eq!((words[0], u16::from_le_bytes([words[1], words[2]])), (0xff, 1053));
        assert_eq!(&words[4..9], b"08S01");
        assert!(idle.is_closed());
        // What runs is answered first.
        assert_eq!(busy.answer().shown(), "0|*****6789");
        let (_, words) = busy.packet();
        assert_eq!(u16::from_le_bytes([words[1], words[2]]), 1053);
        assert!(busy.is_closed());
    });
    stage.daemon.stop();
    sessions.join().unwrap();
    let rows = crate::support::audit_rows(&stage.daemon.audit, "sessions");
    assert!(
        rows.iter().all(|row| row["end_reason"] == "shutdown"),
        "{rows:#?}"
    );
}
