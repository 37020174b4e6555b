use std::sync::Arc;

use interdict_record::{Column, GrantEvent, LedgerEntry, PolicyLoaded, RelationAccess};

use super::*;
use crate::arrow::columns::Columns;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn started(session: u128, statement: u128) -> Record {
    Record::StatementStarted(Box::new(StatementStarted {
        session_id: id(session),
        statement_id: id(statement),
        requested_at: 10,
        decided_at: 11,
        decision: "allow".to_owned(),
        flags: vec!["a".to_owned()],
        ..StatementStarted::default()
    }))
}

fn ended(session: u128, statement: u128) -> StatementEnded {
    StatementEnded {
        session_id: id(session),
        statement_id: id(statement),
        ended_at: 20,
        status: "ok".to_owned(),
        rows: 3,
        ..StatementEnded::default()
    }
}

fn session(number: u128) -> Record {
    Record::SessionStarted(Box::new(SessionStarted {
        session_id: id(number),
        started_at: 5,
        ..SessionStarted::default()
    }))
}

fn fold(records: Vec<Record>) -> (Fold, Vec<Row>) {
    let (mut fold, mut rows) = (Fold::default(), Vec::new());
    for record in records {
        fold.apply(fold.sequence + 1, Entry::Record(record), &mut rows);
    }
    (fold, rows)
}

fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).as_text().unwrap()
}

#[test]
fn a_statement_is_one_row_of_its_two_records() {
    let late = StatementEnded {
        decision: Some("deny".to_owned()),
        rule: Some("bulk".to_owned()),
        flags: vec!["a".to_owned(), "b".to_owned()],
        ..ended(1, 2)
    };
    let (_, rows) = fold(vec![started(1, 2), Record::StatementEnded(Box::new(late))]);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.table, row.seq, row.at), (Table::Statements, 1, 10));
    assert_eq!(
        (text(row, "decision"), text(row, "rule"), text(row, "status")),
        ("deny", "bulk", "ok")
    );
    assert_eq!(row.get("rows"), &Value::Integer(3));
    assert_eq!(
        row.get("flags"),
        &Value::from(vec!["a".to_owned(), "b".to_owned()])
    );
}

#[test]
fn rows_follow_each_other_by_number_and_hash() {
    let (fold, rows) = fold(vec![
        started(1, 2),
        started(1, 3),
        Record::StatementEnded(Box::new(ended(1, 3))),
        Record::StatementEnded(Box::new(ended(1, 2))),
    ]);
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(rows[0].get("previous_hash"), &Value::from([0; 32]));
    assert_eq!(
        rows[1].get("previous_hash").as_bytes(),
        Some(rows[0].hash.as_slice())
    );
    assert_eq!(
        fold.head(Table::Statements),
        Head {
            seq: 2,
            hash: rows[1].hash
        }
    );
}

#[test]
fn what_was_described_later_wins() {
    let describe = |database: Option<&str>, user: Option<&str>| {
        Record::SessionDescribed(Box::new(SessionDescribed {
            session_id: id(1),
            database: database.map(str::to_owned),
            db_user: user.map(str::to_owned),
            ..SessionDescribed::default()
        }))
    };
    let end = SessionEnded {
        session_id: id(1),
        ended_at: 30,
        end_reason: "client".to_owned(),
        ..SessionEnded::default()
    };
    let (_, rows) = fold(vec![
        session(1),
        describe(Some("one"), Some("u")),
        describe(Some("two"), None),
        Record::SessionEnded(Box::new(end)),
    ]);
    assert_eq!(
        (text(&rows[0], "database"), text(&rows[0], "db_user")),
        ("two", "u")
    );
}

#[test]
fn a_session_that_ends_takes_its_statements_along() {
    let end = SessionEnded {
        session_id: id(1),
        ended_at: 30,
        end_reason: "client".to_owned(),
        ..SessionEnded::default()
    };
    let (fold, rows) = fold(vec![
        session(1),
        started(1, 2),
        Record::SessionEnded(Box::new(end)),
    ]);
    assert_eq!(text(&rows[0], "status"), "cut");
    assert_eq!(rows[1].table, Table::Sessions);
    assert!(fold.sessions.is_empty() && fold.statements.is_empty());
}

