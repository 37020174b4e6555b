//! What the kernel's side must do, tried on the kernel that this runs on: a host's or a virtual machine's.
//!
//! `interdict-vm-tests [--list | --facts] [FILTER]` runs every scenario whose name contains FILTER, each with programs, pins and
//! cgroups of its own, and prints one line for each and one at the end:
//! ```text
//! INTERDICT-VM case=connect4 result=pass ms=12 detail=-
//! INTERDICT-VM done pass=1 fail=0 skip=0 gap=0
//! ```
//! It exits with 0 if nothing failed, 1 if something did, 2 if it could not start. A missing last line is a failure.
//! The same binary is started again, in a cgroup of the scenario, to be the client (`--child`) or a daemon (`--daemon`).

mod bench;
mod child;
mod client;
mod cost;
mod daemon;
mod facts;
mod nft;
mod raw;
mod scenarios;
mod server;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

/// What came of a scenario that did not fail.
pub(crate) enum Outcome {
    /// It held.
    Pass,
    /// This kernel has no means against it, which the daemon reports; and why.
    Gap(String),
    /// This kernel or machine can't show it, and why.
    Skip(String),
}

/// A scenario: its name and what it does.
pub(crate) type Scenario = (&'static str, fn() -> Result<Outcome>);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match words.as_slice() {
        ["--child", rest @ ..] => client::run(rest).map(|()| true),
        ["--cost", rest @ ..] => cost::run(rest).map(|()| true),
        ["--daemon", rest @ ..] => daemon::run(rest).map(|()| true),
        ["--list"] => {
            scenarios::all().for_each(|(name, _)| println!("{name}"));
            Ok(true)
        }
        ["--facts"] => {
            facts::print();
            Ok(true)
        }
        [] => run(""),
        [filter] if !filter.starts_with('-') => run(filter),
        _ => Err(anyhow::anyhow!(
            "usage: interdict-vm-tests [--list | --facts | --cost [ROUNDS]] [FILTER]"
        )),
    };
    match answer {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("interdict-vm-tests: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Why the daemon refuses to attach to this kernel, by name; `None`: it does not.
fn unsupported() -> Result<Option<String>> {
    let place = bench::Place::new()?;
    match place.attach(interdict_kernel::Mode::Enforce) {
        Err(error) => match error.downcast_ref() {
            Some(interdict_kernel::KernelError::NoNetnsCookie) => {
                Ok(Some(format!("not supported: {error:#}")))
            }
            _ => Ok(None),
        },
        Ok(_) => Ok(None),
    }
}

/// Runs what matches; whether nothing failed.
fn run(filter: &str) -> Result<bool> {
    if !interdict_kernel::is_built() {
        bail!("this build carries no eBPF programs: set INTERDICT_BPF_OBJECT, or run `cargo xtask build`");
    }
    let unsupported = unsupported()?;
    let (mut pass, mut fail, mut skip, mut gap) = (0, 0, 0, 0);
    for (name, scenario) in scenarios::all().filter(|(name, _)| name.contains(filter)) {
        bench::begin(name);
        let started = Instant::now();
        let outcome = match &unsupported {
            Some(reason) => Ok(Outcome::Gap(reason.clone())),
            None => scenario(),
        };
        let ms = started.elapsed().as_millis();
        let (result, detail) = match outcome {
            Ok(Outcome::Pass) => ("pass", "-".to_owned()),
            Ok(Outcome::Gap(reason)) => ("gap", reason),
            Ok(Outcome::Skip(reason)) => ("skip", reason),
            Err(error) => ("fail", format!("{error:#}")),
        };
        match result {
            "pass" => pass += 1,
            "gap" => gap += 1,
            "skip" => skip += 1,
            _ => fail += 1,
        }
        println!(
            "INTERDICT-VM case={name} result={result} ms={ms} detail={}",
            detail.replace('\n', "; ")
        );
    }
    if pass + fail + skip + gap == 0 {
        bail!("no scenario's name contains `{filter}`");
    }
    println!("INTERDICT-VM done pass={pass} fail={fail} skip={skip} gap={gap}");
    Ok(fail == 0)
}
