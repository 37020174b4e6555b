//! What people decide: approvals and policies as Entity Management, grants as User Access Management.

use interdict_audit::Row;

use super::json::Object;
use super::{Class, Severity, begin, id, text, texts, unmapped};

fn entity(activity: i64, activity_name: &str, severity: Severity) -> Class {
    Class {
        uid: 3004,
        activity,
        name: "Entity Management",
        activity_name: activity_name.to_owned(),
        severity,
    }
}

pub(super) fn approval(row: &Row, event: &mut Object<'_>) {
    let what = text(row, "event").unwrap_or("unknown");
    let (activity, name) = match what {
        "requested" => (1, "Create"),
        "approved" => (10, "Activate"),
        "voted" | "consumed" => (3, "Update"),
        _ => (11, "Deactivate"),
    };
    let severity = if what == "denied" {
        Severity::Medium
    } else {
        Severity::Informational
    };
    begin(row, &entity(activity, name, severity), event);
    event.text("status_detail", what);
    event.object("entity", |entity| {
        entity.text("type", "approval");
        entity.text("uid", &id(row, "approval_id").unwrap_or_default());
        entity.maybe("name", text(row, "rule"));
    });
    event.maybe("comment", text(row, "reason"));
    // Who decides where somebody did; who asks otherwise.
    let person = texts(row, "people").next().or_else(|| text(row, "identity"));
    event.object("actor", |actor| {
        actor.object("user", |user| user.text("name", person.unwrap_or("unknown")));
    });
    unmapped(row, &["at", "event", "approval_id", "rule", "reason"], event);
}

pub(super) fn policy(row: &Row, event: &mut Object<'_>) {
    begin(row, &entity(8, "Enable", Severity::Informational), event);
    event.object("entity", |entity| {
        entity.text("type", "policy");
        entity.text("name", text(row, "name").unwrap_or("unknown"));
        entity.maybe("uid", text(row, "digest"));
        entity.object("policy", |policy| {
            policy.maybe("name", text(row, "name"));
            policy.maybe("uid", text(row, "digest"));
            policy.text("type", "interdict");
            policy.truth("is_applied", true);
        });
    });
    unmapped(row, &["at", "name", "digest"], event);
}

pub(super) fn grant(row: &Row, event: &mut Object<'_>) {
    let what = text(row, "event").unwrap_or("unknown");
    let glass = matches!(row.get("break_glass"), interdict_audit::Value::Bool(true));
    let (activity, name) = match what {
        "created" => (1, "Assign Privileges"),
        "revoked" | "expired" => (2, "Revoke Privileges"),
        _ => (99, what),
    };
    let class = Class {
        uid: 3005,
        activity,
        name: "User Access Management",
        activity_name: name.to_owned(),
        severity: if glass {
            Severity::High
        } else {
            Severity::Informational
        },
    };
    begin(row, &class, event);
    event.text("status_detail", what);
    event.object("actor", |actor| {
        actor.object("user", |user| {
            user.text("name", text(row, "person").unwrap_or("unknown"));
        });
    });
    event.object("user", |user| {
        let names: Vec<&str> = texts(row, "identities").collect();
        user.text(
            "name",
            if names.is_empty() {
                "*"
            } else {
                names.first().copied().unwrap_or("*")
            },
        );
        user.text("uid", &names.join(" "));
    });
    event.array("privileges", |privileges| {
        let mut any = true;
        for effect in texts(row, "effects") {
            any = false;
            privileges.text(effect);
        }
        if any {
            privileges.text("*");
        }
    });
    event.array("resources", |resources| {
        for (kind, name) in texts(row, "services").map(|name| ("service", name)).chain(
            texts(row, "relations")
                .map(|name| ("relation", name))
                .chain(texts(row, "columns").map(|name| ("column", name))),
        ) {
            resources.object(|resource| {
                resource.text("name", name);
                resource.text("type", kind);
            });
        }
    });
    unmapped(
        row,
        &[
            "at",
            "event",
            "person",
            "identities",
            "effects",
            "services",
            "relations",
            "columns",
        ],
        event,
    );
}
