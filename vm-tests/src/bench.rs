//! What every scenario needs, of its own and gone afterwards: cgroup, pins, protected servers, listeners.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use interdict_kernel::{
    CgroupRoot, Destination, Event, Hook, Kernel, Mode, SCHEMA, Settings, Workload, detach,
};

use crate::child::{Child, Got};
use crate::server::{Proxy, Server};

/// A protected address that nothing answers at (TEST-NET-1).
pub(crate) const NOWHERE_V4: &str = "192.0.2.7:5432";
/// A protected address that nothing answers at (documentation prefix).
pub(crate) const NOWHERE_V6: &str = "[2001:db8::7]:5432";
/// The name of the workload.
pub(crate) const WORKLOAD: &str = "agents";
/// The number of the protected service.
pub(crate) const SERVICE: u32 = 77;

static SCENARIO: Mutex<&str> = Mutex::new("none");

/// Names what is made from now on after this scenario.
pub(crate) fn begin(name: &'static str) {
    *SCENARIO.lock().unwrap_or_else(PoisonError::into_inner) = name;
}

/// A name that nobody else uses.
fn unique() -> String {
    let scenario = *SCENARIO.lock().unwrap_or_else(PoisonError::into_inner);
    format!("interdict-test-{}-{scenario}", std::process::id())
}

/// Places that a scenario has for itself. Dropping it detaches and removes everything.
pub(crate) struct Place {
    pub(crate) pin_root: PathBuf,
    /// The scenario's cgroup, from the root.
    pub(crate) cgroup: PathBuf,
    root: CgroupRoot,
}

impl Place {
    pub(crate) fn new() -> Result<Self> {
        Self::named(&unique())
    }

    /// Another one for the same scenario.
    pub(crate) fn new_beside(suffix: &str) -> Result<Self> {
        Self::named(&format!("{}-{suffix}", unique()))
    }

    fn named(name: &str) -> Result<Self> {
        let root = CgroupRoot::find()?;
        let place = Self {
            pin_root: Path::new("/sys/fs/bpf").join(name),
            cgroup: Path::new("/").join(name),
            root,
        };
        fs::create_dir_all(place.directory("")).context("making a test cgroup")?;
        Ok(place)
    }

    /// The directory of a cgroup below the scenario's.
    pub(crate) fn directory(&self, below: &str) -> PathBuf {
        self.root
            .path()
            .join(self.cgroup.strip_prefix("/").unwrap_or(&self.cgroup))
            .join(below)
    }

    /// Makes a cgroup below the scenario's.
    pub(crate) fn make(&self, below: &str) -> Result<PathBuf> {
        let directory = self.directory(below);
        fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
        Ok(directory)
    }

    /// The id of a cgroup below the scenario's.
    pub(crate) fn id(&self, below: &str) -> Result<u64> {
        Ok(fs::metadata(self.directory(below))?.ino())
    }

    pub(crate) fn attach(&self, mode: Mode) -> Result<Kernel> {
        Ok(Kernel::attach(&Settings {
            pin_root: self.pin_root.clone(),
            mode,
            ..Settings::default()
        })?)
    }

    /// Takes a guard away, as nobody in scope may.
    pub(crate) fn remove_guard(&self, hook: Hook) -> Result<()> {
        let link = self.pin_root.join(format!("v{SCHEMA}/links")).join(hook.name());
        fs::remove_file(&link).with_context(|| format!("removing {}", link.display()))
    }

