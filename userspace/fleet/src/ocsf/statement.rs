//! Statements: Datastore Activity, HTTP Activity, API Activity.

use interdict_audit::{Row, Value};

use super::json::Object;
use super::{Class, Severity, begin, id, integer, status, text, texts, time, unmapped};

/// Columns that have a place in every class.
const TOLD: [&str; 13] = [
    "statement_id",
    "requested_at",
    "decided_at",
    "ended_at",
    "service",
    "identity",
    "rule",
    "message",
    "policy",
    "policy_digest",
    "status",
    "sqlstate",
    "decision",
];

/// The methods that HTTP Activity has numbers for.
const METHODS: [(&str, i64); 9] = [
    ("connect", 1),
    ("delete", 2),
    ("get", 3),
    ("head", 4),
    ("options", 5),
    ("post", 6),
    ("put", 7),
    ("trace", 8),
    ("patch", 9),
];

/// Whether the text begins as a request does: `GET /path`.
pub(super) fn looks_like_http(row: &Row) -> bool {
    let mut words = text(row, "statement").unwrap_or_default().split(' ');
    let method = words.next().unwrap_or_default();
    METHODS.iter().any(|(name, _)| method.eq_ignore_ascii_case(name))
        && method.chars().all(|letter| letter.is_ascii_uppercase())
        && words.next().is_some_and(|path| path.starts_with('/'))
}

pub(super) fn sql(row: &Row, event: &mut Object<'_>) {
    let kind = text(row, "kind").unwrap_or("unknown");
    let (activity, name) = datastore(kind, texts(row, "effects"));
    let class = Class {
        uid: 6005,
        activity,
        name: "Datastore Activity",
        activity_name: if activity == 99 {
            kind.to_owned()
        } else {
            name.to_owned()
        },
        severity: severity(row),
    };
    common(row, &class, event);
    event.number("type_id", 1);
    event.text("type", "Database");
    event.object("database", |database| {
        database.text("name", text(row, "service").unwrap_or("unknown"));
        database.number("type_id", 1);
    });
    if let Some(name) = relation(row) {
        event.object("table", |table| table.text("name", name));
    }
    let told = text(row, "statement").unwrap_or_default();
    event.object("query_info", |query| {
        let known = text(row, "fingerprint").map(str::to_owned);
        query.text(
            "uid",
            &known.or_else(|| id(row, "statement_id")).unwrap_or_default(),
        );
        query.text("query_string", told);
        query.maybe_number("bytes", integer(row, "bytes"));
    });
    let mut also: Vec<&str> = TOLD.to_vec();
    also.extend(["statement", "fingerprint", "bytes"]);
    unmapped(row, &also, event);
}

/// The most far-reaching of a statement's effects.
fn datastore<'r>(kind: &str, effects: impl Iterator<Item = &'r str>) -> (i64, &'static str) {
    let of = |effect: &str| match effect {
        "drop" | "truncate" | "delete" | "delete_without_where" => (0, (7, "Delete")),
        "update" | "update_without_where" => (1, (2, "Update")),
        "insert" | "write" => (2, (5, "Write")),
        "create" => (3, (6, "Create")),
        "read" => (4, (1, "Read")),
        _ => (5, (99, "Other")),
    };
    if kind == "connect" {
        return (3, "Connect");
    }
    effects.map(of).min().map_or((99, "Other"), |(_, found)| found)
}

pub(super) fn http(row: &Row, event: &mut Object<'_>) {
    let kind = text(row, "kind").unwrap_or("unknown");
    let request = text(row, "statement").unwrap_or_default();
    let mut words = request.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let code = text(row, "sqlstate").and_then(|code| code.parse::<i64>().ok());
    let plain = METHODS.iter().find(|(name, _)| *name == kind);
    let class = match plain {
        Some((_, activity)) => Class {
            uid: 4002,
            activity: *activity,
            name: "HTTP Activity",
            activity_name: title(kind),
            severity: severity(row),
        },
        None => {
            let (activity, name) = operation(texts(row, "effects"));
            Class {
                uid: 6003,
                activity,
                name: "API Activity",
                activity_name: if activity == 99 {
                    kind.to_owned()
                } else {
                    name.to_owned()
                },
                severity: severity(row),
            }
        }
    };
    common(row, &class, event);
    event.object("http_request", |to| {
        to.maybe("uid", id(row, "statement_id").as_deref());
        if method.chars().all(|letter| letter.is_ascii_uppercase()) && target.starts_with('/') {
            to.text("http_method", method);
            to.object("url", |url| {
                let (path, query) = target
                    .split_once('?')
                    .map_or((target, None), |(path, query)| (path, Some(query)));
                url.text("path", path);
                url.maybe("query_string", query);
            });
        }
    });
    if let Some(code) = code {
        event.object("http_response", |from| {
            from.number("code", code);
            from.maybe_number("body_length", integer(row, "bytes"));
        });
    }
    if plain.is_none() {
        event.object("api", |api| {
            api.text("operation", kind);
            api.object("service", |service| {
                service.text("name", text(row, "service").unwrap_or("unknown"));
            });
            api.object("request", |request| {
                request.text("uid", &id(row, "statement_id").unwrap_or_default());
            });
        });
        if let Some(name) = relation(row) {
            event.array("resources", |resources| {
                resources.object(|resource| resource.text("name", name));
            });
        }
    }
    // The text is kept: beyond method and path it has what was asked of an API.
    unmapped(row, &TOLD, event);
}

