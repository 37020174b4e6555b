//! `interdict evidence`

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use interdict_audit::{PublicKey, SealKey};
use interdict_evidence::{Period, Request, build};

use super::audit::{self, keys, scan};
use super::{Answer, door};
use crate::admin::{Request as Asked, Response};
use crate::cli::{Config, Door, Evidence};
use crate::output;
use crate::record::now;

/// What the signature of a manifest is over, before the manifest's bytes.
const PURPOSE: &str = "interdict-evidence-1\n";

pub(super) fn evidence(arguments: &Evidence) -> anyhow::Result<Answer> {
    let audit = audit::directory(&arguments.record)?;
    let until = arguments.to.map_or_else(now, |to| to.0);
    anyhow::ensure!(arguments.from.0 < until, "`--from` has to be before `--to`");
    let key = key(arguments)?;
    seal(arguments)?;
    let mut progress = Progress::new();
    let mut more = Vec::new();
    if !arguments.no_scan {
        progress.tell("the record is looked through for raw identifiers");
        let found = scan::look(&audit, None, &[], &[])?;
        if !found.clean {
            progress.clear();
            eprintln!("raw identifiers are in the record, or what looks like them: see scan.json");
        }
        more.push((
            "scan.json".to_owned(),
            format!("{}\n", serde_json::to_string_pretty(&found)?),
        ));
    }
    let request = Request {
        audit,
        out: arguments.out.clone(),
        period: Period {
            from: arguments.from.0,
            until,
        },
        samples: arguments.samples,
        made_by: person(),
        host: nix::unistd::gethostname()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        public_key: key.as_ref().map(|key| key.public().to_pem()),
        more,
    };
    let outcome = build(&request, &mut |what| progress.tell(what))?;
    progress.clear();
    if let Some(key) = &key {
        sign(key, &outcome.manifest_bytes, &request)?;
    }
    let mut out = io::stdout().lock();
    if arguments.json.json {
        output::json(&mut out, &outcome.manifest)?;
        return Ok(Answer::from(outcome.manifest.record_sound));
    }
    let manifest = &outcome.manifest;
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    writeln!(
        out,
        "{} files, {bytes} bytes in {}",
        manifest.files.len(),
        request.out.display()
    )?;
    writeln!(
        out,
        "{} figures, each with its query; open index.html",
        outcome.figures.len()
    )?;
    if key.is_none() {
        writeln!(
            out,
            "the manifest is not signed: name the key with `--key` (audit.seals.key)"
        )?;
    }
    match &manifest.finding {
        None => writeln!(out, "the record is sound")?,
        Some(finding) => writeln!(out, "THE RECORD IS NOT SOUND: {finding}")?,
    }
    Ok(Answer::from(manifest.record_sound))
}

/// What the manifest is signed with: the key of the settings, unless another directory is meant.
fn key(arguments: &Evidence) -> anyhow::Result<Option<SealKey>> {
    if let Some(path) = &arguments.key {
        let key = SealKey::read(path)?;
        return Ok(Some(
            key.with_context(|| format!("there is no key at {}", path.display()))?,
        ));
    }
    if arguments.record.directory.is_some() {
        return Ok(None);
    }
    keys::key(&keys::places(&arguments.record.config.config)?).map(Some)
}

/// Has a running daemon seal what is complete: the package holds what is sealed.
fn seal(arguments: &Evidence) -> anyhow::Result<()> {
    if arguments.record.directory.is_some() && arguments.socket.is_none() {
        return Ok(());
    }
    let daemon = Door {
        config: Config {
            config: arguments.record.config.config.clone(),
        },
        socket: arguments.socket.clone(),
    };
    match door::ask(&daemon, &Asked::Seal) {
        Ok(Response::Seal) => Ok(()),
        Ok(_) => Err(door::unexpected()),
        // One that has stopped has sealed everything.
        Err(error) if keys::is_absent(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes `manifest.json.sig`: the signature and how to check it.
fn sign(key: &SealKey, manifest: &[u8], request: &Request) -> anyhow::Result<()> {
    let public: PublicKey = key.public();
    let signature = key.sign_for(PURPOSE, manifest);
    let text = serde_json::json!({
        "over": "the 21 bytes `interdict-evidence-1` and a line feed, then the bytes of manifest.json",
        "algorithm": "ed25519",
        "key": public.id(),
        "signature": hex::encode(signature),
    });
    let path = request.out.join("manifest.json.sig");
    std::fs::write(&path, format!("{text:#}\n")).with_context(|| format!("writing {}", path.display()))
}

/// Who runs this: by login, as a person may have become root since.
fn person() -> String {
    let uid = nix::unistd::Uid::current();
    let login: Option<u32> = std::fs::read_to_string("/proc/self/loginuid")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .filter(|login| *login != u32::MAX);
    let name = |uid: nix::unistd::Uid| {
        nix::unistd::User::from_uid(uid)
            .ok()
            .flatten()
            .map_or_else(|| uid.to_string(), |user| user.name)
    };
    match login {
        Some(login) if login != uid.as_raw() => format!(
            "{} (logged in as {})",
            name(uid),
            name(nix::unistd::Uid::from_raw(login))
        ),
        _ => name(uid),
    }
}

/// One line that is written anew, where somebody looks.
struct Progress {
    shown: bool,
}

impl Progress {
    fn new() -> Self {
        Self {
            shown: io::stderr().is_terminal(),
        }
    }

    fn tell(&mut self, what: &str) {
        if self.shown {
            eprint!("\r\x1b[K{what}");
        }
    }

    fn clear(&mut self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}
