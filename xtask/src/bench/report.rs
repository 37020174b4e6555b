//! From samples to tables.

mod row;

use std::fmt::Write as _;
use std::fs;
use std::thread;

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;

pub(super) use self::row::Row;
use super::endpoint::{Endpoint, Role};
use super::kernel::{self, Connect};
use super::load::{Load, Run};
use super::memory::{self, Memory};
use super::record::{self, Cost};
use super::setup::Servers;
use super::targets::{self, Target};
use crate::ui::table::{Align, render};

/// One turn of one endpoint.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sample {
    load: &'static str,
    endpoint: &'static str,
    round: u32,
    operations: u64,
    seconds: f64,
    bytes: u64,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    cpu_us: f64,
}

impl Sample {
    pub(super) fn new(load: &Load, endpoint: &Endpoint, round: u32, run: &Run, cpu_us: f64) -> Self {
        let Run {
            operations,
            seconds,
            bytes,
            p50_us,
            p99_us,
        } = *run;
        Self {
            load: load.name,
            endpoint: endpoint.role.name(),
            round,
            operations,
            seconds,
            bytes,
            p50_us,
            p99_us,
            cpu_us,
        }
    }

    fn per_second(&self) -> f64 {
        self.operations as f64 / self.seconds
    }
}

/// Where and when it was measured: figures of two machines are not to be compared.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    at: String,
    cores: usize,
    kernel: String,
    servers: Vec<String>,
    /// Of a small write, made durable.
    pub(super) sync_us: f64,
    /// Processes that wanted to run besides, before anything was measured.
    load_average: String,
}

impl Machine {
    /// This one, with the servers that were measured against.
    pub(super) fn here(servers: &Servers, sync_us: f64, load_average: String) -> Result<Self> {
        Ok(Self {
            at: Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            cores: thread::available_parallelism()?.get(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            servers: servers.versions()?,
            sync_us,
            load_average,
        })
    }
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) targets: Vec<Target>,
    pub(super) summary: Vec<Row>,
    pub(super) memory: Vec<Memory>,
    pub(super) record: Vec<Cost>,
    pub(super) kernel: Vec<Connect>,
    samples: Vec<Sample>,
}

impl Report {
    pub(super) fn new(
        machine: Machine,
        endpoints: &[Endpoint],
        loads: &[Load],
        memory: Vec<Memory>,
        record: Vec<Cost>,
        kernel: Vec<Connect>,
        samples: Vec<Sample>,
    ) -> Self {
        let mut report = Self {
            machine,
            targets: Vec::new(),
            summary: Vec::new(),
            memory,
            record,
            kernel,
            samples,
        };
        for load in loads {
            let of = |role: Role| -> Vec<&Sample> {
                let name = role.name();
                let ours = report.samples.iter();
                ours.filter(|sample| sample.load == load.name && sample.endpoint == name)
                    .collect()
            };
            let (direct, copy) = (of(Role::Direct), of(Role::Copy));
            let rows: Vec<Row> = endpoints
                .iter()
                .filter(|endpoint| load.takes(endpoint))
                .filter_map(|endpoint| row::row(load.name, endpoint.role, &of(endpoint.role), &direct, &copy))
                .collect();
            report.summary.extend(rows);
        }
        report.targets = targets::judge(&report);
        report
    }

    /// What one endpoint came to under one load, if it was measured.
    pub(super) fn row(&self, load: &str, role: Role) -> Option<&Row> {
        let mut rows = self.summary.iter();
        rows.find(|row| row.load == load && row.endpoint == role.name())
    }

    /// The tables, and how to read them; targets last, where the eye falls first.
    pub(super) fn text(&self) -> String {
        let mut text = format!("\n{}", row::table_of(&self.summary));
        let Machine {
            at,
            cores,
            kernel,
            servers,
            sync_us,
            load_average,
        } = &self.machine;
        let _ = writeln!(
            text,
            "\nPer second are statements, connections, requests or rows. Ratios are of these, taken within a round: their middle,\n\
             least and greatest. +p50 is beside direct. CPU is that of the endpoint's processes: microseconds for each are\n\
             seconds for a million. MB/s a core is for each second of that CPU time. \"copy\" looks at nothing: it is the floor of a\n\
             hop through userspace. Load, proxies and servers share this machine: {cores} cores, Linux {kernel}, {},\n\
             load average {load_average} before; a small write is durable in {sync_us:.0} µs. {at}.",
            servers.join(", ")
        );
        if !self.memory.is_empty() {
            text.push_str(&memory::text(&self.memory));
        }
        if !self.record.is_empty() {
            text.push_str(&record::text(&self.record));
        }
        if !self.kernel.is_empty() {
            text.push_str(&kernel::text(&self.kernel));
        }
        text.push_str(&targets::text(&self.targets));
        text
    }

    pub(super) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// A figure with so many digits, or nothing.
pub(super) fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}

/// Columns whose figures stand under each other.
pub(super) fn heads<const N: usize>(left: usize, titles: [&'static str; N]) -> [(&'static str, Align); N] {
    let mut number = 0;
    titles.map(|title| {
        number += 1;
        let align = if number <= left { Align::Left } else { Align::Right };
        (title, align)
    })
}

/// The same, as text.
pub(super) fn table<const N: usize>(left: usize, titles: [&'static str; N], rows: &[Vec<String>]) -> String {
    render(&heads(left, titles), rows)
}