fn operation<'r>(effects: impl Iterator<Item = &'r str>) -> (i64, &'static str) {
    let of = |effect: &str| match effect {
        "delete" | "delete_without_where" | "drop" | "truncate" => (0, (4, "Delete")),
        "update" | "write" | "grant" => (1, (3, "Update")),
        "insert" | "create" => (2, (1, "Create")),
        "read" => (3, (2, "Read")),
        _ => (4, (99, "Other")),
    };
    effects.map(of).min().map_or((99, "Other"), |(_, found)| found)
}

fn title(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}

fn relation(row: &Row) -> Option<&str> {
    let Value::List(relations) = row.get("relations") else {
        return None;
    };
    let Value::Struct(fields) = relations.first()? else {
        return None;
    };
    let (_, name) = fields.iter().find(|(field, _)| field == "name")?;
    name.as_text()
}

fn refused(row: &Row) -> bool {
    matches!(text(row, "decision"), Some("deny" | "expire")) || text(row, "status") == Some("refused")
}

fn severity(row: &Row) -> Severity {
    match text(row, "status") {
        _ if refused(row) => Severity::Medium,
        Some("unknown" | "cut") => Severity::Low,
        _ => Severity::Informational,
    }
}

fn common(row: &Row, class: &Class, event: &mut Object<'_>) {
    begin(row, class, event);
    event.maybe_number("start_time", time(row, "requested_at"));
    event.maybe_number("end_time", time(row, "ended_at"));
    if let (Some(start), Some(end)) = (time(row, "requested_at"), time(row, "ended_at")) {
        event.number("duration", (end - start).max(0));
    }
    event.object("actor", |actor| {
        actor.object("user", |user| {
            user.text("name", text(row, "identity").unwrap_or("unknown"));
        });
        if let Some(session) = id(row, "session_id") {
            actor.object("session", |to| to.text("uid", &session));
        }
    });
    let host = text(row, "host").unwrap_or("unknown");
    event.object("src_endpoint", |endpoint| endpoint.text("hostname", host));
    event.object("dst_endpoint", |endpoint| {
        endpoint.text("svc_name", text(row, "service").unwrap_or("unknown"));
    });
    let masked = integer(row, "masked_cells").unwrap_or(0) > 0;
    let (action, action_name, disposition, disposition_name) = match text(row, "decision") {
        _ if refused(row) => (2, "Denied", 2, "Blocked"),
        Some("hold") => (0, "Unknown", 14, "Delayed"),
        _ if masked => (4, "Modified", 11, "Corrected"),
        Some("approve") => (1, "Allowed", 8, "Approved"),
        _ => (1, "Allowed", 1, "Allowed"),
    };
    event.number("action_id", action);
    event.text("action", action_name);
    event.number("disposition_id", disposition);
    event.text("disposition", disposition_name);
    status(
        match text(row, "status") {
            Some("ok") => Some(true),
            Some("error" | "refused" | "cut") => Some(false),
            _ => None,
        },
        event,
    );
    event.maybe("status_code", text(row, "sqlstate"));
    event.maybe("status_detail", text(row, "message"));
    let rule = text(row, "rule");
    if rule.is_some() {
        event.object("firewall_rule", |to| {
            to.maybe("name", rule);
        });
    }
    if text(row, "policy").is_some() || text(row, "policy_digest").is_some() {
        event.object("policy", |policy| {
            policy.maybe("name", text(row, "policy"));
            policy.maybe("uid", text(row, "policy_digest"));
            policy.text("type", "interdict");
            policy.truth("is_applied", true);
        });
    }
    event.array("authorizations", |list| {
        list.object(|one| {
            one.maybe("decision", text(row, "decision"));
        });
    });
}
