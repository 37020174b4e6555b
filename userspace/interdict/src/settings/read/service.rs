//! The `services` section.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use interdict_api::Profile;

use super::super::node::{Node, Position, Value};
use super::super::problems::{Fields, Problems};
use super::super::values::{Listen, Size};
use super::super::{
    Credentials, Destination, Endpoint, KernelMode, Limits, Protocol, ServerTls, Service, TlsMode,
    Untrusting, Upstream,
};
use super::{credentials, one_word, plain_name, readable};

const KEYS: [&str; 12] = [
    "name",
    "protocol",
    "profile",
    "destinations",
    "listen",
    "upstream",
    "tls",
    "untrusting",
    "credentials",
    "catalogue",
    "limits",
    "on_failure",
];

/// What must be unique among services, and where it was first said.
#[derive(Default)]
struct Taken {
    names: HashMap<String, Position>,
    destinations: HashMap<Destination, Position>,
    listens: Vec<(SocketAddr, Position)>,
}

pub(super) fn all(node: &Node, kernel: Option<KernelMode>, problems: &mut Problems) -> Vec<Service> {
    let mut taken = Taken::default();
    let entries = problems.list(node, "a list of services");
    if entries.is_empty() && matches!(node.value, Value::List(_)) {
        problems.add(node.at, "expected at least one service");
    }
    entries
        .iter()
        .filter_map(|entry| one(entry, kernel, &mut taken, problems))
        .collect()
}

fn one(
    node: &Node,
    kernel: Option<KernelMode>,
    taken: &mut Taken,
    problems: &mut Problems,
) -> Option<Service> {
    let fields = problems.fields(node, "a service", &KEYS)?;
    let name = fields.require("name", "what policies and the audit call the service", problems);
    let name = name.and_then(|node| self::name(node, "service", &mut taken.names, problems));
    let protocol = fields.require("protocol", "`postgres`, `mysql`, `http` or `opaque`", problems);
    let protocol = protocol.and_then(|node| self::protocol(node, problems));
    let destinations = fields
        .get("destinations")
        .map(|node| destinations(node, taken, problems))
        .unwrap_or_default();
    let listen = fields
        .get("listen")
        .and_then(|node| listen(node, taken, problems));
    let upstream = fields
        .get("upstream")
        .map(|node| upstream(node, listen, problems))
        .unwrap_or_default();

    match (fields.key("listen"), fields.get("upstream")) {
        (Some(at), None) => problems.add(
            at,
            "`listen` needs `upstream: { address: … }`: there is no destination to go by",
        ),
        (Some(_), Some(node)) if matches!(&node.value, Value::Map(map) if map.iter().all(|(key, _)| key.name != "address")) =>
        {
            problems.add(
                node.at,
                "expected `address` in `upstream`: `listen` has no destination to go by",
            );
        }
        _ => {}
    }
    let no_destination = fields
        .get("destinations")
        .is_none_or(|node| matches!(&node.value, Value::List(l) if l.is_empty()));
    if no_destination && fields.key("listen").is_none() {
        problems.add(
            fields.at,
            "expected `destinations`, `listen` or both: nothing would reach this service",
        );
    } else if kernel == Some(KernelMode::Off) && fields.key("listen").is_none() {
        problems.add(
            fields.at,
            "expected `listen`: with `kernel.mode: off` nothing is redirected to this service",
        );
    }
    let tls = fields.get("tls").and_then(|node| tls(node, problems));
    let credentials = fields.get("credentials").map_or(Some(Credentials::Pass), |node| {
        credentials::read(node, protocol, problems)
    });
    let catalogue = fields
        .get("catalogue")
        .and_then(|node| credentials::login(node, "`catalogue`", problems));
    let limits = fields
        .get("limits")
        .map(|node| limits(node, problems))
        .unwrap_or_default();
    let fail_open = match fields.get("on_failure") {
        Some(node) => one_word(node, &[("closed", false), ("open", true)], problems),
        None => Some(false),
    };
    let untrusting = match fields.get("untrusting") {
        Some(node) => {
            let words = [("refuse", Untrusting::Refuse), ("opaque", Untrusting::Opaque)];
            one_word(node, &words, problems)
        }
        None => Some(Untrusting::default()),
    };
    let profile = match fields.get("profile") {
        Some(node) => super::profile::profile(node, problems),
        None => Some(Profile::Plain),
    };
    if let (Some(at), Some(protocol)) = (fields.key("profile"), protocol)
        && protocol != Protocol::Http
    {
        problems.add(
            at,
            format!(
                "`profile` has no use with `protocol: {}`: it tells what requests of HTTP do",
                protocol.as_str()
            ),
        );
    }
    if let (Some(at), Some(Protocol::Http)) = (fields.key("catalogue"), protocol) {
        problems.add(
            at,
            "`catalogue` has no use with `protocol: http`: there is no schema to read",
        );
    }
    if upstream.warm.is_some()
        && let Some(node) = fields.get("upstream")
        && !matches!(
            (protocol, &credentials),
            (
                None | Some(Protocol::Postgres),
                None | Some(Credentials::Inject(_))
            )
        )
    {
        problems.add(
            node.at,
            "`warm` has no use but with `protocol: postgres` and `credentials: { inject: … }`: sessions are kept where the proxy logs in",
        );
    }
    if protocol == Some(Protocol::Opaque) {
        no_use_when_opaque(&fields, problems);
    }
    Some(Service {
        name: name?,
        protocol: protocol?,
        profile: Arc::new(profile?),
        destinations,
        fail_open: fail_open?,
        listen,
        upstream,
        tls,
        untrusting: untrusting?,
        credentials: credentials?,
        catalogue,
        limits,
    })
}

