#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::path::Path;
use std::time::Duration;

use interdict_record::{Record, RelationAccess, SessionStarted, StatementEnded, StatementStarted};
use uuid::Uuid;

use super::{Browser, Found, Order, Query};
use crate::{Audit, Config, Table};

fn open(directory: &Path, segment_rows: u64) -> Audit {
    let mut config = Config::new(directory, "host-1", "boot-1");
    config.segment_rows = segment_rows;
    Audit::open(config).unwrap()
}

fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// One whole statement; every third is denied, every fifth about another relation.
fn statement(session: Uuid, number: usize, at: i64) -> Vec<Record> {
    let statement_id = Uuid::now_v7();
    let relation = if number.is_multiple_of(5) {
        "public.bills"
    } else {
        "public.patients"
    };
    let started = StatementStarted {
        session_id: session,
        statement_id,
        requested_at: at,
        identity: "user:agent".to_owned(),
        kind: "select".to_owned(),
        statement: format!("SELECT Name FROM t WHERE id = {number}"),
        relations: vec![RelationAccess {
            name: relation.to_owned(),
            access: "read".to_owned(),
        }],
        decision: if number.is_multiple_of(3) { "deny" } else { "allow" }.to_owned(),
        ..StatementStarted::default()
    };
    let ended = StatementEnded {
        session_id: session,
        statement_id,
        ended_at: at,
        status: "ok".to_owned(),
        ..StatementEnded::default()
    };
    vec![
        Record::StatementStarted(Box::new(started)),
        Record::StatementEnded(Box::new(ended)),
    ]
}

async fn write(audit: &Audit, records: Vec<Record>) {
    audit.append(records).await.unwrap().durable().await.unwrap();
}

fn numbers(found: &Found) -> Vec<u64> {
    found
        .rows
        .iter()
        .map(|row| row["seq"].as_u64().unwrap())
        .collect()
}

/// All pages of a query, as numbers.
fn pages(browser: &Browser, mut query: Query) -> Vec<u64> {
    let mut all = Vec::new();
    loop {
        let found = browser.find(&query).unwrap();
        assert!(found.problems.is_empty(), "{:?}", found.problems);
        assert!(found.rows.len() <= query.limit);
        all.extend(numbers(&found));
        match found.next {
            Some(next) => query.after = Some(next),
            None => return all,
        }
    }
}

/// A record of which some is sealed, some is not; one session is open.
async fn record(directory: &Path) -> (Audit, Uuid, Uuid) {
    let audit = open(directory, 40);
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    for session in [one, two] {
        let started = SessionStarted {
            session_id: session,
            started_at: now(),
            identity: "user:agent".to_owned(),
            ..SessionStarted::default()
        };
        write(&audit, vec![Record::SessionStarted(Box::new(started))]).await;
    }
    for number in 1..=100 {
        let session = if number <= 50 { one } else { two };
        write(&audit, statement(session, number, now())).await;
    }
    (audit, one, two)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_found_once_on_whichever_side_of_a_seal() {
    let directory = tempfile::tempdir().unwrap();
    let (audit, one, two) = record(directory.path()).await;
    let browser = Browser::new(directory.path());
    let query = |limit| Query::new(Table::Statements, limit);
    let newest: Vec<u64> = (1..=100).rev().collect();
    for limit in [1, 7, 100, 1000] {
        assert_eq!(pages(&browser, query(limit)), newest, "{limit} a page");
    }
    let oldest = Query {
        order: Order::Oldest,
        ..query(9)
    };
    assert_eq!(pages(&browser, oldest), (1..=100).collect::<Vec<_>>());
    // What is written and sealed while somebody looks: the same browser.
    for number in 101..=200 {
        write(&audit, statement(two, number, now())).await;
        if number % 20 == 0 {
            let expected: Vec<u64> = (1..=number as u64).rev().collect();
            std::thread::sleep(Duration::from_millis(210));
            assert_eq!(pages(&browser, query(30)), expected, "{number} statements");
        }
    }
    let of_one = Query {
        session_id: Some(one),
        order: Order::Oldest,
        ..query(8)
    };
    assert_eq!(pages(&browser, of_one), (1..=50).collect::<Vec<_>>());
    assert_eq!(browser.open_sessions().unwrap().len(), 2);
    // A new one, that finds everything in segments.
    audit.close().await.unwrap();
    let later = Browser::new(directory.path());
    assert_eq!(pages(&later, query(33)), (1..=200).rev().collect::<Vec<_>>());
    std::thread::sleep(Duration::from_millis(210));
    assert_eq!(pages(&browser, query(33)), (1..=200).rev().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_hold_in_segments_and_in_the_journal() {
    let directory = tempfile::tempdir().unwrap();
    let (_audit, _, _) = record(directory.path()).await;
    let browser = Browser::new(directory.path());
    let query = |equal: &[(&str, &str)], contains: Option<&str>| Query {
        equal: equal
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        contains: contains.map(str::to_owned),
        searched: vec!["statement"],
        ..Query::new(Table::Statements, 11)
    };
    let expected = |keep: &dyn Fn(u64) -> bool| (1..=100).rev().filter(|n| keep(*n)).collect::<Vec<u64>>();
    let deny = query(&[("decision", "deny")], None);
    assert_eq!(pages(&browser, deny), expected(&|n| n % 3 == 0));
    let bills = query(&[("relations", "public.bills"), ("decision", "allow")], None);
    assert_eq!(pages(&browser, bills), expected(&|n| n % 5 == 0 && n % 3 != 0));
    let text = query(&[], Some("select name from T where ID = 7"));
    assert_eq!(
        pages(&browser, text),
        expected(&|n| n == 7 || (70..80).contains(&n))
    );
    assert!(pages(&browser, query(&[("no_such_column", "x")], None)).is_empty());
    let future = Query {
        from: Some(now() + 1_000_000),
        ..query(&[], None)
    };
    assert!(pages(&browser, future).is_empty());
    let shown = Query {
        shown: Some(vec!["statement"]),
        ..query(&[], None)
    };
    let found = browser.find(&shown).unwrap();
    assert!(found.rows.iter().all(|row| row.len() == 2), "{:?}", found.rows[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_without_time_goes_on_where_it_ended() {
    let directory = tempfile::tempdir().unwrap();
    let (audit, _, _) = record(directory.path()).await;
    audit.close().await.unwrap();
    let browser = Browser::new(directory.path());
    let hasty = Query {
        patience: Duration::ZERO,
        equal: vec![("decision".to_owned(), "deny".to_owned())],
        ..Query::new(Table::Statements, 1000)
    };
    assert!(browser.find(&hasty).unwrap().out_of_time);
    let expected: Vec<u64> = (1..=100).rev().filter(|n| n % 3 == 0).collect();
    assert_eq!(pages(&browser, hasty), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_are_counted_once() {
    let directory = tempfile::tempdir().unwrap();
    let from = now();
    let (_audit, _, _) = record(directory.path()).await;
    let tally = Browser::new(directory.path())
        .tally(from, Duration::from_secs(10))
        .unwrap();
    let sum = |decision: &str| -> u64 {
        tally
            .minutes
            .values()
            .filter_map(|counts| counts.get(decision))
            .sum()
    };
    assert!(tally.whole);
    assert_eq!((sum("deny"), sum("allow")), (33, 67));
}
