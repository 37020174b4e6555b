//! The kernel's events, written into the record: each kind of refusal once a second, with how often it came.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use interdict_audit::Audit;
use interdict_kernel::{Event, Events, Hook, Verdict};
use interdict_record::Record;

use super::canary;
use super::numbers::Numbers;
use crate::record::detailed;

/// How long repetitions are gathered: a program that tries again and again must not fill the record.
const WINDOW: Duration = Duration::from_secs(1);
/// How many different events are told apart within that time. More are told one by one.
const DIFFERENT: usize = 4096;

/// What makes two events the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Same {
    hook: Hook,
    verdict: Verdict,
    workload: u32,
    service: u32,
    destination: SocketAddr,
    tgid: u32,
}

impl Same {
    fn of(event: &Event) -> Self {
        Self {
            hook: event.hook,
            verdict: event.verdict,
            workload: event.flow.workload,
            service: event.flow.service,
            destination: event.flow.destination,
            tgid: event.flow.tgid,
        }
    }
}

/// Reads events for as long as there are any. `listen` hears of every namespace that lacks a listener.
pub(super) async fn keep(
    mut events: Events,
    audit: Arc<Audit>,
    numbers: Arc<Numbers>,
    listen: impl Fn(&Event) + Send,
) {
    let mut repeated: HashMap<Same, (Event, u64)> = HashMap::new();
    let mut flush = tokio::time::interval(WINDOW);
    flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let records = tokio::select! {
            event = events.next() => match event {
                Ok(event) => {
                    if matches!(event.verdict, Verdict::NewNamespace | Verdict::NoListener) {
                        listen(&event);
                    }
                    if event.verdict == Verdict::NewNamespace || canary::is(event.flow.service) {
                        continue;
                    }
                    let key = Same::of(&event);
                    if let Some((_, count)) = repeated.get_mut(&key) {
                        *count += 1;
                        continue;
                    }
                    let record = record(&numbers, &event, 1);
                    if repeated.len() < DIFFERENT {
                        repeated.insert(key, (event, 0));
                    }
                    vec![record]
                }
                Err(error) => {
                    tracing::error!(%error, "the kernel's events can't be read any more");
                    return;
                }
            },
            _ = flush.tick() => repeated
                .drain()
                .filter(|(_, (_, count))| *count > 0)
                .map(|(_, (event, count))| record(&numbers, &event, count))
                .collect(),
        };
        if !records.is_empty()
            && let Err(error) = audit.append(records).await
        {
            tracing::error!(%error, "an event of the kernel is not on the record");
        }
    }
}

/// The audit's word for what happened.
fn kind(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Observed => "connect_observed",
        Verdict::FailedOpen => "failed_open",
        Verdict::SocketKind => "socket_refused",
        Verdict::Dropped => "packet_dropped",
        Verdict::Attack => "attack_refused",
        _ => "connect_refused",
    }
}

fn record(numbers: &Numbers, event: &Event, times: u64) -> Record {
    let flow = &event.flow;
    let service = numbers.service(flow.service);
    let workload = numbers.workload(flow.workload);
    let verdict = event.verdict.name();
    let mut detail = BTreeMap::from([
        ("hook".to_owned(), event.hook.name().to_owned()),
        ("verdict".to_owned(), verdict.to_owned()),
        ("protocol".to_owned(), event.protocol.to_string()),
        ("destination".to_owned(), flow.destination.to_string()),
        ("service".to_owned(), service.clone()),
        ("workload".to_owned(), workload.clone()),
        ("pid".to_owned(), flow.tgid.to_string()),
        ("uid".to_owned(), flow.uid.to_string()),
        ("comm".to_owned(), flow.comm.clone()),
        ("cgroup_id".to_owned(), flow.cgroup_id.to_string()),
        ("netns_cookie".to_owned(), flow.netns_cookie.to_string()),
    ]);
    if times > 1 {
        detail.insert("times".to_owned(), times.to_string());
    }
    let again = if times > 1 {
        format!(", {times} times more")
    } else {
        String::new()
    };
    let message = format!(
        "{} (pid {}) of {workload} to {} ({service}): {verdict}{again}",
        flow.comm, flow.tgid, flow.destination
    );
    if event.verdict == Verdict::FailedOpen {
        tracing::error!("{message}");
    }
    detailed(kind(event.verdict), "kernel", message, detail)
}
