//! Agents in network namespaces of their own.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use interdict_kernel::{Flow, FlowLookup as _, Listeners, Mode, Namespace, Process, Tables, Verdict};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::block_on;
use crate::bench::{Bench, NOWHERE_V4, NOWHERE_V6, Place, eventually};
use crate::child::Child;
use crate::{Outcome, Scenario};

pub(super) const ALL: &[Scenario] = &[
    ("namespace_refused_until_ready", refused_until_ready),
    ("namespace_of_other_user_redirected", of_other_user),
    ("namespaces_with_equal_addresses", equal_addresses),
    ("namespace_gone_is_freed", freed),
    ("upstream_dialled_in_namespace", dialled_inside),
];

/// A puppet in a namespace of its own.
fn puppet(bench: &Bench, unshare: &str) -> Result<Child> {
    let mut puppet = bench.client(&["puppet"])?;
    ensure!(puppet.line()? == "here");
    ok(&mut puppet, unshare)?;
    Ok(puppet)
}

fn ok(puppet: &mut Child, order: &str) -> Result<()> {
    let said = puppet.tell(order)?;
    ensure!(said == "ok", "{order}: {said}");
    Ok(())
}

/// A namespace as the daemon follows it.
struct Followed {
    namespace: Namespace,
    listeners: Listeners,
}

impl Followed {
    fn open(bench: &Bench, namespace: Namespace) -> Result<Self> {
        let listeners = block_on(namespace.listen())?;
        let v6 = listeners.v6.as_ref().context("no IPv6")?.local_addr()?.port();
        bench.kernel.publish_listener(
            namespace.cookie(),
            Some(listeners.v4.local_addr()?.port()),
            Some(v6),
        )?;
        Ok(Self { namespace, listeners })
    }

    /// Accepts one connection, and says where it came from.
    fn accept(&self, bench: &Bench, ipv6: bool) -> Result<(TcpStream, Flow)> {
        let listener = if ipv6 {
            self.listeners.v6.as_ref().context("no IPv6")?
        } else {
            &self.listeners.v4
        };
        let (stream, peer) = accept(listener)?;
        let flow = bench
            .kernel
            .flows()
            .take_flow(peer, listener.local_addr()?, self.namespace.cookie())
            .context("a connection came to the listener without a flow")?;
        Ok((stream, flow))
    }
}

/// Waits no longer than the other side does.
fn accept(listener: &TcpListener) -> Result<(TcpStream, SocketAddr)> {
    use std::os::fd::AsFd as _;
    let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(5_000_u16))?;
    listener
        .accept()
        .context("nothing came to the listener within 5 s")
}

/// EPERM until the listener is published; the kernel tells of the namespace by itself, once, before anything is refused
/// there. The listener may be opened while the loopback device is still down.
fn refused_until_ready() -> Result<Outcome> {
    let bench = Bench::new()?;
    let tables = Tables::open(&bench.place.pin_root)?;
    let mut puppet = puppet(&bench, "unshare")?;
    let refused = format!("errno {}", libc::EPERM);
    let (said, event) = bench.event_after(
        || puppet.tell(&format!("connect {NOWHERE_V4}")),
        |event| event.verdict == Verdict::NewNamespace,
    )?;
    ensure!(said == refused, "before there is a listener: {said}");
    ensure!(
        event.flow.tgid == puppet.id(),
        "the namespace was told by {}, not {}",
        event.flow.tgid,
        puppet.id()
    );
    let namespace = Namespace::of_process(event.flow.tgid)?;
    ensure!(
        namespace.cookie() == event.flow.netns_cookie && namespace.cookie() != bench.proxy.cookie,
        "the namespace's cookie is {}, not {}",
        namespace.cookie(),
        event.flow.netns_cookie
    );
    ensure!(namespace.inode() == Process::open(puppet.id())?.netns_inode()?);

    let followed = Followed::open(&bench, namespace)?;
    ok(&mut puppet, "loopback")?;
    for (address, ipv6) in [(NOWHERE_V4, false), (NOWHERE_V6, true)] {
        let said = puppet.tell(&format!("connect {address}"))?;
        ensure!(
            said.starts_with("connected ") && said.ends_with(address),
            "with a listener: {said}"
        );
        let (_stream, flow) = followed.accept(&bench, ipv6)?;
        ensure!(flow.destination == address.parse()?, "{flow:?}");
    }

    let cookie = followed.namespace.cookie();
    ensure!(tables.published()?.contains(&cookie));
    bench.kernel.withdraw_listener(cookie)?;
    tables.tell_again(cookie)?;
    ensure!(!tables.published()?.contains(&cookie));
    let (said, _) = bench.event_after(
        || puppet.tell(&format!("connect {NOWHERE_V4}")),
        |event| event.verdict == Verdict::NewNamespace && event.flow.netns_cookie == cookie,
    )?;
    ensure!(said == refused, "after the listener is withdrawn: {said}");
    Ok(Outcome::Pass)
}

/// As containers without root have it.
fn of_other_user() -> Result<Outcome> {
    let bench = Bench::new()?;
    let mut puppet = bench.client(&["puppet"])?;
    ensure!(puppet.line()? == "here");
    let said = puppet.tell("unshare-user")?;
    if said != "ok" {
        return Ok(Outcome::Skip(format!(
            "user namespaces can't be made here: {said}"
        )));
    }
    ok(&mut puppet, "loopback")?;
    let followed = Followed::open(&bench, Namespace::of_process(puppet.id())?)?;
    let said = puppet.tell(&format!("connect {NOWHERE_V4}"))?;
    ensure!(said.starts_with("connected "), "{said}");
    followed.accept(&bench, false)?;
    Ok(Outcome::Pass)
}

