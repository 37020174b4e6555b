//! What the kernel's side costs those who connect: who is in no scope, who is in one and connects elsewhere, who is redirected; beside
//! nothing attached, and beside nftables' REDIRECT. A socket, its connection and its end are timed; nobody asks anything.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, id};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::Value;

use super::report::table;
use super::setup::Servers;
use crate::cgroup::Cgroup;
use crate::cleanup::Cleanup;
use crate::daemon::Daemon;
use crate::{host, ui};

/// The table of rules, removed after each round and at the end.
const TABLE: &str = "interdict-bench";

/// Who connects whither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Case {
    Nothing,
    Nftables,
    Outside,
    Elsewhere,
    Redirected,
}

impl Case {
    const ALL: [Self; 5] = [
        Self::Nothing,
        Self::Nftables,
        Self::Outside,
        Self::Elsewhere,
        Self::Redirected,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no program",
            Self::Nftables => "nftables REDIRECT",
            Self::Outside => "interdict, a process outside",
            Self::Elsewhere => "interdict, an enrolled one, elsewhere",
            Self::Redirected => "interdict, redirected",
        }
    }
}

/// One case's times, over all rounds.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Connect {
    pub(super) case: Case,
    /// The least of the rounds' tenth percentiles: what the kernel itself takes, where nothing else was at work.
    pub(super) p10_us: f64,
    /// The middle of the rounds' middles.
    p50_us: f64,
}

/// Measures, if the kernel can be had. Without it: why not.
pub(super) fn measure(
    binary: &Path,
    servers: &Servers,
    rounds: u32,
    cleanup: &Cleanup,
) -> Result<Result<Vec<Connect>, String>> {
    if let Some(why) = host::redirect_refuses() {
        return Ok(Err(why));
    }
    let cgroup = Cgroup::create(&format!("interdict-bench-{}", id()))?;
    let removed = cgroup.clone();
    cleanup.add("the cgroup stays", move || removed.remove());
    cleanup.add("nftables' rules stay", forget_rules);
    // What is asked for, what is elsewhere, and whither nftables redirects.
    let [asked, elsewhere, redirected] = [listen()?, listen()?, listen()?];
    let home = servers.place.join("interdict-kernel");
    fs::create_dir(&home)?;
    let settings = home.join("interdict.yaml");
    fs::write(
        &settings,
        format!(
            "services:\n  - name: asked\n    protocol: opaque\n    destinations: [\"127.0.0.1:{asked}\"]\n\
             workloads:\n  - name: bench\n    match: {{ cgroup: \"{}\" }}\n\
             policies: []\naudit: {{ directory: audit, durability: {{ batch: 50ms }} }}\nauthority: none\nadmin: {{ socket: admin.sock }}\n",
            cgroup.path
        ),
    )?;
    let spinner = ui::spinner("connects, with and without programs");
    let mut rounds_of = Case::ALL.map(|case| (case, Vec::new()));
    for _ in 0..rounds {
        let mut daemon: Option<Daemon> = None;
        let mut round = || {
            for (case, times) in &mut rounds_of {
                let port = match case {
                    Case::Nothing | Case::Nftables | Case::Redirected => asked,
                    Case::Outside | Case::Elsewhere => elsewhere,
                };
                if *case == Case::Nftables {
                    redirect(asked, redirected)?;
                }
                if *case == Case::Outside {
                    daemon = Some(Daemon::start(binary, &settings, home.join("log"))?);
                }
                let enrolled = matches!(case, Case::Elsewhere | Case::Redirected);
                times.push(connect(servers, enrolled.then_some(&cgroup), port)?);
                if *case == Case::Nftables {
                    forget_rules()?;
                }
            }
            anyhow::Ok(())
        };
        let measured = round();
        // Whatever came of it: what is attached would be in the way of everybody on this host.
        let stopped = daemon.map_or(Ok(()), |mut daemon| daemon.stop());
        let mut detach = Command::new(binary);
        let detached = ui::output(detach.args(["detach", "--force", "--config"]).arg(&settings));
        measured.and(stopped).and(detached.map(drop))?;
    }
    spinner.finish_and_clear();
    check(binary, &home, rounds)?;
    rounds_of
        .into_iter()
        .map(|(case, times)| {
            let least = times.iter().map(|(p10, _)| *p10).fold(f64::INFINITY, f64::min);
            let mut middles: Vec<f64> = times.iter().map(|(_, p50)| *p50).collect();
            middles.sort_by(f64::total_cmp);
            let p50_us = *middles.get(middles.len() / 2).context("nothing was timed")?;
            Ok(Connect {
                case,
                p10_us: least,
                p50_us,
            })
        })
        .collect::<Result<_>>()
        .map(Ok)
}

/// That those who were redirected were, and nobody else.
fn check(binary: &Path, home: &Path, rounds: u32) -> Result<()> {
    let stats = ui::output(
        Command::new(binary)
            .args(["audit", "stats", "--json"])
            .arg(home.join("audit")),
    )?;
    let stats: Value = serde_json::from_str(&stats)?;
    let sessions = stats.pointer("/tables/sessions/rows").and_then(Value::as_u64);
    let wanted = u64::from(rounds) * COUNT;
    // Who resets the connection before it is accepted has no session.
    ensure!(
        sessions.is_some_and(|sessions| sessions > 0 && sessions <= wanted),
        "{sessions:?} sessions of {wanted} connections that were to be redirected"
    );
    Ok(())
}

/// Connections of a round.
const COUNT: u64 = 1000;

/// Times connections; the tenth percentile and the middle.
fn connect(servers: &Servers, cgroup: Option<&Cgroup>, port: u16) -> Result<(f64, f64)> {
    let mut command = match cgroup {
        Some(cgroup) => cgroup.command(&servers.load),
        None => Command::new(&servers.load),
    };
    let said = ui::output(command.args([
        "connect",
        "--port",
        &port.to_string(),
        "--count",
        &COUNT.to_string(),
    ]))?;
    let said: Value = serde_json::from_str(said.trim())?;
    let figure = |name: &str| {
        said.get(name)
            .and_then(Value::as_f64)
            .context("a time is missing")
    };
    Ok((figure("p10_us")?, figure("p50_us")?))
}

/// Accepts whoever comes, until this program ends.
fn listen() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || listener.incoming().for_each(drop));
    Ok(port)
}

fn redirect(from: u16, to: u16) -> Result<()> {
    let rules = format!(
        "table ip {TABLE} {{\nchain output {{\ntype nat hook output priority -100;\nip daddr 127.0.0.1 tcp dport {from} redirect to :{to}\n}}\n}}\n"
    );
    ui::output(Command::new("nft").arg(rules)).map(drop)
}

fn forget_rules() -> Result<()> {
    // Made first, so that what is not there is no error.
    let rules = format!("table ip {TABLE} {{}}\ndelete table ip {TABLE}\n");
    ui::output(Command::new("nft").arg(rules)).map(drop)
}

pub(super) fn text(all: &[Connect]) -> String {
    let nothing = all
        .iter()
        .find(|one| one.case == Case::Nothing)
        .map(|one| one.p10_us);
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|one| {
            vec![
                one.case.name().to_owned(),
                format!("{:.1}", one.p10_us),
                format!("{:.1}", one.p50_us),
                nothing.map_or_else(String::new, |nothing| format!("{:.2}", one.p10_us / nothing)),
            ]
        })
        .collect();
    let titles = [
        "a socket, its connection, its end",
        "p10 µs",
        "p50 µs",
        "to no program",
    ];
    format!("\nThe kernel's side\n\n{}\n", table(1, titles, &rows))
}
