//! Death at any moment: a child appends as fast as it can and is killed; whatever it was told to be recorded must be
//! there, once, in a sound chain.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use interdict_audit::{Audit, AuditError, Durability, Options, Problem, Table, verify, verify_with};
use uuid::Uuid;

use crate::support::{
    NOON, config, copy, place, public, record, rows, runtime, sealed, segments, session_ended,
    session_started, statement_ended, statement_started, statements,
};

const CHILD: &str = "INTERDICT_AUDIT_TEST_CHILD";

/// Not a test of its own: what the child runs.
#[test]
fn child() {
    let Ok(directory) = std::env::var(CHILD) else {
        return;
    };
    let directory = Path::new(&directory);
    let batch = std::env::var_os("INTERDICT_AUDIT_TEST_BATCH").is_some();
    let acknowledged = OpenOptions::new()
        .append(true)
        .create(true)
        .open(directory.join("acknowledged"))
        .unwrap();
    let acknowledged = Arc::new(Mutex::new(acknowledged));
    runtime().block_on(async {
        let mut config = sealed(directory);
        config.segment_rows = 200;
        config.segment_bytes = 64 << 10;
        if batch {
            config.durability = Durability::Batch(Duration::from_millis(10));
        }
        let audit = Audit::open(config).unwrap();
        let tasks: Vec<_> = (0..8)
            .map(|_| tokio::spawn(work(audit.clone(), Arc::clone(&acknowledged))))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

async fn work(audit: Audit, acknowledged: Arc<Mutex<File>>) {
    loop {
        let session = Uuid::now_v7();
        record(&audit, vec![session_started(session, NOON)]).await;
        for _ in 0..20 {
            let statement = Uuid::now_v7();
            record(&audit, vec![statement_started(session, statement, NOON)]).await;
            acknowledged
                .lock()
                .unwrap()
                .write_all(format!("{statement}\n").as_bytes())
                .unwrap();
            // The outcome does not have to be awaited.
            let _ticket = audit
                .append(vec![statement_ended(session, statement, NOON + 1)])
                .await
                .unwrap();
        }
        let _ticket = audit
            .append(vec![session_ended(session, NOON + 2)])
            .await
            .unwrap();
    }
}

fn spawn(directory: &Path, batch: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "crash::child", "--nocapture"])
        .env(CHILD, directory);
    if batch {
        command.env("INTERDICT_AUDIT_TEST_BATCH", "1");
    }
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn acknowledged(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("acknowledged")).unwrap_or_default()
}

#[test]
fn killed_at_any_moment_nothing_acknowledged_is_lost_or_doubled() {
    let (_above, directory) = place();
    std::fs::create_dir(&directory).unwrap();
    let directory = &*directory;
    // The moments are spread by a fixed stride, so that a failure comes again.
    let mut moment: u64 = 3;
    let rounds: u64 = std::env::var("INTERDICT_CRASH_ROUNDS").map_or(10, |rounds| rounds.parse().unwrap());
    for round in 0..rounds {
        let before = acknowledged(directory).len();
        let mut child = spawn(directory, round % 3 == 2);
        let patience = Instant::now();
        while acknowledged(directory).len() == before && patience.elapsed() < Duration::from_secs(20) {
            assert!(
                child.try_wait().unwrap().is_none(),
                "the child ended by itself in round {round}"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        moment = (moment * 37 + 11) % 101;
        std::thread::sleep(Duration::from_millis(moment));
        child.kill().unwrap();
        child.wait().unwrap();
        // As it was left, before any recovery.
        let report = verify(directory).unwrap();
        assert!(report.sound(), "round {round}: {report}");
    }
    runtime().block_on(async { Audit::open(sealed(directory)).unwrap().close().await.unwrap() });
    let options = Options {
        keys: vec![public(directory)],
        ..Options::default()
    };
    let report = verify_with(directory, &options).unwrap();
    assert!(report.sound(), "{report}");
    let seals = report.seals.unwrap();
    assert!(seals.proven && seals.seals == seals.last && seals.waiting == 0);
    let mut found: HashMap<String, u32> = HashMap::new();
    for row in rows(directory, Table::Statements) {
        *found
            .entry(row["statement_id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    let told = acknowledged(directory);
    assert!(
        told.lines().count() > 100,
        "only {} statements",
        told.lines().count()
    );
    for id in told.lines() {
        assert_eq!(found.get(id), Some(&1), "{id}");
    }
    assert!(found.values().all(|count| *count == 1));
    let crashed = rows(directory, Table::Sessions)
        .into_iter()
        .filter(|row| row["end_reason"] == "crash");
    assert!(crashed.count() > 0);
    assert!(
        rows(directory, Table::Admin)
            .iter()
            .any(|row| row["kind"] == "recovery")
    );
    eprintln!(
        "{} statements acknowledged over {rounds} kills",
        told.lines().count()
    );
}

/// The journal file with the highest number.
fn last_journal(directory: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(directory.join("journal"))
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "journal"))
        .max()
        .unwrap()
}

#[test]
fn what_was_open_at_a_crash_gets_its_rows() {
    let (directory, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (session, statement) = (Uuid::now_v7(), Uuid::now_v7());
    runtime().block_on(async {
        let audit = Audit::open(config(directory.path())).unwrap();
        record(
            &audit,
            vec![
                session_started(session, NOON),
                statement_started(session, statement, NOON + 5),
            ],
        )
        .await;
        copy(directory.path(), crashed.path());
    });
    let mut after_reboot = config(crashed.path());
    after_reboot.boot_id = "boot-2".to_owned();
    drop(Audit::open(after_reboot).unwrap());
    let row = &rows(crashed.path(), Table::Statements)[0];
    assert_eq!(
        (&row["status"], &row["flags"]),
        (&"unknown".into(), &serde_json::json!(["recovered"]))
    );
    let row = &rows(crashed.path(), Table::Sessions)[0];
    assert_eq!(
        (&row["end_reason"], &row["boot_id"]),
        (&"crash".into(), &"boot-1".into())
    );
    assert_eq!(row["statements"], 1);
    assert_eq!(rows(crashed.path(), Table::Admin)[0]["kind"], "recovery");
}

/// A seal publishes its files one by one, then the checkpoint. A crash may come between any two of these.
#[test]
fn a_crash_between_segments_and_their_checkpoint_doubles_nothing() {
    let (directory, before) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    runtime().block_on(async {
        let audit = Audit::open(config(directory.path())).unwrap();
        for round in 0..2 {
            let session = Uuid::now_v7();
            record(&audit, vec![session_started(session, NOON)]).await;
            // Two days, so that the seal has several files of one table.
            statements(&audit, session, 6, NOON + round, 13 * crate::support::HOUR).await;
            record(&audit, vec![session_ended(session, NOON + 9)]).await;
            if round == 0 {
                audit.rotate().await.unwrap();
            }
        }
        copy(directory.path(), before.path());
        audit.rotate().await.unwrap();
    });
    let mut published = Vec::new();
    for table in [Table::Sessions, Table::Statements] {
        let known = segments(before.path(), table).len();
        let files = segments(directory.path(), table);
        assert!(files.len() > known);
        published.extend(files.into_iter().filter(|path| {
            !before
                .path()
                .join(path.strip_prefix(directory.path()).unwrap())
                .exists()
        }));
    }
    for choice in 0..1 << published.len() {
        let crashed = tempfile::tempdir().unwrap();
        copy(before.path(), crashed.path());
        for (_, path) in published
            .iter()
            .enumerate()
            .filter(|(index, _)| choice >> index & 1 == 1)
        {
            let target = crashed.path().join(path.strip_prefix(directory.path()).unwrap());
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(path, target).unwrap();
        }
        assert!(
            verify(crashed.path()).unwrap().sound(),
            "files {choice:b} of {published:?}"
        );
        assert_eq!(rows(crashed.path(), Table::Statements).len(), 12);
        runtime()
            .block_on(async { Audit::open(config(crashed.path())).unwrap().close().await })
            .unwrap();
        let report = verify(crashed.path()).unwrap();
        assert!(report.sound(), "files {choice:b} of {published:?}: {report}");
        assert_eq!(
            (report.tables["statements"].rows, report.tables["sessions"].rows),
            (12, 2)
        );
    }
}

/// Bytes of a journal file up to its room, or about that many: an entry may end with a zero.
fn written(path: &Path) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0);
    last.map_or(0, |last| last as u64 + 1)
}

#[test]
fn a_tail_torn_at_any_byte_recovers() {
    let (directory, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (session, statement) = (Uuid::now_v7(), Uuid::now_v7());
    let lengths = runtime().block_on(async {
        let audit = Audit::open(config(directory.path())).unwrap();
        statements(&audit, session, 3, NOON, 1).await;
        let before = written(&last_journal(directory.path()));
        record(&audit, vec![statement_started(session, statement, NOON)]).await;
        let after = written(&last_journal(directory.path()));
        copy(directory.path(), crashed.path());
        before..after
    });
    for length in lengths
        .clone()
        .step_by(if lengths.end - lengths.start > 64 { 5 } else { 1 })
    {
        let torn = tempfile::tempdir().unwrap();
        copy(crashed.path(), torn.path());
        let file = OpenOptions::new()
            .write(true)
            .open(last_journal(torn.path()))
            .unwrap();
        file.set_len(length).unwrap();
        assert!(verify(torn.path()).unwrap().sound());
        drop(Audit::open(config(torn.path())).unwrap());
        assert_eq!(rows(torn.path(), Table::Statements).len(), 3, "cut at {length}");
        assert!(verify(torn.path()).unwrap().sound());
    }
}

#[test]
fn damage_in_the_middle_of_the_journal_is_never_silent() {
    let (directory, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = runtime().block_on(async {
        let audit = Audit::open(config(directory.path())).unwrap();
        let session = Uuid::now_v7();
        statements(&audit, session, 3, NOON, 1).await;
        let place = written(&last_journal(directory.path()));
        statements(&audit, session, 3, NOON, 1).await;
        copy(directory.path(), crashed.path());
        place
    });
    let path = last_journal(crashed.path());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(place).unwrap() + 40] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let report = verify(crashed.path()).unwrap();
    assert_eq!(
        report.first().unwrap().problem,
        Problem::JournalDamaged,
        "{report}"
    );
    drop(Audit::open(config(crashed.path())).unwrap());
    let kinds: Vec<_> = rows(crashed.path(), Table::Admin)
        .into_iter()
        .map(|row| row["kind"].clone())
        .collect();
    assert!(
        kinds.contains(&"gap".into()) && kinds.contains(&"recovery".into()),
        "{kinds:?}"
    );
    // The other five are there, and the damaged file is kept and goes on being a finding.
    assert_eq!(rows(crashed.path(), Table::Statements).len(), 5);
    let report = verify(crashed.path()).unwrap();
    assert_eq!(report.findings.len(), 1, "{report}");
    assert!(
        report
            .first()
            .unwrap()
            .file
            .as_ref()
            .unwrap()
            .starts_with(crashed.path().join("journal/damaged"))
    );
}

#[test]
fn what_the_journal_must_have_and_has_not_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let audit = Audit::open(config(directory.path())).unwrap();
        statements(&audit, Uuid::now_v7(), 3, NOON, 1).await;
        audit.close().await.unwrap();
    });
    let checkpoint = directory.path().join("journal/checkpoint.json");
    let whole = std::fs::read(&checkpoint).unwrap();
    let mut changed = whole.clone();
    changed[100] ^= 1;
    std::fs::write(&checkpoint, changed).unwrap();
    assert!(matches!(
        Audit::open(config(directory.path())),
        Err(AuditError::Damaged { .. })
    ));
    assert_eq!(
        verify(directory.path()).unwrap().first().unwrap().problem,
        Problem::JournalUnreadable
    );
    std::fs::remove_dir_all(directory.path().join("journal")).unwrap();
    assert!(matches!(
        Audit::open(config(directory.path())),
        Err(AuditError::Damaged { .. })
    ));
}
