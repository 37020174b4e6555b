//! Many who wait at once.

use std::time::{Duration, Instant};

use interdict_audit::{Audit, AuditError, Table};
use uuid::Uuid;

use crate::support::{NOON, config, copy, place, rows, runtime, statement_ended, statement_started, syncs};

const TASKS: usize = 64;

/// One thread, as a session's is.
fn thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// What was acknowledged is in the files at that moment, and those who wait together are served by one sync.
#[test]
fn those_who_wait_share_a_sync() {
    let (above, directory) = place();
    let left = above.path().join("left");
    let (told, ran) = thread().block_on(async {
        let audit = Audit::open(config(&directory)).unwrap();
        let before = syncs(&audit);
        let mut tasks = Vec::new();
        for _ in 0..TASKS {
            let audit = audit.clone();
            tasks.push(tokio::spawn(async move {
                let mut told = Vec::new();
                for _ in 0..5 {
                    let (session, statement) = (Uuid::now_v7(), Uuid::now_v7());
                    let started = statement_started(session, statement, NOON);
                    audit.put(vec![started]).await.unwrap();
                    told.push(statement.to_string());
                    audit
                        .put(vec![statement_ended(session, statement, NOON + 1)])
                        .await
                        .unwrap();
                }
                told
            }));
        }
        let mut told = Vec::new();
        for task in tasks {
            told.extend(task.await.unwrap());
        }
        let ran = syncs(&audit) - before;
        copy(&directory, &left);
        audit.close().await.unwrap();
        (told, ran)
    });
    assert_eq!(told.len(), TASKS * 5);
    assert!(ran < told.len() as u64 / 4, "{ran} syncs for {}", told.len());
    // As after a crash at that moment.
    runtime().block_on(async { Audit::open(config(&left)).unwrap().close().await.unwrap() });
    for place in [&directory, &left] {
        let found: Vec<_> = rows(place, Table::Statements)
            .iter()
            .map(|row| row["statement_id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(found.len(), told.len());
        assert!(told.iter().all(|statement| found.contains(statement)));
    }
}

/// From several threads at once: nothing lost, nothing twice, the chain whole.
#[test]
fn threads_take_turns() {
    let (_above, directory) = place();
    let audit = Audit::open(config(&directory)).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let audit = audit.clone();
            std::thread::spawn(move || {
                thread().block_on(async {
                    for _ in 0..200 {
                        let (session, statement) = (Uuid::now_v7(), Uuid::now_v7());
                        let both = vec![
                            statement_started(session, statement, NOON),
                            statement_ended(session, statement, NOON + 1),
                        ];
                        audit.put(both).await.unwrap();
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    runtime().block_on(audit.close()).unwrap();
    drop(audit);
    assert_eq!(rows(&directory, Table::Statements).len(), 800);
    assert!(interdict_audit::verify(&directory).unwrap().sound());
}

/// Whoever goes away before the record is on disk has left it there all the same.
#[test]
fn an_abandoned_record_is_written_all_the_same() {
    let (_above, directory) = place();
    thread().block_on(async {
        let audit = Audit::open(config(&directory)).unwrap();
        // The writer sleeps deeply by then.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = syncs(&audit);
        {
            let started = statement_started(Uuid::now_v7(), Uuid::now_v7(), NOON);
            let put = audit.put(vec![started]);
            tokio::pin!(put);
            let first = std::future::poll_fn(|cx| std::task::Poll::Ready(put.as_mut().poll(cx))).await;
            assert!(first.is_pending());
        }
        let since = Instant::now();
        while syncs(&audit) == before {
            assert!(since.elapsed() < Duration::from_secs(10), "nobody wrote it");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(audit.queued_bytes(), 0);
    });
}

#[test]
fn a_closed_audit_refuses() {
    let (_above, directory) = place();
    thread().block_on(async {
        let audit = Audit::open(config(&directory)).unwrap();
        audit.close().await.unwrap();
        let started = statement_started(Uuid::now_v7(), Uuid::now_v7(), NOON);
        assert!(matches!(audit.put(vec![started]).await, Err(AuditError::Closed)));
    });
}
