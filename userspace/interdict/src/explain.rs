//! What policies would do with a statement: for the command and for the console.

use std::collections::BTreeMap;

use anyhow::Context as _;
use interdict_api::{Analysis, Profile, Written};
use interdict_policy::{Explanation, HttpRequest, Identity, PolicySet, Request, Verdict};
use interdict_sql::{Analyzer, Effects, MysqlSettings, PostgresSettings, Relation};

use crate::settings::Protocol;

/// A statement, and for what it is.
pub(crate) struct Asked<'a> {
    pub(crate) service: &'a str,
    pub(crate) protocol: Protocol,
    pub(crate) profile: &'a Profile,
    /// Facts about who asks; `name` is the identity's name.
    pub(crate) identity: Vec<(String, String)>,
    pub(crate) database: &'a str,
    pub(crate) user: &'a str,
    pub(crate) statement: &'a str,
}

/// Analyses and explains. Blocking.
///
/// # Errors
/// A request to an HTTP service does not read.
pub(crate) fn explain(policies: &PolicySet, asked: Asked<'_>) -> anyhow::Result<Explanation> {
    let identity = caller(asked.identity);
    let base = Request {
        identity: &identity,
        service: asked.service,
        protocol: asked.protocol.as_str(),
        database: asked.database,
        db_user: asked.user,
        application: "",
        kind: "unknown",
        effects: Effects::default(),
        relations: &[],
        masked_columns: &[],
        http: None,
        parameters: &[],
        text: asked.statement,
        complete: true,
        gaps: &[],
        grants: &[],
    };
    Ok(match asked.protocol {
        Protocol::Http => explain_request(policies, &base, asked.profile)?,
        Protocol::Mysql | Protocol::Postgres => {
            let analyzer = Analyzer::new(1 << 20);
            let text = asked.statement.as_bytes();
            let analysis = if asked.protocol == Protocol::Mysql {
                analyzer.mysql(text, &MysqlSettings::default())
            } else {
                analyzer.postgres(text, &PostgresSettings::default())
            };
            let relations: Vec<Relation> = analysis.relations().cloned().collect();
            interdict_policy::explain(
                policies,
                &Request {
                    kind: analysis.kind(),
                    effects: analysis.effects(),
                    relations: &relations,
                    complete: analysis.complete(),
                    gaps: &analysis.gaps,
                    grants: &[],
                    ..base
                },
            )
        }
        Protocol::Opaque => interdict_policy::explain(
            policies,
            &Request {
                kind: "connect",
                ..base
            },
        ),
    })
}

/// Of a request with several parts, the first whose explanation is not to allow it.
fn explain_request(
    policies: &PolicySet,
    base: &Request<'_>,
    profile: &Profile,
) -> anyhow::Result<Explanation> {
    let written =
        Written::parse(base.text).map_err(|expected| anyhow::anyhow!("the statement: {expected}"))?;
    let explained = |analysis: &Analysis| {
        let http = HttpRequest::of(&written, analysis);
        let request = base.of_call(analysis, &http);
        (
            policies
                .effective(base.service, base.identity)
                .decide(&request)
                .verdict
                == Verdict::Allow,
            interdict_policy::explain(policies, &request),
        )
    };
    let all: Vec<_> = written.analyse(profile).iter().map(explained).collect();
    let first = all.iter().position(|(allowed, _)| !allowed).unwrap_or(0);
    all.into_iter()
        .nth(first)
        .map(|(_, explanation)| explanation)
        .context("the request does nothing")
}

/// `name` is the identity's name; without it, the name that the facts would give.
fn caller(facts: Vec<(String, String)>) -> Identity {
    let mut facts: BTreeMap<String, String> = facts.into_iter().collect();
    let name = facts.remove("name").unwrap_or_else(|| {
        let named = [
            ("pod_uid", "pod"),
            ("container_id", "container"),
            ("unit", "unit"),
            ("user", "user"),
            ("address", "address"),
        ];
        named
            .iter()
            .find_map(|(fact, kind)| Some(format!("{kind}:{}", facts.get(*fact)?)))
            .unwrap_or_else(|| "unknown".to_owned())
    });
    Identity { name, facts }
}
