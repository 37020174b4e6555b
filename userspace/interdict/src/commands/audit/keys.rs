//! `interdict audit keys …`

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use interdict_audit::{NewChain, SealKey, Seals};
use serde_json::json;

use super::super::{Answer, WrongSettings, door};
use crate::admin::{CallError, Peer, Request, Response};
use crate::cli::{Door, Keys};
use crate::output;
use crate::record;
use crate::settings::{self, KeyPlace, Settings};

pub(super) fn keys(command: Keys) -> anyhow::Result<Answer> {
    match command {
        Keys::Show { config, json } => show(&config.config, json.json),
        Keys::Export { config } => {
            let key = key(&places(&config.config)?)?;
            write!(std::io::stdout().lock(), "{}", key.public().to_pem())?;
            Ok(Answer::Yes)
        }
        Keys::Rotate { reason, door, json } => rotate(&door, reason, json.json),
        Keys::NewChain { reason, config } => new_chain(&config.config, &reason),
    }
}

/// The settings of the record.
pub(in crate::commands) fn places(config: &Path) -> anyhow::Result<settings::Audit> {
    match Settings::places(config) {
        Ok(places) => Ok(places.audit),
        Err(problems) => bail!(
            "{}\nname the settings with `--config FILE`",
            WrongSettings(problems)
        ),
    }
}

pub(in crate::commands) fn key(settings: &settings::Audit) -> anyhow::Result<SealKey> {
    match (settings.key_file(), &settings.seals.key) {
        (Some(path), _) => SealKey::read(&path)?.with_context(|| {
            format!(
                "there is no key in {} yet: the daemon makes it when it starts first",
                path.display()
            )
        }),
        (None, KeyPlace::Source(source)) => Ok(SealKey::from_pem(source.read()?.reveal())?),
        (None, _) => bail!("the settings name no key"),
    }
}

fn place(settings: &settings::Audit) -> String {
    match (settings.key_file(), &settings.seals.key) {
        (None, KeyPlace::Source(source)) => source.to_string(),
        (path, _) => path.unwrap_or_default().display().to_string(),
    }
}

fn show(config: &Path, json: bool) -> anyhow::Result<Answer> {
    let settings = places(config)?;
    let public = key(&settings)?.public();
    let mut out = std::io::stdout().lock();
    if json {
        let document =
            json!({ "key": public.id(), "public_key": public.to_hex(), "place": place(&settings) });
        output::json(&mut out, &document)?;
    } else {
        writeln!(
            out,
            "key     {}\nfrom    {}\npublic  {}",
            public.id(),
            place(&settings),
            public.to_hex()
        )?;
    }
    Ok(Answer::Yes)
}

fn rotate(door: &Door, reason: String, json: bool) -> anyhow::Result<Answer> {
    let request = Request::SealRotate { reason };
    let (id, pem) = match door::ask(door, &request) {
        Ok(Response::SealKey { key, public_key }) => (key, public_key),
        Ok(_) => return Err(door::unexpected()),
        Err(error) if is_absent(&error) => {
            let Request::SealRotate { reason } = request else {
                return Err(error);
            };
            alone(&places(&door.config.config)?, &reason)?
        }
        Err(error) => return Err(error),
    };
    let mut out = std::io::stdout().lock();
    if json {
        output::json(&mut out, &json!({ "key": id, "public_key": pem }))?;
    } else {
        writeln!(
            out,
            "the key is {id} from now on; whoever verifies with the old one follows by itself. To verify with the new one alone, keep:\n{pem}"
        )?;
    }
    Ok(Answer::Yes)
}

/// Whether no daemon runs.
pub(in crate::commands) fn is_absent(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<CallError>(),
        Some(CallError::NoDaemon { .. })
    )
}

/// Without a daemon.
fn alone(settings: &settings::Audit, reason: &str) -> anyhow::Result<(String, String)> {
    let Some(path) = settings.key_file() else {
        bail!(
            "the key comes from {}: give the new one as `audit.seals.key` and the old one as `previous`, and start the daemon",
            place(settings)
        );
    };
    let runtime = runtime()?;
    runtime.block_on(async {
        let audit = record::open(settings)?;
        let peer = Peer::this();
        let message = format!("the key of the seals is changed: {reason}");
        let event = record::detailed("seal_key_rotated", &peer.actor(), message, peer.detail());
        audit.append(vec![event]).await?.durable().await?;
        let key = audit.rotate_key(&path).await?;
        audit.close().await?;
        Ok((key.id(), key.to_pem()))
    })
}

pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn new_chain(config: &Path, reason: &str) -> anyhow::Result<Answer> {
    let settings = places(config)?;
    let key = match (settings.key_file(), &settings.seals.key) {
        (Some(path), _) => match SealKey::read(&path)? {
            Some(key) => key,
            None => SealKey::create(&path)?,
        },
        (None, KeyPlace::Source(source)) => SealKey::from_pem(source.read()?.reveal())?,
        (None, _) => bail!("the settings name no key"),
    };
    let peer = Peer::this();
    let mut seals = Seals::new(key);
    let public = seals.key.public();
    seals.new_chain = Some(NewChain {
        reason: reason.to_owned(),
        by: peer.actor(),
    });
    runtime()?.block_on(async {
        let audit = record::open_with(&settings, Some(seals))?;
        let mut detail = peer.detail();
        detail.insert("key".to_owned(), public.id());
        let message = format!("a new chain of keys of the seals begins: {reason}");
        let event = record::detailed("seal_chain_begun", &peer.actor(), message, detail);
        audit.append(vec![event]).await?.durable().await?;
        audit.close().await?;
        anyhow::Ok(())
    })?;
    eprintln!(
        "interdict: a new chain of keys begins with key {}; verifiers have to be given it, and told why",
        public.id()
    );
    Ok(Answer::Yes)
}
