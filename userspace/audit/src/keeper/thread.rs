//! The keeper's thread: woken when the journal has become durable, it follows; it seals in time and on demand.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use interdict_record::{Micros, Record};
use tokio::sync::oneshot;

use super::{Keeper, Sealer};
use crate::audit::Shared;
use crate::compact::{Compacted, Merged};
use crate::fold::Ending;
use crate::grants::GrantState;
use crate::journal::file::sync_directory;
use crate::keys::next_path;
use crate::retain::{Retained, Retention};
use crate::seal::Because;
use crate::{AuditError, PublicKey, SealKey, checkpoint, journal};

/// How long after an error the keeper starts over.
const RETRY: Duration = Duration::from_secs(1);
/// How long the keeper lets the journal run ahead: each time that it follows costs as much as some statements.
const BEHIND: Duration = Duration::from_millis(25);
/// How often the keeper looks at the clock when it has nothing to wait for.
const IDLE: Duration = Duration::from_hours(1);

pub(crate) type Reply<T> = oneshot::Sender<Result<T, AuditError>>;

/// What the keeper is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    /// More of the journal is durable.
    Durable,
    /// Seal what is complete.
    Seal(Reply<()>),
    /// Tell the records that would end what is open.
    Endings(Reply<Vec<Record>>),
    /// Tell what is known of grants.
    Grants(Reply<Vec<GrantState>>),
    /// Delete what is due.
    Retain(Box<(Retention, Micros, Because)>, Reply<Retained>),
    /// Put merged segments into their places.
    Compact(Vec<Merged>, Reply<Compacted>),
    /// Go on with a new key, which takes the place of the one in this file.
    Rotate(PathBuf, Reply<PublicKey>),
    /// Stop. The journal has everything.
    Stop,
}

/// Runs until told to stop.
pub(crate) fn run(mut keeper: Keeper, shared: &Arc<Shared>, asks: &Receiver<Ask>) {
    let mut failed = false;
    loop {
        let wait = if failed {
            RETRY
        } else {
            keeper.patience().unwrap_or(IDLE)
        };
        let ask = match asks.recv_timeout(wait) {
            Ok(ask) => ask,
            Err(RecvTimeoutError::Timeout) => Ask::Durable,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let ask = match ask {
            // Nobody rings again before `rung` is taken back: what comes meanwhile is somebody who waits.
            Ask::Durable => asks.recv_timeout(BEHIND).unwrap_or(Ask::Durable),
            ask => ask,
        };
        shared.rung.store(false, Ordering::Release);
        if matches!(ask, Ask::Stop) {
            return;
        }
        if failed && let Err(error) = keeper.reopen() {
            report(shared, Some(&error));
            refuse(ask, &error);
            continue;
        }
        let limit = *shared.limit.lock().unwrap_or_else(PoisonError::into_inner);
        let handed = shared.handed.take();
        let mut outcome = keeper.follow(Some(limit), handed).map(drop);
        if outcome.is_ok() && keeper.patience().is_some_and(|left| left.is_zero()) {
            outcome = keeper.seal();
        }
        if outcome.is_ok() && matches!(ask, Ask::Seal(_)) {
            outcome = keeper.seal();
        }
        failed = outcome.is_err();
        report(shared, outcome.as_ref().err());
        match (outcome, ask) {
            (Err(error), ask) => refuse(ask, &error),
            (Ok(()), Ask::Seal(reply)) => drop(reply.send(Ok(()))),
            (Ok(()), Ask::Endings(reply)) => drop(reply.send(Ok(keeper.fold.endings(Ending::Shutdown)))),
            (Ok(()), Ask::Grants(reply)) => {
                drop(reply.send(Ok(keeper.fold.grants.values().cloned().collect())));
            }
            (Ok(()), Ask::Retain(what, reply)) => {
                let (retention, now, because) = *what;
                drop(reply.send(keeper.retain(&retention, now, &because)));
            }
            (Ok(()), Ask::Compact(merged, reply)) => drop(reply.send(keeper.compact(&merged))),
            (Ok(()), Ask::Rotate(path, reply)) => drop(reply.send(keeper.rotate(&path))),
            (Ok(()), Ask::Durable | Ask::Stop) => {}
        }
    }
}

fn refuse(ask: Ask, error: &AuditError) {
    match ask {
        Ask::Seal(reply) => drop(reply.send(Err(error.clone()))),
        Ask::Endings(reply) => drop(reply.send(Err(error.clone()))),
        Ask::Grants(reply) => drop(reply.send(Err(error.clone()))),
        Ask::Retain(_, reply) => drop(reply.send(Err(error.clone()))),
        Ask::Compact(_, reply) => drop(reply.send(Err(error.clone()))),
        Ask::Rotate(_, reply) => drop(reply.send(Err(error.clone()))),
        Ask::Durable | Ask::Stop => {}
    }
}

fn report(shared: &Shared, error: Option<&AuditError>) {
    let mut health = shared.health.lock().unwrap_or_else(PoisonError::into_inner);
    let text = error.map(ToString::to_string);
    if health.segments != text {
        if let Some(error) = &text {
            tracing::error!(%error, "segments can't be sealed; the journal keeps the rows");
        } else {
            tracing::info!("segments can be sealed again");
        }
        health.segments = text;
    }
}

impl Keeper {
    /// Makes a key, hands over to it, and puts it in the old one's place. The new key is on disk before the seal that names it, so
    /// that a crash leaves a key that signs: [`SealKey::keep`] finishes.
    fn rotate(&mut self, path: &Path) -> Result<PublicKey, AuditError> {
        let (Some(sealer), Some(seals)) = (&mut self.sealer, &mut self.config.seals) else {
            return Err(AuditError::Config("there is no key to rotate"));
        };
        let key = Arc::new(SealKey::generate()?);
        let next = next_path(path);
        key.write(&next)?;
        sealer.rotate(Arc::clone(&key))?;
        self.known = sealer.last();
        seals.key = Arc::clone(&key);
        std::fs::rename(&next, path).map_err(AuditError::io("rename", &next))?;
        sync_directory(path.parent().unwrap_or(Path::new("")))?;
        Ok(key.public())
    }

    /// Before the threads start: takes in what recovery appended, and seals it.
    pub(crate) fn settle(&mut self, limit: journal::reader::Limit, seal: bool) -> Result<(), AuditError> {
        self.follow(Some(limit), [])?;
        if seal {
            return self.seal();
        }
        if self.sealer.as_ref().is_some_and(Sealer::is_behind) {
            return self.seal();
        }
        // The first checkpoint of a directory: from here on a missing one is a finding.
        let journal = journal::directory(&self.directory);
        if checkpoint::path(&journal).exists() {
            Ok(())
        } else {
            self.seal()
        }
    }
}
