//! The ordinary life: append, seal, read, close, open again.

use std::time::Duration;

use interdict_audit::{
    Audit, AuditError, Config, Durability, Filter, Table, frames, print, scan, stats, verify,
};
use interdict_record::{
    ApprovalEvent, Event, Frame, GrantEvent, LedgerEntry, PolicyLoaded, Record, SessionDescribed,
};
use uuid::Uuid;

use crate::support::{
    HOUR, NOON, config, record, rows, runtime, segments, session_ended, session_started, statement_ended,
    statement_started, statements,
};

#[test]
fn what_is_appended_is_read_back_before_and_after_sealing() {
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let audit = Audit::open(config(directory.path())).unwrap();
        let (session, statement) = (Uuid::now_v7(), Uuid::now_v7());
        record(&audit, vec![session_started(session, NOON)]).await;
        let described = SessionDescribed {
            session_id: session,
            database: Some("clinic".into()),
            ..SessionDescribed::default()
        };
        record(&audit, vec![Record::SessionDescribed(Box::new(described))]).await;
        record(&audit, vec![statement_started(session, statement, NOON + 1)]).await;
        let mut open = Filter::new(Table::Statements);
        open.open = true;
        let waiting: Vec<_> = scan(directory.path(), open.clone())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!((waiting.len(), &waiting[0]["seq"]), (1, &serde_json::Value::Null));
        assert!(rows(directory.path(), Table::Statements).is_empty());

        record(
            &audit,
            vec![
                statement_ended(session, statement, NOON + 2),
                session_ended(session, NOON + 3),
            ],
        )
        .await;
        record(
            &audit,
            vec![Record::PolicyLoaded(Box::new(PolicyLoaded {
                at: NOON,
                ..PolicyLoaded::default()
            }))],
        )
        .await;
        record(
            &audit,
            vec![Record::Event(Box::new(Event {
                at: NOON,
                kind: "start".into(),
                ..Event::default()
            }))],
        )
        .await;
        let counted = LedgerEntry {
            at: NOON,
            workload: "agents".into(),
            established: 4,
            sessions: 5,
            difference: -1,
            ..LedgerEntry::default()
        };
        record(&audit, vec![Record::Ledger(Box::new(counted))]).await;
        let began = uuid::Timestamp::from_unix(uuid::NoContext, NOON as u64 / 1_000_000, 0);
        let frame = Frame {
            session_id: Uuid::new_v7(began),
            ordinal: 1,
            at: NOON,
            payload: vec![0, 255, b'x'],
            length: 3,
            ..Frame::default()
        };
        record(&audit, vec![Record::Frame(Box::new(frame.clone()))]).await;
        let (approval, grant) = (approval_event("denied", NOON), grant_event("created", NOON));
        record(&audit, vec![approval, grant]).await;
        audit.flush().await.unwrap();
        let before = Table::ALL.map(|table| rows(directory.path(), table));
        assert_eq!(before.each_ref().map(Vec::len), [1; 8]);
        assert!(verify(directory.path()).unwrap().sound());

        audit.rotate().await.unwrap();
        let after = Table::ALL.map(|table| rows(directory.path(), table));
        let read: Result<Vec<_>, _> = frames(directory.path(), frame.session_id).unwrap().collect();
        assert_eq!(read.unwrap(), [frame]);
        assert_eq!(frames(directory.path(), Uuid::now_v7()).unwrap().count(), 0);
        assert_eq!(before, after);
        let report = verify(directory.path()).unwrap();
        assert!(report.sound(), "{report}");
        assert_eq!(report.journal.unsealed_rows, 0);
        assert_eq!(stats(directory.path()).unwrap().tables["statements"].rows, 1);
        assert_eq!(stats(directory.path()).unwrap().tables["ledger"].rows, 1);
        audit.close().await.unwrap();

        let row = &after[1][0];
        assert_eq!(row["statement_id"], statement.to_string());
        assert_eq!(row["requested_at"], "2026-03-01T12:00:00.000001Z");
        assert_eq!(row["parameters"], serde_json::json!(["17", null]));
        assert_eq!(
            row["relations"],
            serde_json::json!([{"name": "public.patients", "access": "read"}])
        );
        assert_eq!(row["masked_by"], serde_json::json!({"public.patients.ssn": 1}));
        assert_eq!(row["columns"][1]["mask"], "partial(keep_last=4)");
        assert_eq!(after[0][0]["database"], "clinic");
        assert_eq!(after[0][0]["uid"], u32::MAX);
        assert_eq!(after[4][0]["difference"], -1);
        assert_eq!(after[4][0]["at"], "2026-03-01T12:00:00.000000Z");
        let table = print(&after[1], &["seq", "identity", "statement"], 20);
        assert!(table.contains("SELECT name, ssn FR…"), "{table}");
    });
}

