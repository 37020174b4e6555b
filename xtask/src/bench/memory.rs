//! What proxies hold: when they have nothing to do, for each idle connection, and while a very large result passes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::Serialize;

use super::endpoint::{Endpoint, Family, Role};
use super::load::drain::{self, Form};
use super::process::memory_kib;
use super::setup::{DATABASE, USER};
use crate::ui;
use crate::ui::table::{Align, render};

/// Idle connections whose memory is told.
const CONNECTIONS: u32 = 100;

/// Some 10 GB: the large table 60 times over.
const HUGE: &str = "SELECT p.* FROM patients AS p, generate_series(1, 60)";

/// How long memory is given to settle.
const SETTLE: Duration = Duration::from_millis(700);

/// One endpoint's memory in KiB, see [`memory_kib`].
#[derive(Clone, Debug, Serialize)]
pub(super) struct Memory {
    endpoint: &'static str,
    pub(super) idle_kib: u64,
    /// Of that, pages of the program's file.
    program_kib: u64,
    /// For each connection that is logged in and asks nothing.
    pub(super) connection_kib: f64,
    /// More than before, at the most, while the huge result passes, and its size.
    pub(super) huge: Option<Huge>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Huge {
    pub(super) grown_kib: u64,
    pub(super) bytes: u64,
    pub(super) seconds: f64,
}

impl Memory {
    pub(super) fn is_of(&self, role: Role) -> bool {
        self.endpoint == role.name()
    }
}

/// Looks at all proxies of PostgreSQL, before anything else was asked of them.
pub(super) fn measure(endpoints: &[Endpoint]) -> Result<Vec<Memory>> {
    let mut all = Vec::new();
    for endpoint in endpoints {
        let told = [
            Role::Copy,
            Role::Pgbouncer,
            Role::Haproxy,
            Role::Off,
            Role::Audit,
            Role::Masks,
        ];
        if endpoint.family != Family::Postgres || !told.contains(&endpoint.role) {
            continue;
        }
        let name = endpoint.role.name();
        let spinner = ui::spinner(&format!("memory of {name}"));
        thread::sleep(SETTLE);
        let idle = memory_kib(endpoint.process);
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|_| drain::idle(endpoint.port, USER, DATABASE))
            .collect::<Result<_>>()?;
        thread::sleep(SETTLE);
        // The program's pages that the first login touches are not what a connection takes.
        let with = memory_kib(endpoint.process).rest;
        drop(connections);
        let huge = (endpoint.role == Role::Masks)
            .then(|| huge(endpoint))
            .transpose()?;
        spinner.finish_and_clear();
        all.push(Memory {
            endpoint: name,
            idle_kib: idle.program + idle.rest,
            program_kib: idle.program,
            connection_kib: with.saturating_sub(idle.rest) as f64 / f64::from(CONNECTIONS),
            huge,
        });
    }
    Ok(all)
}

fn huge(endpoint: &Endpoint) -> Result<Huge> {
    // Once through what it grows to at the first large result: that is not what grows with a result's size.
    drain::read(
        endpoint.port,
        USER,
        DATABASE,
        "SELECT * FROM patients",
        Form::Simple,
    )?;
    thread::sleep(SETTLE);
    let before = memory_kib(endpoint.process).rest;
    let over = AtomicBool::new(false);
    let (most, read) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = before;
            while !over.load(Ordering::Relaxed) {
                most = most.max(memory_kib(endpoint.process).rest);
                thread::sleep(Duration::from_millis(50));
            }
            most
        });
        let read = drain::read(endpoint.port, USER, DATABASE, HUGE, Form::Simple);
        over.store(true, Ordering::Relaxed);
        (watch.join(), read)
    });
    let (bytes, took) = read?;
    let most = most.map_err(|_| anyhow!("memory could not be watched"))?;
    Ok(Huge {
        grown_kib: most.saturating_sub(before),
        bytes,
        seconds: took.as_secs_f64(),
    })
}

/// The table, and how to read it.
pub(super) fn text(all: &[Memory]) -> String {
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|memory| {
            vec![
                memory.endpoint.to_owned(),
                format!("{:.1}", memory.idle_kib as f64 / 1024.0),
                format!("{:.1}", memory.program_kib as f64 / 1024.0),
                format!("{:.1}", memory.connection_kib),
                memory.huge.as_ref().map_or_else(String::new, |huge| {
                    format!(
                        "{:.1} ({:.1} GB in {:.0} s)",
                        huge.grown_kib as f64 / 1024.0,
                        huge.bytes as f64 / 1e9,
                        huge.seconds
                    )
                }),
            ]
        })
        .collect();
    let head = [
        ("endpoint", Align::Left),
        ("idle MiB", Align::Right),
        ("of its file", Align::Right),
        ("KiB/connection", Align::Right),
        ("more in a huge result, MiB", Align::Right),
    ];
    format!(
        "\nMemory (before PostgreSQL)\n\n{}\nFresh processes; then {CONNECTIONS} connections that are logged in and idle; then the most that a result of so many\n\
         bytes added, both without pages of the program's file. interdict's stand before every server that is measured. What others map too counts in part (PSS), but for the program's file.\n",
        render(&head, &rows)
    )
}