    /// The workload that is this scenario's cgroup and all below it.
    pub(crate) fn workload(&self) -> Workload {
        Workload {
            name: WORKLOAD.to_owned(),
            paths: vec![format!("{}/**", self.cgroup.display())],
            ..Workload::default()
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = detach(&self.pin_root) {
            eprintln!("{error:#}");
        }
        // Children end a moment after they are waited for as members of their cgroup.
        let deadline = Instant::now() + Duration::from_secs(2);
        while let Err(error) = remove_tree(&self.directory("")) {
            if Instant::now() > deadline {
                eprintln!("{} stays: {error}", self.directory("").display());
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Removes a cgroup and those below it.
fn remove_tree(directory: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(directory)
}

/// The usual scene: programs attached, the scenario's cgroup in scope, two servers protected, listeners published.
pub(crate) struct Bench {
    pub(crate) v4: Server,
    pub(crate) v6: Server,
    pub(crate) proxy: Proxy,
    // Dropped in this order: the pins are removed last.
    pub(crate) kernel: Kernel,
    pub(crate) place: Place,
}

impl Bench {
    pub(crate) fn new() -> Result<Self> {
        Self::in_mode(Mode::Enforce)
    }

    pub(crate) fn in_mode(mode: Mode) -> Result<Self> {
        let place = Place::new()?;
        let v4 = Server::protected(Ipv4Addr::LOCALHOST)?;
        let v6 = Server::protected(Ipv6Addr::LOCALHOST)?;
        let kernel = place.attach(mode)?;
        let proxy = Proxy::start(&kernel.flows())?;
        kernel.scope(&[place.workload()])?;
        kernel.publish_listener(
            proxy.cookie,
            Some(proxy.v4.address.port()),
            Some(proxy.v6.address.port()),
        )?;
        kernel.protect(&destinations(&[v4.address, v6.address])?)?;
        Ok(Self {
            v4,
            v6,
            proxy,
            kernel,
            place,
        })
    }

    /// Runs a client in the scenario's cgroup.
    pub(crate) fn client(&self, arguments: &[&str]) -> Result<Child> {
        Child::start(&self.place.directory(""), arguments)
    }

    /// Connects from the scenario's cgroup in a way of `client`.
    pub(crate) fn connect(&self, how: &str, to: impl std::fmt::Display + Copy) -> Result<Got> {
        self.client(&[how, &to.to_string()])?.got()
    }

    /// Expects a connect to be redirected, to look as if it weren't, and to be told to the proxy.
    pub(crate) fn expect_redirected(&self, how: &str, to: SocketAddr, asked_for: SocketAddr) -> Result<()> {
        let got = self.connect(how, to)?;
        ensure!(got == Got::proxy(to), "{how} to {to}: {got:?}");
        let flow = self.proxy.next_flow()?;
        ensure!(
            flow.destination == asked_for,
            "{how} to {to}: the flow says {}",
            flow.destination
        );
        ensure!(flow.service == SERVICE, "the flow's service is {}", flow.service);
        let workload = self.kernel.workload(flow.workload);
        ensure!(
            workload.as_deref() == Some(WORKLOAD),
            "the flow's workload is {workload:?}"
        );
        Ok(())
    }

    /// Expects that no connection has reached a protected server.
    pub(crate) fn expect_none_direct(&self) -> Result<()> {
        let direct = self.v4.accepted() + self.v6.accepted();
        ensure!(
            direct == 0,
            "{direct} connections reached a protected server directly"
        );
        Ok(())
    }

    /// The first event after `cause` that is wanted.
    pub(crate) fn event_after<T>(
        &self,
        cause: impl FnOnce() -> Result<T>,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<(T, Event)> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let mut events = self.kernel.events()?;
            let value = cause()?;
            let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
            loop {
                let Ok(event) = tokio::time::timeout_at(deadline, events.next()).await else {
                    bail!("no such event within 5 s");
                };
                let event = event?;
                if wanted(&event) {
                    return Ok((value, event));
                }
            }
        })
    }
}

/// The servers and the two addresses where there are none, all of one service.
pub(crate) fn destinations(servers: &[SocketAddr]) -> Result<Vec<Destination>> {
    let nowhere = [NOWHERE_V4.parse()?, NOWHERE_V6.parse()?];
    let all = servers.iter().chain(&nowhere);
    Ok(all
        .map(|address| Destination {
            address: address.ip(),
            prefix: if matches!(address.ip(), IpAddr::V4(_)) {
                32
            } else {
                128
            },
            port: address.port(),
            service: SERVICE,
            fail_open: false,
        })
        .collect())
}

/// Tries again until it holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !holds()? {
        ensure!(Instant::now() < deadline, "not within 5 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