/// What is meant for a protocol that is understood.
fn no_use_when_opaque(fields: &Fields<'_>, problems: &mut Problems) {
    for key in ["tls", "untrusting", "catalogue", "limits"] {
        if let Some(at) = fields.key(key) {
            problems.add(
                at,
                format!("`{key}` has no use with `protocol: opaque`: bytes are passed on as they are"),
            );
        }
    }
    let Some(Value::Map(entries)) = fields.get("upstream").map(|node| &node.value) else {
        return;
    };
    for (key, _) in entries.iter().filter(|(key, _)| key.name != "address") {
        let name = &key.name;
        problems.add(
            key.at,
            format!("`{name}` has no use with `protocol: opaque`: TLS is between the client and the service"),
        );
    }
}

/// A name that is not taken yet. Globs match names and the audit shows them, so they are plain.
pub(super) fn name(
    node: &Node,
    what: &str,
    taken: &mut HashMap<String, Position>,
    problems: &mut Problems,
) -> Option<String> {
    let name = plain_name(node, &format!("the {what}'s name"), problems)?;
    if let Some(first) = taken.get(&name) {
        problems.add(
            node.at,
            format!("the {what} name `{name}` is already used at line {}", first.line),
        );
        return None;
    }
    taken.insert(name.clone(), node.at);
    Some(name)
}

fn protocol(node: &Node, problems: &mut Problems) -> Option<Protocol> {
    let all = [
        Protocol::Postgres,
        Protocol::Mysql,
        Protocol::Http,
        Protocol::Opaque,
    ];
    one_word(node, &all.map(|protocol| (protocol.as_str(), protocol)), problems)
}

fn destinations(node: &Node, taken: &mut Taken, problems: &mut Problems) -> Vec<Destination> {
    let mut list = Vec::new();
    for entry in problems.list(node, "a list of destinations such as [\"10.0.3.7:5432\"]") {
        let what = "ADDRESS:PORT, NETWORK/PREFIX:PORT, NAME:PORT or unix:PATH";
        let Some(destination) = problems.parse::<Destination>(entry, what) else {
            continue;
        };
        if let Some(first) = taken.destinations.get(&destination) {
            let line = first.line;
            problems.add(
                entry.at,
                format!("the destination {destination} is already protected at line {line}"),
            );
            continue;
        }
        taken.destinations.insert(destination.clone(), entry.at);
        list.push(destination);
    }
    list
}

