//! What the daemon and the commands write into the record themselves.

use std::collections::BTreeMap;

use anyhow::Context as _;
use interdict_audit::{Audit, Config, Durability};
use interdict_record::{Event, Record};

use crate::settings;

/// Opens the audit; its directory is this process's alone from then on.
pub(crate) fn open(settings: &settings::Audit) -> anyhow::Result<Audit> {
    let host = nix::unistd::gethostname()
        .context("the host's name")?
        .to_string_lossy()
        .into_owned();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").context("the boot id")?;
    let mut config = Config::new(&settings.directory, host, boot.trim());
    config.durability = match settings.durability {
        settings::Durability::Strict => Durability::Strict,
        settings::Durability::Batch(window) => Durability::Batch(window),
    };
    config.segment_rows = settings.segment_rows;
    config.segment_age = settings.segment_age;
    Audit::open(config).with_context(|| format!("opening the audit in {}", settings.directory.display()))
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

/// Microseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
