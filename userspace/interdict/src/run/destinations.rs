//! What is protected: the destinations of the settings, with names and the host's own addresses followed as they change.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use interdict_kernel::{KernelError, stable_id};
use interdict_record::Record;
use tokio::time::{Instant, sleep_until};

use super::addresses::{self, Changes};
use super::names::{Name, Resolver};
use crate::record::told;
use crate::settings::{self, Settings};

/// How often the host's addresses are looked at besides being told of changes.
const LOOK: Duration = Duration::from_mins(1);

/// A service, as far as its destinations go.
struct Service {
    name: String,
    number: u32,
    fail_open: bool,
    fixed: Vec<(IpAddr, u8, u16)>,
    names: Vec<(Name, u16)>,
}

/// The protected destinations. [`Destinations::resolve`] before the kernel is told anything, [`Destinations::follow`]
/// for as long as the daemon runs.
pub(super) struct Destinations {
    services: Vec<Service>,
    resolver: Resolver,
    own: BTreeSet<IpAddr>,
    protected: Vec<interdict_kernel::Destination>,
}

/// The Unix sockets that are destinations, and the number of the service of each.
pub(super) fn unix(settings: &Settings) -> Vec<(PathBuf, u32)> {
    let of = |service: &settings::Service| {
        let number = stable_id(&service.name);
        let paths = service
            .destinations
            .iter()
            .filter_map(|destination| match destination {
                settings::Destination::Unix(path) => Some(path.clone()),
                _ => None,
            });
        paths.map(move |path| (path, number)).collect::<Vec<_>>()
    };
    settings.services.iter().flat_map(of).collect()
}

impl Destinations {
    /// Looks up every name once. A name without an address is on the list of records and stops nothing: it is asked for
    /// again until it has one.
    pub(super) async fn resolve(settings: &Settings, resolver: Resolver) -> (Self, Vec<Record>) {
        let start = Instant::now();
        let services = settings
            .services
            .iter()
            .map(|service| Service::new(service, start));
        let mut this = Self {
            services: services.collect(),
            resolver,
            own: BTreeSet::new(),
            protected: Vec::new(),
        };
        this.look();
        let records = this.ask().await;
        this.protected = this.wanted();
        (this, records)
    }

    /// What is to be protected now.
    pub(super) fn protected(&self) -> &[interdict_kernel::Destination] {
        &self.protected
    }

    /// Follows what changes: `protect` is given the whole list, and `tell` what changed.
    pub(super) async fn follow<F: Future<Output = ()>>(
        mut self,
        protect: impl Fn(&[interdict_kernel::Destination]) -> Result<(), KernelError>,
        tell: impl Fn(Vec<Record>) -> F,
    ) {
        let changes = Changes::subscribe();
        if let Err(error) = &changes {
            tracing::warn!(%error, "changes of the host's addresses are not told at once: they are looked at every minute");
        }
        let mut look = Instant::now() + LOOK;
        let mut failed = false;
        loop {
            let names = self.services.iter().flat_map(|service| &service.names);
            let next = names.map(|(name, _)| name.next()).fold(look, Instant::min);
            // After a failure the whole list is tried again.
            let next = if failed {
                next.min(Instant::now() + Duration::from_secs(1))
            } else {
                next
            };
            tokio::select! {
                () = sleep_until(next) => {}
                changed = changed(changes.as_ref().ok()) => if let Err(error) = changed {
                    tracing::error!(%error, "the host's addresses");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                },
            }
            look = Instant::now() + LOOK;
            self.look();
            let mut records = self.ask().await;
            let wanted = self.wanted();
            if wanted != self.protected || failed {
                match protect(&wanted) {
                    Ok(()) => {
                        records.extend(self.differences(&wanted));
                        self.protected = wanted;
                        failed = false;
                    }
                    Err(error) => {
                        tracing::error!(%error, "new addresses of destinations are not protected: trying again");
                        failed = true;
                    }
                }
            }
            if !records.is_empty() {
                tell(records).await;
            }
        }
    }

    /// Looks at the host's own addresses.
    fn look(&mut self) {
        match addresses::own() {
            Ok(own) => self.own = own,
            Err(error) => tracing::error!(%error, "the host's own addresses can't be read: those known stay"),
        }
    }

    /// Asks for the names whose time it is, and drops what is over.
    async fn ask(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        for service in &mut self.services {
            for (name, _) in &mut service.names {
                name.expire(Instant::now());
                if !name.is_due(Instant::now()) {
                    continue;
                }
                let answer = self.resolver.ask(&name.host).await;
                let change = name.take(answer, Instant::now());
                if let Some(reason) = change.unresolved {
                    tracing::error!(
                        service = service.name,
                        name = name.host,
                        reason,
                        "this destination has no address: it is not protected until it has one"
                    );
                    let message = format!(
                        "{} of {} has no address ({reason}): not protected until it has one",
                        name.host, service.name
                    );
                    let detail = [
                        ("service", service.name.clone()),
                        ("name", name.host.clone()),
                        ("reason", reason),
                    ];
                    records.push(told("name_unresolved", message, detail));
                }
            }
        }
        records
    }

