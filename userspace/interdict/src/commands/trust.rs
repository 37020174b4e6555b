//! `interdict trust`

mod bundle;
mod certificate;
mod environment;
mod find;
mod java;
mod place;
mod root;
mod system;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use interdict_proxy::certificate_path;
use serde::Serialize;

use self::certificate::{Certificate, Listed};
use self::find::Kind;
use self::place::Place;
use self::root::Root;
use super::{Answer, WrongSettings};
use crate::cli::{CONFIG, Trust, TrustWhere};
use crate::output::{self, Align};
use crate::settings::{Places, Settings};

/// What no store can do.
const BEYOND: &str = "\
Not reached by any store: clients that accept one certificate only (pinned), clients with roots of their own compiled in
(Node.js and Deno without the variables above, Rust with webpki-roots, some Go and Electron programs), browsers with a
profile's own database (NSS), and programs that read their roots before this: they need to be started again. Java does
not hold a root to its name constraints; everything else that was named here does.";

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Install,
    Remove,
    Look,
}

/// How a store stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// It has the authority's certificate.
    Has,
    /// It has an earlier one, with which certificates for new names are refused.
    Old,
    Lacks,
    /// It goes by how a program is started.
    Depends,
    /// It can't be looked at or changed.
    Unreachable,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Has => "has it",
            Self::Old => "has an old one",
            Self::Lacks => "not",
            Self::Depends => "depends",
            Self::Unreachable => "can't be reached",
        }
    }
}

/// One store, as it is afterwards.
#[derive(Clone, Debug, Serialize)]
struct Store {
    kind: String,
    path: PathBuf,
    state: State,
    detail: String,
}

impl Store {
    fn new(kind: &str, path: &Path, state: State, detail: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            path: path.to_owned(),
            state,
            detail: detail.into(),
        }
    }

    fn listed(kind: &str, path: &Path, listed: Listed) -> Self {
        let state = match listed {
            Listed::Now => State::Has,
            Listed::Before => State::Old,
            Listed::No => State::Lacks,
        };
        Self::new(kind, path, state, "")
    }

    fn unreachable(kind: &str, path: &Path, why: &io::Error) -> Self {
        let detail = match why.kind() {
            io::ErrorKind::ReadOnlyFilesystem => {
                format!("{why}: put it into the image (`--root DIR` on its files)")
            }
            io::ErrorKind::PermissionDenied => format!("{why}: run this as root"),
            _ => why.to_string(),
        };
        Self::new(kind, path, State::Unreachable, detail)
    }

    fn is_good(&self) -> bool {
        self.state == State::Has
    }
}

/// A list in PEM form, as it is after the action.
fn visit_bundle(
    root: &Root,
    kind: &str,
    path: &Path,
    certificate: Option<&Certificate>,
    action: Action,
) -> Store {
    let visit = || -> io::Result<Listed> {
        let before = root.read(path)?;
        let after = match (action, certificate) {
            (Action::Install, Some(certificate)) => bundle::with(&before, certificate),
            (Action::Remove, _) => bundle::without(&before),
            _ => before.clone(),
        };
        if after != before {
            root.replace(path, &after)?;
        }
        Ok(certificate.map_or(Listed::No, |certificate| bundle::state(&after, certificate)))
    };
    match visit() {
        Ok(listed) => Store::listed(kind, path, listed),
        Err(error) => Store::unreachable(kind, path, &error),
    }
}

/// A place with its stores.
#[derive(Debug, Serialize)]
struct Visited {
    /// Empty for this host.
    place: String,
    stores: Vec<Store>,
    /// What else there is to know of it.
    notes: Vec<String>,
}

/// The whole answer.
#[derive(Debug, Serialize)]
struct Report {
    certificate: PathBuf,
    /// None where there is no authority (any more).
    fingerprint: Option<String>,
    places: Vec<Visited>,
}

pub(super) fn trust(command: Trust) -> anyhow::Result<Answer> {
    let (action, wanted) = match command {
        Trust::Install(wanted) => (Action::Install, wanted),
        Trust::Remove(wanted) => (Action::Remove, wanted),
        Trust::Status(wanted) => (Action::Look, wanted),
    };
    let (certificate, path) = authority(&wanted)?;
    if certificate.is_none() && action != Action::Remove {
        bail!(
            "there is no authority in {} yet: the daemon makes it when it first starts with a service that has no \
             certificate of its own",
            path.parent().unwrap_or(&path).display()
        );
    }
    let mut report = Report {
        certificate: path,
        fingerprint: certificate
            .as_ref()
            .map(|certificate| certificate.fingerprint.clone()),
        places: Vec::new(),
    };
    for place in places(&wanted)? {
        report.places.push(visit(&place, certificate.as_ref(), action));
    }
    let mut out = io::stdout().lock();
    if wanted.json.json {
        output::json(&mut out, &report)?;
    } else {
        write(&report, action, &mut out)?;
    }
    answer(&report, action)
}

