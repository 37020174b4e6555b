//! Prepared statements, whose rows are binary.

use crate::stage::Stage;
use crate::wire::{Answer, command, execution, framed};

#[test]
fn rows_are_masked_each_time_that_a_statement_is_executed() {
    let stage = Stage::start();
    let mut wire = stage.wire();
    let (statement, parameters, columns) = wire
        .prepare("select name, ssn, mrn, phone, notes from patients where id = ?")
        .unwrap();
    assert_eq!((parameters, columns), (1, 5));
    for _ in 0..3 {
        assert_eq!(
            wire.execute(statement, &[Some("1")], false).shown(),
            "Ada Example|*****6789|[redacted]|NULL|recovering well"
        );
    }
    assert_eq!(
        wire.execute(statement, &[Some("3")], false).shown(),
        "Cy Null|NULL|NULL|NULL|NULL"
    );
    assert_eq!(wire.execute(statement, &[None], false).shown(), "");
}

#[test]
fn a_view_that_is_replaced_past_the_daemon_is_masked_by_what_it_reads_now() {
    let stage = Stage::start();
    let mut wire = stage.wire();
    let (statement, ..) = wire
        .prepare("select name from patient_names where id = ?")
        .unwrap();
    assert_eq!(
        wire.execute(statement, &[Some("1")], false).shown(),
        "Ada Example"
    );
    stage
        .server
        .sql("use clinic; create or replace algorithm = temptable view patient_names as select id, ssn as name from patients");
    // Definitions are looked at anew once a second.
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let answers = [
        wire.execute(statement, &[Some("1")], false),
        wire.query("select name from patient_names where id = 1"),
    ];
    for answer in answers {
        let hidden = match &answer {
            Answer::Err { message, .. } => message.contains("interdict:"),
            answer => answer.shown() == "*****6789",
        };
        assert!(hidden, "{answer:?}");
    }
}

#[test]
fn refusals_come_when_a_statement_is_prepared_or_executed() {
    let stage = Stage::start();
    let mut wire = stage.wire();
    for text in [
        "drop table visits",
        "select name from patients where id = ? order by ssn",
    ] {
        let refused = match wire.prepare(text) {
            Err(refused) => refused,
            Ok((statement, parameters, _)) => {
                let values = vec![Some("1"); parameters.into()];
                wire.execute(statement, &values, false)
            }
        };
        let (code, message) = refused.error();
        assert_eq!(code, 1227);
        assert!(message.contains("interdict:"), "{message}");
    }
    let (statement, ..) = wire.prepare("select concat(?, 'b')").unwrap();
    assert_eq!(wire.execute(statement, &[Some("a")], false).shown(), "ab");
    assert_eq!(stage.server.sql("select count(*) from clinic.visits"), "2000\n");
    // A number that nothing was prepared under.
    let unknown = wire.execute(4711, &[], false);
    assert_eq!(unknown.error().0, 1243);
    assert_eq!(wire.query("select 1").shown(), "1");
}

#[test]
fn cursors_are_masked_at_every_fetch() {
    let stage = Stage::start();
    let mut wire = stage.wire();
    let (statement, ..) = wire.prepare("select name, ssn from patients").unwrap();
    let opened = wire.execute(statement, &[], true);
    assert!(
        matches!(&opened, Answer::Rows { rows, .. } if rows.is_empty()),
        "{opened:?}"
    );
    let mut all = Vec::new();
    loop {
        let (rows, more) = wire.fetch(statement, 2, 2);
        all.extend(rows);
        if !more {
            break;
        }
    }
    let shown: Vec<_> = all.iter().map(|row| row[1].as_deref()).collect();
    assert_eq!(shown, [Some("*****6789"), Some("*****9999"), None]);
    assert_eq!(
        wire.ask(command::RESET, &statement.to_le_bytes()),
        Answer::Ok { affected: 0 }
    );
    assert_eq!(wire.query("select 'on'").shown(), "on");
}

#[test]
fn long_data_is_sent_in_parts_and_does_not_answer() {
    let mut stage = Stage::start();
    let mut wire = stage.wire();
    let (statement, ..) = wire
        .prepare("insert into visits (id, specimen) values (?, ?)")
        .unwrap();
    for part in ["4", "4", "5"] {
        let body = [
            &statement.to_le_bytes()[..],
            &1_u16.to_le_bytes(),
            part.as_bytes(),
        ]
        .concat();
        wire.send(command::SEND_LONG_DATA, &body);
    }
    // The second value was sent already: only the first follows, with both types.
    let mut body = statement.to_le_bytes().to_vec();
    body.extend_from_slice(&[0, 1, 0, 0, 0, 0, 1, 0xfd, 0, 0xfd, 0, 4]);
    body.extend_from_slice(b"9001");
    assert_eq!(wire.ask(command::EXECUTE, &body), Answer::Ok { affected: 1 });
    assert_eq!(
        wire.query("select specimen from visits where id = 9001").shown(),
        "445"
    );
    drop(wire);
    let rows = stage.statements();
    let insert = rows
        .iter()
        .find(|row| row["statement"].to_string().contains("insert into visits"))
        .unwrap();
    assert_eq!(insert["status"], "ok", "{insert}");
}

#[test]
fn what_is_sent_ahead_is_answered_in_its_order() {
    let stage = Stage::start();
    let mut wire = stage.wire();
    let (statement, ..) = wire.prepare("select ssn from patients where id = ?").unwrap();
    let texts = [
        "select ssn from patients where id = 1",
        "drop table visits",
        "select 'between'",
        "select name from patients order by ssn",
    ];
    let mut bytes: Vec<u8> = texts
        .iter()
        .flat_map(|text| framed(0, &[&[command::QUERY], text.as_bytes()].concat()))
        .collect();
    bytes.extend(framed(
        0,
        &[
            &[command::EXECUTE][..],
            &execution(statement, &[Some("2")], false),
        ]
        .concat(),
    ));
    bytes.extend(framed(
        0,
        &[&[command::CLOSE][..], &statement.to_le_bytes()].concat(),
    ));
    bytes.extend(framed(0, &[command::PING]));
    wire.send_raw(&bytes);
    assert_eq!(wire.answer().shown(), "*****6789");
    assert!(wire.answer().error().1.contains("no-destructive"));
    assert_eq!(wire.answer().shown(), "between");
    assert_eq!(wire.answer().error().0, 1227);
    assert_eq!(wire.executed().shown(), "*****9999");
    assert_eq!(wire.answer(), Answer::Ok { affected: 0 });
    // The same in pieces of every size.
    for cut in [1, 3, 4, 5, 7, 11] {
        for piece in bytes[..bytes.len() / 2].chunks(cut) {
            wire.send_raw(piece);
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
        for piece in bytes[bytes.len() / 2..].chunks(cut) {
            wire.send_raw(piece);
        }
        assert_eq!(wire.answer().shown(), "*****6789");
        assert!(wire.answer().error().1.contains("no-destructive"));
        assert_eq!(wire.answer().shown(), "between");
        assert_eq!(wire.answer().error().0, 1227);
        assert_eq!(wire.executed().error().0, 1243, "it was closed");
        assert_eq!(wire.answer(), Answer::Ok { affected: 0 });
    }
    assert_eq!(stage.server.sql("select count(*) from clinic.visits"), "2000\n");
}