#[test]
fn what_fits_nothing_is_noted_and_not_lost() {
    let (_, rows) = fold(vec![
        Record::StatementEnded(Box::new(ended(1, 2))),
        Record::SessionEnded(Box::default()),
        Record::SessionDescribed(Box::default()),
        started(1, 2),
        started(1, 2),
        session(1),
        session(1),
    ]);
    assert_eq!(rows.len(), 5);
    assert!(
        rows.iter()
            .all(|row| row.table == Table::Admin && text(row, "kind") == "anomaly")
    );
}

#[test]
fn a_ledger_entry_is_a_row_of_its_own_chain() {
    let entry = |seen, difference| {
        Record::Ledger(Box::new(LedgerEntry {
            at: 40,
            workload: "agents".to_owned(),
            seen,
            difference,
            flags: vec!["unexplained".to_owned()],
            ..LedgerEntry::default()
        }))
    };
    let (fold, rows) = fold(vec![
        Record::Event(Box::default()),
        entry(7, -2),
        entry(u64::MAX, 0),
    ]);
    let [_, first, second] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!((first.table, first.seq, first.at), (Table::Ledger, 1, 40));
    assert_eq!((second.seq, fold.latest), (2, 40));
    assert_eq!(
        second.get("previous_hash").as_bytes(),
        Some(first.hash.as_slice())
    );
    assert_eq!(text(first, "workload"), "agents");
    assert_eq!(first.get("seen"), &Value::Integer(7));
    assert_eq!(first.get("difference"), &Value::Integer(-2));
    assert_eq!(first.get("flags"), &Value::from(vec!["unexplained".to_owned()]));
    // Readers of Parquet have signed integers only.
    assert_eq!(second.get("seen"), &Value::Integer(i64::MAX));
}

#[test]
fn a_checkpoint_in_between_changes_no_row() {
    let records = vec![
        session(1),
        started(1, 2),
        Record::PolicyLoaded(Box::new(PolicyLoaded {
            at: 15,
            ..PolicyLoaded::default()
        })),
        started(1, 3),
        Record::StatementEnded(Box::new(ended(1, 2))),
        Record::Event(Box::default()),
        Record::Ledger(Box::default()),
        Record::SessionEnded(Box::new(SessionEnded {
            session_id: id(1),
            ..SessionEnded::default()
        })),
    ];
    let (_, whole) = fold(records.clone());
    for cut in 0..records.len() {
        let (first, mut rows) = fold(records[..cut].to_vec());
        let mut second: Fold = serde_json::from_slice(&serde_json::to_vec(&first).unwrap()).unwrap();
        for (index, record) in records.iter().enumerate() {
            // Entries that the checkpoint holds come again and change nothing.
            second.apply(index as u64 + 1, Entry::Record(record.clone()), &mut rows);
        }
        assert_eq!(rows, whole, "checkpoint after {cut}");
    }
}

#[test]
fn every_table_has_a_cell_for_every_column() {
    let (fold, rows) = fold(vec![
        session(1),
        Record::PolicyLoaded(Box::default()),
        Record::Event(Box::default()),
        Record::Ledger(Box::default()),
        approval("requested", "wait"),
        grant("created", false),
        started(1, 2),
        Record::Frame(Box::default()),
        Record::SessionEnded(Box::new(SessionEnded {
            session_id: id(1),
            ..SessionEnded::default()
        })),
        grant("expired", false),
    ]);
    assert_eq!(fold.heads.len(), Table::ALL.len());
    for row in rows {
        assert_eq!(row.values.len(), row.table.columns().len());
        let mut built = Columns::new(row.table, crate::arrow::schema(row.table));
        built.push(&row).unwrap();
        let batch = built.finish().unwrap();
        let back: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| crate::arrow::cell(column, 0).unwrap())
            .collect();
        assert_eq!(back, row.values);
    }
}

fn approval(event: &str, mode: &str) -> Record {
    Record::Approval(Box::new(ApprovalEvent {
        at: 50,
        event: event.to_owned(),
        approval_id: id(9),
        mode: mode.to_owned(),
        digest: "sha256:1".to_owned(),
        shown: (event == "requested").then(Box::default),
        ..ApprovalEvent::default()
    }))
}

fn grant(event: &str, break_glass: bool) -> Record {
    Record::Grant(Box::new(GrantEvent {
        at: 60,
        event: event.to_owned(),
        grant_id: id(7),
        break_glass,
        ..GrantEvent::default()
    }))
}