#[test]
fn the_chain_goes_on_over_restarts_and_days() {
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        for run in 0..3 {
            let audit = Audit::open(config(directory.path())).unwrap();
            let session = Uuid::now_v7();
            record(&audit, vec![session_started(session, NOON)]).await;
            // Alternates between two days, so that the files' numbers interleave.
            statements(&audit, session, 8, NOON + run, 13 * HOUR).await;
            record(&audit, vec![session_ended(session, NOON + HOUR)]).await;
            audit.close().await.unwrap();
            let report = verify(directory.path()).unwrap();
            assert!(report.sound(), "{report}");
        }
    });
    let all = rows(directory.path(), Table::Statements);
    let mut numbers: Vec<_> = all.iter().map(|row| row["seq"].as_i64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
    assert!(
        rows(directory.path(), Table::Admin).is_empty(),
        "an orderly restart is no recovery"
    );
    let mut filter = Filter::new(Table::Statements);
    (filter.from, filter.until) = (Some(NOON + 13 * HOUR), Some(NOON + 14 * HOUR));
    assert_eq!(scan(directory.path(), filter).unwrap().count(), 3);
    let mut filter = Filter::new(Table::Statements);
    (filter.last, filter.equal) = (
        Some(2),
        vec![
            ("effects".into(), "read".into()),
            ("decision".into(), "mask".into()),
        ],
    );
    let last: Vec<_> = scan(directory.path(), filter)
        .unwrap()
        .map(|row| row.unwrap()["seq"].clone())
        .collect();
    assert_eq!(last.len(), 2);
    assert_eq!(last[1], 24);
}

#[test]
fn segments_are_sealed_by_rows_and_by_age_and_the_journal_goes() {
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let mut config = config(directory.path());
        config.segment_rows = 10;
        config.segment_age = Duration::from_millis(300);
        let audit = Audit::open(config).unwrap();
        statements(&audit, Uuid::now_v7(), 25, NOON, 1).await;
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(stats(directory.path()).unwrap().tables["statements"].rows, 25);
        assert!(segments(directory.path(), Table::Statements).len() >= 3);
        assert!(verify(directory.path()).unwrap().sound());
        audit.close().await.unwrap();
    });
    runtime()
        .block_on(async { Audit::open(config(directory.path())).unwrap().close().await })
        .unwrap();
    let files = std::fs::read_dir(directory.path().join("journal")).unwrap();
    let journals = files.filter(|file| {
        file.as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with(".journal")
    });
    assert_eq!(journals.count(), 1, "only the file in use is left");
}

#[test]
fn closing_ends_what_is_open_and_refuses_more() {
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let audit = Audit::open(config(directory.path())).unwrap();
        let (session, statement) = (Uuid::now_v7(), Uuid::now_v7());
        record(
            &audit,
            vec![
                session_started(session, NOON),
                statement_started(session, statement, NOON),
            ],
        )
        .await;
        audit.close().await.unwrap();
        audit.close().await.unwrap();
        assert!(matches!(
            audit.append(vec![session_started(session, NOON)]).await,
            Err(AuditError::Closed)
        ));
        assert!(matches!(audit.flush().await, Err(AuditError::Closed)));
    });
    assert_eq!(rows(directory.path(), Table::Statements)[0]["status"], "unknown");
    assert_eq!(
        rows(directory.path(), Table::Sessions)[0]["end_reason"],
        "shutdown"
    );
}

#[test]
fn a_directory_has_one_owner() {
    let directory = tempfile::tempdir().unwrap();
    let first = Audit::open(config(directory.path())).unwrap();
    assert!(matches!(
        Audit::open(config(directory.path())),
        Err(AuditError::Locked(_))
    ));
    drop(first);
    Audit::open(config(directory.path())).unwrap();
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let bad: [fn(&mut Config); 4] = [
        |config| config.segment_rows = 0,
        |config| config.durability = Durability::Batch(Duration::ZERO),
        |config| config.queue_bytes = 0,
        |config| config.host.clear(),
    ];
    for change in bad {
        let mut config = config(directory.path());
        change(&mut config);
        assert!(matches!(Audit::open(config), Err(AuditError::Config(_))));
    }
}

#[test]
fn many_tasks_share_one_journal_through_a_small_queue() {
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let mut config = config(directory.path());
        config.queue_bytes = 4096;
        config.durability = Durability::Batch(Duration::from_millis(20));
        let audit = Audit::open(config).unwrap();
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                let audit = audit.clone();
                tokio::spawn(async move { statements(&audit, Uuid::now_v7(), 20, NOON, 1).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        // Larger than the whole queue: it waits for all of it, and goes through.
        let big = Event {
            at: NOON,
            message: "x".repeat(100_000),
            ..Event::default()
        };
        record(&audit, vec![Record::Event(Box::new(big))]).await;
        audit.close().await.unwrap();
    });
    assert_eq!(rows(directory.path(), Table::Statements).len(), 640);
    assert_eq!(
        rows(directory.path(), Table::Admin)[0]["message"]
            .as_str()
            .unwrap()
            .len(),
        100_000
    );
    assert!(verify(directory.path()).unwrap().sound());
}

