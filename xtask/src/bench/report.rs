//! From samples to one table.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::endpoint::Endpoint;
use super::load::{Load, Run};
use crate::postgres::Postgres;
use crate::ui::table::{Align, render};

/// One turn of one endpoint.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sample {
    load: &'static str,
    endpoint: &'static str,
    round: u32,
    operations: u64,
    per_second: f64,
    median_us: Option<f64>,
    bytes_per_second: Option<f64>,
    cpu_us: f64,
}

impl Sample {
    pub(super) fn new(load: &Load, endpoint: &Endpoint, round: u32, run: &Run, cpu: Duration) -> Self {
        let Run {
            operations,
            per_second,
            median,
            bytes_per_second,
        } = *run;
        Self {
            load: load.name(),
            endpoint: endpoint.name,
            round,
            operations,
            per_second,
            median_us: median.map(micros),
            bytes_per_second,
            cpu_us: micros(cpu),
        }
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// What one endpoint came to under one load.
#[derive(Clone, Debug, Serialize)]
struct Row {
    load: &'static str,
    endpoint: &'static str,
    per_second: f64,
    /// To the direct connection of the same round: the middle, the least and the greatest.
    ratio: [f64; 3],
    /// More than the direct connection's, each the middle of its samples.
    added_us: Option<f64>,
    /// Of the endpoint's own process.
    cpu_us_per_operation: Option<f64>,
    mb_per_second: Option<f64>,
}

/// Where it was measured: figures of two machines are not to be compared.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    cores: usize,
    kernel: String,
    postgres: String,
}

impl Machine {
    /// This one, with the server that was measured against.
    pub(super) fn here(server: &Postgres) -> Result<Self> {
        Ok(Self {
            cores: thread::available_parallelism()?.get(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            postgres: server.run("postgres", "SHOW server_version")?.trim().to_owned(),
        })
    }
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    summary: Vec<Row>,
    samples: Vec<Sample>,
}

impl Report {
    pub(super) fn new(
        machine: Machine,
        endpoints: &[Endpoint],
        loads: &[Load],
        samples: Vec<Sample>,
    ) -> Self {
        let of = |load: &Load, endpoint: &str| -> Vec<&Sample> {
            samples
                .iter()
                .filter(|sample| sample.load == load.name() && sample.endpoint == endpoint)
                .collect()
        };
        let mut summary = Vec::new();
        for load in loads {
            let base = of(load, Endpoint::BASE);
            for endpoint in endpoints {
                summary.extend(row(load.name(), endpoint, &of(load, endpoint.name), &base));
            }
        }
        Self {
            machine,
            summary,
            samples,
        }
    }

    /// The table, and how to read it.
    pub(super) fn text(&self) -> String {
        let shown = |value: Option<f64>, digits: usize| {
            value.map_or_else(String::new, |value| format!("{value:.digits$}"))
        };
        let rows: Vec<Vec<String>> = self
            .summary
            .iter()
            .map(|row| {
                let [middle, least, greatest] = row.ratio;
                vec![
                    row.load.to_owned(),
                    row.endpoint.to_owned(),
                    format!("{:.0}", row.per_second),
                    format!("{middle:.3} [{least:.2}..{greatest:.2}]"),
                    shown(row.added_us, 0),
                    shown(row.cpu_us_per_operation, 2),
                    shown(row.mb_per_second, 0),
                ]
            })
            .collect();
        let head = [
            ("load", Align::Left),
            ("endpoint", Align::Left),
            ("per s", Align::Right),
            ("ratio to direct", Align::Right),
            ("+p50 µs", Align::Right),
            ("CPU µs/op", Align::Right),
            ("MB/s", Align::Right),
        ];
        let mut text = format!("\n{}", render(&head, &rows));
        let _ = writeln!(
            text,
            "\nRatios are taken within a round: their middle, least and greatest. CPU is the endpoint's own process.\n\
             \"copy\" looks at nothing: it is the floor of a hop through userspace. Load, proxies and server share\n\
             this machine: {} cores, Linux {}, PostgreSQL {}.",
            self.machine.cores, self.machine.kernel, self.machine.postgres
        );
        text
    }

    pub(super) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

fn row(load: &'static str, endpoint: &Endpoint, samples: &[&Sample], base: &[&Sample]) -> Option<Row> {
    let ratios: Vec<f64> = samples
        .iter()
        .filter_map(|sample| {
            let direct = base.iter().find(|direct| direct.round == sample.round)?;
            Some(sample.per_second / direct.per_second)
        })
        .collect();
    let (least, greatest) = (
        ratios.iter().copied().reduce(f64::min)?,
        ratios.iter().copied().reduce(f64::max)?,
    );
    let latency =
        |samples: &[&Sample]| middle(samples.iter().filter_map(|sample| sample.median_us).collect());
    let operations: u64 = samples.iter().map(|sample| sample.operations).sum();
    let cpu: f64 = samples.iter().map(|sample| sample.cpu_us).sum();
    let is_base = endpoint.name == Endpoint::BASE;
    Some(Row {
        load,
        endpoint: endpoint.name,
        per_second: middle(samples.iter().map(|sample| sample.per_second).collect())?,
        ratio: [middle(ratios)?, least, greatest],
        added_us: if is_base {
            None
        } else {
            latency(samples)
                .zip(latency(base))
                .map(|(here, direct)| here - direct)
        },
        cpu_us_per_operation: endpoint.process.map(|_| cpu / operations.max(1) as f64),
        mb_per_second: middle(
            samples
                .iter()
                .filter_map(|sample| sample.bytes_per_second)
                .collect(),
        )
        .map(|rate| rate / 1e6),
    })
}

/// The middle value, or the mean of the two in the middle.
fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*values.get(values.len() / 2 - 1)?, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(load: &Load, endpoint: &Endpoint, round: u32, per_second: f64, median: u64) -> Sample {
        let run = Run {
            operations: 100,
            per_second,
            median: Some(Duration::from_micros(median)),
            bytes_per_second: None,
        };
        Sample::new(load, endpoint, round, &run, Duration::from_millis(1))
    }

    #[test]
    fn ratios_are_taken_within_their_round() {
        let load = Load::all().remove(0);
        let direct = Endpoint {
            name: Endpoint::BASE,
            port: 1,
            process: None,
        };
        let copy = Endpoint {
            name: "copy",
            port: 2,
            process: Some(1),
        };
        let machine = Machine {
            cores: 2,
            kernel: "6.1".into(),
            postgres: "15".into(),
        };
        // The machine is half as fast in the second round: the ratio doesn't move.
        let samples = vec![
            sample(&load, &direct, 0, 1000.0, 50),
            sample(&load, &copy, 0, 600.0, 80),
            sample(&load, &copy, 1, 300.0, 80),
            sample(&load, &direct, 1, 500.0, 50),
        ];
        let report = Report::new(machine, &[direct, copy], &[load], samples);
        let row = report.summary.last().unwrap();
        assert_eq!((row.endpoint, row.ratio), ("copy", [0.6, 0.6, 0.6]));
        assert_eq!((row.added_us, row.cpu_us_per_operation), (Some(30.0), Some(10.0)));
        assert!(report.text().contains("0.600 [0.60..0.60]"));
        assert!(report.json().unwrap().contains("\"samples\""));
    }

    #[test]
    fn middles() {
        assert_eq!(middle(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(middle(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(middle(Vec::new()), None);
    }
}
