//! The `identity` section: which tokens are believed, and which variables of the environment are taken down.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Component, Path};

use globset::{Glob, GlobMatcher};

use super::super::node::{Node, Value};
use super::super::problems::Problems;
use super::super::{Identity, Issuer, IssuerKeys, KernelMode, TokenPlace};
use super::{one_word, readable, service};

/// Bytes of a JWKS that is kept as a file.
const LARGEST_KEYS: u64 = 1 << 20;

/// What entries may name.
pub(super) struct Known<'a> {
    pub(super) services: Vec<&'a str>,
    pub(super) workloads: Vec<&'a str>,
    pub(super) mode: Option<KernelMode>,
}

pub(super) fn read(node: &Node, known: &Known<'_>, problems: &mut Problems) -> Identity {
    let mut identity = Identity::default();
    let Some(fields) = problems.fields(node, "`identity`", &["oidc", "environment"]) else {
        return identity;
    };
    if let Some(node) = fields.get("oidc") {
        let mut taken = HashMap::new();
        for entry in problems.list(node, "a list of issuers") {
            identity.oidc.extend(issuer(entry, known, &mut taken, problems));
        }
        if known.mode == Some(KernelMode::Off) && !identity.oidc.is_empty() {
            let at = fields.key("oidc").unwrap_or(node.at);
            problems.add(
                at,
                "expected a `kernel.mode` other than `off`: tokens are read of processes, which only the kernel's side knows",
            );
        }
    }
    if let Some(node) = fields.get("environment") {
        for entry in problems.list(node, "a list of variables' names") {
            let Some(name) = problems.text(entry, "a variable's name") else {
                continue;
            };
            if is_variable(name) {
                identity.environment.push(name.to_owned());
            } else {
                problems.add(
                    entry.at,
                    "expected a variable's name: letters, digits and `_`, not a digit first",
                );
            }
        }
    }
    identity
}

fn issuer(
    node: &Node,
    known: &Known<'_>,
    taken: &mut HashMap<String, super::super::node::Position>,
    problems: &mut Problems,
) -> Option<Issuer> {
    const KEYS: [&str; 8] = [
        "name",
        "issuer",
        "audience",
        "keys",
        "token",
        "workloads",
        "services",
        "on_failure",
    ];
    let fields = problems.fields(node, "an issuer", &KEYS)?;
    let name = fields.require("name", "what identities and the audit call the issuer", problems);
    let name = name.and_then(|node| service::name(node, "issuer", taken, problems));
    let url = fields.require("issuer", "the claim `iss` of its tokens", problems);
    let url = url.and_then(|node| issuer_url(node, problems));
    let audience = fields.require("audience", "the claim `aud` that tokens must have", problems);
    let audience = audience.and_then(|node| some_texts(node, "an audience", problems));
    let keys = match fields.get("keys") {
        Some(node) => keys(node, problems),
        None => Some(IssuerKeys::default()),
    };
    let token = fields.require("token", "where a caller's token is", problems);
    let token = token.and_then(|node| token_place(node, problems));
    let concerned = |key: &str, names: &[&str], what: &str, problems: &mut Problems| {
        let node = fields.get(key);
        node.map_or(Some(None), |node| patterns(node, names, what, problems).map(Some))
    };
    let workloads = concerned("workloads", &known.workloads, "workload", problems);
    let services = concerned("services", &known.services, "service", problems);
    let required = match fields.get("on_failure") {
        Some(node) => one_word(node, &[("refuse", true), ("flag", false)], problems),
        None => Some(true),
    };
    Some(Issuer {
        name: name?,
        iss: url?,
        audience: audience?,
        keys: keys?,
        token: token?,
        workloads: workloads?,
        services: services?,
        required: required?,
    })
}

/// An issuer is compared to the letter, so nothing of it is changed (OpenID Connect Core, section 3.1.3.7).
pub(super) fn issuer_url(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = problems.text(node, "the issuer's URL")?;
    if text.contains(['?', '#']) {
        problems.add(node.at, "expected an issuer's URL without `?` and `#`");
        return None;
    }
    is_fetchable(text, node, problems).then(|| text.to_owned())
}

