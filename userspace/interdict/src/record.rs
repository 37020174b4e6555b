//! What the daemon and the commands write into the record themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use interdict_audit::{Audit, Config, Durability, Observers, SealKey, Seals};
use interdict_record::{Event, Record};

use crate::settings::{self, KeyPlace};

/// Opens the audit; its directory is this process's alone from then on.
pub(crate) fn open(settings: &settings::Audit) -> anyhow::Result<Audit> {
    open_observed(settings, Observers::default())
}

/// The same, for those who are told of what is written.
pub(crate) fn open_observed(settings: &settings::Audit, observers: Observers) -> anyhow::Result<Audit> {
    let seals = seals(settings)?;
    open_as(settings, Some(seals), observers)
}

/// What seals are made with.
fn seals(settings: &settings::Audit) -> anyhow::Result<Seals> {
    let from = |source: &settings::SecretSource| -> anyhow::Result<SealKey> {
        SealKey::from_pem(source.read()?.reveal()).with_context(|| source.to_string())
    };
    let mut seals = match (settings.key_file(), &settings.seals.key) {
        (Some(path), _) => Seals::new(SealKey::keep(&path, &settings.directory)?),
        (None, KeyPlace::Source(source)) => Seals::new(from(source)?),
        (None, _) => anyhow::bail!("the settings name no key for the seals"),
    };
    if let Some(source) = &settings.seals.previous {
        seals.previous = Some(Arc::new(from(source)?));
    }
    Ok(seals)
}

/// The same with these keys. Without any, what is published waits for the next run that has one.
pub(crate) fn open_with(settings: &settings::Audit, seals: Option<Seals>) -> anyhow::Result<Audit> {
    open_as(settings, seals, Observers::default())
}

fn open_as(settings: &settings::Audit, seals: Option<Seals>, observers: Observers) -> anyhow::Result<Audit> {
    let host = host()?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").context("the boot id")?;
    let mut config = Config::new(&settings.directory, host, boot.trim());
    config.durability = match settings.durability {
        settings::Durability::Strict => Durability::Strict,
        settings::Durability::Batch(window) => Durability::Batch(window),
    };
    config.segment_rows = settings.segment_rows;
    config.segment_age = settings.segment_age;
    config.seals = seals;
    config.observers = observers;
    Audit::open(config).with_context(|| format!("opening the audit in {}", settings.directory.display()))
}

/// This host's name, as every row has it.
pub(crate) fn host() -> anyhow::Result<String> {
    let name = nix::unistd::gethostname().context("the host's name")?;
    Ok(name.to_string_lossy().into_owned())
}

/// Something that an operator or an auditor must be able to find.
pub(crate) fn event(kind: &str, actor: &str, message: impl Into<String>) -> Record {
    detailed(kind, actor, message, BTreeMap::new())
}

/// The same, with what is known besides.
pub(crate) fn detailed(
    kind: &str,
    actor: &str,
    message: impl Into<String>,
    detail: BTreeMap<String, String>,
) -> Record {
    let event = Event {
        at: now(),
        kind: kind.to_owned(),
        actor: actor.to_owned(),
        message: message.into(),
        detail,
    };
    Record::Event(Box::new(event))
}

/// The same by the daemon, with what is known besides as a list.
pub(crate) fn told<const N: usize>(kind: &str, message: String, detail: [(&str, String); N]) -> Record {
    let detail = detail.map(|(key, value)| (key.to_owned(), value));
    detailed(kind, "daemon", message, detail.into_iter().collect())
}

/// Microseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
