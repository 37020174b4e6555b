//! Small segments of days that are over become large ones: the same rows, provable as before, whatever crashes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use interdict_audit::{
    Audit, Because, Browser, Compacted, Filter, Options, Problem, Query, Report, Retention, Table, scan,
    verify, verify_with,
};
use uuid::Uuid;

use crate::support::{HOUR, NOON, copy, place, public, runtime, sealed, segments, statements};

const DAY: i64 = 24 * HOUR;

/// Two days with five segments each, their rows interleaving around midnight, and one of today.
async fn days(directory: &Path) -> Audit {
    let audit = Audit::open(sealed(directory)).unwrap();
    for index in 0..5 {
        statements(&audit, Uuid::now_v7(), 3, NOON + index * HOUR, 1).await;
        statements(&audit, Uuid::now_v7(), 2, NOON + DAY + index * HOUR, 1).await;
        audit.rotate().await.unwrap();
    }
    statements(&audit, Uuid::now_v7(), 1, NOON + 2 * DAY, 1).await;
    audit.rotate().await.unwrap();
    audit
}

fn prove(directory: &Path, quick: bool) -> Report {
    let options = Options {
        keys: vec![public(directory)],
        quick,
        ..Options::default()
    };
    verify_with(directory, &options).unwrap()
}

fn sound(directory: &Path) -> Report {
    for quick in [true, false] {
        let report = prove(directory, quick);
        assert!(report.sound(), "{report}");
    }
    prove(directory, false)
}

/// Compacts as on the third day at noon.
async fn compact(audit: &Audit) -> Compacted {
    audit.compact(NOON + 2 * DAY, false).await.unwrap()
}

fn all(directory: &Path) -> Vec<String> {
    let rows = scan(directory, Filter::new(Table::Statements)).unwrap();
    let mut rows: Vec<String> = rows
        .map(|row| serde_json::to_string(&row.unwrap()).unwrap())
        .collect();
    rows.sort();
    rows
}

#[test]
fn small_segments_of_days_that_are_over_become_one_each() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = days(&directory).await;
        let before = all(&directory);
        assert_eq!(
            (before.len(), segments(&directory, Table::Statements).len()),
            (26, 11)
        );
        let done = compact(&audit).await;
        assert_eq!(done, Compacted { before: 10, after: 2 });
        assert_eq!(compact(&audit).await, Compacted::default(), "once");
        assert_eq!(segments(&directory, Table::Statements).len(), 3);
        assert_eq!(all(&directory), before);
        // The keeper goes on, and what is merged is deleted in its time with a receipt.
        statements(&audit, Uuid::now_v7(), 1, NOON + 2 * DAY + HOUR, 1).await;
        audit.rotate().await.unwrap();
        let merged = sound(&directory).seals.unwrap().merged_segments;
        assert_eq!(merged, 10);
        audit.close().await.unwrap();
    });
    runtime().block_on(async {
        let audit = Audit::open(sealed(&directory)).unwrap();
        let retention = Retention {
            default: Some(Duration::from_hours(24)),
            ..Retention::default()
        };
        let because = Because::default();
        let gone = audit.retain(retention, NOON + 3 * DAY, because).await.unwrap();
        assert_eq!((gone.deleted.len(), gone.refused.len()), (2, 0), "{gone:?}");
        audit.close().await.unwrap();
    });
    let seals = sound(&directory).seals.unwrap();
    assert_eq!(seals.deleted_segments, 2);
    std::fs::remove_dir_all(directory.join("journal")).unwrap();
    sound(&directory);
}

#[test]
fn a_merged_segment_is_proven_like_any_other() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = days(&directory).await;
        compact(&audit).await;
        audit.close().await.unwrap();
    });
    let merged = segments(&directory, Table::Statements).remove(0);
    let whole = std::fs::read(&merged).unwrap();
    let mut edited = whole.clone();
    edited[whole.len() / 2] ^= 1;
    std::fs::write(&merged, edited).unwrap();
    for quick in [true, false] {
        assert_eq!(
            prove(&directory, quick).first().unwrap().file.as_deref(),
            Some(&*merged)
        );
    }
    std::fs::remove_file(&merged).unwrap();
    for quick in [true, false] {
        let report = prove(&directory, quick);
        assert_eq!(
            report.first().unwrap().problem,
            Problem::MissingSegment,
            "{report}"
        );
    }
    std::fs::write(&merged, whole).unwrap();
    sound(&directory);
}

