//! The `interdict` binary: commands, settings and wiring. No logic lives here.

mod admin;
mod cli;
mod commands;
mod explain;
mod output;
mod record;
mod run;
mod sandbox;
mod settings;
mod terminal;
mod trace;

use std::process::ExitCode;

use clap::Parser as _;

/// Many small allocations of short life on many threads: what mimalloc is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator asks for huge pages wherever the host gives them on request: what is touched a page at a time then takes two
    // megabytes at a time. A kernel that refuses costs memory, not more.
    let _ = nix::sys::prctl::set_thp_disable(true);
    commands::main(cli::Cli::parse())
}
