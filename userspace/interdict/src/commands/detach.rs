//! `interdict detach`

use std::path::Path;

use anyhow::{Context as _, bail};
use interdict_audit::Audit;

use super::{Answer, WrongSettings, door};
use crate::admin::{self, CallError, Peer, Request, Response};
use crate::record;
use crate::settings::{self, Settings};

/// What `--force` is for, at the end of an error.
const FORCE: &str = "`--force` detaches all the same, unrecorded if need be";

/// The only command that lifts the kernel's protection: everything else leaves it, dead daemons too. It is on the record
/// before it happens, or it doesn't happen, unless forced.
pub(super) fn detach(config: &Path, force: bool) -> anyhow::Result<Answer> {
    let (audit, socket) = match Settings::places(config) {
        Ok(places) => (Some(places.audit), places.admin.socket),
        Err(_) if force => (None, settings::Admin::default().socket),
        Err(problems) => bail!(
            "{}\nthe settings say where a detach is recorded: name them with `--config FILE`; {FORCE}",
            WrongSettings(problems)
        ),
    };
    match admin::call(&socket, &Request::Detach) {
        Ok(Response::Detach) => {
            eprintln!(
                "interdict: the daemon has detached and goes on without the kernel's side; destinations are reached directly"
            );
            return Ok(Answer::Yes);
        }
        Ok(_) => return Err(door::unexpected()),
        Err(CallError::NoDaemon { .. }) => {}
        Err(error) if force => eprintln!("interdict: {error}; going on, as forced"),
        Err(error) => return Err(error).context(format!("the daemon was to detach; {FORCE}")),
    }
    alone(
        Path::new(interdict_kernel::DEFAULT_PIN_ROOT),
        audit,
        force,
        &socket,
    )
}

/// Without a daemon.
fn alone(pins: &Path, audit: Option<settings::Audit>, force: bool, socket: &Path) -> anyhow::Result<Answer> {
    let attached = pins
        .try_exists()
        .with_context(|| format!("looking at {}: run this as root", pins.display()))?;
    if !attached {
        eprintln!("interdict: nothing is attached");
        return Ok(Answer::Yes);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let record = match audit {
        None => {
            eprintln!("interdict: without settings, this detach is not on the record");
            None
        }
        Some(audit) => match runtime.block_on(announce(&audit)) {
            Ok(record) => Some(record),
            Err(error) if force => {
                eprintln!("interdict: this detach is not on the record: {error:#}");
                None
            }
            Err(error) => {
                let what = format!(
                    "the detach can't be recorded (no daemon answers at {}, so this command must); {FORCE}",
                    socket.display()
                );
                return Err(error.context(what));
            }
        },
    };
    let outcome = interdict_kernel::detach(pins);
    if let Some(record) = record {
        let closed = runtime.block_on(conclude(&record, outcome.as_ref().err()));
        if let Err(error) = closed {
            eprintln!("interdict: the record could not be closed: {error:#}");
        }
    }
    outcome?;
    eprintln!("interdict: nothing is attached any more; destinations are reached directly");
    Ok(Answer::Yes)
}

/// Puts on the record, durably, what is about to be done.
async fn announce(settings: &settings::Audit) -> anyhow::Result<Audit> {
    // A key that only the daemon has seals what is written here when it starts again.
    let audit = match settings.key_file() {
        Some(_) => record::open(settings)?,
        None => record::open_with(settings, None)?,
    };
    let peer = Peer::this();
    let what = "everything is removed from the kernel, without a daemon: destinations are reached directly";
    let event = record::detailed("detach", &peer.actor(), what, peer.detail());
    audit.append(vec![event]).await?.durable().await?;
    audit.flush().await?;
    Ok(audit)
}

async fn conclude(audit: &Audit, error: Option<&interdict_kernel::KernelError>) -> anyhow::Result<()> {
    if let Some(error) = error {
        let what = format!("the detach did not succeed; programs may still be attached: {error}");
        let event = record::event("detach_failed", &Peer::this().actor(), what);
        let _queued = audit.append(vec![event]).await?;
    }
    Ok(audit.close().await?)
}
