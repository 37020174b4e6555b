//! Faults: what a power cut, a lost permission, a limit on files or a clock leaves, and that nothing of it is lost, doubled or
//! passed over. `crash.rs` kills at random moments, `full_disk.rs` fills a disk, `seals.rs` crashes between a publishing's steps.

use std::path::{Path, PathBuf};
use std::process::Command;

use interdict_audit::{Audit, Options, SealKey, Seals, Table, verify, verify_with};
use uuid::Uuid;

use crate::support::{
    HOUR, NOON, copy, key, place, public, record, rows, runtime, sealed, segments, statement_ended,
    statement_started, statements,
};

/// Two seals, and rows in the journal, as a crash leaves it.
fn crashed() -> (tempfile::TempDir, PathBuf) {
    let (above, directory) = place();
    let left = above.path().join("left");
    runtime().block_on(async {
        let audit = Audit::open(sealed(&directory)).unwrap();
        for _ in 0..2 {
            statements(&audit, Uuid::now_v7(), 3, NOON, 1).await;
            audit.rotate().await.unwrap();
        }
        statements(&audit, Uuid::now_v7(), 3, NOON, 1).await;
        copy(&directory, &left);
    });
    std::fs::copy(key(&directory), key(&left)).unwrap();
    (above, left)
}

/// Starts on a copy, and gives what is there afterwards. An error: the start was refused.
fn recover(left: &Path) -> Result<(PathBuf, tempfile::TempDir), String> {
    let (above, directory) = place();
    copy(left, &directory);
    std::fs::copy(key(left), key(&directory)).unwrap();
    let mut config = crate::support::config(&directory);
    let found = SealKey::keep(&key(&directory), &directory).map_err(|error| error.to_string())?;
    config.seals = Some(Seals::new(found));
    match Audit::open(config) {
        Err(error) => Err(error.to_string()),
        Ok(audit) => {
            drop(audit);
            Ok((directory, above))
        }
    }
}

fn sound(directory: &Path) {
    let options = Options {
        keys: vec![public(directory)],
        ..Options::default()
    };
    let report = verify_with(directory, &options).unwrap();
    assert!(report.sound(), "{report}");
}

/// A temporary file of any length under every name that is written before a rename: the rename never came.
#[test]
fn a_file_that_was_never_renamed_is_passed_over() {
    let (_above, left) = crashed();
    let journal = std::fs::read_dir(left.join("journal"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "journal"))
        .max()
        .unwrap();
    let segment = segments(&left, Table::Statements).pop().unwrap();
    let seal = left.join("seals/000000000002.json");
    let checkpoint = left.join("journal/checkpoint.json");
    let next = "00000000000000000099.journal.new";
    for (from, to) in [
        (&journal, left.join("journal").join(next)),
        (&checkpoint, left.join("journal/checkpoint.json.new")),
        (&segment, left.join("building/statements-2026-03-01.parquet")),
        (&seal, left.join("seals/.000000000003.json.new")),
        (&seal, left.join("seals/000000000002.receipts.new")),
    ] {
        let whole = std::fs::read(from).unwrap();
        for length in [0, 1, whole.len() / 3, whole.len().saturating_sub(1), whole.len()] {
            for zeros in [false, true] {
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                let bytes = if zeros {
                    vec![0; length]
                } else {
                    whole[..length].to_vec()
                };
                std::fs::write(&to, bytes).unwrap();
                let (directory, _above) = recover(&left).unwrap();
                sound(&directory);
                assert_eq!(rows(&directory, Table::Statements).len(), 9, "{}", to.display());
            }
        }
        std::fs::remove_file(&to).unwrap();
    }
}

