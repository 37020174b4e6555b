//! How long it takes to look through a large record: fills a directory with statements (unless it has some) and asks what the console's
//! pages ask. `cargo run --release -p interdict-audit --example browse -- DIRECTORY [ROWS]`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use interdict_audit::{Audit, AuditError, Browser, Config, Durability, Order, Query, Table};
use interdict_record::{
    Record, RelationAccess, SessionEnded, SessionStarted, StatementEnded, StatementStarted,
};
use uuid::Uuid;

fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// A hundred statements to a session, one of a thousand denied.
fn session(number: u64) -> Vec<Record> {
    let session_id = Uuid::now_v7();
    let identity = format!("unit:agent-{}.service", number % 40);
    let mut records = vec![Record::SessionStarted(Box::new(SessionStarted {
        session_id,
        started_at: now(),
        service: "clinic".to_owned(),
        protocol: "postgres".to_owned(),
        identity: identity.clone(),
        ..SessionStarted::default()
    }))];
    for step in 0..100 {
        let statement_id = Uuid::now_v7();
        let denied = (number * 100 + step).is_multiple_of(1000);
        records.push(Record::StatementStarted(Box::new(StatementStarted {
            session_id,
            statement_id,
            requested_at: now(),
            decided_at: now(),
            service: "clinic".to_owned(),
            identity: identity.clone(),
            kind: "select".to_owned(),
            statement: format!(
                "SELECT name, ssn FROM patients WHERE id = $1 AND ward = {}",
                step % 7
            ),
            effects: vec!["read".to_owned()],
            relations: vec![RelationAccess {
                name: "patients".to_owned(),
                access: "read".to_owned(),
            }],
            complete: true,
            decision: if denied { "deny" } else { "mask" }.to_owned(),
            ..StatementStarted::default()
        })));
        records.push(Record::StatementEnded(Box::new(StatementEnded {
            session_id,
            statement_id,
            ended_at: now(),
            status: "ok".to_owned(),
            rows: 1,
            ..StatementEnded::default()
        })));
    }
    records.push(Record::SessionEnded(Box::new(SessionEnded {
        session_id,
        ended_at: now(),
        end_reason: "client".to_owned(),
        statements: 100,
        ..SessionEnded::default()
    })));
    records
}

async fn fill(directory: &std::path::Path, rows: u64) -> Result<(), AuditError> {
    let mut config = Config::new(directory, "host", "boot");
    config.durability = Durability::Batch(Duration::from_millis(50));
    config.segment_rows = 100_000;
    let audit = Audit::open(config)?;
    for number in 0..rows / 100 {
        let _queued = audit.append(session(number)).await?;
    }
    audit.close().await
}

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T, AuditError>) -> Result<T, AuditError> {
    let began = Instant::now();
    let done = work()?;
    println!("{:>8.1} ms  {what}", began.elapsed().as_secs_f64() * 1e3);
    Ok(done)
}

#[tokio::main]
async fn main() -> Result<(), AuditError> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| "browse".to_owned()));
    let rows = arguments
        .next()
        .and_then(|rows| rows.parse().ok())
        .unwrap_or(1_000_000);
    if !directory.exists() {
        fill(&directory, rows).await?;
    }
    let browser = Browser::new(&directory);
    let newest = |limit| Query::new(Table::Statements, limit);
    let first = timed("the newest 50, first look", || browser.find(&newest(50)))?;
    timed("the newest 50", || browser.find(&newest(50)))?;
    timed("the newest 50 sessions", || {
        browser.find(&Query::new(Table::Sessions, 50))
    })?;
    timed("50 denied", || {
        let mut query = newest(50);
        query.equal = vec![("decision".to_owned(), "deny".to_owned())];
        browser.find(&query)
    })?;
    timed("50 of one identity", || {
        let mut query = newest(50);
        query.equal = vec![("identity".to_owned(), "unit:agent-7.service".to_owned())];
        browser.find(&query)
    })?;
    let oldest = {
        let mut query = Query::new(Table::Sessions, 1);
        query.order = Order::Oldest;
        browser.find(&query)?
    };
    let id = oldest
        .rows
        .first()
        .and_then(|row| row.get("session_id")?.as_str()?.parse().ok());
    timed("a session's statements, the oldest", || {
        let mut query = newest(100);
        query.order = Order::Oldest;
        query.session_id = id;
        browser.find(&query)
    })?;
    let none = timed("a text that nothing has", || {
        let mut query = newest(50);
        query.contains = Some("no such text".to_owned());
        query.searched = vec!["statement"];
        query.patience = Duration::from_mins(1);
        browser.find(&query)
    })?;
    timed("an hour by minute and decision, first look", || {
        browser.tally(now().saturating_sub(3_600_000_000), Duration::from_mins(1))
    })?;
    timed("an hour by minute and decision", || {
        browser.tally(now().saturating_sub(3_600_000_000), Duration::from_mins(1))
    })?;
    println!("{} and {} rows", first.rows.len(), none.rows.len());
    Ok(())
}
