//! How rows end: whole segments, with receipts, never under a hold; and what verification says of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use interdict_audit::{
    Audit, Because, Hold, Options, Problem, Report, Retained, Retention, Table, holds, plan, verify,
    verify_with,
};
use uuid::Uuid;

use crate::support::{
    HOUR, NOON, copy, key, place, public, record as append, runtime, sealed, segments, statements,
};

const DAY: i64 = 24 * HOUR;

fn keep(days: u64) -> Retention {
    Retention {
        default: Some(Duration::from_hours(24 * days)),
        tables: BTreeMap::new(),
        shipped: false,
    }
}

fn because() -> Because {
    Because {
        reason: "retention".to_owned(),
        by: "daemon".to_owned(),
    }
}

async fn retain(audit: &Audit, retention: Retention, now: i64) -> Retained {
    audit.retain(retention, now, because()).await.unwrap()
}

/// Five days, a segment each, and rows of two days that interleave.
async fn days(directory: &Path) -> Audit {
    let audit = Audit::open(sealed(directory)).unwrap();
    for day in 0..5 {
        statements(&audit, Uuid::now_v7(), 4, NOON + day * DAY, 1).await;
        audit.rotate().await.unwrap();
    }
    for index in 0..6 {
        statements(&audit, Uuid::now_v7(), 1, NOON + (5 + index % 2) * DAY, 1).await;
    }
    audit.rotate().await.unwrap();
    audit
}

fn sound(directory: &Path) -> Report {
    let options = Options {
        keys: vec![public(directory)],
        ..Options::default()
    };
    let report = verify_with(directory, &options).unwrap();
    assert!(report.sound(), "{report}");
    report
}

#[test]
fn what_is_old_goes_with_a_receipt_and_the_rest_is_proven() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = days(&directory).await;
        // Noon of the seventh day: of the first three days all is older than three days and a half.
        let now = NOON + 6 * DAY;
        let planned = plan(&directory, &keep(3), now).unwrap();
        assert_eq!(
            (
                planned.deleted.len(),
                segments(&directory, Table::Statements).len()
            ),
            (3, 7)
        );
        let done = retain(&audit, keep(3), now).await;
        assert_eq!(done, planned);
        assert_eq!(segments(&directory, Table::Statements).len(), 4);
        assert!(retain(&audit, keep(3), now).await.deleted.is_empty(), "once");
        let state = sound(&directory).seals.unwrap();
        assert_eq!((state.deleted_segments, state.deleted_rows), (3, 12));
        // One of two days that interleave: its rows lie between those of the other.
        let done = retain(&audit, keep(3), NOON + 9 * DAY).await;
        assert_eq!(done.deleted.len(), 3);
        assert_eq!(sound(&directory).tables["statements"].last_seq, 26);
        audit.close().await.unwrap();
    });
    sound(&directory);
    runtime().block_on(async { Audit::open(sealed(&directory)).unwrap().close().await.unwrap() });
    sound(&directory);
    std::fs::remove_dir_all(directory.join("journal")).unwrap();
    sound(&directory);
}

#[test]
fn where_segments_are_shipped_only_those_that_were_confirmed_go() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = days(&directory).await;
        let now = NOON + 6 * DAY;
        let retention = Retention {
            shipped: true,
            ..keep(3)
        };
        let planned = plan(&directory, &retention, now).unwrap();
        assert_eq!((planned.deleted.len(), planned.refused.len()), (0, 3));
        let shipped = directory.join("shipped/statements");
        std::fs::create_dir_all(&shipped).unwrap();
        let first = &segments(&directory, Table::Statements)[0];
        let name = first.file_name().unwrap().to_str().unwrap();
        std::fs::write(shipped.join(format!("{name}.json")), "{}").unwrap();
        let done = retain(&audit, retention, now).await;
        assert_eq!((done.deleted.len(), done.refused.len()), (1, 2));
        assert_eq!(done.deleted[0].path, *first);
        audit.close().await.unwrap();
    });
    sound(&directory);
}

#[test]
fn a_table_has_its_own_time() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = days(&directory).await;
        let mut retention = keep(1);
        retention.tables.insert(Table::Statements, None);
        assert!(
            retain(&audit, retention, NOON + 100 * DAY)
                .await
                .deleted
                .is_empty()
        );
        let mut retention = Retention::default();
        retention
            .tables
            .insert(Table::Statements, Some(Duration::from_hours(24)));
        assert_eq!(retain(&audit, retention, NOON + 100 * DAY).await.deleted.len(), 7);
        audit.close().await.unwrap();
    });
    sound(&directory);
}

