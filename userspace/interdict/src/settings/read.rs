//! From the tree to the settings.

mod approvals;
mod console;
mod credentials;
mod fleet;
mod identity;
mod integrity;
mod kernel;
mod keys;
mod places;
mod profile;
mod secret;
mod service;
mod workload;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use interdict_policy::{Diagnostic, KeySource, PolicySet};

use super::node::{Node, Position, Value};
use super::problems::Problems;
use super::values::{Listen, Span};
use super::{Admin, Audit, Authority, Durability, Kernel, KernelMode, Secrets, Settings, later};

/// A settings file larger than this is none.
const LARGEST: u64 = 4 << 20;

pub(crate) use self::identity::is_local;
pub(super) use keys::one as key;
pub(super) use places::places;

const KEYS: [&str; 10] = [
    "services",
    "workloads",
    "policies",
    "keys",
    "authority",
    "audit",
    "kernel",
    "admin",
    "identity",
    "approvals",
];

pub(super) fn load(path: &Path, secrets: Secrets) -> Result<(Settings, PolicySet), Vec<Diagnostic>> {
    let mut problems = Problems::new(path);
    let loaded = text_of(path)
        .map_err(|error| problems.add(Position::START, format!("cannot read the settings: {error}")))
        .ok()
        .and_then(|text| {
            let parsed = Node::parse(&text).map_err(|(at, message)| problems.add(at, message));
            read(&parsed.ok()?, secrets, &mut problems)
        });
    let list = problems.into_list();
    match loaded {
        Some(loaded) if list.is_empty() => Ok(loaded),
        _ => Err(list),
    }
}

fn text_of(path: &Path) -> std::io::Result<String> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("not a file"));
    }
    let mut text = String::new();
    file.take(LARGEST.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(std::io::Error::other("larger than 4 MiB"));
    }
    Ok(text)
}

/// `None` only with a problem noted. What is missing because of one is left out and not reported again.
fn read(root: &Node, secrets: Secrets, problems: &mut Problems) -> Option<(Settings, PolicySet)> {
    let fields = problems.fields(root, "the settings", &KEYS)?;
    later::refuse(root, problems);
    let kernel = fields
        .get("kernel")
        .map_or_else(|| Some(Kernel::default()), |node| kernel::read(node, problems));
    let mode = kernel.map(|kernel| kernel.mode);
    let services = fields.require("services", "the protected services", problems);
    let services = services
        .map(|node| service::all(node, mode, problems))
        .unwrap_or_default();
    let workloads = fields
        .get("workloads")
        .map(|node| workload::all(node, problems))
        .unwrap_or_default();
    if mode == Some(KernelMode::Enforce)
        && workloads.is_empty()
        && services.iter().any(|service| !service.destinations.is_empty())
        && fields
            .get("workloads")
            .is_none_or(|node| matches!(&node.value, Value::List(list) if list.is_empty()))
    {
        let at = fields.key("workloads").unwrap_or(root.at);
        problems.add(at, "expected at least one of `workloads`: with `kernel.mode: enforce`, services with destinations protect only who is enrolled");
    }
    let keys = keys::read(fields.get("keys"), secrets, problems);
    // Without policies everything is recorded and nothing is masked; the daemon says so when it starts.
    let policies = match fields.get("policies") {
        Some(node) => policies(node, keys.source(), problems),
        None => Some(PolicySet::empty()),
    };
    let audit = fields
        .get("audit")
        .map(|node| audit(node, problems))
        .unwrap_or_default();
    let admin = fields
        .get("admin")
        .map(|node| admin(node, problems))
        .unwrap_or_default();
    let approvals = fields
        .get("approvals")
        .map(|node| approvals::read(node, secrets, problems))
        .unwrap_or_default();
    let authority = fields
        .get("authority")
        .and_then(|node| authority(node, problems))
        .unwrap_or_default()
        .directory(&audit);
    let identity = fields.get("identity").map(|node| {
        let known = identity::Known {
            services: services.iter().map(|service| service.name.as_str()).collect(),
            workloads: workloads.iter().map(|workload| workload.name.as_str()).collect(),
            mode,
        };
        identity::read(node, &known, problems)
    });
    let settings = Settings {
        services,
        workloads,
        authority,
        audit,
        kernel: kernel?,
        admin,
        identity: identity.unwrap_or_default(),
        approvals,
    };
    Some((settings, policies?))
}

