//! Clients of MySQL, a thread each: statements by key, read-only transactions, one large result.

mod packets;
mod session;

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use clap::ValueEnum;

use self::session::{Prepared, Session};
use crate::outcome::Outcome;

/// What is asked, of whom, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    server: SocketAddr,
    /// Who needs no password
    #[arg(long)]
    user: String,
    #[arg(long)]
    database: String,
    #[arg(long, value_enum)]
    work: Work,
    /// Highest key of the table `sbtest1`
    #[arg(long, default_value_t = 100_000)]
    rows: u32,
    /// What is read whole
    #[arg(long, default_value = "SELECT 1")]
    statement: String,
    #[arg(long, default_value_t = 1)]
    clients: u32,
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Work {
    /// A prepared select of one row by its key
    Point,
    /// Transactions of ten selects by key and four of ranges, with their beginning and end
    ReadOnly,
    /// One statement, once, its result read to the end; rows are what counts
    Large,
}

/// The ranges of a read-only transaction, a hundred keys each.
const RANGES: [&str; 4] = [
    "SELECT c FROM sbtest1 WHERE id BETWEEN ? AND ?",
    "SELECT SUM(k) FROM sbtest1 WHERE id BETWEEN ? AND ?",
    "SELECT c FROM sbtest1 WHERE id BETWEEN ? AND ? ORDER BY c",
    "SELECT DISTINCT c FROM sbtest1 WHERE id BETWEEN ? AND ? ORDER BY c",
];
const POINT: &str = "SELECT c FROM sbtest1 WHERE id = ?";

/// What one client did.
#[derive(Default)]
struct Done {
    operations: u64,
    bytes: u64,
    times: Vec<Duration>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if options.work == Work::Large {
        let mut session = Session::login(options.server, &options.user, &options.database)?;
        let (started, before) = (Instant::now(), session.bytes());
        let rows = session.query(&options.statement)?;
        let bytes = session.bytes() - before;
        return Outcome::new(rows, started.elapsed(), bytes, Vec::new()).print();
    }
    // Logged in and prepared before the clock starts.
    let mut clients = Vec::new();
    for seed in 1..=options.clients {
        clients.push(Client::new(options, seed)?);
    }
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(options.seconds);
    let threads: Vec<_> = clients
        .into_iter()
        .map(|client| thread::spawn(move || client.work(until)))
        .collect();
    let mut done = Done::default();
    for thread in threads {
        let one = thread.join().map_err(|_| anyhow!("a client panicked"))??;
        done.operations += one.operations;
        done.bytes += one.bytes;
        done.times.extend(one.times);
    }
    Outcome::new(done.operations, started.elapsed(), done.bytes, done.times).print()
}

struct Client {
    session: Session,
    point: Prepared,
    ranges: Vec<Prepared>,
    read_only: bool,
    rows: u32,
    random: u64,
}

impl Client {
    fn new(options: &Options, seed: u32) -> Result<Self> {
        let mut session = Session::login(options.server, &options.user, &options.database)?;
        let read_only = options.work == Work::ReadOnly;
        Ok(Self {
            point: session.prepare(POINT)?,
            ranges: if read_only {
                RANGES
                    .iter()
                    .map(|statement| session.prepare(statement))
                    .collect::<Result<_>>()?
            } else {
                Vec::new()
            },
            session,
            read_only,
            rows: options.rows,
            random: u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        })
    }

    fn work(mut self, until: Instant) -> Result<Done> {
        let mut done = Done::default();
        let before = self.session.bytes();
        while Instant::now() < until {
            let started = Instant::now();
            done.operations += if self.read_only {
                self.transaction()?
            } else {
                let key = self.key();
                self.session.execute(self.point, &[key])?;
                1
            };
            done.times.push(started.elapsed());
        }
        done.bytes = self.session.bytes() - before;
        Ok(done)
    }

    /// How many statements it took.
    fn transaction(&mut self) -> Result<u64> {
        self.session.query("BEGIN")?;
        for _ in 0..10 {
            let key = self.key();
            self.session.execute(self.point, &[key])?;
        }
        for index in 0..self.ranges.len() {
            let first = self.key();
            if let Some(range) = self.ranges.get(index) {
                self.session.execute(*range, &[first, first + 99])?;
            }
        }
        self.session.query("COMMIT")?;
        Ok(12 + self.ranges.len() as u64)
    }

    /// A key that is there, every one as likely (xorshift: what is random here need not surprise anybody).
    fn key(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % u64::from(self.rows)) as u32 + 1
    }
}
