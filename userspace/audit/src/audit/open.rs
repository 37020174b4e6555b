//! Opening: lock, replay, recover, start the threads.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use interdict_record::{Event, Record};
use tokio::sync::Semaphore;

use super::{Audit, Health, Inner, Shared, now};
use crate::bell::Bell;
use crate::commit::Writer;
use crate::entry::{Entry, Opened};
use crate::fold::Ending;
use crate::handed::Handed;
use crate::journal::file::{Active, sync_directory};
use crate::journal::reader::Limit;
use crate::journal::{self, FrameHeader};
use crate::keeper::{End, Keeper, thread as keeper_thread};
use crate::segment::build::make_directory;
use crate::{AuditError, Config, Durability, Timing};

pub(super) fn open(config: &Config) -> Result<Audit, AuditError> {
    config.check()?;
    let journal = journal::directory(&config.directory);
    make_directory(&config.directory, 0o750)?;
    let lock = lock(&config.directory)?;
    make_directory(&journal, 0o700)?;

    let mut keeper = Keeper::open(config)?;
    let before = keeper.fold.sequence;
    let end = keeper.follow(None, [])?;
    keeper.check_sealed()?;
    let torn = truncate(&end, &journal)?;
    // What is open was not ended by the last run, also where everything was sealed before it died.
    let open = {
        let fold = &keeper.fold;
        !(fold.sessions.is_empty() && fold.statements.is_empty() && fold.approvals.is_empty())
    };
    let crashed = open || keeper.fold.sequence > before || torn > 0 || !keeper.gaps.is_empty();

    let first = keeper.next_sequence();
    let (frames, next) = opening(config, &keeper, first, crashed, torn)?;
    let file = Active::create(&journal, first, &frames, 0)?;
    let limit = Limit {
        sequence: next.saturating_sub(1),
        first,
        offset: file.durable,
    };
    keeper.settle(limit, crashed)?;

    let (asks, keeper_inbox) = mpsc::channel();
    let (writer, writer_inbox) = mpsc::channel();
    let bell = Bell::default();
    let shared = Arc::new(Shared {
        queue: Semaphore::new(config.queue_bytes),
        failed: AtomicBool::new(false),
        health: Mutex::new(Health::default()),
        syncs: Timing::default(),
        limit: Mutex::new(limit),
        handed: Handed::default(),
        rung: AtomicBool::new(false),
        keeper: asks,
    });
    let journal_thread = {
        let writer = Writer::new(journal, config.durability, file, next, Arc::clone(&shared));
        let bell = bell.clone();
        spawn("audit-journal", &config.directory, move || {
            writer.run(&writer_inbox, &bell);
        })?
    };
    let segments_thread = {
        let shared = Arc::clone(&shared);
        spawn("audit-segments", &config.directory, move || {
            keeper_thread::run(keeper, &shared, &keeper_inbox);
        })?
    };
    let inner = Inner {
        shared,
        writer,
        bell,
        directory: config.directory.clone(),
        queue_bytes: config.queue_bytes,
        strict: config.durability == Durability::Strict,
        closed: AtomicBool::new(false),
        threads: Mutex::new(vec![journal_thread, segments_thread]),
        _lock: lock,
    };
    Ok(Audit {
        inner: Arc::new(inner),
    })
}

fn spawn(
    name: &str,
    directory: &Path,
    run: impl FnOnce() + Send + 'static,
) -> Result<thread::JoinHandle<()>, AuditError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(AuditError::io("start the threads for", directory))
}

/// How often the lock is tried, and how long between.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(30);

/// Takes the directory for this process. The lock goes with the process, however it ends.
fn lock(directory: &Path) -> Result<File, AuditError> {
    let path = directory.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(AuditError::io("open", &path))?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // A child that was forked and has not yet become its program holds for a moment what its parent held.
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(AuditError::io("lock", &path)(error)),
        }
    }
    Err(AuditError::Locked(directory.to_owned()))
}

/// Cuts a torn tail off, before anything follows it. Gives the number of bytes that went.
fn truncate(end: &End, journal: &Path) -> Result<u64, AuditError> {
    let End::Torn { path, offset } = end else {
        return Ok(0);
    };
    let file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(AuditError::io("open", path))?;
    // Read before it is cut: the recovery's note tells how much went.
    let torn = torn_bytes(path, *offset).map_err(AuditError::io("read", path))?;
    if *offset == 0 {
        // Not even its header was whole: the file was never used.
        std::fs::remove_file(path).map_err(AuditError::io("remove", path))?;
        sync_directory(journal)?;
    } else {
        file.set_len(*offset)
            .and_then(|()| file.sync_all())
            .map_err(AuditError::io("truncate", path))?;
    }
    Ok(torn)
}

/// Bytes behind `offset`, but for the zeros of room that was made and never written.
fn torn_bytes(path: &Path, offset: u64) -> std::io::Result<u64> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    file.read_to_end(&mut bytes)?;
    let last = bytes.iter().rposition(|byte| *byte != 0);
    Ok(last.map_or(0, |last| last.saturating_add(1) as u64))
}

/// The first entries of this run: who writes, and after a crash the ends of what was open and a note.
fn opening(
    config: &Config,
    keeper: &Keeper,
    first: u64,
    crashed: bool,
    torn: u64,
) -> Result<(Vec<u8>, u64), AuditError> {
    let opened = Opened {
        host: config.host.clone(),
        boot_id: config.boot_id.clone(),
    };
    let mut entries = vec![Entry::Opened(opened)];
    if crashed {
        let fold = &keeper.fold;
        let detail = [
            ("open_sessions", fold.sessions.len().to_string()),
            ("open_statements", fold.statements.len().to_string()),
            ("torn_bytes", torn.to_string()),
            ("gaps", keeper.gaps.len().to_string()),
        ];
        entries.extend(fold.endings(Ending::Crash).into_iter().map(Entry::Record));
        entries.push(Entry::Record(Record::Event(Box::new(Event {
            at: now(),
            kind: "recovery".to_owned(),
            actor: "audit".to_owned(),
            message: "the last run did not close; what was open is ended here".to_owned(),
            detail: detail
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }))));
    }
    let (mut frames, mut body, mut next) = (Vec::new(), Vec::new(), first);
    for entry in entries {
        body.clear();
        entry.encode(&mut body)?;
        frames.extend_from_slice(&FrameHeader::of(&body, next, first.saturating_sub(1)).bytes());
        frames.extend_from_slice(&body);
        next = next.saturating_add(1);
    }
    Ok((frames, next))
}