fn listen(node: &Node, taken: &mut Taken, problems: &mut Problems) -> Option<SocketAddr> {
    let Listen(address) = problems.parse(node, "ADDRESS:PORT")?;
    let same = |other: &SocketAddr| {
        let overlap = address.ip() == other.ip()
            || (address.is_ipv4() == other.is_ipv4()
                && (address.ip().is_unspecified() || other.ip().is_unspecified()));
        address.port() == other.port() && overlap
    };
    if let Some((_, first)) = taken.listens.iter().find(|(other, _)| same(other)) {
        problems.add(
            node.at,
            format!("{address} is already listened on at line {}", first.line),
        );
        return None;
    }
    taken.listens.push((address, node.at));
    Some(address)
}

fn upstream(node: &Node, listen: Option<SocketAddr>, problems: &mut Problems) -> Upstream {
    let mut upstream = Upstream::default();
    let Some(fields) = problems.fields(
        node,
        "`upstream`",
        &["address", "tls", "ca", "cert", "key", "warm"],
    ) else {
        return upstream;
    };
    if let Some(node) = fields.get("address") {
        upstream.address = problems.parse(node, "ADDRESS:PORT or NAME:PORT");
        if let (Some(Endpoint::Address(address)), Some(listen)) = (&upstream.address, listen)
            && *address == listen
        {
            problems.add(
                node.at,
                "expected another address than `listen`: the proxy would connect to itself",
            );
        }
    }
    if let Some(node) = fields.get("warm") {
        match node.value {
            Value::Integer(number @ 0..=64) => upstream.warm = u8::try_from(number).ok().map(Into::into),
            _ => problems.add(
                node.at,
                "expected how many sessions are kept for a caller, from 0 to 64",
            ),
        }
    }
    upstream.tls = fields.get("tls").and_then(|node| {
        let modes = [
            ("disable", TlsMode::Disable),
            ("prefer", TlsMode::Prefer),
            ("require", TlsMode::Require),
            ("verify-full", TlsMode::VerifyFull),
        ];
        one_word(node, &modes, problems)
    });
    if upstream.tls == Some(TlsMode::Disable) {
        for name in ["ca", "cert", "key"] {
            if let Some(at) = fields.key(name) {
                problems.add(at, format!("`{name}` has no use with `tls: disable`"));
            }
        }
    }
    if let (Some(at), Some(mode @ (TlsMode::Prefer | TlsMode::Require))) = (fields.key("ca"), upstream.tls) {
        let mode = if mode == TlsMode::Prefer {
            "prefer"
        } else {
            "require"
        };
        problems.add(
            at,
            format!(
                "`ca` has no use with `tls: {mode}`, which verifies nothing: expected `tls: verify-full`"
            ),
        );
    }
    upstream.ca = fields
        .get("ca")
        .and_then(|node| readable(node, "a file of certificates", problems));
    let cert = fields
        .get("cert")
        .and_then(|node| readable(node, "a certificate file", problems));
    let key = fields
        .get("key")
        .and_then(|node| readable(node, "a key file", problems));
    match (fields.key("cert"), fields.key("key")) {
        (Some(at), None) => problems.add(at, "`cert` needs `key`"),
        (None, Some(at)) => problems.add(at, "`key` needs `cert`"),
        _ => upstream.identity = cert.zip(key),
    }
    upstream
}

fn tls(node: &Node, problems: &mut Problems) -> Option<ServerTls> {
    let fields = problems.fields(node, "`tls`", &["certificate", "key"])?;
    let certificate = fields.require(
        "certificate",
        "a certificate file; `tls` needs both it and its key",
        problems,
    );
    let certificate = certificate.and_then(|node| readable(node, "a certificate file", problems));
    let key = fields.require("key", "the certificate's key file; `tls` needs both", problems);
    let key = key.and_then(|node| readable(node, "a key file", problems));
    Some(ServerTls {
        certificate: certificate?,
        key: key?,
    })
}

fn limits(node: &Node, problems: &mut Problems) -> Limits {
    let Some(fields) = problems.fields(node, "`limits`", &["message", "pipeline"]) else {
        return Limits::default();
    };
    let message = fields
        .get("message")
        .and_then(|node| problems.parse(node, "a size such as 64MiB"));
    let pipeline = fields
        .get("pipeline")
        .and_then(|node| problems.count(node, "a number of requests from 1"));
    Limits {
        message: message.map(|Size(bytes)| bytes),
        pipeline: pipeline.and_then(|count| usize::try_from(count).ok()),
    }
}