/// A word out of a few.
fn one_word<T: Copy>(node: &Node, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
    let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    let expected = super::problems::one_of(&names);
    let text = problems.text(node, &expected)?;
    let found = words
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| *value);
    if found.is_none() {
        problems.add(
            node.at,
            format!("expected {expected}, found `{}`", text.escape_debug()),
        );
    }
    found
}

/// A name that the audit shows and policies match: without a blank, a quote or a wildcard.
fn is_plain(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn plain_name(node: &Node, what: &str, problems: &mut Problems) -> Option<String> {
    let text = problems.text(node, what)?;
    if is_plain(text) {
        return Some(text.to_owned());
    }
    problems.add(
        node.at,
        "expected a name of at most 64 letters, digits, `-`, `_` and `.`",
    );
    None
}

fn policies(node: &Node, keys: KeySource<'_>, problems: &mut Problems) -> Option<PolicySet> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut whole = matches!(node.value, Value::List(_));
    for entry in problems.list(node, "a list of policy files") {
        match readable(entry, "the path of a policy file", problems) {
            Some(path) if paths.contains(&path) => {
                problems.add(entry.at, format!("{} is already listed", path.display()));
                whole = false;
            }
            Some(path) => paths.push(path),
            None => whole = false,
        }
    }
    match PolicySet::load_with(&paths, keys) {
        Ok(set) => whole.then_some(set),
        Err(list) => {
            problems.extend(list);
            None
        }
    }
}

/// A path to a file that can be read now.
fn readable(node: &Node, what: &str, problems: &mut Problems) -> Option<PathBuf> {
    let text = problems.text(node, what)?;
    let path = problems.resolve(text);
    let opened = File::open(&path).and_then(|file| file.metadata());
    match opened {
        Ok(meta) if meta.is_dir() => problems.add(
            node.at,
            format!("expected {what}: {} is a directory", path.display()),
        ),
        Ok(_) => return Some(path),
        Err(error) => problems.add(node.at, format!("expected {what}: {}: {error}", path.display())),
    }
    None
}

fn audit(node: &Node, problems: &mut Problems) -> Audit {
    let mut audit = Audit::default();
    let Some(fields) = problems.fields(
        node,
        "`audit`",
        &[
            "directory",
            "durability",
            "segment",
            "retention",
            "frames",
            "seals",
            "anchors",
            "streams",
            "ship",
        ],
    ) else {
        return audit;
    };
    if let Some(node) = fields.get("directory")
        && let Some(path) = problems.text(node, "a directory")
    {
        audit.directory = problems.resolve(path);
        if std::fs::metadata(&audit.directory).is_ok_and(|meta| !meta.is_dir()) {
            problems.add(
                node.at,
                format!("expected a directory: {} is a file", audit.directory.display()),
            );
        }
    }
    if let Some(node) = fields.get("durability") {
        audit.durability = durability(node, problems).unwrap_or(audit.durability);
    }
    if let Some(fields) = fields
        .get("segment")
        .and_then(|node| problems.fields(node, "`segment`", &["rows", "age"]))
    {
        if let Some(rows) = fields
            .get("rows")
            .and_then(|node| problems.count(node, "a number of rows from 1"))
        {
            audit.segment_rows = rows;
        }
        if let Some(Span(age)) = fields
            .get("age")
            .and_then(|node| problems.parse(node, "a duration such as 5m"))
        {
            audit.segment_age = age;
        }
    }
    if let Some(node) = fields.get("frames")
        && let Some(kept) = frames(node, problems)
    {
        audit.frames = kept;
    }
    integrity::read(&fields, &mut audit, problems);
    if let Some(node) = fields.get("streams") {
        audit.streams = fleet::streams(node, problems);
    }
    if let Some(node) = fields.get("ship") {
        audit.ship = fleet::ship(node, problems);
        audit.retention.shipped = audit.ship.is_some();
    }
    audit
}

/// `None` only with a problem noted.
fn authority(node: &Node, problems: &mut Problems) -> Option<Authority> {
    if let Value::Text(text) = &node.value {
        if text == "none" {
            return Some(Authority::None);
        }
        let text = text.escape_debug();
        problems.add(
            node.at,
            format!("expected `{{ directory: … }}` or `none`, found `{text}`"),
        );
        return None;
    }
    let fields = problems.fields(node, "`authority` (or `none`)", &["directory"])?;
    let directory = fields.require("directory", "where the authority's key is kept", problems)?;
    let path = problems.text(directory, "a directory")?;
    let path = problems.resolve(path);
    if std::fs::metadata(&path).is_ok_and(|about| !about.is_dir()) {
        problems.add(
            directory.at,
            format!("expected a directory: {} is a file", path.display()),
        );
        return None;
    }
    Some(Authority::Kept(path))
}

fn durability(node: &Node, problems: &mut Problems) -> Option<Durability> {
    if let Value::Text(_) = &node.value {
        return match problems.text(node, "`strict` or `{ batch: DURATION }`")? {
            "strict" => Some(Durability::Strict),
            other => {
                let other = other.escape_debug();
                problems.add(
                    node.at,
                    format!("expected `strict` or `{{ batch: DURATION }}`, found `{other}`"),
                );
                None
            }
        };
    }
    let (_, window) = problems.choice(node, "`durability` (or `strict`)", &["batch"])?;
    let Span(window) = problems.parse(window, "a duration such as 50ms")?;
    Some(Durability::Batch(window))
}

/// How much of each answer is kept. `None` only with a problem noted.
#[expect(
    clippy::option_option,
    reason = "outside: a problem was noted; inside: nothing is meant"
)]
fn frames(node: &Node, problems: &mut Problems) -> Option<Option<u64>> {
    const FORMS: &str = "`all`, `none` or `{ statement: BYTES }`";
    if let Value::Text(text) = &node.value {
        match text.as_str() {
            "all" => return Some(Some(u64::MAX)),
            "none" => return Some(None),
            other => problems.add(
                node.at,
                format!("expected {FORMS}, found `{}`", other.escape_debug()),
            ),
        }
        return None;
    }
    let fields = problems.fields(node, "`frames` (or `all`, or `none`)", &["statement"])?;
    let bytes = fields.require("statement", "how many bytes of each answer are kept", problems)?;
    problems.count(bytes, "a number of bytes from 1").map(Some)
}