/// The journal's last file, cut at every byte: what had been acknowledged before the cut is there, once, and the chain is whole.
#[test]
fn the_journal_cut_at_every_byte_recovers() {
    let (_above, left) = crashed();
    let journal = std::fs::read_dir(left.join("journal"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "journal"))
        .max()
        .unwrap();
    let whole = std::fs::read(&journal).unwrap();
    let mut most = 6;
    // The file's beginning holds what is sealed already: what is cut there is found.
    let written = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert!(written < whole.len(), "room was made behind what is written");
    for length in (0..=written)
        .step_by(61)
        .chain([written, written + 1, whole.len()])
    {
        std::fs::write(&journal, &whole[..length]).unwrap();
        match recover(&left) {
            Ok((directory, _above)) => {
                sound(&directory);
                let found = rows(&directory, Table::Statements).len();
                assert!(
                    found >= most.min(9),
                    "{length}: {found} rows, and {most} with less of the journal"
                );
                most = most.max(found);
            }
            // A start that is refused names the journal or what it lacks, and verification finds it too.
            Err(error) => {
                assert!(
                    error.contains("journal") || error.contains("sealed"),
                    "{length}: {error}"
                );
                assert!(!verify(&left).unwrap().sound(), "{length}");
            }
        }
    }
    assert_eq!(most, 9);
}

/// Files under their final names are whole before they get them; one that is not was damaged, and is never taken for none.
#[test]
fn a_damaged_checkpoint_or_seal_stops_the_start_and_is_found() {
    for name in ["journal/checkpoint.json", "seals/000000000002.json"] {
        let (_above, left) = crashed();
        let path = left.join(name);
        let whole = std::fs::read(&path).unwrap();
        let step = (whole.len() / 40).max(1);
        for length in (0..whole.len() - 1).step_by(step) {
            for zeros in [false, true] {
                let bytes = if zeros {
                    vec![0; length]
                } else {
                    whole[..length].to_vec()
                };
                std::fs::write(&path, bytes).unwrap();
                assert!(recover(&left).is_err(), "{name} cut to {length}");
                assert!(!verify(&left).unwrap().sound(), "{name} cut to {length}");
            }
        }
        std::fs::remove_file(&path).unwrap();
        match recover(&left) {
            // The journal may still have all that the checkpoint knew.
            Ok((directory, _above)) => sound(&directory),
            Err(_) => assert!(!verify(&left).unwrap().sound(), "{name} missing"),
        }
        std::fs::write(&path, whole).unwrap();
        sound(&recover(&left).unwrap().0);
    }
}

/// A directory entry that did not reach the disk: a segment, or a day, that a seal has.
#[test]
fn a_published_segment_that_is_lost_is_found() {
    let (_above, left) = crashed();
    let file = segments(&left, Table::Statements).pop().unwrap();
    std::fs::remove_file(&file).unwrap();
    let report = verify(&left).unwrap();
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!(report.first().unwrap().file.as_deref(), Some(&*file));
}

