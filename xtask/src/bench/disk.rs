//! How long the disk takes to make a small write durable: what every strict record waits for.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};

const TIMES: usize = 300;

/// The middle one of many, in microseconds, for a few rows at the end of a file in this folder.
pub(super) fn sync_us(place: &Path) -> Result<f64> {
    let path = place.join("sync");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let started = Instant::now();
        file.write_all(&[7; 512])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    std::fs::remove_file(path)?;
    times.sort_unstable();
    let middle = times.get(TIMES / 2).context("nothing was timed")?;
    Ok(middle.as_secs_f64() * 1e6)
}
