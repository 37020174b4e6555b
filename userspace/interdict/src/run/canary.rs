//! Does it still hold? Every minute: the programs are where they were put, and a connect from a scope of the daemon's own
//! really ends at its listener. What is attached on paper and does nothing is the worst of states.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use interdict_audit::Audit;
use interdict_kernel::{Destination, Workload, stable_id};

use crate::record::detailed;

/// Name of the service and the workload; the settings allow no such names.
const NAME: &str = "(interdict canary)";
/// The cgroup of the process that tries.
const CGROUP: &str = "/interdict.canary";
/// Nobody listens there, and nothing leaves the host if the programs fail.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 255, 255, 254)), 1);
const INTERVAL: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_secs(10);

/// The service's number.
fn service() -> u32 {
    stable_id(NAME)
}

/// Whether a service is the daemon's own check.
pub(super) fn is(number: u32) -> bool {
    number == service()
}

/// What the programs must know of it.
pub(super) fn destination() -> Destination {
    Destination {
        address: ADDRESS.ip(),
        prefix: 32,
        port: ADDRESS.port(),
        service: service(),
        fail_open: false,
    }
}

/// Who tries.
pub(super) fn workload() -> Workload {
    Workload {
        name: NAME.to_owned(),
        paths: vec![CGROUP.to_owned()],
        ..Workload::default()
    }
}

/// Connections of the canary that arrived.
#[derive(Debug, Default)]
pub(super) struct Arrivals(AtomicU64);

impl Arrivals {
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn cgroup(programs: &interdict_kernel::Kernel) -> PathBuf {
    programs.cgroup_root().path().join(CGROUP.trim_start_matches('/'))
}

/// Why no process can be put into the canary's cgroup, as where the hierarchy is read-only: then only the places of the
/// programs are looked at.
pub(super) fn hindrance(programs: &interdict_kernel::Kernel) -> Option<String> {
    let procs = cgroup(programs).join("cgroup.procs");
    let opened = std::fs::OpenOptions::new().write(true).open(&procs);
    opened.err().map(|error| format!("{}: {error}", procs.display()))
}

/// Looks once.
pub(super) async fn look(programs: &interdict_kernel::Kernel, arrivals: &Arrivals) -> Result<(), String> {
    let missing = programs.missing_hooks();
    if !missing.is_empty() {
        return Err(format!(
            "these programs are not in their place: {}",
            missing.join(", ")
        ));
    }
    if hindrance(programs).is_some() {
        return Ok(());
    }
    let before = arrivals.0.load(Ordering::Relaxed);
    let cgroup = cgroup(programs);
    let child = tokio::process::Command::new("/proc/self/exe")
        .arg("canary")
        .arg(&cgroup)
        .arg(ADDRESS.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the canary could not be started: {error}"))?;
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .map_err(|_| "the canary's connect took too long".to_owned())?
        .map_err(|error| format!("the canary was lost: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the canary's connect failed: {}", why.trim()));
    }
    // The listener may be a moment behind.
    for _ in 0..100 {
        if arrivals.0.load(Ordering::Relaxed) > before {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("the canary's connect did not arrive at the listener".to_owned())
}

/// Looks every minute, and puts the programs back if they are gone.
pub(super) async fn keep(
    programs: Arc<interdict_kernel::Kernel>,
    arrivals: Arc<Arrivals>,
    audit: Arc<Audit>,
) {
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut well = true;
    loop {
        tick.tick().await;
        let Err(why) = look(&programs, &arrivals).await else {
            well = true;
            continue;
        };
        tracing::error!(why, "the redirect does not hold: attaching again");
        let repaired = programs.repair().map_err(|error| error.to_string());
        let after = match &repaired {
            Ok(()) => look(&programs, &arrivals).await,
            Err(error) => Err(error.clone()),
        };
        let outcome = match &after {
            Ok(()) => "the programs were attached again, and it holds".to_owned(),
            Err(error) => format!("attaching again did not help: {error}"),
        };
        if after.is_ok() || well {
            let record = detailed(
                "redirect_failed",
                "daemon",
                format!("{why}; {outcome}"),
                BTreeMap::from([("repaired".to_owned(), after.is_ok().to_string())]),
            );
            if let Err(error) = audit.append(vec![record]).await {
                tracing::error!(%error, "a failed check is not on the record");
            }
        }
        well = after.is_ok();
    }
}