#[test]
fn an_approval_that_nobody_decided_upon_is_ended_by_the_next_start() {
    for (records, open) in [
        (
            vec![approval("requested", "wait"), approval("voted", "wait")],
            true,
        ),
        (
            vec![approval("requested", "wait"), approval("approved", "wait")],
            false,
        ),
        // Its one use is still to come.
        (
            vec![approval("requested", "retry"), approval("approved", "retry")],
            true,
        ),
        (
            vec![
                approval("requested", "retry"),
                approval("approved", "retry"),
                approval("consumed", "retry"),
            ],
            false,
        ),
        (
            vec![approval("requested", "wait"), approval("denied", "wait")],
            false,
        ),
        (
            vec![approval("requested", "retry"), approval("expired", "retry")],
            false,
        ),
    ] {
        let count = records.len();
        let (mut fold, mut rows) = fold(records);
        assert_eq!(rows.len(), count);
        let endings = fold.endings(Ending::Crash);
        assert_eq!(endings.len(), usize::from(open));
        for ending in endings {
            fold.apply(fold.sequence + 1, Entry::Record(ending), &mut rows);
            let row = rows.last().unwrap();
            assert_eq!((text(row, "event"), text(row, "digest")), ("restart", "sha256:1"));
            assert_eq!(row.get("statement"), &Value::Null);
        }
        assert!(fold.endings(Ending::Crash).is_empty());
    }
}

fn under_grant(statement: u128, relation: &str) -> Record {
    Record::StatementStarted(Box::new(StatementStarted {
        statement_id: id(statement),
        requested_at: 10 + i64::try_from(statement).unwrap(),
        grant_id: Some(id(7)),
        effects: vec!["read".to_owned()],
        relations: vec![RelationAccess {
            name: relation.to_owned(),
            access: "read".to_owned(),
        }],
        ..StatementStarted::default()
    }))
}

fn shown(statement: u128, status: &str, columns: &[(&str, Option<&str>)]) -> Record {
    let columns = columns.iter().map(|(origin, mask)| Column {
        label: "label".to_owned(),
        origin: Some((*origin).to_owned()),
        mask: mask.map(str::to_owned),
    });
    Record::StatementEnded(Box::new(StatementEnded {
        status: status.to_owned(),
        columns: Arc::new(columns.collect()),
        ..ended(0, statement)
    }))
}

#[test]
fn a_grants_end_tells_what_it_was_used_for() {
    let (fold, rows) = fold(vec![
        grant("created", false),
        under_grant(2, "public.patients"),
        under_grant(3, "public.visits"),
        under_grant(4, "public.secret"),
        started(1, 5),
        shown(2, "ok", &[("p.name", None), ("p.ssn", Some("redact"))]),
        shown(4, "refused", &[]),
        shown(5, "ok", &[("q.other", None)]),
        grant("revoked", false),
        // It was running: the end waits for its outcome.
        shown(3, "cut", &[]),
    ]);
    let grants: Vec<_> = rows.iter().filter(|row| row.table == Table::Grants).collect();
    let [created, end] = &grants[..] else {
        panic!("{grants:?}")
    };
    assert_eq!(text(created, "event"), "created");
    assert_eq!(created.get("used_statements"), &Value::Null);
    assert_eq!(text(end, "event"), "revoked");
    assert_eq!(rows.last().map(|row| row.table), Some(Table::Grants));
    assert_eq!(end.get("used_statements"), &Value::Integer(2));
    assert_eq!(end.get("used_rows"), &Value::Integer(6));
    assert_eq!(end.get("used_from"), &Value::Time(12));
    assert_eq!(end.get("used_columns"), &Value::from(vec!["p.name".to_owned()]));
    let Value::List(relations) = end.get("used_relations") else {
        panic!()
    };
    assert_eq!(relations.len(), 2, "a refused statement is no use");
    assert!(fold.grants.is_empty());
}

#[test]
fn a_broken_glass_is_remembered_until_somebody_reviews_it() {
    let (mut fold, mut rows) = fold(vec![grant("created", true), grant("expired", true)]);
    assert_eq!(fold.grants.len(), 1);
    fold = serde_json::from_slice(&serde_json::to_vec(&fold).unwrap()).unwrap();
    fold.apply(
        fold.sequence + 1,
        Entry::Record(grant("reviewed", true)),
        &mut rows,
    );
    assert!(fold.grants.is_empty());
    assert_eq!(rows.len(), 3);
    fold.apply(
        fold.sequence + 1,
        Entry::Record(grant("reviewed", true)),
        &mut rows,
    );
    assert_eq!(text(rows.last().unwrap(), "kind"), "anomaly");
}
