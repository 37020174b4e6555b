//! The `admin.console` section.

use std::time::Duration;

use interdict_console::{Lifetimes, Roles};

use super::super::node::{Node, Value};
use super::super::problems::{Fields, Problems};
use super::super::values::{Listen, Span};
use super::super::{Console, ConsoleOidc, ConsoleTls, is_local};
use super::identity::issuer_url;
use super::{readable, secret};

const EXPECTED: &str = "`console` (or ADDRESS:PORT)";
const KEYS: [&str; 6] = ["listen", "url", "tls", "oidc", "roles", "session"];
/// How roles name people.
const PEOPLE: [&str; 5] = ["user", "group", "oidc", "oidc-group", "cert"];

/// `None` only with a problem noted.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Console> {
    let mut console = Console {
        listen: ([127, 0, 0, 1], 0).into(),
        url: None,
        tls: None,
        oidc: None,
        roles: Roles::default(),
        lifetimes: Lifetimes::default(),
    };
    if let Value::Text(_) = node.value {
        let Listen(listen) = problems.parse(node, "ADDRESS:PORT")?;
        console.listen = listen;
        return local(node, console, problems);
    }
    let fields = problems.fields(node, EXPECTED, &KEYS)?;
    let listen = fields.require("listen", "where the console listens", problems)?;
    let Listen(at) = problems.parse(listen, "ADDRESS:PORT")?;
    console.listen = at;
    console.url = match fields.get("url") {
        Some(node) => Some(public(node, problems)?),
        None => None,
    };
    console.tls = match fields.get("tls") {
        Some(node) => Some(tls(node, problems)?),
        None => None,
    };
    console.oidc = match fields.get("oidc") {
        Some(node) => Some(oidc(node, problems)?),
        None => None,
    };
    if let Some(node) = fields.get("roles") {
        console.roles = roles(node, problems)?;
    }
    if let Some(node) = fields.get("session") {
        console.lifetimes = lifetimes(node, problems)?;
    }
    local(listen, console, problems)
}

/// Beyond this host only who is known comes in, and nobody on the way reads what they see.
fn local(node: &Node, console: Console, problems: &mut Problems) -> Option<Console> {
    if !console.listen.ip().is_loopback() {
        let Some(tls) = &console.tls else {
            problems.add(
                node.at,
                format!(
                    "expected a loopback address, or `tls` with `client_ca` or `oidc`: {} is reached from elsewhere, and the console shows \
                     the record",
                    console.listen
                ),
            );
            return None;
        };
        if tls.client_ca.is_none() && console.oidc.is_none() {
            problems.add(
                node.at,
                format!(
                    "expected `tls.client_ca` or `oidc` as well: {} is reached from elsewhere, and without them nobody there could log in \
                     but by an address that was copied to them",
                    console.listen
                ),
            );
            return None;
        }
        if console.url.is_none() {
            problems.add(
                node.at,
                "expected `url` as well, such as https://audit.example.org: requests for any other name are refused",
            );
            return None;
        }
    }
    Some(console)
}

/// Scheme and authority, and nothing behind them.
fn public(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = problems.text(node, "the console's own URL")?;
    let uri: Option<http::Uri> = text.parse().ok();
    let scheme = uri.as_ref().and_then(http::Uri::scheme_str);
    let authority = uri.as_ref().and_then(http::Uri::authority);
    let bare = uri
        .as_ref()
        .is_some_and(|uri| uri.path() == "/" && uri.query().is_none());
    let (Some(scheme), Some(authority), true) = (scheme, authority, bare) else {
        problems.add(
            node.at,
            "expected the console's own URL, such as https://audit.example.org, without a path",
        );
        return None;
    };
    if authority.as_str().contains('@')
        || !(scheme == "https" || scheme == "http" && is_local(authority.as_str()))
    {
        problems.add(
            node.at,
            "expected a URL with `https` (`http` for this host itself only): nobody on the way is to read what the console shows",
        );
        return None;
    }
    Some(format!("{scheme}://{}", authority.as_str().to_ascii_lowercase()))
}

fn tls(node: &Node, problems: &mut Problems) -> Option<ConsoleTls> {
    let fields = problems.fields(node, "`tls`", &["certificate", "key", "client_ca"])?;
    let file = |name: &str, what: &str, problems: &mut Problems| {
        let node = fields.require(name, what, problems)?;
        readable(node, what, problems)
    };
    let certificate = file("certificate", "a file with the console's certificate", problems);
    let key = file("key", "a file with the certificate's key", problems);
    let client_ca = match fields.get("client_ca") {
        Some(node) => Some(readable(
            node,
            "a file with the authorities of people's certificates",
            problems,
        )?),
        None => None,
    };
    let tls = ConsoleTls {
        certificate: certificate?,
        key: key?,
        client_ca,
    };
    let usable = interdict_console::Config::tls(&tls.certificate, &tls.key, tls.client_ca.as_deref(), false);
    if let Err(error) = usable {
        problems.add(
            node.at,
            format!("expected files that can be used together: {error}"),
        );
        return None;
    }
    Some(tls)
}

