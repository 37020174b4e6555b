//! `bench`: interdict beside a direct connection, the least that a hop through userspace can cost, and other proxies; its figures
//! beside what it is meant to reach.
//!
//! Every round runs each endpoint once, a second each, in rotated order, and each ratio is taken within its round: drift of
//! the machine then meets numerator and denominator alike. Not for absolute figures: load, proxy and server share the cores.

mod disk;
mod endpoint;
mod instructions;
mod kernel;
mod load;
mod memory;
mod process;
mod record;
mod report;
mod setup;
mod targets;
mod trend;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use self::endpoint::{Endpoint, Family};
use self::load::Load;
use self::process::Pinned;
use self::report::{Machine, Report, Sample};
use self::setup::Servers;
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
    /// Compare with the file of an earlier run
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// How often each endpoint's turn comes
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of each turn (large results are read once a turn)
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Only loads whose name contains this; "memory", "record" and "kernel" are such names too
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// This interdict instead of one built now (also: the variable INTERDICT_BIN)
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Count instructions of the hot codecs instead, beside those in bench/instructions.json
    #[arg(long)]
    instructions: bool,
    /// Keep the instructions that were counted
    #[arg(long, requires = "instructions")]
    keep: bool,
}

/// Measures, prints the tables, and writes the file that was asked for.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<bool> {
    if options.instructions {
        return instructions::run(workspace, options.only.as_deref(), options.keep);
    }
    let plan = Plan::new(options)?;
    crate::setup::for_bench(false)?;
    let binary = binary(workspace, options)?;
    let load = setup::load(workspace)?;
    let cleanup = Cleanup::watching()?;
    let measured = measure(&binary, load, &plan, &cleanup);
    cleanup.run();
    let report = measured?;
    print!("{}", report.text());
    if let Some(file) = &options.against {
        print!("{}", trend::text(&report, file)?);
    }
    if let Some(file) = &options.json {
        fs::write(file, report.json()?).with_context(|| format!("{} can't be written", file.display()))?;
        ui::note(&format!("every sample is in {}", file.display()));
    }
    Ok(true)
}

/// The interdict that is measured.
fn binary(workspace: &Workspace, options: &Options) -> Result<PathBuf> {
    let given = options
        .binary
        .clone()
        .or_else(|| env::var_os("INTERDICT_BIN").map(PathBuf::from));
    let Some(given) = given else {
        return Ok(build::run(workspace, Profile::Release)?.binary);
    };
    ensure!(given.is_file(), "{} is no file", given.display());
    ui::note(&format!("measuring {}", given.display()));
    Ok(given)
}

/// What is to be measured.
struct Plan {
    loads: Vec<Load>,
    memory: bool,
    record: bool,
    kernel: bool,
    rounds: u32,
    seconds: u32,
}

impl Plan {
    fn new(options: &Options) -> Result<Self> {
        let only = options.only.as_deref();
        let wanted = |name: &str| only.is_none_or(|text| name.contains(text));
        let loads: Vec<Load> = Load::all()
            .into_iter()
            .filter(|load| wanted(load.name) && !(load.aside && only.is_none()))
            .collect();
        let plan = Self {
            loads,
            memory: wanted("memory"),
            record: wanted("record"),
            kernel: wanted("kernel"),
            rounds: options.rounds,
            seconds: options.seconds,
        };
        if plan.loads.is_empty() && !(plan.memory || plan.record || plan.kernel) {
            bail!("nothing that is measured has such a name");
        }
        Ok(plan)
    }

    /// Whose servers are needed.
    fn families(&self) -> Vec<Family> {
        let all = [Family::Postgres, Family::Mysql, Family::Https];
        let needed = |family: &Family| {
            self.loads.iter().any(|load| load.family() == *family)
                || (*family == Family::Postgres && (self.memory || self.record))
        };
        all.into_iter().filter(needed).collect()
    }
}

fn measure(binary: &Path, load: PathBuf, plan: &Plan, cleanup: &Cleanup) -> Result<Report> {
    // Before anything of ours makes it higher.
    let load_average = fs::read_to_string("/proc/loadavg")?;
    let load_average = load_average.split(' ').next().unwrap_or_default().to_owned();
    let (servers, endpoints) = setup::start(binary, load, &plan.families(), cleanup)?;
    let sync_us = disk::sync_us(&servers.place)?;
    // First: what a process holds depends on what was asked of it.
    let memory = if plan.memory {
        memory::measure(&endpoints)?
    } else {
        Vec::new()
    };
    let samples = samples(&servers, &endpoints, plan)?;
    let costs = if plan.record {
        let seconds = plan.rounds.saturating_mul(plan.seconds);
        record::measure(binary, &servers, &endpoints, seconds)?
    } else {
        Vec::new()
    };
    // Last: while programs are attached, connections of the others would be looked at too.
    let connects = match plan
        .kernel
        .then(|| kernel::measure(binary, &servers, plan.rounds, cleanup))
    {
        // What was measured before is not thrown away for it.
        Some(measured) => measured
            .unwrap_or_else(|error| Err(format!("{error:#}")))
            .unwrap_or_else(|why| {
                ui::warn(&format!("the kernel's side can't be measured: {why}"));
                Vec::new()
            }),
        None => Vec::new(),
    };
    let machine = Machine::here(&servers, sync_us, load_average)?;
    Ok(Report::new(
        machine,
        &endpoints,
        &plan.loads,
        memory,
        costs,
        connects,
        samples,
    ))
}

/// Every load's rounds.
fn samples(servers: &Servers, endpoints: &[Endpoint], plan: &Plan) -> Result<Vec<Sample>> {
    let of = |load: &Load| -> Vec<&Endpoint> {
        endpoints.iter().filter(|endpoint| load.takes(endpoint)).collect()
    };
    let turns: usize = plan.loads.iter().map(|load| of(load).len()).sum();
    let bar = ui::bar(turns as u64 * u64::from(plan.rounds));
    let mut samples = Vec::new();
    for load in &plan.loads {
        let (started, endpoints) = (Instant::now(), of(load));
        let processes: Vec<u32> = endpoints.iter().map(|endpoint| endpoint.process).collect();
        let _pinned = load.pinned.then(|| Pinned::new(&processes)).transpose()?;
        for round in 0..plan.rounds {
            for turn in 0..endpoints.len() {
                // Rotated: no endpoint always comes after the same one.
                let Some(endpoint) = endpoints.get((round as usize + turn) % endpoints.len()) else {
                    continue;
                };
                let name = endpoint.role.name();
                bar.set_message(format!("{}, round {}: {name}", load.name, round + 1));
                let before = endpoint.cpu_us();
                let run = load
                    .run(servers, endpoint, plan.seconds)
                    .with_context(|| format!("{} through {name}", load.name))?;
                let cpu = endpoint.cpu_us() - before;
                samples.push(Sample::new(load, endpoint, round, &run, cpu));
                bar.inc(1);
            }
        }
        bar.suspend(|| ui::done(load.name, started.elapsed()));
    }
    bar.finish_and_clear();
    Ok(samples)
}