#[test]
fn without_a_receipt_it_is_a_finding() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = days(&directory).await;
        retain(&audit, keep(3), NOON + 6 * DAY).await;
        audit.close().await.unwrap();
    });
    // Another one goes by hand.
    let file = segments(&directory, Table::Statements).remove(0);
    std::fs::remove_file(&file).unwrap();
    let report = verify(&directory).unwrap();
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|finding| (finding.problem, finding.seq))
        .collect();
    assert_eq!(found, [(Problem::MissingSegment, Some(13))], "{report}");
    // Nor does a receipt that was taken out leave a hole that passes.
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = days(&directory).await;
        retain(&audit, keep(3), NOON + 6 * DAY).await;
        audit.close().await.unwrap();
    });
    let last = directory.join("seals/000000000007.json");
    assert!(
        std::fs::read_to_string(&last)
            .unwrap()
            .contains("\"kind\":\"deletion\"")
    );
    std::fs::remove_file(&last).unwrap();
    assert!(!verify(&directory).unwrap().sound());
}

fn hold(tables: &[&str], from: Option<i64>, until: Option<i64>) -> Hold {
    Hold {
        id: "h-1".to_owned(),
        tables: tables.iter().map(|name| (*name).to_owned()).collect(),
        from,
        until,
        reason: "litigation".to_owned(),
        by: "operator:ada(0)".to_owned(),
        at: NOON,
    }
}

#[test]
fn a_hold_keeps_what_it_reaches_until_it_is_lifted() {
    let (_above, directory) = place();
    let now = NOON + 100 * DAY;
    runtime().block_on(async {
        let audit = days(&directory).await;
        // The second day alone, by its last microsecond and the first of the next.
        let held = hold(
            &["statements"],
            Some(NOON + DAY + 12 * HOUR - 1),
            Some(NOON + DAY + 12 * HOUR),
        );
        append(&audit, vec![held.place(BTreeMap::new())]).await;
        // From the journal, before any seal has it.
        assert_eq!(holds(&directory).unwrap().len(), 1);
        let done = retain(&audit, keep(1), now).await;
        let kept: Vec<&Path> = done.held.iter().map(|due| &*due.path).collect();
        assert!(
            kept.len() == 1 && kept[0].to_string_lossy().contains("date=2026-03-02"),
            "{done:?}"
        );
        assert_eq!(
            (done.deleted.len(), done.held[0].hold.as_deref()),
            (6, Some("h-1"))
        );
        audit.close().await.unwrap();
    });
    // Over restarts, and where the event's own row is long gone: seals have it.
    runtime().block_on(async {
        let audit = Audit::open(sealed(&directory)).unwrap();
        statements(&audit, Uuid::now_v7(), 1, NOON + 99 * DAY, 1).await;
        audit.rotate().await.unwrap();
        let done = retain(&audit, keep(1), now).await;
        assert_eq!(done.held.len(), 1);
        assert_eq!(holds(&directory).unwrap()[0].reason, "litigation");
        append(
            &audit,
            vec![Hold::lift(
                "h-1",
                "settled",
                "operator:ada(0)",
                NOON,
                BTreeMap::new(),
            )],
        )
        .await;
        let done = retain(&audit, keep(1), now).await;
        assert!(done.held.is_empty() && done.deleted.iter().any(|due| due.table == Table::Statements));
        audit.close().await.unwrap();
    });
    assert!(holds(&directory).unwrap().is_empty());
    sound(&directory);
}

#[test]
fn what_was_tampered_with_is_kept_as_evidence() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = days(&directory).await;
        let file: PathBuf = segments(&directory, Table::Statements).remove(0);
        let changed = segments(&directory, Table::Statements).remove(1);
        std::fs::copy(&changed, &file).unwrap();
        let done = retain(&audit, keep(3), NOON + 6 * DAY).await;
        assert_eq!((done.deleted.len(), done.refused.len()), (2, 1), "{done:?}");
        assert!(file.exists() && done.refused[0].contains("evidence"));
        audit.close().await.unwrap();
    });
}

#[test]
fn without_a_key_nothing_is_deleted() {
    let (_above, directory) = place();
    runtime().block_on(async {
        days(&directory).await.close().await.unwrap();
        let audit = Audit::open(crate::support::config(&directory)).unwrap();
        assert!(audit.retain(keep(1), NOON + 100 * DAY, because()).await.is_err());
        assert_eq!(segments(&directory, Table::Statements).len(), 7);
    });
}

#[test]
fn a_deletion_that_was_cut_short_is_no_finding_and_is_finished() {
    let (_above, directory) = place();
    let (_copy, crashed) = place();
    runtime().block_on(async {
        let audit = days(&directory).await;
        copy(&directory, &crashed);
        retain(&audit, keep(3), NOON + 6 * DAY).await;
        audit.close().await.unwrap();
        // The receipt was written, and no file was removed.
        std::fs::copy(
            directory.join("seals/000000000007.json"),
            crashed.join("seals/000000000007.json"),
        )
        .unwrap();
        std::fs::copy(key(&directory), key(&crashed)).unwrap();
        sound(&crashed);
        let audit = Audit::open(sealed(&crashed)).unwrap();
        let done = retain(&audit, keep(3), NOON + 6 * DAY).await;
        assert_eq!(done.deleted.len(), 3);
        audit.close().await.unwrap();
    });
    assert_eq!(segments(&crashed, Table::Statements).len(), 4);
    sound(&crashed);
}
