//! The daemon is killed under load: no statement that reached the server lacks its record.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod support;

use std::collections::HashSet;
use std::time::Duration;

use support::{Daemon, POLICY, Postgres, assert_sound, audit_rows, explicit_settings, scratch};

const ROUNDS: usize = 4;
const CLIENTS: usize = 6;

/// Sends statements, each with a mark of its own, until the connection breaks.
async fn load(port: u16, round: usize, client: usize) {
    let settings = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres");
    let Ok((session, connection)) = tokio_postgres::connect(&settings, tokio_postgres::NoTls).await else {
        return;
    };
    let connection = tokio::spawn(connection);
    for count in 0.. {
        let sql = format!("select 'mark-{round}-{client}-{count}', patient from visits where id = 1");
        let done = if count % 2 == 0 {
            session.simple_query(&sql).await.is_ok()
        } else {
            session.query(&sql, &[]).await.is_ok()
        };
        if !done {
            break;
        }
    }
    let _ = connection.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_in_the_servers_log_is_in_the_audit() {
    let server = Postgres::start();
    let directory = scratch();
    let (settings, port) = explicit_settings(directory.path(), server.port, Some(POLICY));
    let audit = directory.path().join("audit");
    for round in 0..ROUNDS {
        let mut daemon = Daemon::start(&settings, &audit);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| tokio::spawn(load(port, round, client)))
            .collect();
        tokio::time::sleep(Duration::from_millis(700 + 170 * round as u64)).await;
        daemon.kill();
        for client in clients {
            client.await.unwrap();
        }
    }
    let mut daemon = Daemon::start(&settings, &audit);
    daemon.stop();
    assert_sound(&audit);

    let recorded: HashSet<String> = audit_rows(&audit, "statements")
        .iter()
        .flat_map(|row| marks(row["statement"].as_str().unwrap_or_default()))
        .collect();
    let reached: HashSet<String> = server.log().lines().flat_map(marks).collect();
    assert!(reached.len() > 100, "the load was no load: {}", reached.len());
    let missing: Vec<_> = reached.difference(&recorded).collect();
    assert!(
        missing.is_empty(),
        "{} of {} statements reached the server unrecorded: {missing:?}",
        missing.len(),
        reached.len()
    );
}

fn marks(text: &str) -> Vec<String> {
    text.match_indices("mark-")
        .map(|(at, _)| {
            text[at..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
                .collect()
        })
        .collect()
}
