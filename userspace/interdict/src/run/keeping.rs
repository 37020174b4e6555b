//! What makes the record stand while the daemon runs: seals off the host, and what is over deleted with receipts.

mod object;
mod stamp;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use interdict_approvals::{Form, Sender, Webhook};
use interdict_audit::{Anchor, AnchorError, Anchors, Audit, Because, FileAnchor, Retained, Signed};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::record::{detailed, now};
use crate::settings::{self, AnchorAt};

/// How long after the start retention is looked at first, and how often then.
const FIRST: Duration = Duration::from_mins(1);
const EVERY: Duration = Duration::from_hours(24);
/// Outages of anchors that wait to be put on the record.
const TOLD: usize = 256;

/// A webhook that is sent every seal.
#[derive(Debug)]
struct WebhookAnchor {
    name: String,
    webhook: Webhook,
    sender: Sender,
    runtime: Handle,
}

impl Anchor for WebhookAnchor {
    fn name(&self) -> &str {
        &self.name
    }

    fn put(&self, signed: &Signed) -> Result<String, AnchorError> {
        let bytes = signed.to_bytes();
        let body = serde_json::json!({
            "event": "seal",
            "host": signed.seal.host,
            "number": signed.seal.number,
            "sha256": hex::encode(signed.digest()),
            "seal": String::from_utf8_lossy(&bytes),
        });
        let sent = self
            .runtime
            .block_on(self.sender.deliver(&self.webhook, body.to_string()));
        sent.map_err(AnchorError::Passing)?;
        Ok(format!("webhook {}", self.webhook.name))
    }
}

