//! Connections from before enrolment, and those that were made elsewhere.

use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as SocketAddrUnix, UnixListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use interdict_kernel::{
    Candidates, Cut, Found, Hook, Kernel, Mode, Namespace, Tables, Transport, Verdict, stable_id,
};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::block_on;
use crate::bench::{Place, SERVICE, WORKLOAD, destinations, eventually};
use crate::child::Child;
use crate::{Outcome, Scenario};

pub(super) const ALL: &[Scenario] = &[
    ("existing_connection_cut", cut),
    ("existing_datagrams_cut", datagrams_cut),
    ("existing_connection_left", left),
    ("existing_connection_starved", starved),
    ("existing_in_own_namespace_cut", cut_in_namespace),
    ("existing_process_moved_in", moved_in),
    ("existing_socket_passed_in", passed_in),
];

/// Programs attached, a protected server, and nobody in scope yet.
struct Before {
    listener: TcpListener,
    address: SocketAddr,
    tables: Tables,
    own: Arc<Namespace>,
    kernel: Kernel,
    place: Place,
    outside: Place,
}

impl Before {
    fn new(ip: &str) -> Result<Self> {
        let place = Place::new()?;
        let outside = Place::new_beside("outside")?;
        let kernel = place.attach(Mode::Enforce)?;
        let listener = TcpListener::bind(format!("{ip}:0"))?;
        let address = listener.local_addr()?;
        kernel.protect(&destinations(&[address])?)?;
        Ok(Self {
            tables: Tables::open(&place.pin_root)?,
            own: Arc::new(Namespace::own()?),
            listener,
            address,
            kernel,
            place,
            outside,
        })
    }

    fn enrol(&self) -> Result<()> {
        Ok(self.kernel.scope(&[self.place.workload()])?)
    }

    /// A puppet and the server's side of its connection.
    fn connected(&self, place: &Place, to: &str) -> Result<(Child, TcpStream)> {
        let mut puppet = Child::start(&place.directory(""), &["puppet"])?;
        ensure!(puppet.line()? == "here");
        let said = puppet.tell(&format!("connect {to}"))?;
        ensure!(said.starts_with("connected "), "{said}");
        let (stream, _) = self.listener.accept()?;
        stream.set_read_timeout(Some(Duration::from_millis(500)))?;
        Ok((puppet, stream))
    }

    fn find_in(&self, namespaces: &[Arc<Namespace>]) -> Result<Vec<Found>> {
        let candidates = block_on(Candidates::find(namespaces, &self.tables))?;
        ensure!(candidates.failed.is_empty(), "{:?}", candidates.failed);
        Ok(candidates.judge(&self.kernel, &self.tables)?)
    }

    fn find(&self) -> Result<Vec<Found>> {
        self.find_in(&[Arc::clone(&self.own)])
    }

    /// The only one there is, which a process has.
    fn find_of(&self, process: &Child) -> Result<Found> {
        let mut found = self.find()?;
        ensure!(found.len() == 1, "{found:?}");
        let found = found.pop().context("none")?;
        ensure!(
            found.service == SERVICE && found.workload == stable_id(WORKLOAD),
            "{found:?}"
        );
        let holder = found.holder.as_ref().context("nobody has it")?;
        ensure!(holder.pid == process.id(), "{holder:?} is not {}", process.id());
        Ok(found)
    }

    /// Cuts it. The client always notices; the server does if the reset comes through: the egress guard may drop it with
    /// every other packet of a socket whose cgroup is in scope.
    fn cut(&self, found: &Found, puppet: &mut Child, server: &mut TcpStream) -> Result<()> {
        let cut = block_on(found.cut())?;
        ensure!(cut == Cut::Done, "{cut:?}");
        let said = puppet.tell("read")?;
        ensure!(
            said == format!("errno {}", libc::ECONNABORTED),
            "the client reads {said}"
        );
        let guarded = found.connection.cgroup_id == Some(self.place.id("")?);
        let heard = server.read(&mut [0; 8]);
        ensure!(
            matches!(&heard, Err(error) if error.kind() == ErrorKind::ConnectionReset
                || guarded && error.kind() == ErrorKind::WouldBlock),
            "the server hears {heard:?}"
        );
        eventually("nothing is left", || Ok(self.find()?.is_empty()))?;
        ensure!(block_on(found.cut())? == Cut::Gone, "it was cut twice");
        Ok(())
    }
}

