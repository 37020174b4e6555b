//! The least that a durable record can cost: one file, one thread, one sync for all who wait.
//!
//! What a copying proxy takes with this is the floor of every proxy that forwards a statement only when it is on disk.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context as _, Result};
use tokio::sync::oneshot;

/// Room made beforehand: a sync that changes a file's length has the file system write its own journal as well.
const ROOM: u64 = 256 * 1024;

/// Written again from its start when it is full: nobody reads it.
const FULL: u64 = 256 * ROOM;

/// One record, and who waits for it.
struct Entry {
    bytes: Vec<u8>,
    durable: oneshot::Sender<()>,
}

/// Gives records to the thread that writes them.
#[derive(Clone)]
pub(crate) struct Durable(Sender<Entry>);

impl Durable {
    /// Starts the thread, which writes to a new file.
    pub(crate) fn start(path: &Path) -> Result<Self> {
        let file = File::create_new(path).with_context(|| path.display().to_string())?;
        let (sender, entries) = channel();
        thread::Builder::new().name("durable".to_owned()).spawn(move || {
            if let Err(error) = write(&file, &entries) {
                // Whoever waits is told by the end of the channel, and ends its connection.
                eprintln!("the record can't be written: {error}");
            }
        })?;
        Ok(Self(sender))
    }

    /// Returns when this is on disk.
    pub(crate) async fn keep(&self, bytes: &[u8]) -> Result<()> {
        let (durable, kept) = oneshot::channel();
        let bytes = bytes.to_vec();
        self.0
            .send(Entry { bytes, durable })
            .ok()
            .context("the record's thread has ended")?;
        kept.await.context("the record's thread has ended")
    }
}

fn write(file: &File, entries: &Receiver<Entry>) -> Result<()> {
    let zeros = vec![0; usize::try_from(ROOM)?];
    let (mut end, mut room) = (0, 0);
    let mut bytes = Vec::new();
    let mut waiting = Vec::new();
    while let Ok(first) = entries.recv() {
        for entry in std::iter::once(first).chain(entries.try_iter()) {
            bytes.extend(entry.bytes);
            waiting.push(entry.durable);
        }
        let next = end + bytes.len() as u64;
        while room < next {
            file.write_all_at(&zeros, room)?;
            room += ROOM;
        }
        file.write_all_at(&bytes, end)?;
        file.sync_data()?;
        bytes.clear();
        for one in waiting.drain(..) {
            // Who has gone away need not know.
            let _ = one.send(());
        }
        end = if next > FULL { 0 } else { next };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_kept_is_in_the_file() -> Result<()> {
        let path = std::env::temp_dir().join(format!("interdict-load-{}", std::process::id()));
        let durable = Durable::start(&path)?;
        durable.keep(b"one").await?;
        let (two, three) = tokio::join!(durable.keep(b"two"), durable.keep(b"three"));
        two.and(three)?;
        let file = std::fs::read(&path)?;
        std::fs::remove_file(&path)?;
        assert!(file.starts_with(b"onetwothree") && file.len() as u64 == ROOM);
        Ok(())
    }
}
