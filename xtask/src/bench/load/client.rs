//! Our own clients: a program of its own, so that it is optimised whatever this one is.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Run;
use crate::bench::setup::{DATABASE, ROWS, Servers, USER};
use crate::ui;

pub(super) fn mysql(servers: &Servers, port: u16, seconds: u32, arguments: &[&str]) -> Result<Run> {
    let run = client(&servers.load, "mysql", port, seconds, |command| {
        command
            .args(["--user", USER, "--database", DATABASE])
            .args(arguments)
    })?;
    ensure!(
        !arguments.contains(&"large") || run.operations == ROWS,
        "{} of {ROWS} rows arrived",
        run.operations
    );
    Ok(run)
}

pub(super) fn https(servers: &Servers, port: u16, seconds: u32, arguments: &[&str]) -> Result<Run> {
    let authority = &servers.https()?.authority;
    client(&servers.load, "https", port, seconds, |command| {
        command.arg("--authority").arg(authority).args(arguments)
    })
}

fn client(
    program: &Path,
    what: &str,
    port: u16,
    seconds: u32,
    more: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<Run> {
    let mut command = Command::new(program);
    command.args([what, "--server", &format!("127.0.0.1:{port}")]);
    command.args(["--seconds", &seconds.to_string()]);
    let said = ui::output(more(&mut command))?;
    let run: Run = serde_json::from_str(&said).with_context(|| format!("not understood: {said}"))?;
    ensure!(run.operations > 0, "nothing was done");
    Ok(run)
}
