//! A thousand statements that wait at once.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Stage, id};

const MANY: usize = 1000;

async fn client(port: u16) -> (tokio_postgres::Client, JoinSet<()>) {
    let settings = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres");
    let (client, connection) = tokio_postgres::connect(&settings, tokio_postgres::NoTls)
        .await
        .unwrap();
    // Ended when it is dropped, whatever is outstanding.
    let mut task = JoinSet::new();
    task.spawn(async move {
        let _ = connection.await;
    });
    (client, task)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_wait_and_nobody_else_does() {
    let stage = Stage::with_room();
    let mut waiting = JoinSet::new();
    for number in 0..MANY {
        let (client, connection) = client(stage.port).await;
        waiting.spawn(async move {
            let sql = format!("delete from visits where id = {number}");
            let answer = client.simple_query(&sql).await.map(drop);
            drop(connection);
            answer
        });
    }
    let deadline = Instant::now() + Duration::from_mins(2);
    while stage.waiting().len() < MANY {
        assert!(Instant::now() < deadline, "{} wait", stage.waiting().len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // Others are served as ever.
    let (other, _connection) = client(stage.port).await;
    let began = Instant::now();
    for _ in 0..100 {
        other.simple_query("select 1").await.unwrap();
    }
    let each = began.elapsed() / 100;
    let began = Instant::now();
    let all = stage.waiting();
    let listed = began.elapsed();
    let began = Instant::now();
    let first = id(&all[0]);
    let said = stage.interdict(&["approvals", "approve", &first, "--reason", "one of many"]);
    let decided = began.elapsed();
    assert!(said.status.success());
    waiting.join_next().await.unwrap().unwrap().unwrap();
    println!("with {MANY} waiting: a statement {each:?}, a list {listed:?}, a decision {decided:?}");
    assert!(
        each < Duration::from_millis(50)
            && listed < Duration::from_secs(5)
            && decided < Duration::from_secs(2)
    );
    waiting.abort_all();
    while waiting.join_next().await.is_some() {}
    let began = Instant::now();
    stage.until_none_waits();
    println!(
        "all were given up {:?} after their clients had gone",
        began.elapsed()
    );
}