/// `https`, or `http` to this host itself.
fn is_fetchable(text: &str, node: &Node, problems: &mut Problems) -> bool {
    let bad = |problems: &mut Problems, found: &str| {
        problems.add(
            node.at,
            format!("expected a URL with `https` (`http` for this host itself only), {found}"),
        );
        false
    };
    let shown = text.escape_debug();
    let Some((scheme, rest)) = text.split_once("://") else {
        return bad(problems, &format!("found `{shown}`"));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains('@') || text.chars().any(|c| c.is_control() || c == ' ') {
        return bad(problems, &format!("found `{shown}`"));
    }
    match scheme {
        "https" => true,
        "http" if is_local(authority) => true,
        "http" => bad(problems, &format!("`{}` is another", authority.escape_debug())),
        _ => bad(problems, &format!("found `{shown}`")),
    }
}

/// Whether a URL's authority is this host's loopback.
pub(crate) fn is_local(authority: &str) -> bool {
    let bracketed = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let host = match bracketed {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn keys(node: &Node, problems: &mut Problems) -> Option<IssuerKeys> {
    let fields = problems.fields(node, "`keys`", &["file", "url", "ca", "bearer"])?;
    if let Some(file) = fields.get("file") {
        if let Some(other) = ["url", "ca", "bearer"]
            .into_iter()
            .find_map(|key| fields.key(key))
        {
            problems.add(other, "expected `file` alone in `keys`: nothing is fetched then");
            return None;
        }
        let path = readable(file, "a file with the issuer's keys (a JWKS)", problems)?;
        let text = std::fs::File::open(&path).and_then(|opened| {
            use std::io::Read as _;
            let mut text = String::new();
            opened.take(LARGEST_KEYS).read_to_string(&mut text)?;
            Ok(text)
        });
        let checked = text
            .map_err(|error| error.to_string())
            .and_then(|text| interdict_identity::check_keys(&text));
        if let Err(why) = checked {
            problems.add(
                file.at,
                format!(
                    "expected a file with the issuer's keys (a JWKS): {}: {why}",
                    path.display()
                ),
            );
            return None;
        }
        return Some(IssuerKeys::File(path));
    }
    let mut whole = true;
    let url = fields.get("url").and_then(|node| {
        let text = problems.text(node, "the URL of the issuer's JWKS");
        let text = text.filter(|text| is_fetchable(text, node, problems));
        whole &= text.is_some();
        text.map(str::to_owned)
    });
    let ca = fields.get("ca").and_then(|node| {
        let path = readable(node, "a file with roots to verify with", problems);
        whole &= path.is_some();
        path
    });
    let bearer = fields.get("bearer").and_then(|node| {
        let path = problems.text(node, "a file with the token that is shown to the issuer");
        whole &= path.is_some();
        path.map(|path| problems.resolve(path))
    });
    whole.then_some(IssuerKeys::Fetched { url, ca, bearer })
}

fn token_place(node: &Node, problems: &mut Problems) -> Option<TokenPlace> {
    let (key, value) = problems.choice(node, "`token`", &["workload", "file"])?;
    if key.name == "file" {
        let path = problems.text(value, "the path of a token on the host")?;
        return Some(TokenPlace::Host(problems.resolve(path)));
    }
    let text = problems.text(value, "the path of the token in the workload's own file tree")?;
    let path = Path::new(text);
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        problems.add(
            value.at,
            "expected an absolute path without `..`: it is looked for in the workload's own file tree",
        );
        return None;
    }
    Some(TokenPlace::Workload(path.to_owned()))
}

/// A text or a list of them.
fn some_texts(node: &Node, what: &str, problems: &mut Problems) -> Option<Vec<String>> {
    let nodes = match &node.value {
        Value::List(nodes) if nodes.is_empty() => {
            problems.add(node.at, format!("expected at least {what}"));
            return None;
        }
        Value::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let texts: Vec<_> = nodes
        .iter()
        .map(|node| problems.text(node, what).map(str::to_owned))
        .collect();
    texts.into_iter().collect()
}

/// Patterns of names of which each must match something: one that is mistyped would require nothing of anybody.
fn patterns(node: &Node, names: &[&str], what: &str, problems: &mut Problems) -> Option<Vec<GlobMatcher>> {
    let texts = some_texts(node, &format!("a {what}'s name"), problems)?;
    let mut patterns = Vec::new();
    for text in texts {
        let shown = text.escape_debug();
        match Glob::new(&text) {
            Ok(glob) => {
                let glob = glob.compile_matcher();
                if !names.iter().any(|name| glob.is_match(name)) {
                    problems.add(node.at, format!("there is no {what} `{shown}` in these settings"));
                    return None;
                }
                patterns.push(glob);
            }
            Err(error) => {
                problems.add(node.at, format!("expected a pattern of names: {}", error.kind()));
                return None;
            }
        }
    }
    Some(patterns)
}

fn is_variable(name: &str) -> bool {
    name.len() <= 128
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
