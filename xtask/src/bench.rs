//! `bench`: the proxy beside a direct connection and beside the least that a hop through userspace can cost.
//!
//! Every round runs each endpoint once, a second each, in rotated order, and each ratio is taken within its round: drift of
//! the machine then meets numerator and denominator alike. Not for absolute figures: load, proxy and server share the cores.

pub(crate) mod copy_proxy;
mod endpoint;
mod load;
mod record;
mod report;
mod setup;

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use self::endpoint::Endpoint;
use self::load::Load;
use self::report::{Machine, Report, Sample};
use crate::build::{self, Profile};
use crate::cleanup::Cleanup;
use crate::ui;
use crate::workspace::Workspace;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write every sample and the summary to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How often each endpoint's turn comes
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of each turn of the small statements (the large results are read once a turn)
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Only loads whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Measures, prints one table, and writes the file that was asked for.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<bool> {
    let built = build::run(workspace, Profile::Release)?;
    let copier = setup::copier(workspace)?;
    let cleanup = Cleanup::watching()?;
    let measured = measure(&built.binary, &copier, options, &cleanup);
    cleanup.run();
    let report = measured?;
    print!("{}", report.text());
    if let Some(file) = &options.json {
        std::fs::write(file, report.json()?)
            .with_context(|| format!("{} can't be written", file.display()))?;
        ui::note(&format!("every sample is in {}", file.display()));
    }
    Ok(true)
}

fn measure(
    binary: &std::path::Path,
    copier: &std::path::Path,
    options: &Options,
    cleanup: &Cleanup,
) -> Result<Report> {
    let (server, endpoints) = setup::endpoints(binary, copier, cleanup)?;
    let loads: Vec<Load> = Load::all()
        .into_iter()
        .filter(|load| {
            options
                .only
                .as_deref()
                .is_none_or(|text| load.name().contains(text))
        })
        .collect();
    let mut samples = Vec::new();
    for load in &loads {
        let spinner = ui::spinner(load.name());
        let started = std::time::Instant::now();
        for round in 0..options.rounds {
            for turn in 0..endpoints.len() {
                // Rotated: no endpoint always comes after the same one.
                let index = (round as usize + turn) % endpoints.len();
                let Some(endpoint) = endpoints.get(index) else {
                    continue;
                };
                spinner.set_message(format!(
                    "round {} of {}: {}",
                    round + 1,
                    options.rounds,
                    endpoint.name
                ));
                let before = endpoint.cpu();
                let run = load
                    .run(&server, endpoint, options.seconds)
                    .with_context(|| format!("{} through {}", load.name(), endpoint.name))?;
                let cpu = endpoint.cpu().saturating_sub(before);
                samples.push(Sample::new(load, endpoint, round, &run, cpu));
            }
        }
        spinner.finish_and_clear();
        ui::done(load.name(), started.elapsed());
    }
    let wanted = options
        .only
        .as_deref()
        .is_none_or(|text| "the record".contains(text));
    let costs = if wanted {
        record::measure(binary, &server, options.rounds.saturating_mul(options.seconds))?
    } else {
        Vec::new()
    };
    let machine = Machine::here(&server)?;
    Ok(Report::new(machine, &endpoints, &loads, samples).with_costs(costs))
}

impl Endpoint {
    /// What everything else is compared with.
    const BASE: &'static str = "direct";
    /// What looks at nothing.
    const COPY: &'static str = "copy";
    /// What looks at everything and masks nothing.
    const UNMASKED: &'static str = "interdict, empty policy";
}