/// The authority's certificate, if there is one, and where it is looked for.
fn authority(wanted: &TrustWhere) -> anyhow::Result<(Option<Certificate>, PathBuf)> {
    let settings = match &wanted.config {
        Some(file) => Some(file.as_path()),
        None => Some(Path::new(CONFIG)).filter(|file| file.exists()),
    };
    let places = match settings {
        Some(file) => Settings::places(file).map_err(WrongSettings)?,
        None => Places::default(),
    };
    let Some(directory) = places.authority() else {
        bail!("the settings say `authority: none`: there is no certificate to trust");
    };
    let path = certificate_path(&directory);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let certificate = Certificate::new(&text);
            let certificate =
                certificate.with_context(|| format!("{} is not a certificate", path.display()))?;
            Ok((Some(certificate), path))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((None, path)),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn places(wanted: &TrustWhere) -> anyhow::Result<Vec<Place>> {
    if let Some(root) = &wanted.root {
        return Ok(vec![Place::tree(root)?]);
    }
    if let Some(pid) = wanted.pid {
        return Ok(vec![Place::process(pid)?]);
    }
    let Some(name) = &wanted.workload else {
        return Ok(vec![Place::host()?]);
    };
    let config = wanted.config.as_deref().unwrap_or(Path::new(CONFIG));
    let (settings, _) = Settings::check(config).map_err(WrongSettings)?;
    let workload = settings.workloads.iter().find(|workload| workload.name == *name);
    let workload = workload.with_context(|| format!("the settings have no workload {name}"))?;
    Place::workload(workload)
}

fn visit(place: &Place, certificate: Option<&Certificate>, action: Action) -> Visited {
    let root = &place.root;
    let mut stores = system::visit(place, certificate, action);
    let mut notes = Vec::new();
    if stores.is_empty() {
        notes.push("there is no system store: programs that use one trust nobody".to_owned());
    }
    let system = stores.first().map(|store| store.state);
    let found = find::everywhere(root, &place.mounts);
    let mut known: Vec<PathBuf> = stores
        .iter()
        .map(|store| &store.path)
        .chain(found.stores.iter().map(|(_, path)| path))
        .filter_map(|path| root.behind_links(path).ok())
        .collect();
    stores.extend(place.environment.visit(root, &mut known, certificate, action));
    for (kind, path) in found.stores {
        stores.push(match kind {
            Kind::Python => visit_bundle(root, "Python", &path, certificate, action),
            Kind::Java => java::visit(root, &path, certificate, action),
            Kind::Node => {
                let whole = place.is_environment_whole;
                place.environment.node(root, &path, system, certificate, whole)
            }
        });
    }
    if action == Action::Remove {
        // Node.js has nothing to be removed.
        stores.retain(|store| !matches!(store.state, State::Depends));
    }
    if found.closed > 0 {
        notes.push(format!("{} directories could not be looked into", found.closed));
    }
    if found.unfinished {
        notes.push(
            "there are more directories than are looked into: stores in the rest are not listed".to_owned(),
        );
    }
    Visited {
        place: place.name.clone(),
        stores,
        notes,
    }
}

fn write(report: &Report, action: Action, out: &mut impl Write) -> io::Result<()> {
    match &report.fingerprint {
        Some(fingerprint) => writeln!(out, "{} {fingerprint}", report.certificate.display())?,
        None => writeln!(out, "{}: there is no authority", report.certificate.display())?,
    }
    for visited in &report.places {
        if visited.place.is_empty() {
            writeln!(out)?;
        } else {
            writeln!(out, "\n{}:", output::readable(&visited.place))?;
        }
        let mut table = output::Table::new([
            ("STORE", Align::Left),
            ("STATE", Align::Left),
            ("PATH", Align::Left),
        ]);
        for store in &visited.stores {
            table.row([
                store.kind.clone(),
                store.state.word().to_owned(),
                store.path.display().to_string(),
            ]);
        }
        table.write(out)?;
        for store in visited
            .stores
            .iter()
            .filter(|store| !store.detail.is_empty() && !store.is_good())
        {
            let path = store.path.display().to_string();
            writeln!(
                out,
                "! {}: {}",
                output::readable(&path),
                store.detail.replace(char::is_control, " ")
            )?;
        }
        for note in &visited.notes {
            writeln!(out, "! {note}")?;
        }
    }
    if action != Action::Remove {
        writeln!(out, "\n{BEYOND}")?;
    }
    Ok(())
}

/// No where a store is not as it is wanted; an error where one can't be reached.
fn answer(report: &Report, action: Action) -> anyhow::Result<Answer> {
    let states = || {
        report
            .places
            .iter()
            .flat_map(|visited| &visited.stores)
            .map(|store| store.state)
    };
    let wrong = match action {
        Action::Remove => states().any(|state| matches!(state, State::Has | State::Old)),
        Action::Install | Action::Look => states().any(|state| matches!(state, State::Old | State::Lacks)),
    };
    if wrong {
        return Ok(Answer::No);
    }
    let unreachable = states().filter(|state| *state == State::Unreachable).count();
    if unreachable > 0 {
        bail!("{unreachable} stores can't be reached");
    }
    Ok(Answer::Yes)
}
