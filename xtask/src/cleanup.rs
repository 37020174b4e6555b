//! What must be undone at the end, however the end comes.

use std::process::exit;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};

use crate::ui;

type Undo = Box<dyn FnOnce() -> Result<()> + Send>;

/// Things to undo, last first. Also undone on Ctrl-C and SIGTERM.
#[derive(Clone, Default)]
pub(crate) struct Cleanup(Arc<Mutex<Vec<(String, Undo)>>>);

impl Cleanup {
    /// Watches for signals from now on.
    pub(crate) fn watching() -> Result<Self> {
        let cleanup = Self::default();
        let watched = cleanup.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (mut interrupt, mut terminate) = {
            let _entered = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
                });
                ui::warn("stopped: cleaning up");
                watched.run();
                exit(130);
            })
            .context("no thread for signals")?;
        Ok(cleanup)
    }

    /// `what` completes "… could not be undone:" in a warning.
    pub(crate) fn add(&self, what: impl Into<String>, undo: impl FnOnce() -> Result<()> + Send + 'static) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((what.into(), Box::new(undo)));
    }

    /// Undoes everything. A second caller waits for the first and finds nothing left.
    pub(crate) fn run(&self) {
        let mut undos = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((what, undo)) = undos.pop() {
            if let Err(error) = undo() {
                ui::warn(&format!("{what}: {error:#}"));
            }
        }
    }

    /// Leaves everything as it is.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn undoes_last_first_once_and_past_failures() {
        let cleanup = Cleanup::default();
        let (sender, seen) = mpsc::channel();
        for (number, fails) in [(1, false), (2, true), (3, false)] {
            let sender = sender.clone();
            cleanup.add("step", move || {
                sender.send(number)?;
                anyhow::ensure!(!fails, "on purpose");
                Ok(())
            });
        }
        cleanup.run();
        cleanup.run();
        drop(sender);
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [3, 2, 1]);
    }
}
