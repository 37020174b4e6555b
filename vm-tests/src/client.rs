//! The client: `--child CGROUP HOW ADDRESS…`. Joins the cgroup, connects, prints what it came to.

mod around;
mod harden;
mod puppet;
mod repeat;
mod translated;
mod ways;

use std::fs;
use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let [cgroup, how, rest @ ..] = arguments else {
        bail!("--child CGROUP HOW ADDRESS…")
    };
    let procs = Path::new(cgroup).join("cgroup.procs");
    fs::write(&procs, "0").with_context(|| format!("joining {}", procs.display()))?;
    match (*how, rest) {
        ("loop", [address]) => {
            repeat::run(address.parse()?);
            Ok(())
        }
        ("cost", []) => crate::cost::connect(),
        ("puppet", []) => puppet::run(),
        ("user", [user, address]) => {
            tell(ways::as_user(user.parse()?, address.parse()?)?);
            Ok(())
        }
        ("through", [program, address]) => ways::through(program, cgroup, address),
        ("close", [address, times]) => repeat::connect_and_close(address.parse()?, times.parse()?),
        ("facts", [address]) => ways::facts(address.parse()?),
        ("harden", way) => harden::run(way),
        ("harden-wait", []) => {
            let _ = io::stdin().read(&mut [0])?;
            Ok(())
        }
        ("attach", [pins]) => {
            ways::attach(Path::new(pins));
            Ok(())
        }
        ("translated", [address]) => translated::run(address.parse()?),
        ("reconnect", [first, second]) => {
            tell(ways::reconnect(first.parse()?, second.parse()?));
            Ok(())
        }
        (how, [address]) => {
            let address = address.parse()?;
            tell(ways::connect(how, address)?);
            Ok(())
        }
        _ => bail!("--child CGROUP HOW ADDRESS…"),
    }
}

/// Prints the peer as getpeername has it and the word that the other side says, or the error's number.
fn tell(connected: io::Result<TcpStream>) {
    match connected.and_then(read_word) {
        Ok((peer, word)) => println!("got {peer} {word}"),
        Err(error) => println!("errno {}", error.raw_os_error().unwrap_or(-1)),
    }
}

fn read_word(mut stream: TcpStream) -> io::Result<(SocketAddr, String)> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let peer = stream.peer_addr()?;
    let mut word = String::new();
    stream.read_to_string(&mut word)?;
    Ok((peer, word))
}
