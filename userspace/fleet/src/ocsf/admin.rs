//! What the daemon and its operators did, and what it found.

use interdict_audit::Row;

use super::json::Object;
use super::{Class, Severity, begin, text, unmapped};

pub(super) fn write(row: &Row, event: &mut Object<'_>) {
    let kind = text(row, "kind").unwrap_or("unknown");
    let lifecycle = match kind {
        "start" => Some((3, "Start")),
        "stop" => Some((4, "Stop")),
        "attach" | "quarantine_lifted" => Some((6, "Enable")),
        "detach" => Some((7, "Disable")),
        "reload" => Some((8, "Update")),
        "recovery" => Some((5, "Restart")),
        "authority_made" | "destination_changed" | "pods_known" | "quarantine" => Some((99, kind)),
        _ => None,
    };
    match lifecycle {
        Some((activity, name)) => {
            let severity = if matches!(kind, "detach" | "quarantine") {
                Severity::Medium
            } else {
                Severity::Informational
            };
            let class = Class {
                uid: 6002,
                activity,
                name: "Application Lifecycle",
                activity_name: name.to_owned(),
                severity,
            };
            begin(row, &class, event);
            event.object("app", |app| {
                app.text("name", "interdict");
                app.text("vendor_name", "interdict");
            });
        }
        // Whatever a later version adds is told as something to look at, rather than not at all.
        None => {
            let class = Class {
                uid: 2004,
                activity: 1,
                name: "Detection Finding",
                activity_name: "Create".to_owned(),
                severity: severity(kind),
            };
            begin(row, &class, event);
            event.object("finding_info", |finding| {
                finding.text("uid", &row.digest());
                finding.text("title", kind);
                finding.maybe("desc", text(row, "message"));
            });
            event.number("status_id", 1);
        }
    }
    event.maybe("message", text(row, "message"));
    event.object("actor", |actor| {
        actor.text("invoked_by", text(row, "actor").unwrap_or("unknown"));
    });
    unmapped(row, &["at", "message", "actor"], event);
}

fn severity(kind: &str) -> Severity {
    match kind {
        "gap" | "anomaly" | "attack_refused" | "ledger_difference" | "failed_open" | "redirect_failed"
        | "events_lost" => Severity::High,
        "coverage_gap" | "observing" | "fail_open_set" | "name_unresolved" | "canary_unavailable" => {
            Severity::Low
        }
        _ => Severity::Medium,
    }
}
