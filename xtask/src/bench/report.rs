//! From samples to one table.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::endpoint::Endpoint;
use super::load::{Load, Run};
use super::record::{self, Cost};
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
    to_direct: [f64; 3],
    /// The same to the copying proxy, for what does more than copy.
    to_copy: Option<[f64; 3]>,
    /// The same to the empty policy, for what masks.
    to_unmasked: Option<[f64; 3]>,
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
    record: Vec<Cost>,
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
            let bases = [Endpoint::BASE, Endpoint::COPY, Endpoint::UNMASKED].map(|name| of(load, name));
            for endpoint in endpoints {
                summary.extend(row(load.name(), endpoint, &of(load, endpoint.name), &bases));
            }
        }
        Self {
            machine,
            summary,
            record: Vec::new(),
            samples,
        }
    }

    /// With what the record costs.
    pub(super) fn with_costs(mut self, costs: Vec<Cost>) -> Self {
        self.record = costs;
        self
    }

    /// The table, and how to read it.
    pub(super) fn text(&self) -> String {
        let shown = |value: Option<f64>, digits: usize| {
            value.map_or_else(String::new, |value| format!("{value:.digits$}"))
        };
        let ratio = |ratio: Option<[f64; 3]>| {
            ratio.map_or_else(String::new, |[middle, least, greatest]| {
                format!("{middle:.2} [{least:.2}..{greatest:.2}]")
            })
        };
        let mut last = "";
        let rows: Vec<Vec<String>> = self
            .summary
            .iter()
            .map(|row| {
                // Said once, for all its rows.
                let load = if row.load == last { "" } else { row.load };
                last = row.load;
                vec![
                    load.to_owned(),
                    row.endpoint.to_owned(),
                    format!("{:.0}", row.per_second),
                    ratio(Some(row.to_direct)),
                    ratio(row.to_copy),
                    ratio(row.to_unmasked),
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
            ("to direct", Align::Right),
            ("to copy", Align::Right),
            ("to unmasked", Align::Right),
            ("+p50 µs", Align::Right),
            ("CPU µs/op", Align::Right),
            ("MB/s", Align::Right),
        ];
        let mut text = format!("\n{}", render(&head, &rows));
        let _ = writeln!(
            text,
            "\nPer second are statements, connections or rows. Ratios are of these, taken within a round: their middle,\n\
             least and greatest. \"copy\" looks at nothing: it is the floor of a hop through userspace. Unmasked is the\n\
             empty policy; what is masked are 3 columns of 6 (patients), and detectors search the other texts.\n\
             +p50 is beside direct; CPU is the endpoint's own process. Load, proxies and server share this machine:\n\
             {} cores, Linux {}, PostgreSQL {}.",
            self.machine.cores, self.machine.kernel, self.machine.postgres
        );
        if !self.record.is_empty() {
            text.push_str(&record::text(&self.record));
        }
        text
    }

    pub(super) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Of the samples' speed to that of another endpoint in the same round.
fn ratio(samples: &[&Sample], base: &[&Sample]) -> Option<[f64; 3]> {
    let ratios: Vec<f64> = samples
        .iter()
        .filter_map(|sample| {
            let other = base.iter().find(|other| other.round == sample.round)?;
            Some(sample.per_second / other.per_second)
        })
        .collect();
    let (least, greatest) = (
        ratios.iter().copied().reduce(f64::min)?,
        ratios.iter().copied().reduce(f64::max)?,
    );
    Some([middle(ratios)?, least, greatest])
}

/// `bases`: the samples of the direct connection, of the copying proxy and of the empty policy.
fn row(
    load: &'static str,
    endpoint: &Endpoint,
    samples: &[&Sample],
    [direct, copy, unmasked]: &[Vec<&Sample>; 3],
) -> Option<Row> {
    let latency =
        |samples: &[&Sample]| middle(samples.iter().filter_map(|sample| sample.median_us).collect());
    let operations: u64 = samples.iter().map(|sample| sample.operations).sum();
    let cpu: f64 = samples.iter().map(|sample| sample.cpu_us).sum();
    let is_base = endpoint.name == Endpoint::BASE;
    Some(Row {
        load,
        endpoint: endpoint.name,
        per_second: middle(samples.iter().map(|sample| sample.per_second).collect())?,
        to_direct: ratio(samples, direct)?,
        to_copy: ratio(samples, copy).filter(|_| !is_base && endpoint.name != Endpoint::COPY),
        to_unmasked: ratio(samples, unmasked).filter(|_| endpoint.masks),
        added_us: if is_base {
            None
        } else {
            latency(samples)
                .zip(latency(direct))
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
            masks: false,
        };
        let copy = Endpoint {
            name: Endpoint::COPY,
            port: 2,
            process: Some(1),
            masks: false,
        };
        let [unmasked, masked] = [(Endpoint::UNMASKED, false), ("masks", true)]
            .map(|(name, masks)| Endpoint { name, masks, ..copy });
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
            sample(&load, &unmasked, 0, 400.0, 90),
            sample(&load, &unmasked, 1, 200.0, 90),
            sample(&load, &masked, 0, 300.0, 95),
            sample(&load, &masked, 1, 150.0, 95),
        ];
        let report = Report::new(machine, &[direct, copy, unmasked, masked], &[load], samples);
        let [first, copy, unmasked, masked] = report.summary.as_slice() else {
            panic!("one row an endpoint")
        };
        assert_eq!(
            (first.to_direct, first.to_copy, first.added_us),
            ([1.0; 3], None, None)
        );
        assert_eq!((copy.to_direct, copy.to_copy), ([0.6; 3], None));
        assert_eq!(
            (copy.added_us, copy.cpu_us_per_operation),
            (Some(30.0), Some(10.0))
        );
        assert_eq!((unmasked.to_direct, unmasked.to_unmasked), ([0.4; 3], None));
        assert_eq!(
            (masked.to_copy, masked.to_unmasked),
            (Some([0.5; 3]), Some([0.75; 3]))
        );
        assert!(report.text().contains("0.60 [0.60..0.60]"));
        assert!(report.json().unwrap().contains("\"samples\""));
    }

    #[test]
    fn middles() {
        assert_eq!(middle(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(middle(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(middle(Vec::new()), None);
    }
}