fn cut() -> Result<Outcome> {
    for ip in ["127.0.0.1", "[::1]", "mapped"] {
        let before = Before::new(if ip == "mapped" { "127.0.0.1" } else { ip })?;
        let to = if ip == "mapped" {
            format!("[::ffff:127.0.0.1]:{}", before.address.port())
        } else {
            before.address.to_string()
        };
        let (mut puppet, mut server) = before.connected(&before.place, &to)?;
        let (mut neighbour, mut of_neighbour) = before.connected(&before.outside, &to)?;
        ensure!(
            before.find()?.is_empty(),
            "nobody is enrolled: {:?}",
            before.find()?
        );
        before.enrol()?;
        let found = before.find_of(&puppet)?;
        before.cut(&found, &mut puppet, &mut server)?;
        let said = neighbour.tell("write still-here")?;
        ensure!(said == "ok", "the neighbour: {said}");
        let mut word = [0; 10];
        of_neighbour.read_exact(&mut word).context("from the neighbour")?;
        ensure!(&word == b"still-here");
    }
    Ok(Outcome::Pass)
}

fn datagrams_cut() -> Result<Outcome> {
    let before = Before::new("127.0.0.1")?;
    let mut puppet = Child::start(&before.place.directory(""), &["puppet"])?;
    ensure!(puppet.line()? == "here");
    let said = puppet.tell(&format!("datagrams {}", before.address))?;
    ensure!(said == "ok", "{said}");
    before.enrol()?;
    let found = before.find_of(&puppet)?;
    ensure!(found.connection.transport == Transport::Udp);
    let cut = block_on(found.cut())?;
    ensure!(cut == Cut::Done, "{cut:?}");
    let said = puppet.tell("hear")?;
    ensure!(said == format!("errno {}", libc::ECONNABORTED), "{said}");
    ensure!(before.find()?.is_empty());
    Ok(Outcome::Pass)
}

fn left() -> Result<Outcome> {
    let before = Before::new("127.0.0.1")?;
    let (mut puppet, mut server) = before.connected(&before.place, &before.address.to_string())?;
    before.enrol()?;
    let found = before.find_of(&puppet)?;
    before.kernel.keep(found.connection.cookie)?;
    before.kernel.keep_only(&[found.connection.cookie].into())?;
    ensure!(puppet.tell("write hello")? == "ok");
    let mut word = [0; 5];
    server.read_exact(&mut word).context("a kept connection")?;
    ensure!(&word == b"hello");
    let kept = before.kernel.counters()?.get(Hook::Egress, Verdict::Kept);
    ensure!(kept > 0, "the egress guard did not see it");
    // Whoever is not named any more is starved.
    before.kernel.keep_only(&[].into())?;
    ensure!(puppet.tell("write again")? == "ok");
    let heard = server.read(&mut word);
    ensure!(
        matches!(&heard, Err(error) if error.kind() == ErrorKind::WouldBlock),
        "no longer kept, and heard: {heard:?}"
    );
    Ok(Outcome::Pass)
}

/// What is neither cut nor kept gets no packet through.
fn starved() -> Result<Outcome> {
    let before = Before::new("127.0.0.1")?;
    let (mut puppet, mut server) = before.connected(&before.place, &before.address.to_string())?;
    before.enrol()?;
    ensure!(puppet.tell("write hello")? == "ok");
    let heard = server.read(&mut [0; 8]);
    ensure!(
        matches!(&heard, Err(error) if error.kind() == ErrorKind::WouldBlock),
        "heard: {heard:?}"
    );
    Ok(Outcome::Pass)
}

