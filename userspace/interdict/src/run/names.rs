//! Destinations by name: which addresses they have, and for how long.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use tokio::time::Instant;

/// A name is asked for again after its answer's time to live, but within these bounds.
const SOONEST: Duration = Duration::from_secs(5);
const LATEST: Duration = Duration::from_mins(5);
/// After a failure it is asked for again at once or so, then less often, up to this.
const SLOWEST_RETRY: Duration = Duration::from_mins(1);
/// An address that answers no longer have stays protected for its time to live, and at least so long: who asked before
/// may connect later.
const KEPT: Duration = Duration::from_mins(1);

/// Where names are looked up.
pub(super) enum Resolver {
    /// /etc/resolv.conf and /etc/hosts, read again for every question.
    System,
    /// These servers alone.
    #[cfg(test)]
    Servers(hickory_resolver::config::ResolverConfig),
}

/// What was learned about one family of a name's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// These, for so long. None is an answer too.
    Addresses(Vec<IpAddr>, Duration),
    /// Nothing: why.
    Nothing(String),
}

impl Resolver {
    /// Asks for both families.
    pub(super) async fn ask(&self, name: &str) -> [Told; 2] {
        let (v4, v6) = tokio::join!(
            self.ask_one(name, LookupIpStrategy::Ipv4Only),
            self.ask_one(name, LookupIpStrategy::Ipv6Only),
        );
        [v4, v6]
    }

    async fn ask_one(&self, name: &str, family: LookupIpStrategy) -> Told {
        let builder = match self {
            Self::System => TokioResolver::builder_tokio(),
            #[cfg(test)]
            Self::Servers(config) => Ok(TokioResolver::builder_with_config(
                config.clone(),
                hickory_resolver::net::runtime::TokioRuntimeProvider::default(),
            )),
        };
        let answer = async {
            let mut builder = builder?;
            let options = builder.options_mut();
            options.ip_strategy = family;
            // Times to live are kept here; a cache would add to them.
            options.cache_size = 0;
            options.timeout = Duration::from_secs(3);
            options.attempts = 2;
            builder.build()?.lookup_ip(name).await
        };
        match answer.await {
            Ok(found) => {
                let left = found
                    .valid_until()
                    .saturating_duration_since(std::time::Instant::now());
                Told::Addresses(found.iter().collect(), left)
            }
            // The name is there and has no address of this family.
            Err(NetError::Dns(DnsError::NoRecordsFound(none)))
                if none.response_code == ResponseCode::NoError =>
            {
                let left = none.negative_ttl.map(u64::from).map(Duration::from_secs);
                Told::Addresses(Vec::new(), left.unwrap_or(SOONEST))
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                Told::Nothing(none.response_code.to_string())
            }
            Err(error) => Told::Nothing(error.to_string()),
        }
    }
}

/// A name and the addresses that are protected for it.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) host: String,
    addresses: BTreeMap<IpAddr, Kept>,
    due: Instant,
    failures: u32,
}

/// An address: how long an answer holds, and when it goes if answers have it no longer.
#[derive(Clone, Copy, Debug)]
struct Kept {
    ttl: Duration,
    until: Option<Instant>,
}

/// What an answer or the time changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) added: Vec<IpAddr>,
    pub(super) removed: Vec<IpAddr>,
    /// Why the name has no address at all; told when that begins.
    pub(super) unresolved: Option<String>,
}

impl Name {
    pub(super) fn new(name: &str, now: Instant) -> Self {
        Self {
            host: name.to_owned(),
            addresses: BTreeMap::new(),
            due: now,
            failures: 0,
        }
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.addresses.keys().copied()
    }

    /// Whether it is time to ask.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    /// When something is to be done next.
    pub(super) fn next(&self) -> Instant {
        let ends = self.addresses.values().filter_map(|kept| kept.until);
        ends.fold(self.due, Instant::min)
    }

    /// Takes an answer. What it does not tell stays as it is.
    pub(super) fn take(&mut self, told: [Told; 2], now: Instant) -> Change {
        let mut change = Change::default();
        let any = told
            .iter()
            .any(|told| matches!(told, Told::Addresses(list, _) if !list.is_empty()));
        let mut next: Option<Duration> = None;
        let mut reasons = Vec::new();
        for (told, v4) in told.into_iter().zip([true, false]) {
            match told {
                // A name that lost all its addresses at once is more likely broken than gone.
                Told::Addresses(list, ttl) if any => {
                    next = Some(next.map_or(ttl, |next| next.min(ttl)));
                    for (address, kept) in &mut self.addresses {
                        if address.is_ipv4() == v4 && !list.contains(address) && kept.until.is_none() {
                            kept.until = Some(now + kept.ttl.max(KEPT));
                        }
                    }
                    for address in list {
                        if self
                            .addresses
                            .insert(address, Kept { ttl, until: None })
                            .is_none()
                        {
                            change.added.push(address);
                        }
                    }
                }
                Told::Addresses(..) => reasons.push("it has no address".to_owned()),
                Told::Nothing(reason) => {
                    reasons.push(reason);
                    next = Some(next.map_or(SLOWEST_RETRY, |next| next.min(SLOWEST_RETRY)));
                }
            }
        }
        if any {
            self.failures = 0;
            self.due = now + next.unwrap_or(SOONEST).clamp(SOONEST, LATEST);
        } else {
            if self.addresses.is_empty() && self.failures == 0 {
                reasons.dedup();
                change.unresolved = Some(reasons.join(", "));
            }
            let retry = SOONEST.saturating_mul(1 << self.failures.min(8));
            self.due = now + retry.min(SLOWEST_RETRY);
            self.failures = self.failures.saturating_add(1);
        }
        change
    }

    /// Drops addresses whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Change {
        let mut change = Change::default();
        self.addresses.retain(|address, kept| {
            let over = kept.until.is_some_and(|until| until <= now);
            if over {
                change.removed.push(*address);
            }
            !over
        });
        change
    }
}

#[cfg(test)]
mod tests;