/// Starts the anchors; their outages go on the record.
pub(super) fn anchors(
    settings: &settings::Audit,
    audit: &Arc<Audit>,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<Anchors> {
    let sender = Sender::new(&[])?;
    let places = settings
        .anchors
        .iter()
        .map(|place| -> anyhow::Result<Arc<dyn Anchor>> {
            Ok(match place {
                AnchorAt::File(path) => Arc::new(FileAnchor::new(path)),
                AnchorAt::ObjectStore(store) => Arc::new(object::ObjectAnchor::new(store.clone())?),
                AnchorAt::Stamp { name, url } => Arc::new(stamp::anchor(&settings.directory, name, url)?),
                AnchorAt::Webhook { name, url, secret } => Arc::new(WebhookAnchor {
                    name: format!("webhook:{name}"),
                    webhook: Webhook {
                        name: name.clone(),
                        url: url.clone(),
                        form: Form::Json,
                        secret: secret.read()?.reveal().to_vec(),
                        on_requested: false,
                        on_decided: false,
                        people: BTreeMap::new(),
                    },
                    sender: sender.clone(),
                    runtime: Handle::current(),
                }),
            })
        });
    let places = places.collect::<anyhow::Result<Vec<_>>>()?;
    let (told, mut heard) = mpsc::channel::<(String, Option<String>)>(TOLD);
    let tell = move |name: &str, why: Option<&str>| {
        if told.try_send((name.to_owned(), why.map(str::to_owned))).is_err() {
            tracing::error!(
                anchor = name,
                "an anchor's outage is not on the record: too many wait"
            );
        }
    };
    let audit = Arc::clone(audit);
    tasks.spawn(async move {
        while let Some((name, why)) = heard.recv().await {
            let (kind, message) = match &why {
                Some(why) => (
                    "anchor_failed",
                    format!("seals can't be put to {name}; it is tried again: {why}"),
                ),
                None => ("anchor_restored", format!("seals are put to {name} again")),
            };
            let detail = BTreeMap::from([("anchor".to_owned(), name)]);
            if let Err(error) = audit
                .append(vec![detailed(kind, "daemon", message, detail)])
                .await
            {
                tracing::error!(%error, "an anchor's outage is not on the record");
            }
        }
    });
    Ok(Anchors::start(&settings.directory, places, tell)?)
}

/// How often the clock is looked at, and how far it may be off what it was before it counts as set. Slewing stays below.
const LOOK: Duration = Duration::from_secs(5);
const JUMP: i64 = 2_000_000;

/// Puts it on the record when the host's clock is set: times of rows are what it says.
pub(super) async fn clock(audit: Arc<Audit>) {
    // The clock that goes on while the host sleeps: waking up is no setting of the clock.
    let since = || {
        use nix::time::{ClockId, clock_gettime};
        clock_gettime(ClockId::CLOCK_BOOTTIME)
            .map(|time| {
                time.tv_sec()
                    .saturating_mul(1_000_000)
                    .saturating_add(time.tv_nsec() / 1000)
            })
            .unwrap_or_default()
    };
    let mut offset = now().saturating_sub(since());
    loop {
        tokio::time::sleep(LOOK).await;
        let found = now().saturating_sub(since());
        if let Some(by) = jump(offset, found) {
            let way = if by < 0 { "back" } else { "ahead" };
            let message = format!(
                "the host's clock was set {way} by {:.1} s",
                by.unsigned_abs() as f64 / 1e6
            );
            tracing::warn!(message);
            let detail = BTreeMap::from([("by_micros".to_owned(), by.to_string())]);
            if let Err(error) = audit
                .append(vec![detailed("clock_set", "daemon", message, detail)])
                .await
            {
                tracing::error!(%error, "that the clock was set is not on the record");
            }
        }
        offset = found;
    }
}

/// By how much the clock was set between two looks, if it was.
fn jump(before: i64, after: i64) -> Option<i64> {
    let by = after.saturating_sub(before);
    (by.saturating_abs() >= JUMP).then_some(by)
}

/// Once a day: deletes what is over.
pub(super) async fn retain(settings: settings::Audit, audit: Arc<Audit>) {
    let retention = settings.retention;
    if retention.default.is_none() && retention.tables.values().all(Option::is_none) {
        return;
    }
    tokio::time::sleep(FIRST).await;
    loop {
        let because = Because {
            reason: "audit.retention".to_owned(),
            by: "daemon".to_owned(),
        };
        let outcome = audit.retain(retention.clone(), now(), because).await;
        let records = match outcome {
            Ok(done) => told(&done),
            Err(error) => {
                tracing::error!(%error, "what is over can't be deleted");
                let message = format!("what is over can't be deleted: {error}");
                vec![detailed("retention_failed", "daemon", message, BTreeMap::new())]
            }
        };
        if !records.is_empty()
            && let Err(error) = audit.append(records).await
        {
            tracing::error!(%error, "a deletion is not in `admin`; its receipt is a seal");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// How often it is looked for days that are over.
const DAYS: Duration = Duration::from_hours(1);

/// Merges the small segments of days that are over. Where segments are shipped, what the store has not confirmed waits.
pub(super) async fn compact(settings: settings::Audit, audit: Arc<Audit>) {
    loop {
        tokio::time::sleep(DAYS).await;
        match audit.compact(now(), settings.ship.is_some()).await {
            Ok(done) if done.before > 0 => {
                tracing::info!(
                    before = done.before,
                    after = done.after,
                    "small segments were merged"
                );
            }
            Ok(_) => {}
            // The record is as good with small segments.
            Err(error) => tracing::warn!(%error, "small segments can't be merged; it is tried again"),
        }
    }
}

/// For the record: what was deleted, and what was kept although it is over.
pub(crate) fn told(done: &Retained) -> Vec<interdict_record::Record> {
    let mut records = Vec::new();
    if !done.deleted.is_empty() {
        let message = format!(
            "{} segments whose time is over were deleted with a receipt; {} are kept by legal holds",
            done.deleted.len(),
            done.held.len()
        );
        let mut tables: BTreeMap<String, u64> = BTreeMap::new();
        for due in &done.deleted {
            let rows = due.last_seq.saturating_sub(due.first_seq).saturating_add(1);
            *tables.entry(due.table.name().to_owned()).or_default() += rows;
        }
        let detail = tables.into_iter().map(|(table, rows)| (table, rows.to_string()));
        records.push(detailed("retention", "daemon", message, detail.collect()));
    }
    for what in &done.refused {
        let message = format!("not deleted, though its time is over: {what}");
        records.push(detailed("retention_refused", "daemon", message, BTreeMap::new()));
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_told_from_one_that_drifts() {
        for (before, after, expected) in [
            (0, 1_999_999, None),
            (0, -1_999_999, None),
            (5, 2_000_005, Some(2_000_000)),
            (0, -86_400_000_000, Some(-86_400_000_000)),
            (i64::MAX, i64::MIN, Some(i64::MIN)),
        ] {
            assert_eq!(jump(before, after), expected);
        }
    }
}