/// A connection within another namespace is found there, and only there.
fn cut_in_namespace() -> Result<Outcome> {
    let before = Before::new("127.0.0.1")?;
    let mut server = Child::start(&before.outside.directory(""), &["puppet"])?;
    let mut puppet = Child::start(&before.place.directory(""), &["puppet"])?;
    for child in [&mut server, &mut puppet] {
        ensure!(child.line()? == "here");
        ensure!(child.tell("unshare")? == "ok");
    }
    let told = |child: &mut Child, order: &str, answer: &str| -> Result<()> {
        let said = child.tell(order)?;
        ensure!(said.starts_with(answer), "{order}: {said}");
        Ok(())
    };
    told(&mut puppet, &format!("veth {}", server.id()), "ok")?;
    told(&mut puppet, "address near 198.51.100.1", "ok")?;
    told(&mut server, "address far 198.51.100.2", "ok")?;
    told(&mut server, "listen 198.51.100.2:5432", "ok")?;
    let address: SocketAddr = "198.51.100.2:5432".parse()?;
    before.kernel.protect(&destinations(&[address])?)?;
    told(&mut puppet, &format!("connect {address}"), "connected ")?;
    told(&mut server, "accept", "from 198.51.100.1:")?;
    before.enrol()?;
    ensure!(before.find()?.is_empty(), "it is in another namespace");
    let there = Arc::new(Namespace::of_process(puppet.id())?);
    let found = before.find_in(&[Arc::clone(&before.own), there])?;
    ensure!(found.len() == 1, "{found:?}");
    for found in found {
        ensure!(block_on(found.cut())? == Cut::Done);
    }
    told(&mut puppet, "read", &format!("errno {}", libc::ECONNABORTED))?;
    Ok(Outcome::Pass)
}

/// The socket's own cgroup stays out of scope: only its holder shows whose it is.
fn moved_in() -> Result<Outcome> {
    let before = Before::new("127.0.0.1")?;
    before.enrol()?;
    let (mut puppet, mut server) = before.connected(&before.outside, &before.address.to_string())?;
    ensure!(before.find()?.is_empty());
    let said = puppet.tell(&format!("join {}", before.place.directory("").display()))?;
    ensure!(said == "ok", "{said}");
    let found = before.find_of(&puppet)?;
    ensure!(
        found.connection.cgroup_id == Some(before.outside.id("")?),
        "{found:?}"
    );
    before.cut(&found, &mut puppet, &mut server)?;
    Ok(Outcome::Pass)
}

/// Handed over by a process out of scope: this one, whose own sockets are never touched while it has them.
fn passed_in() -> Result<Outcome> {
    let before = Before::new("127.0.0.1")?;
    before.enrol()?;
    let ours = TcpStream::connect(before.address)?;
    let (mut server, _) = before.listener.accept()?;
    server.set_read_timeout(Some(Duration::from_millis(500)))?;

    let name = format!("{}-hand-over", before.place.cgroup.display());
    let door = UnixListener::bind_addr(&SocketAddrUnix::from_abstract_name(&name)?)?;
    let mut puppet = Child::start(&before.place.directory(""), &["puppet"])?;
    ensure!(puppet.line()? == "here");
    let said = std::thread::scope(|scope| {
        let hand_over = scope.spawn(|| -> Result<()> {
            let (to, _) = door.accept()?;
            let fds = [ours.as_raw_fd()];
            let parts = [std::io::IoSlice::new(b"x")];
            let rights = [ControlMessage::ScmRights(&fds)];
            sendmsg::<()>(to.as_raw_fd(), &parts, &rights, MsgFlags::empty(), None)?;
            Ok(())
        });
        let said = puppet.tell(&format!("take {name}"))?;
        hand_over
            .join()
            .map_err(|_| anyhow::anyhow!("handing over panicked"))??;
        anyhow::Ok(said)
    })?;
    ensure!(said == "ok", "{said}");
    ensure!(
        before.find()?.is_empty(),
        "the daemon's own socket: {:?}",
        before.find()?
    );
    drop(ours);
    let found = before.find_of(&puppet)?;
    before.cut(&found, &mut puppet, &mut server)?;
    Ok(Outcome::Pass)
}
