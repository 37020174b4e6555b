//! What nothing waits for: written at once, made durable with what something waits for, or soon.

use std::time::Duration;

use interdict_audit::Audit;
use interdict_record::Record;
use uuid::Uuid;

use crate::support::{NOON, config, place, rows, runtime, sealed, statement_ended, statement_started, syncs};

async fn started(audit: &Audit, session: Uuid, statement: Uuid) {
    let record = statement_started(session, statement, NOON);
    audit.put(vec![record]).await.unwrap();
}

#[test]
fn one_sync_does_for_an_outcome_and_the_next_statement() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = Audit::open(config(&directory)).unwrap();
        let before = syncs(&audit);
        for _ in 0..20 {
            let (session, statement) = (Uuid::now_v7(), Uuid::now_v7());
            started(&audit, session, statement).await;
            audit
                .put(vec![statement_ended(session, statement, NOON + 100)])
                .await
                .unwrap();
        }
        let done = syncs(&audit) - before;
        // On a machine that stalls, one or the other comes late.
        assert!((20..30).contains(&done), "{done} syncs for 20 statements");
        // The last outcome without anything after it.
        let before = syncs(&audit);
        audit
            .note(vec![statement_ended(Uuid::now_v7(), Uuid::now_v7(), NOON)])
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(
            syncs(&audit) > before,
            "it is made durable without anybody waiting"
        );
        audit.close().await.unwrap();
    });
    assert_eq!(rows(&directory, interdict_audit::Table::Statements).len(), 20);
}

/// In a process that is killed the moment a note was taken.
#[test]
fn a_note_is_in_the_file_when_the_process_dies() {
    let (_above, directory) = place();
    let (session, statement) = (Uuid::now_v7(), Uuid::now_v7());
    runtime().block_on(async {
        let audit = Audit::open(sealed(&directory)).unwrap();
        started(&audit, session, statement).await;
        let records: Vec<Record> = vec![statement_ended(session, statement, NOON + 100)];
        audit.note(records).await.unwrap();
        // Written long before it is due on disk; what dies now takes nothing with it.
        let copied = directory.with_extension("copy");
        tokio::time::sleep(Duration::from_millis(5)).await;
        crate::support::copy(&directory, &copied);
        Audit::open(sealed(&copied)).unwrap().close().await.unwrap();
        let found = rows(&copied, interdict_audit::Table::Statements);
        assert_eq!((found.len(), &found[0]["status"]), (1, &"ok".into()));
        audit.close().await.unwrap();
    });
}
