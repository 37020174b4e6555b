//! What the record costs: CPU time of the threads that write it, and bytes on disk, for each statement.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

use super::endpoint::{Endpoint, Family, Role};
use super::load::{Load, PREPARED_8};
use super::process::{TICK, cpu, ticks};
use super::setup::Servers;
use super::setup::interdict::{self, BATCH, Setting};
use crate::ui;
use crate::ui::table::{Align, render};

/// What one way of keeping the record came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Cost {
    pub(super) durability: &'static str,
    pub(super) frames: &'static str,
    statements: u64,
    per_second: f64,
    /// Of the threads that write journal and segments.
    pub(super) cpu_us: f64,
    /// Of the whole daemon.
    pub(super) daemon_cpu_us: f64,
    /// In segments, of `statements`.
    pub(super) statement_bytes: f64,
    /// Likewise, of `frames`.
    frame_bytes: f64,
}

/// Runs the same small statements with the record kept in each way.
pub(super) fn measure(
    binary: &Path,
    servers: &Servers,
    endpoints: &[Endpoint],
    seconds: u32,
) -> Result<Vec<Cost>> {
    let load = Load::all()
        .into_iter()
        .find(|load| load.name == PREPARED_8)
        .context("there is a load of small statements")?;
    let direct = endpoints
        .iter()
        .find(|endpoint| endpoint.role == Role::Direct && endpoint.family == Family::Postgres)
        .context("PostgreSQL was not started")?;
    let mut costs = Vec::new();
    for (durability, written) in [("strict", "strict"), ("batch", BATCH)] {
        for frames in ["none", "all"] {
            // Beside the other records: what is measured is this disk.
            let place = tempfile::Builder::new()
                .prefix("record-")
                .tempdir_in(&servers.place)?;
            let setting = Setting {
                role: Role::Audit,
                durability: written,
                frames,
            };
            let (mut daemon, started) = interdict::run(binary, place.path(), setting, &[direct], None)?;
            let endpoint = started.first().context("no endpoint was started")?;
            let spinner = ui::spinner(&format!("the record, {durability}, frames {frames}"));
            // What it takes to begin is no part of it.
            load.run(servers, endpoint, 1)?;
            let (before, all_before) = (threads(daemon.id()), cpu(daemon.id()));
            let run = load.run(servers, endpoint, seconds)?;
            let (spent, all) = (
                threads(daemon.id()) - before,
                cpu(daemon.id()).saturating_sub(all_before),
            );
            daemon.stop()?;
            spinner.finish_and_clear();
            let stats = ui::output(
                Command::new(binary)
                    .args(["audit", "stats", "--json"])
                    .arg(place.path().join("audit")),
            )?;
            let stats: Value = serde_json::from_str(&stats)?;
            let of = |table: &str, what: &str| {
                let number = stats.pointer(&format!("/tables/{table}/{what}"));
                number.and_then(Value::as_f64).unwrap_or_default()
            };
            let rows = of("statements", "rows").max(1.0);
            let operations = run.operations.max(1) as f64;
            costs.push(Cost {
                durability,
                frames,
                statements: run.operations,
                per_second: run.operations as f64 / run.seconds,
                cpu_us: f64::from(spent) * TICK.as_secs_f64() * 1e6 / operations,
                daemon_cpu_us: all.as_secs_f64() * 1e6 / operations,
                statement_bytes: of("statements", "bytes") / rows,
                frame_bytes: of("frames", "bytes") / rows,
            });
        }
    }
    Ok(costs)
}

/// Ticks that the threads of the record have used.
fn threads(process: u32) -> u32 {
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    let of = |task: fs::DirEntry| {
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        name.starts_with("audit-").then(|| ticks(&stat)).flatten()
    };
    tasks.filter_map(of).sum()
}

/// The table, and how to read it.
pub(super) fn text(costs: &[Cost]) -> String {
    let rows: Vec<Vec<String>> = costs
        .iter()
        .map(|cost| {
            vec![
                cost.durability.to_owned(),
                cost.frames.to_owned(),
                format!("{:.0}", cost.per_second),
                format!("{:.1}", cost.cpu_us),
                format!("{:.1}", cost.daemon_cpu_us),
                format!("{:.1}", cost.statement_bytes),
                format!("{:.1}", cost.frame_bytes),
            ]
        })
        .collect();
    let head = [
        ("durability", Align::Left),
        ("frames", Align::Left),
        ("per s", Align::Right),
        ("record µs", Align::Right),
        ("daemon µs", Align::Right),
        ("bytes, statements", Align::Right),
        ("bytes, frames", Align::Right),
    ];
    let mut text = format!("\nThe record (postgres prepared c8)\n\n{}", render(&head, &rows));
    let _ = writeln!(
        text,
        "\nFor each statement: CPU time of the threads that write journal and segments, of the whole daemon, and bytes of\n\
         sealed segments. Frames are what the client saw. Short runs make small segments, which compress less."
    );
    text
}