/// What a compaction does in order, cut off after every step.
#[test]
fn a_crash_anywhere_is_finished_by_the_next_start() {
    let (above, directory) = place();
    let before = above.path().join("before");
    let rows = runtime().block_on(async {
        days(&directory).await.close().await.unwrap();
        copy(&directory, &before);
        let rows = all(&directory);
        let audit = Audit::open(sealed(&directory)).unwrap();
        compact(&audit).await;
        audit.close().await.unwrap();
        rows
    });
    let names = |directory: &Path| -> Vec<PathBuf> {
        segments(directory, Table::Statements)
            .into_iter()
            .map(|path| path.strip_prefix(directory).unwrap().to_owned())
            .collect()
    };
    let (old, new) = (names(&before), names(&directory));
    let merged: Vec<&PathBuf> = new.iter().filter(|name| !old.contains(name)).collect();
    let replaced: Vec<&PathBuf> = old.iter().filter(|name| !new.contains(name)).collect();
    assert_eq!((merged.len(), replaced.len()), (2, 10));
    // Made and not sealed; sealed; then one after the other put in its place, and its old files gone one by one.
    for step in 0..=(2 + merged.len() + replaced.len()) {
        let crashed = above.path().join(format!("crashed-{step}"));
        copy(&before, &crashed);
        std::fs::copy(above.path().join("audit.key"), crashed.with_extension("key")).unwrap();
        std::fs::create_dir(crashed.join("compacting")).unwrap();
        for (at, name) in merged.iter().enumerate() {
            let to = if step >= 2 + at {
                crashed.join(name)
            } else {
                let table = name.iter().next().unwrap().to_str().unwrap();
                let file = name.file_name().unwrap().to_str().unwrap();
                crashed.join(format!("compacting/{table}-{file}"))
            };
            std::fs::copy(directory.join(name), to).unwrap();
        }
        if step >= 1 {
            copy(&directory.join("seals"), &crashed.join("seals"));
        }
        for name in replaced.iter().take(step.saturating_sub(2 + merged.len())) {
            std::fs::remove_file(crashed.join(name)).unwrap();
        }
        // Whoever looks before the next start sees every row once, and nothing wrong.
        sound(&crashed);
        assert_eq!(all(&crashed), rows, "step {step}");
        let found = Browser::new(&crashed)
            .find(&Query::new(Table::Statements, 100))
            .unwrap();
        assert_eq!(
            (found.rows.len(), found.problems),
            (26, Vec::<String>::new()),
            "step {step}"
        );
        runtime().block_on(async { Audit::open(sealed(&crashed)).unwrap().close().await.unwrap() });
        let expected = if step == 0 { &old } else { &new };
        assert_eq!(&names(&crashed), expected, "step {step}");
        assert!(!crashed.join("compacting").exists());
        sound(&crashed);
        assert_eq!(all(&crashed), rows, "step {step}");
    }
}

/// An object store, or a backup, has the segments as they were before.
#[test]
fn a_copy_with_the_segments_of_before_is_as_good() {
    let (above, directory) = place();
    let away = above.path().join("away");
    runtime().block_on(async {
        let audit = days(&directory).await;
        compact(&audit).await;
        // Twice merged: what came late to a day that was merged already.
        for index in 0..9 {
            statements(&audit, Uuid::now_v7(), 1, NOON + index * HOUR / 2, 1).await;
            audit.rotate().await.unwrap();
            if index == 0 {
                copy(&directory, &away);
            }
        }
        assert!(compact(&audit).await.before > 0);
        audit.close().await.unwrap();
    });
    std::fs::copy(above.path().join("audit.key"), away.with_extension("key")).unwrap();
    // The seals of now, the segments of then and those that came since.
    copy(&directory.join("seals"), &away.join("seals"));
    std::fs::remove_dir_all(away.join("journal")).unwrap();
    let report = prove(&away, false);
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.problem == Problem::MissingSegment),
        "{report}"
    );
    let first = segments(&away, Table::Statements).remove(0);
    assert!(
        !report
            .findings
            .iter()
            .any(|finding| finding.file.as_ref() == Some(&first)),
        "{report}"
    );
}

#[test]
fn who_reads_while_segments_are_merged_reads_every_row_once() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = days(&directory).await;
        let expected = all(&directory);
        let mut reading = scan(&directory, Filter::new(Table::Statements)).unwrap();
        let mut found: Vec<String> = reading
            .by_ref()
            .take(7)
            .map(|row| serde_json::to_string(&row.unwrap()).unwrap())
            .collect();
        compact(&audit).await;
        found.extend(reading.map(|row| serde_json::to_string(&row.unwrap()).unwrap()));
        found.sort();
        assert_eq!(found, expected);
        audit.close().await.unwrap();
    });
}

#[test]
fn only_what_is_shipped_is_merged_where_segments_are_shipped() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = days(&directory).await;
        let now = NOON + 2 * DAY;
        assert_eq!(audit.compact(now, true).await.unwrap(), Compacted::default());
        let shipped = directory.join("shipped/statements");
        std::fs::create_dir_all(&shipped).unwrap();
        for segment in segments(&directory, Table::Statements) {
            let name = segment.file_name().unwrap().to_str().unwrap();
            let receipt = format!("{{\"object\":\"s3://bucket/{name}\",\"size\":1}}");
            std::fs::write(shipped.join(format!("{name}.json")), receipt).unwrap();
        }
        let done = audit.compact(now, true).await.unwrap();
        assert_eq!(done, Compacted { before: 10, after: 2 });
        // So that it is not shipped again, and retention may take it.
        for segment in segments(&directory, Table::Statements).into_iter().take(2) {
            let name = segment.file_name().unwrap().to_str().unwrap();
            let receipt = std::fs::read_to_string(shipped.join(format!("{name}.json"))).unwrap();
            let told: serde_json::Value = serde_json::from_str(&receipt).unwrap();
            assert_eq!(told["objects"].as_array().unwrap().len(), 5);
            assert_eq!(told["size"], std::fs::metadata(&segment).unwrap().len());
        }
        audit.close().await.unwrap();
    });
    sound(&directory);
}

#[test]
fn what_is_not_as_it_was_sealed_stays_as_evidence() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = days(&directory).await;
        // A copy of another row's segment under a name of its own would be merged in; its seal does not know it.
        let segment = segments(&directory, Table::Statements).remove(0);
        let edited = segments(&directory, Table::Statements).remove(2);
        std::fs::copy(&segment, &edited).unwrap();
        let outcome = audit.compact(NOON + 2 * DAY, false).await;
        assert!(outcome.is_err() || outcome.unwrap().before <= 15);
        assert!(edited.exists());
        audit.close().await.unwrap();
    });
    let report = verify(&directory).unwrap();
    assert!(!report.sound());
}