fn oidc(node: &Node, problems: &mut Problems) -> Option<ConsoleOidc> {
    const KEYS: [&str; 7] = [
        "name",
        "issuer",
        "client_id",
        "client_secret",
        "scopes",
        "groups",
        "ca",
    ];
    let fields = problems.fields(node, "`oidc`", &KEYS)?;
    let issuer = fields.require("issuer", "the issuer's URL", problems);
    let issuer = issuer.and_then(|node| issuer_url(node, problems));
    let client_id = fields.require("client_id", "what the issuer calls the console", problems);
    let client_id = client_id.and_then(|node| problems.text(node, "a client's id").map(str::to_owned));
    let client_secret = match fields.get("client_secret") {
        Some(node) => Some(secret::source(node, "the client's secret", problems)?),
        None => None,
    };
    let mut scopes = Vec::new();
    for node in texts(&fields, "scopes", "a list of scopes", problems) {
        let scope = problems.text(node, "a scope")?;
        if scope
            .bytes()
            .any(|byte| !(0x21..0x7f).contains(&byte) || matches!(byte, b'"' | b'\\'))
        {
            problems.add(node.at, "expected a scope: printable ASCII without blanks");
            return None;
        }
        scopes.push(scope.to_owned());
    }
    let text = |name: &str, default: &str, problems: &mut Problems| match fields.get(name) {
        Some(node) => problems.text(node, "a name").map(str::to_owned),
        None => Some(default.to_owned()),
    };
    let groups = text("groups", "groups", problems);
    let ca = match fields.get("ca") {
        Some(node) => Some(readable(node, "a file with roots to verify with", problems)?),
        None => None,
    };
    let issuer = issuer?;
    let shown = issuer.split_once("://").map_or(issuer.as_str(), |(_, rest)| rest);
    let name = text("name", shown.trim_end_matches('/'), problems);
    Some(ConsoleOidc {
        name: name?,
        client_id: client_id?,
        client_secret,
        scopes: if fields.get("scopes").is_some() {
            scopes
        } else {
            vec!["email".to_owned(), "profile".to_owned()]
        },
        groups: groups?,
        ca,
        issuer,
    })
}

fn texts<'a>(fields: &Fields<'a>, name: &str, what: &str, problems: &mut Problems) -> &'a [Node] {
    fields.get(name).map_or(&[], |node| problems.list(node, what))
}

fn roles(node: &Node, problems: &mut Problems) -> Option<Roles> {
    let fields = problems.fields(node, "`roles`", &["viewer", "approver", "admin"])?;
    let mut list = |name: &str| -> Option<Vec<String>> {
        let mut people = Vec::new();
        for node in texts(&fields, name, "a list of people", problems) {
            let expected = "`user:NAME`, `group:NAME`, `oidc:ISSUER/SUBJECT`, `oidc:ADDRESS`, `oidc-group:NAME` or `cert:NAME`";
            let text = problems.text(node, expected)?;
            match text.split_once(':') {
                Some((kind, name)) if PEOPLE.contains(&kind) && !name.is_empty() => {
                    people.push(text.to_owned());
                }
                _ => {
                    problems.add(
                        node.at,
                        format!("expected {expected}, found `{}`", text.escape_debug()),
                    );
                    return None;
                }
            }
        }
        Some(people)
    };
    let (viewer, approver, admin) = (list("viewer"), list("approver"), list("admin"));
    Some(Roles {
        viewer: viewer?,
        approver: approver?,
        admin: admin?,
    })
}

fn lifetimes(node: &Node, problems: &mut Problems) -> Option<Lifetimes> {
    let mut lifetimes = Lifetimes::default();
    let fields = problems.fields(node, "`session`", &["idle", "whole"])?;
    let longest = Duration::from_hours(24);
    for (name, slot) in [("idle", &mut lifetimes.idle), ("whole", &mut lifetimes.whole)] {
        let Some(node) = fields.get(name) else { continue };
        let Span(length) = problems.parse(node, "a duration such as 15m")?;
        if length.is_zero() || length > longest {
            problems.add(node.at, "expected more than nothing and at most 24h");
            return None;
        }
        *slot = length;
    }
    Some(lifetimes)
}
