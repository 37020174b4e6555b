//! `--cost [ROUNDS]`: what a connect costs. Socket, connect and close over loopback, without programs, with them for a
//! destination that nobody protects and for a protected one, and through nftables' REDIRECT, in turns, so that what the
//! machine does besides falls on all alike. Times mean nothing by themselves; compare them within a run.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use interdict_kernel::{Destination, Mode, netns_cookie};
use nix::sched::{CloneFlags, unshare};

use crate::bench::{Place, SERVICE};
use crate::nft;
use crate::scenarios::link;

/// Connects in one turn.
const TURN: usize = 200;
/// Protected in the turns with programs.
const PROTECTED: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)), 7003);
/// Translated by nftables, in all turns.
const TRANSLATED: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, 0, 0, 4)), 7004);

/// A way to connect, and what each connect took in nanoseconds.
struct Way {
    name: &'static str,
    taken: Vec<u64>,
}

impl Way {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            taken: Vec::new(),
        }
    }

    /// Microseconds at a part of a hundred.
    fn at(&self, percent: usize) -> f64 {
        let mut sorted = self.taken.clone();
        sorted.sort_unstable();
        let place = sorted.len().saturating_mul(percent) / 100;
        sorted.get(place).copied().unwrap_or_default() as f64 / 1000.0
    }
}

/// The process that connects, in the cgroup that is enrolled and in a network namespace of its own: the rule of nftables
/// must not meet the host's traffic.
struct Connector {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    cookie: u64,
    server: SocketAddr,
}

impl Connector {
    fn start(place: &Place) -> Result<Self> {
        let mut process = Command::new("/proc/self/exe")
            .args(["--child"])
            .arg(place.directory(""))
            .arg("cost")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a child")?;
        let input = process.stdin.take().context("a child's input")?;
        let mut output = BufReader::new(process.stdout.take().context("a child's output")?);
        let said = line(&mut output)?;
        let (cookie, server) = said.split_once(' ').context("the child's first line")?;
        Ok(Self {
            process,
            input,
            output,
            cookie: cookie.parse()?,
            server: server.parse()?,
        })
    }

    fn turn(&mut self, way: &mut Way, to: SocketAddr) -> Result<()> {
        writeln!(self.input, "{to}")?;
        for word in line(&mut self.output)?.split_whitespace() {
            way.taken
                .push(word.parse().with_context(|| format!("{}: {word}", way.name))?);
        }
        Ok(())
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn line(output: &mut impl std::io::BufRead) -> Result<String> {
    let mut line = String::new();
    ensure!(output.read_line(&mut line)? > 0, "the child ended without a word");
    Ok(line.trim_end().to_owned())
}

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let rounds: usize = match arguments {
        [] => 40,
        [rounds] => rounds.parse()?,
        _ => bail!("--cost [ROUNDS]"),
    };
    let place = Place::new()?;
    let mut connector = Connector::start(&place)?;
    let server = connector.server;
    let (mut none, mut other) = (Way::new("no program"), Way::new("programs, not protected"));
    let (mut ours, mut nftables) = (Way::new("programs, redirected"), Way::new("nftables REDIRECT"));
    for _ in 0..rounds {
        connector.turn(&mut none, server)?;
        connector.turn(&mut nftables, TRANSLATED)?;
        let kernel = place.attach(Mode::Enforce)?;
        kernel.publish_listener(connector.cookie, Some(server.port()), None)?;
        kernel.protect(&[Destination {
            address: PROTECTED.ip(),
            prefix: 32,
            port: PROTECTED.port(),
            service: SERVICE,
            fail_open: false,
        }])?;
        kernel.scope(&[place.workload()])?;
        connector.turn(&mut other, server)?;
        connector.turn(&mut ours, PROTECTED)?;
        drop(kernel);
        interdict_kernel::detach(&place.pin_root)?;
    }
    println!("{:<26}{:>10}{:>10}{:>10}", "us a connect", "p10", "p50", "ratio");
    for way in [&none, &other, &ours, &nftables] {
        println!(
            "{:<26}{:>10.2}{:>10.2}{:>10.2}",
            way.name,
            way.at(10),
            way.at(50),
            way.at(10) / none.at(10)
        );
    }
    drop(connector);
    Ok(())
}

/// The child's part: `--child CGROUP cost`.
pub(crate) fn connect() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).context("a network namespace")?;
    link::up(link::LOOPBACK)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let server = listener.local_addr()?;
    let cookie = netns_cookie(&listener)?;
    std::thread::spawn(move || listener.incoming().for_each(drop));
    println!("{cookie} {server}");
    for to in std::io::stdin().lock().lines() {
        let to: SocketAddr = to?.parse()?;
        let mut taken = String::new();
        // Only there: the tracking of connections that comes with it would burden the others.
        if to == TRANSLATED {
            nft::apply(&format!(
                "table ip t {{\nchain out {{\ntype nat hook output priority -100\ntcp dport {} redirect to :{}\n}}\n}}\n",
                to.port(),
                server.port()
            ))?;
        }
        for _ in 0..TURN {
            let started = Instant::now();
            drop(TcpStream::connect(to).with_context(|| to.to_string())?);
            write!(taken, "{} ", started.elapsed().as_nanos())?;
        }
        if to == TRANSLATED {
            nft::apply("delete table ip t\n")?;
        }
        println!("{taken}");
    }
    Ok(())
}