/// Times that go back: numbers and seals keep their order, days their folders.
#[test]
fn a_clock_that_is_set_back_changes_no_order() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = Audit::open(sealed(&directory)).unwrap();
        for at in [
            NOON + 48 * HOUR,
            NOON,
            NOON - 48 * HOUR,
            -HOUR,
            i64::MIN + 1000,
            i64::MAX - 1000,
        ] {
            statements(&audit, Uuid::now_v7(), 2, at, 1).await;
            audit.rotate().await.unwrap();
        }
        audit.close().await.unwrap();
    });
    sound(&directory);
    let found: Vec<_> = rows(&directory, Table::Statements)
        .iter()
        .map(|row| row["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(found.len(), 12);
    let days: Vec<_> = std::fs::read_dir(directory.join("statements"))
        .unwrap()
        .map(|day| day.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(days.contains(&"date=2026-03-01".to_owned()) && days.contains(&"date=2026-02-27".to_owned()));
    runtime().block_on(async { Audit::open(sealed(&directory)).unwrap().close().await.unwrap() });
    sound(&directory);
}

/// Not a test of its own: a child that may write files of 256 KiB at most, and ignores the signal.
#[test]
fn limited() {
    let Ok(directory) = std::env::var("INTERDICT_AUDIT_TEST_LIMITED") else {
        return;
    };
    let directory = PathBuf::from(directory);
    runtime().block_on(async {
        let audit = Audit::open(sealed(&directory)).unwrap();
        let (session, mut refused, mut acknowledged) = (Uuid::now_v7(), 0, Vec::new());
        while acknowledged.len() < 1500 {
            let statement = Uuid::now_v7();
            let outcome = audit.put(vec![statement_started(session, statement, NOON)]).await;
            if outcome.is_ok() {
                acknowledged.push(statement);
                // Every other outcome is told at once, and nobody waits for it: what was taken must not be lost in an outage.
                while acknowledged.len() % 2 == 0
                    && audit
                        .note(vec![statement_ended(session, statement, NOON + 1)])
                        .await
                        .is_err()
                {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            } else {
                refused += 1;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
        assert!(refused > 0, "the limit was never met");
        for statement in acknowledged.iter().step_by(2) {
            // The outcome, too, may have to be told again.
            loop {
                let ended = audit
                    .append(vec![statement_ended(session, *statement, NOON + 1)])
                    .await;
                if let Ok(ticket) = ended
                    && ticket.durable().await.is_ok()
                {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
        let lines: Vec<String> = acknowledged.iter().map(Uuid::to_string).collect();
        std::fs::write(directory.join("acknowledged"), lines.join("\n")).unwrap();
    });
}

#[test]
fn a_file_that_may_grow_no_more_refuses_and_goes_on_in_another() {
    let (_above, directory) = place();
    let status = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 512; exec \"$0\" --exact faults::limited --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env("INTERDICT_AUDIT_TEST_LIMITED", &directory)
        .status()
        .unwrap();
    assert!(status.success());
    runtime().block_on(async { Audit::open(sealed(&directory)).unwrap().close().await.unwrap() });
    sound(&directory);
    let told = std::fs::read_to_string(directory.join("acknowledged")).unwrap();
    let found: Vec<_> = rows(&directory, Table::Statements)
        .iter()
        .map(|row| row["statement_id"].as_str().unwrap().to_owned())
        .collect();
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(found), sorted(told.lines().map(str::to_owned).collect()));
    let ended = rows(&directory, Table::Statements);
    assert!(
        ended.iter().all(|row| row["status"] == "ok"),
        "an outcome was lost"
    );
    assert!(
        rows(&directory, Table::Admin)
            .iter()
            .any(|row| row["kind"] == "gap"),
        "the outage is on record"
    );
}

/// Takes a directory's right to be written to, also from root. Given back when dropped.
struct Immutable(PathBuf);

impl Immutable {
    fn new(path: &Path) -> Option<Self> {
        let set = Command::new("chattr").arg("+i").arg(path).output();
        if set.is_ok_and(|told| told.status.success()) {
            return Some(Self(path.to_owned()));
        }
        eprintln!(
            "SKIPPED: this test needs root and a file system with chattr; a lost permission was NOT tested"
        );
        None
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg("-i").arg(&self.0).status();
    }
}

#[test]
fn a_permission_that_is_lost_delays_segments_and_seals_and_loses_nothing() {
    for name in ["seals", "statements/date=2026-03-01", "building"] {
        let (_above, directory) = place();
        runtime().block_on(async {
            let audit = Audit::open(sealed(&directory)).unwrap();
            statements(&audit, Uuid::now_v7(), 3, NOON, 1).await;
            audit.rotate().await.unwrap();
            let Some(lost) = Immutable::new(&directory.join(name)) else {
                return;
            };
            statements(&audit, Uuid::now_v7(), 3, NOON, 1).await;
            assert!(audit.rotate().await.is_err(), "{name}");
            assert!(audit.health().segments.is_some() && audit.health().journal.is_none());
            statements(&audit, Uuid::now_v7(), 3, NOON, 1).await;
            assert!(verify(&directory).unwrap().sound());
            drop(lost);
            audit.rotate().await.unwrap();
            assert!(audit.health().segments.is_none());
            audit.close().await.unwrap();
            sound(&directory);
            assert_eq!(rows(&directory, Table::Statements).len(), 9);
        });
    }
}

/// The journal itself: no statement may go on.
#[test]
fn a_journal_that_may_not_be_written_refuses_statements() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let mut config = sealed(&directory);
        config.segment_bytes = u64::MAX;
        let audit = Audit::open(config).unwrap();
        let (session, statement) = (Uuid::now_v7(), Uuid::now_v7());
        record(&audit, vec![statement_started(session, statement, NOON)]).await;
        drop(audit);
        let Some(lost) = Immutable::new(&directory.join("journal")) else {
            return;
        };
        let error = Audit::open(sealed(&directory)).unwrap_err().to_string();
        assert!(error.contains("journal"), "{error}");
        drop(lost);
        Audit::open(sealed(&directory)).unwrap().close().await.unwrap();
    });
    sound(&directory);
}