/// Two connections that have all four numbers of their addresses in common.
fn equal_addresses() -> Result<Outcome> {
    let bench = Bench::new()?;
    let mut sides = Vec::new();
    for destination in [NOWHERE_V4, "192.0.2.7:5433"] {
        let mut puppet = puppet(&bench, "unshare")?;
        ok(&mut puppet, "loopback")?;
        let followed = Followed::open(&bench, Namespace::of_process(puppet.id())?)?;
        sides.push((puppet, followed, destination));
    }
    let mut all = crate::bench::destinations(&[])?;
    all.extend(crate::bench::destinations(&["192.0.2.7:5433".parse()?])?);
    bench.kernel.protect(&all)?;
    // Both are open before either is accepted.
    for (puppet, _, destination) in &mut sides {
        let said = puppet.tell(&format!("connect {destination} 127.0.0.1:40000"))?;
        ensure!(
            said == format!("connected 127.0.0.1:40000 {destination}"),
            "{said}"
        );
    }
    let mut seen = Vec::new();
    for (puppet, followed, destination) in &sides {
        let (stream, flow) = followed.accept(&bench, false)?;
        ensure!(
            flow.destination == destination.parse()? && flow.tgid == puppet.id(),
            "{flow:?} is not for {destination}"
        );
        seen.push((stream.peer_addr()?, stream.local_addr()?));
    }
    ensure!(
        seen.windows(2).all(|pair| pair.first() == pair.last()),
        "the addresses differ: {seen:?}"
    );
    Ok(Outcome::Pass)
}

/// A namespace that is no longer followed is gone with its last process, and not before it is let go.
fn freed() -> Result<Outcome> {
    let bench = Bench::new()?;
    let outside = Place::new_beside("outside")?;
    let mut watcher = Child::start(&outside.directory(""), &["puppet"])?;
    ensure!(watcher.line()? == "here");
    ok(&mut watcher, "unshare")?;
    let mut puppet = puppet(&bench, "unshare")?;
    ok(&mut puppet, &format!("veth {}", watcher.id()))?;
    ok(&mut puppet, "loopback")?;
    let has_far = |watcher: &mut Child| -> Result<bool> { Ok(watcher.tell("links")?.contains("far")) };
    ensure!(has_far(&mut watcher)?, "the pair of devices was not made");

    let followed = Followed::open(&bench, Namespace::of_process(puppet.id())?)?;
    let process = Process::open(puppet.id())?;
    puppet.kill()?;
    ensure!(
        process.netns_inode().is_err(),
        "the process is gone and still has a namespace"
    );
    std::thread::sleep(Duration::from_millis(300));
    ensure!(
        has_far(&mut watcher)?,
        "the namespace went although it was followed: this shows nothing"
    );
    bench.kernel.withdraw_listener(followed.namespace.cookie())?;
    drop(followed);
    let started = Instant::now();
    eventually("the namespace is gone", || Ok(!has_far(&mut watcher)?))?;
    ensure!(started.elapsed() < Duration::from_secs(5));
    Ok(Outcome::Pass)
}

/// The server sees the namespace's own address.
fn dialled_inside() -> Result<Outcome> {
    let place = Place::new()?;
    let kernel = place.attach(Mode::Enforce)?;
    kernel.scope(&[place.workload()])?;
    let outside = Place::new_beside("outside")?;
    let mut server = Child::start(&outside.directory(""), &["puppet"])?;
    ensure!(server.line()? == "here");
    ok(&mut server, "unshare")?;
    let mut pod = Child::start(&place.directory(""), &["puppet"])?;
    ensure!(pod.line()? == "here");
    ok(&mut pod, "unshare")?;
    ok(&mut pod, &format!("veth {}", server.id()))?;
    ok(&mut pod, "address near 198.51.100.1")?;
    ok(&mut server, "address far 198.51.100.2")?;
    ok(&mut server, "listen 198.51.100.2:5432")?;
    let address: SocketAddr = "198.51.100.2:5432".parse()?;
    kernel.protect(&crate::bench::destinations(&[address])?)?;

    let refused = pod.tell(&format!("connect {address}"))?;
    ensure!(
        refused == format!("errno {}", libc::EPERM),
        "by itself: {refused}"
    );
    let namespace = Namespace::of_process(pod.id())?;
    block_on(async {
        let socket = namespace.stream_socket(false).await?;
        let socket = tokio::net::TcpSocket::from_std_stream(socket);
        let connect = socket.connect(address);
        let stream = tokio::time::timeout(Duration::from_secs(5), connect).await??;
        let local = stream.local_addr()?;
        ensure!(local.ip().to_string() == "198.51.100.1", "dialled from {local}");
        let said = server.tell("accept")?;
        ensure!(said == format!("from {local}"), "the server says {said}");
        // The namespace need not be followed any more for what is established in it.
        drop(namespace);
        server.tell("write hello")?;
        stream.readable().await?;
        let mut word = [0; 5];
        ensure!(stream.try_read(&mut word)? == 5 && &word == b"hello");
        anyhow::Ok(())
    })?;
    Ok(Outcome::Pass)
}