fn admin(node: &Node, problems: &mut Problems) -> Admin {
    let mut admin = Admin::default();
    let Some(fields) = problems.fields(
        node,
        "`admin`",
        &["socket", "group", "grantors", "console", "metrics"],
    ) else {
        return admin;
    };
    if let Some(path) = fields
        .get("socket")
        .and_then(|node| problems.text(node, "the path of a socket"))
    {
        admin.socket = problems.resolve(path);
    }
    if let Some(node) = fields.get("group") {
        admin.group = problems.text(node, "the name of a group").map(str::to_owned);
    }
    if let Some(node) = fields.get("grantors") {
        let expected = "`user:NAME` or `group:NAME`";
        for entry in problems.list(node, "a list of who may mint grants") {
            let Some(text) = problems.text(entry, expected) else {
                continue;
            };
            match text.split_once(':') {
                Some(("user" | "group", name)) if !name.is_empty() => admin.grantors.push(text.to_owned()),
                _ => problems.add(
                    entry.at,
                    format!("expected {expected}, found `{}`", text.escape_debug()),
                ),
            }
        }
    }
    admin.console = fields
        .get("console")
        .and_then(|node| console::read(node, problems));
    admin.metrics = fields
        .get("metrics")
        .and_then(|node| problems.parse(node, "ADDRESS:PORT"))
        .map(|Listen(at)| at);
    admin
}
