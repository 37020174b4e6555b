//! Starting this binary again as a client or daemon, and reading what it prints.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

/// What a connect came to, as the client saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// Connected: the peer's address by getpeername, and the word that was read.
    Word { peer: SocketAddr, word: String },
    /// Failed.
    Errno(i32),
}

impl Got {
    /// The proxy answered, and getpeername says `peer`.
    pub(crate) fn proxy(peer: SocketAddr) -> Self {
        Self::Word {
            peer,
            word: "proxy".to_owned(),
        }
    }

    /// The server itself answered.
    pub(crate) fn direct(peer: SocketAddr) -> Self {
        Self::Word {
            peer,
            word: "direct".to_owned(),
        }
    }

    fn parse(line: &str) -> Result<Self> {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["got", peer, word] => Ok(Self::Word {
                peer: peer.parse()?,
                word: (*word).to_owned(),
            }),
            ["errno", number] => Ok(Self::Errno(number.parse()?)),
            _ => bail!("the client printed `{line}`"),
        }
    }
}

/// A process of a scenario. Dropping it kills it.
pub(crate) struct Child {
    process: std::process::Child,
    output: BufReader<ChildStdout>,
}

impl Child {
    /// A client that joins a cgroup first.
    pub(crate) fn start(cgroup: &Path, arguments: &[&str]) -> Result<Self> {
        let cgroup = cgroup.to_str().context("a cgroup's path")?;
        Self::spawn(&[&["--child", cgroup], arguments].concat())
    }

    /// This binary with these arguments.
    pub(crate) fn spawn(arguments: &[&str]) -> Result<Self> {
        Self::run("/proc/self/exe", arguments)
    }

    /// A program with these arguments.
    pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<Self> {
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a child")?;
        let output = BufReader::new(process.stdout.take().context("a child's output")?);
        Ok(Self { process, output })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The next line.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(
            self.output.read_line(&mut line)? > 0,
            "the child ended without a word"
        );
        Ok(line.trim_end().to_owned())
    }

    /// Tells a puppet to do something, and reads what came of it.
    pub(crate) fn tell(&mut self, order: &str) -> Result<String> {
        let mut input = self
            .process
            .stdin
            .as_ref()
            .context("the child's input is closed")?;
        writeln!(input, "{order}")?;
        self.line()
    }

    /// What its connect came to.
    pub(crate) fn got(mut self) -> Result<Got> {
        Got::parse(&self.line()?)
    }

    /// Tells it to stop, by closing its input, and reads its last line.
    pub(crate) fn finish(mut self) -> Result<String> {
        drop(self.process.stdin.take());
        self.line()
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
