//! The daemon's heartbeat, quarantine, the ledger, and programs that were taken away.

use std::time::Duration;

use anyhow::{Result, ensure};
use interdict_kernel::{Hook, Kernel, LedgerRow, Mode, REQUIRED_HOOKS, Settings, Verdict, stable_id};

use crate::bench::{Bench, Place, WORKLOAD, destinations, eventually};
use crate::child::{Child, Got};
use crate::server::{Proxy, Server};
use crate::{Outcome, Scenario};

pub(super) const ALL: &[Scenario] = &[
    ("heartbeat_refuses_when_it_stops", heartbeat),
    ("fail_open_is_for_its_service_alone", fail_open),
    ("quarantine_refuses_at_once", quarantine),
    ("quarantine_outlives_the_daemon", quarantine_stays),
    ("ledger_counts_every_connect", ledger),
    ("programs_taken_away_are_noticed_and_put_back", repair),
];

const EPERM: Got = Got::Errno(libc::EPERM);
const LIMIT: Duration = Duration::from_millis(300);

/// A scene in which silence is noticed soon.
struct Silent {
    v4: Server,
    v6: Server,
    _proxy: Proxy,
    kernel: Kernel,
    place: Place,
}

impl Silent {
    fn new(fail_open: bool) -> Result<Self> {
        let place = Place::new()?;
        let v4 = Server::protected(std::net::Ipv4Addr::LOCALHOST)?;
        let v6 = Server::protected(std::net::Ipv6Addr::LOCALHOST)?;
        let kernel = Kernel::attach(&Settings {
            pin_root: place.pin_root.clone(),
            mode: Mode::Enforce,
            heartbeat: Some(LIMIT),
        })?;
        let proxy = Proxy::start(&kernel.flows())?;
        kernel.scope(&[place.workload()])?;
        kernel.publish_listener(
            proxy.cookie,
            Some(proxy.v4.address.port()),
            Some(proxy.v6.address.port()),
        )?;
        // The first destination alone fails open.
        let mut list = destinations(&[v4.address, v6.address])?;
        if let Some(first) = list.first_mut() {
            first.fail_open = fail_open;
        }
        kernel.protect(&list)?;
        Ok(Self {
            v4,
            v6,
            _proxy: proxy,
            kernel,
            place,
        })
    }

    fn connect(&self, to: std::net::SocketAddr) -> Result<Got> {
        Child::start(&self.place.directory(""), &["plain", &to.to_string()])?.got()
    }

    fn count(&self, verdict: Verdict) -> Result<u64> {
        Ok(self.kernel.counters()?.total(verdict))
    }
}

fn heartbeat() -> Result<Outcome> {
    let scene = Silent::new(false)?;
    scene.kernel.beat()?;
    let got = scene.connect(scene.v4.address)?;
    // A slow machine may need longer to start the client than the limit is.
    ensure!(got == Got::proxy(scene.v4.address) || got == EPERM, "{got:?}");
    std::thread::sleep(LIMIT + Duration::from_millis(50));
    for to in [scene.v4.address, scene.v6.address] {
        let got = scene.connect(to)?;
        ensure!(got == EPERM, "without a heartbeat: {got:?}");
    }
    ensure!(scene.count(Verdict::NoHeartbeat)? >= 2, "it was not counted");
    eventually("it serves again when it beats again", || {
        scene.kernel.beat()?;
        Ok(scene.connect(scene.v4.address)? == Got::proxy(scene.v4.address))
    })?;
    ensure!(
        scene.v4.accepted() + scene.v6.accepted() == 0,
        "somebody came through directly"
    );
    Ok(Outcome::Pass)
}

fn fail_open() -> Result<Outcome> {
    let scene = Silent::new(true)?;
    std::thread::sleep(LIMIT + Duration::from_millis(50));
    let got = scene.connect(scene.v4.address)?;
    ensure!(got == Got::direct(scene.v4.address), "set to fail open: {got:?}");
    let got = scene.connect(scene.v6.address)?;
    ensure!(got == EPERM, "not set to: {got:?}");
    ensure!(scene.count(Verdict::FailedOpen)? > 0, "it was not counted");
    let rows = scene.kernel.ledger()?;
    ensure!(rows.iter().any(|row| row.failed_open == 1), "{rows:?}");
    Ok(Outcome::Pass)
}

fn quarantine() -> Result<Outcome> {
    let bench = Bench::new()?;
    bench.expect_redirected("plain", bench.v4.address, bench.v4.address)?;
    bench.kernel.quarantine(WORKLOAD)?;
    let (got, event) = bench.event_after(
        || bench.connect("plain", bench.v4.address),
        |event| event.verdict == Verdict::Quarantined,
    )?;
    ensure!(got == EPERM, "in quarantine: {got:?}");
    ensure!(event.hook == Hook::Connect4, "{event:?}");
    ensure!(bench.kernel.lift_quarantine(WORKLOAD)?, "there was none to lift");
    ensure!(!bench.kernel.lift_quarantine(WORKLOAD)?, "it was lifted twice");
    bench.expect_redirected("plain", bench.v4.address, bench.v4.address)?;
    bench.expect_none_direct()?;
    Ok(Outcome::Pass)
}

fn quarantine_stays() -> Result<Outcome> {
    let Bench {
        v4,
        v6: _v6,
        proxy: _proxy,
        kernel,
        place,
    } = Bench::new()?;
    kernel.quarantine(WORKLOAD)?;
    drop(kernel);
    let kernel = place.attach(Mode::Enforce)?;
    let found = kernel.quarantined()?;
    ensure!(
        found.len() == 1 && found.iter().all(|one| one.workload == stable_id(WORKLOAD)),
        "{found:?}"
    );
    let got = Child::start(&place.directory(""), &["plain", &v4.address.to_string()])?.got()?;
    ensure!(got == EPERM, "{got:?}");
    Ok(Outcome::Pass)
}

fn ledger() -> Result<Outcome> {
    let bench = Bench::new()?;
    for _ in 0..3 {
        bench.expect_redirected("plain", bench.v4.address, bench.v4.address)?;
    }
    bench.connect("udp", bench.v4.address)?;
    std::net::TcpStream::connect(bench.v4.address)?;
    let rows = bench.kernel.ledger()?;
    let of = |workload: u32| rows.iter().find(|row| row.workload == workload).copied();
    let wanted = LedgerRow {
        workload: stable_id(WORKLOAD),
        service: crate::bench::SERVICE,
        seen: 4,
        redirected: 3,
        refused: 1,
        established: 3,
        ..LedgerRow::default()
    };
    ensure!(of(stable_id(WORKLOAD)) == Some(wanted), "{rows:?}");
    let stranger = of(0).unwrap_or_default();
    ensure!(stranger.exempt == 1 && stranger.seen == 1, "{rows:?}");
    Ok(Outcome::Pass)
}

fn repair() -> Result<Outcome> {
    let bench = Bench::new()?;
    ensure!(
        bench.kernel.missing_hooks().is_empty(),
        "something is missing at first"
    );
    for hook in REQUIRED_HOOKS {
        bench.place.remove_guard(hook)?;
        let missing = bench.kernel.missing_hooks();
        ensure!(missing == [hook.name()], "{} was taken: {missing:?}", hook.name());
        bench.kernel.repair()?;
        let missing = bench.kernel.missing_hooks();
        ensure!(missing.is_empty(), "after the repair: {missing:?}");
    }
    bench.expect_redirected("plain", bench.v4.address, bench.v4.address)?;
    bench.expect_redirected("plain", bench.v6.address, bench.v6.address)?;
    bench.expect_none_direct()?;
    Ok(Outcome::Pass)
}
