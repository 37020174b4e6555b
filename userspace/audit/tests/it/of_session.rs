//! One session among many: all of it is found, and what is not of its days is not even opened.

use std::path::Path;

use interdict_audit::{Audit, Filter, OfSession, Table, scan};
use interdict_record::{ApprovalEvent, Frame, Record};
use uuid::Uuid;

use crate::support::{
    HOUR, NOON, Rows, config, place, record, runtime, segments, session_ended, session_started,
    statement_ended, statement_started,
};

const DAY: i64 = 24 * HOUR;

fn id(at: i64) -> Uuid {
    let (seconds, micros) = (at.unsigned_abs() / 1_000_000, at.unsigned_abs() % 1_000_000);
    let nanos = u32::try_from(micros * 1000).unwrap();
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
}

async fn asked(audit: &Audit, session_id: Uuid, at: i64, answered: bool) {
    let statement_id = id(at);
    let mut records = vec![
        statement_started(session_id, statement_id, at),
        Record::Frame(Box::new(Frame {
            session_id,
            statement_id: Some(statement_id),
            ordinal: 1,
            direction: "to_client".to_owned(),
            at: at + 50,
            payload: vec![7; 100],
            length: 100,
            ..Frame::default()
        })),
    ];
    if answered {
        records.push(statement_ended(session_id, statement_id, at + 100));
    }
    record(audit, records).await;
}

fn decided(session_id: Uuid, at: i64, event: &str) -> Record {
    Record::Approval(Box::new(ApprovalEvent {
        at,
        event: event.to_owned(),
        approval_id: Uuid::from_u128(5),
        session_id,
        ..ApprovalEvent::default()
    }))
}

/// All rows of a session, by going through everything.
fn by_scan(directory: &Path, table: Table, session_id: Uuid) -> Rows {
    let filter = Filter {
        open: true,
        session_id: Some(session_id),
        ..Filter::new(table)
    };
    scan(directory, filter).unwrap().map(Result::unwrap).collect()
}

fn found(directory: &Path, table: Table, session_id: Uuid) -> Rows {
    let found = OfSession::find(directory, session_id).unwrap().unwrap();
    if table == Table::Sessions {
        return vec![found.row()];
    }
    found.rows(table).unwrap().map(Result::unwrap).collect()
}

/// One that went on over all days, and one a day; the last ones are in the journal, and one is not over.
fn days(directory: &Path) -> (Uuid, [Uuid; 5]) {
    let long = id(NOON - HOUR);
    let short = [0, 1, 2, 3, 4].map(|day| id(NOON + day * 5 * DAY));
    runtime().block_on(async {
        let audit = Audit::open(config(directory)).unwrap();
        record(&audit, vec![session_started(long, NOON - HOUR)]).await;
        for (day, session) in (0..).zip(short) {
            let at = NOON + day * 5 * DAY;
            record(&audit, vec![session_started(session, at)]).await;
            for index in 0..20 {
                asked(&audit, session, at + index * 1000, true).await;
                asked(&audit, long, at + index * 1000, true).await;
            }
            asked(&audit, long, at + 30_000, day != 4).await;
            if day == 1 {
                record(&audit, vec![decided(session, at, "requested")]).await;
            }
            if day != 4 {
                record(&audit, vec![session_ended(session, at + HOUR)]).await;
            }
            if day < 3 {
                audit.rotate().await.unwrap();
            }
            if day == 2 {
                // About the one before, which is long over.
                record(&audit, vec![decided(short[1], at, "expired")]).await;
            }
        }
        // As if it were killed: nothing is closed.
    });
    (long, short)
}

#[test]
fn what_is_found_of_a_session_is_all_that_is_on_record_of_it() {
    let (_above, directory) = place();
    let (long, short) = days(&directory);
    for session in short.into_iter().chain([long]) {
        for table in [
            Table::Sessions,
            Table::Statements,
            Table::Approvals,
            Table::Frames,
        ] {
            let wanted = by_scan(&directory, table, session);
            assert_eq!(found(&directory, table, session), wanted, "{table}");
            assert!(!wanted.is_empty() || table == Table::Approvals);
        }
        let frames = OfSession::find(&directory, session).unwrap().unwrap();
        let frames = frames.frames().unwrap().map(|frame| frame.unwrap().payload.len());
        assert_eq!(
            frames.sum::<usize>(),
            100 * by_scan(&directory, Table::Frames, session).len()
        );
    }
    assert_eq!(found(&directory, Table::Approvals, short[1]).len(), 2);
    assert!(OfSession::find(&directory, id(NOON)).unwrap().is_none());
}

#[test]
fn of_one_that_is_over_nothing_but_its_days_and_no_journal_is_read() {
    let (_above, directory) = place();
    let (_, short) = days(&directory);
    let before = found(&directory, Table::Statements, short[0]);
    for table in [Table::Sessions, Table::Statements, Table::Frames] {
        for file in segments(&directory, table) {
            if !file.to_str().unwrap().contains("date=2026-03-01") {
                std::fs::write(file, "not to be read").unwrap();
            }
        }
    }
    let journal = directory.join("journal");
    for file in std::fs::read_dir(&journal).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end == "journal") {
            std::fs::write(path, "not to be read").unwrap();
        }
    }
    assert_eq!(before.len(), 20);
    assert_eq!(found(&directory, Table::Statements, short[0]), before);
    assert_eq!(found(&directory, Table::Frames, short[0]).len(), 20);
}