    /// The whole list. What the settings and names say comes first: it counts where the host's own addresses, which
    /// follow, say something else.
    fn wanted(&self) -> Vec<interdict_kernel::Destination> {
        let mut list = Vec::new();
        for service in &self.services {
            list.extend(
                service
                    .said()
                    .map(|(address, prefix, port)| service.entry(address, prefix, port)),
            );
        }
        let mut others = Vec::new();
        for service in &self.services {
            let ports: BTreeSet<u16> = service
                .said()
                .filter(|(address, prefix, _)| self.reaches_own(*address, *prefix))
                .map(|(_, _, port)| port)
                .collect();
            for port in ports {
                others.push(service.entry(Ipv4Addr::new(127, 0, 0, 0).into(), 8, port));
                others.push(service.entry(Ipv6Addr::LOCALHOST.into(), 128, port));
                let own = self.own.iter().filter(|own| !own.is_loopback());
                others.extend(own.map(|own| service.entry(*own, whole(*own), port)));
            }
        }
        list.extend(others);
        let mut seen = BTreeSet::new();
        list.retain(|one| seen.insert((one.address, one.prefix, one.port)));
        list
    }

    /// Whether a destination is on this host, where another of the host's addresses may lead to the same listener.
    fn reaches_own(&self, address: IpAddr, prefix: u8) -> bool {
        let loopback = address.is_loopback() && prefix >= 8;
        loopback || self.own.iter().any(|own| contains(address, prefix, *own))
    }

    /// What the new list has and the old had not, and the other way round, by service.
    fn differences(&self, wanted: &[interdict_kernel::Destination]) -> Vec<Record> {
        let mut records = Vec::new();
        for service in &self.services {
            let of = |list: &[interdict_kernel::Destination]| -> BTreeSet<String> {
                let own = list.iter().filter(|one| one.service == service.number);
                own.map(|one| shown(one.address, one.prefix, one.port)).collect()
            };
            let (before, after) = (of(&self.protected), of(wanted));
            let added: Vec<_> = after.difference(&before).cloned().collect();
            let removed: Vec<_> = before.difference(&after).cloned().collect();
            if added.is_empty() && removed.is_empty() {
                continue;
            }
            let (added, removed) = (added.join(" "), removed.join(" "));
            tracing::info!(service = service.name, added, removed, "destinations changed");
            let message = format!(
                "destinations of {} changed: now also {added}; no longer {removed}",
                service.name
            );
            let detail = [
                ("service", service.name.clone()),
                ("added", added),
                ("removed", removed),
            ];
            records.push(told("destination_changed", message, detail));
        }
        records
    }
}

impl Service {
    fn new(service: &settings::Service, start: Instant) -> Self {
        let mut this = Self {
            name: service.name.clone(),
            number: stable_id(&service.name),
            fail_open: service.fail_open,
            fixed: Vec::new(),
            names: Vec::new(),
        };
        for destination in &service.destinations {
            match destination {
                settings::Destination::Address(address) => {
                    this.fixed
                        .push((address.ip(), whole(address.ip()), address.port()));
                }
                settings::Destination::Network {
                    address,
                    prefix,
                    port,
                } => this.fixed.push((*address, *prefix, *port)),
                settings::Destination::Name { name, port } => {
                    this.names.push((Name::new(name, start), *port));
                }
                // Not by address: see `unix`.
                settings::Destination::Unix(_) => {}
            }
        }
        this
    }

    /// What the settings say, names by their addresses.
    fn said(&self) -> impl Iterator<Item = (IpAddr, u8, u16)> + '_ {
        let named = self.names.iter().flat_map(|(name, port)| {
            let usable = name
                .addresses()
                .filter(|address| !address.to_canonical().is_unspecified());
            usable.map(|address| (address, whole(address), *port))
        });
        self.fixed.iter().copied().chain(named)
    }

    fn entry(&self, address: IpAddr, prefix: u8, port: u16) -> interdict_kernel::Destination {
        interdict_kernel::Destination {
            address,
            prefix,
            port,
            service: self.number,
            fail_open: self.fail_open,
        }
    }
}

/// Waits for a change of addresses; for ever where they are not told.
async fn changed(changes: Option<&Changes>) -> std::io::Result<()> {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}

fn whole(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn contains(network: IpAddr, prefix: u8, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    };
    let mask = u128::MAX
        .checked_shl(128_u32.saturating_sub(prefix.into()))
        .unwrap_or(0);
    network.is_ipv4() == address.is_ipv4() && (bits(network) ^ bits(address)) & mask == 0
}

fn shown(address: IpAddr, prefix: u8, port: u16) -> String {
    if prefix == whole(address) {
        std::net::SocketAddr::new(address, port).to_string()
    } else {
        format!("{address}/{prefix}:{port}")
    }
}

#[cfg(test)]
mod tests;