/// A restart finds what people decided: a grant stays, and an approval that nobody decided upon is ended, also where all of it
/// was sealed before the crash.
#[test]
fn grants_stay_and_approvals_end_with_a_crash() {
    for sealed in [false, true] {
        runtime().block_on(restart(sealed));
    }
}

async fn restart(sealed: bool) {
    let directory = tempfile::tempdir().unwrap();
    let left = tempfile::tempdir().unwrap();
    let audit = Audit::open(config(directory.path())).unwrap();
    record(
        &audit,
        vec![approval_event("requested", NOON), grant_event("created", NOON)],
    )
    .await;
    if sealed {
        audit.rotate().await.unwrap();
    } else {
        audit.flush().await.unwrap();
    }
    let copied = std::process::Command::new("cp")
        .args(["-rT".as_ref(), directory.path(), left.path()])
        .status()
        .unwrap();
    assert!(copied.success());
    drop(audit);

    let audit = Audit::open(config(left.path())).unwrap();
    let grants = audit.grants().await.unwrap();
    assert_eq!((grants.len(), grants[0].created.reason.as_str()), (1, "care"));
    let events: Vec<_> = rows(left.path(), Table::Approvals)
        .iter()
        .map(|row| row["event"].clone())
        .collect();
    assert_eq!(events, ["requested", "restart"], "sealed: {sealed}");
    audit.close().await.unwrap();
    let report = verify(left.path()).unwrap();
    assert!(report.sound(), "{report}");
}

fn approval_event(event: &str, at: i64) -> Record {
    Record::Approval(Box::new(ApprovalEvent {
        at,
        event: event.into(),
        approval_id: Uuid::from_u128(5),
        ..ApprovalEvent::default()
    }))
}

fn grant_event(event: &str, at: i64) -> Record {
    Record::Grant(Box::new(GrantEvent {
        at,
        event: event.into(),
        grant_id: Uuid::from_u128(6),
        reason: "care".into(),
        ..GrantEvent::default()
    }))
}

/// The keeper is handed what the journal's writer had, and reads the journal where that was too much: nothing is missing, doubled, or in
/// another order.
#[test]
fn what_is_too_much_to_hand_over_is_read_from_the_journal() {
    // One sync has more than is handed over, again and again.
    for durability in [Durability::Strict, Durability::Batch(Duration::from_hours(1))] {
        too_much_to_hand_over(durability);
    }
}

fn too_much_to_hand_over(durability: Durability) {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.durability = durability;
    config.queue_bytes = 64 << 20;
    let began = uuid::Timestamp::from_unix(uuid::NoContext, NOON as u64 / 1_000_000, 0);
    let session = Uuid::new_v7(began);
    let payload = |ordinal: u64| format!("{ordinal},").repeat(200_000 + (ordinal % 7) as usize * 40_000);
    runtime().block_on(async {
        let audit = Audit::open(config).unwrap();
        record(&audit, vec![session_started(session, NOON)]).await;
        let mut tickets = Vec::new();
        for ordinal in 1..=48_u64 {
            let payload = payload(ordinal).into_bytes();
            let frame = Frame {
                session_id: session,
                ordinal,
                direction: "to_client".to_owned(),
                at: NOON + ordinal as i64,
                length: payload.len() as u64,
                payload,
                ..Frame::default()
            };
            let record = vec![Record::Frame(Box::new(frame))];
            tickets.push(audit.append(record).await.unwrap());
            if ordinal % 16 == 0 {
                audit.rotate().await.unwrap();
            }
        }
        for ticket in tickets {
            ticket.durable().await.unwrap();
        }
        record(&audit, vec![session_ended(session, NOON + 99)]).await;
        audit.close().await.unwrap();
    });
    let kept: Vec<_> = frames(directory.path(), session)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(kept.len(), 48);
    for (frame, ordinal) in kept.iter().zip(1..) {
        assert_eq!(frame.ordinal, ordinal);
        assert!(frame.payload == payload(ordinal).as_bytes(), "{ordinal}");
    }
    let report = verify(directory.path()).unwrap();
    assert!(report.sound(), "{:?}", report.findings);
}

/// Whoever has nothing to record does not wait for others to come.
#[test]
fn nothing_is_recorded_at_once() {
    for durability in [Durability::Strict, Durability::Batch(Duration::from_hours(1))] {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path());
        config.durability = durability;
        runtime().block_on(async {
            let audit = Audit::open(config).unwrap();
            let nothing = audit.append(Vec::new()).await.unwrap().durable();
            tokio::time::timeout(Duration::from_secs(20), nothing)
                .await
                .expect("nothing takes no time")
                .unwrap();
            audit.note(Vec::new()).await.unwrap();
            audit.close().await.unwrap();
        });
        assert!(verify(directory.path()).unwrap().sound());
    }
}
