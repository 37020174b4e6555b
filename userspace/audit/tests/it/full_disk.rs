//! A disk that is full, and has room again.

use std::process::Command;
use std::time::Duration;

use interdict_audit::{Audit, AuditError, Durability, Table, verify};
use uuid::Uuid;

use crate::support::{NOON, config, record, rows, runtime, statement_ended, statement_started, waited};

/// A file system of its own that is small enough to fill. Unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = nix::unistd::geteuid().is_root()
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
                .arg(directory.path())
                .status()
                .is_ok_and(|status| status.success());
        if mounted {
            return Some(Self(directory));
        }
        eprintln!("SKIPPED: this test needs root and the right to mount a tmpfs; a full disk was NOT tested");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_refuses_and_recovers_without_losing_what_was_acknowledged() {
    for durability in [Durability::Strict, Durability::Batch(Duration::from_millis(20))] {
        let Some(disk) = SmallDisk::new() else { return };
        let directory = disk.0.path().join("audit");
        let ballast = disk.0.path().join("ballast");
        runtime().block_on(async {
            let mut config = config(&directory);
            config.durability = durability;
            let audit = Audit::open(config).unwrap();
            std::fs::write(&ballast, vec![0; 600 << 10]).unwrap();
            let (session, mut acknowledged) = (Uuid::now_v7(), Vec::new());
            let error = loop {
                let statement = Uuid::now_v7();
                let outcome = waited(&audit, vec![statement_started(session, statement, NOON)]).await;
                match outcome {
                    Ok(()) => acknowledged.push(statement),
                    Err(error) => break error,
                }
                assert!(acknowledged.len() < 10_000, "the disk never filled up");
            };
            assert!(
                matches!(&error, AuditError::Unavailable(cause) if cause.contains("No space left")),
                "{error}"
            );
            assert!(audit.health().journal.is_some());
            tokio::time::sleep(Duration::from_millis(500)).await;
            let refused = audit
                .append(vec![statement_started(session, Uuid::now_v7(), NOON)])
                .await;
            assert!(refused.is_err(), "still full, still refused");

            std::fs::remove_file(&ballast).unwrap();
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if audit.health().journal.is_none() {
                    break;
                }
            }
            for statement in &acknowledged {
                record(&audit, vec![statement_ended(session, *statement, NOON + 1)]).await;
            }
            audit.close().await.unwrap();
            let found: Vec<_> = rows(&directory, Table::Statements)
                .into_iter()
                .map(|row| row["statement_id"].clone())
                .collect();
            let expected: Vec<_> = acknowledged
                .iter()
                .map(|id| serde_json::Value::from(id.to_string()))
                .collect();
            assert_eq!(found, expected);
            let report = verify(&directory).unwrap();
            assert!(report.sound(), "{report}");
            assert!(
                rows(&directory, Table::Admin)
                    .iter()
                    .any(|row| row["kind"] == "gap"),
                "the outage is on record"
            );
        });
    }
}

#[test]
fn segments_that_cannot_be_written_wait_in_the_journal() {
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let audit = Audit::open(config(directory.path())).unwrap();
        // A file where the table's directory should be.
        std::fs::write(directory.path().join("statements"), "").unwrap();
        crate::support::statements(&audit, Uuid::now_v7(), 5, NOON, 1).await;
        assert!(audit.rotate().await.is_err());
        assert!(audit.health().segments.is_some() && audit.health().journal.is_none());
        // Statements go on: they are on record.
        crate::support::statements(&audit, Uuid::now_v7(), 5, NOON, 1).await;
        assert_eq!(rows(directory.path(), Table::Statements).len(), 10);
        std::fs::remove_file(directory.path().join("statements")).unwrap();
        audit.rotate().await.unwrap();
        assert!(audit.health().segments.is_none());
        assert_eq!(rows(directory.path(), Table::Statements).len(), 10);
        assert!(verify(directory.path()).unwrap().sound());
        audit.close().await.unwrap();
    });
}
