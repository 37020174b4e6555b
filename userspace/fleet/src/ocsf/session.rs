//! Sessions: Network Activity, with the process behind the connection.

use interdict_audit::Row;

use super::json::Object;
use super::{Class, Severity, begin, id, integer, status, text, texts, time, unmapped};

const TOLD: [&str; 28] = [
    "started_at",
    "ended_at",
    "end_reason",
    "service",
    "protocol",
    "workload",
    "identity",
    "pid",
    "process_started_at",
    "uid",
    "executable",
    "executable_digest",
    "command",
    "ancestry",
    "container_id",
    "pod",
    "origin_address",
    "origin_port",
    "bytes_in",
    "bytes_out",
    "namespace",
    "service_account",
    "client_tls",
    "application",
    "cgroup",
    "unit",
    "db_user",
    "upstream_address",
];

pub(super) fn write(row: &Row, event: &mut Object<'_>) {
    let reason = text(row, "end_reason").unwrap_or("unknown");
    let (activity, name, severity, success) = match reason {
        "refused" | "identity_refused" | "tls_untrusted" => (5, "Refuse", Severity::Medium, Some(false)),
        "error" | "tls_failed" | "desynchronised" | "limit" => (4, "Fail", Severity::Low, Some(false)),
        "crash" => (4, "Fail", Severity::Medium, None),
        _ => (2, "Close", Severity::Informational, Some(true)),
    };
    let class = Class {
        uid: 4001,
        activity,
        name: "Network Activity",
        activity_name: name.to_owned(),
        severity,
    };
    begin(row, &class, event);
    event.maybe_number("start_time", time(row, "started_at"));
    event.maybe_number("end_time", time(row, "ended_at"));
    if let (Some(start), Some(end)) = (time(row, "started_at"), time(row, "ended_at")) {
        event.number("duration", (end - start).max(0));
    }
    status(success, event);
    event.text("status_detail", reason);
    let refused = activity == 5;
    event.number("action_id", if refused { 2 } else { 1 });
    event.number("disposition_id", if refused { 2 } else { 1 });
    event.maybe("app_name", text(row, "application"));
    event.maybe("app_protocol_name", text(row, "protocol"));
    event.object("actor", |actor| {
        actor.object("user", |user| {
            user.text("name", text(row, "identity").unwrap_or("unknown"));
            // The name that the service knows.
            user.maybe("uid_alt", text(row, "db_user"));
        });
        actor.object("session", |session| {
            session.maybe("uid", id(row, "session_id").as_deref());
            session.maybe_number("created_time", time(row, "started_at"));
        });
        if let Some(pid) = integer(row, "pid") {
            actor.object("process", |process| describe(row, pid, process));
        }
    });
    event.object("src_endpoint", |endpoint| {
        endpoint.text("hostname", text(row, "host").unwrap_or("unknown"));
        endpoint.maybe("svc_name", text(row, "workload"));
    });
    event.object("dst_endpoint", |endpoint| {
        endpoint.text("svc_name", text(row, "service").unwrap_or("unknown"));
        if let Some(address) = text(row, "origin_address") {
            let is_address = address.parse::<std::net::IpAddr>().is_ok();
            endpoint.text(if is_address { "ip" } else { "name" }, address);
        }
        endpoint.maybe_number(
            "port",
            integer(row, "origin_port").filter(|port| (0..=65535).contains(port)),
        );
        endpoint.maybe("instance_uid", text(row, "upstream_address"));
    });
    event.object("traffic", |traffic| {
        traffic.maybe_number("bytes_in", integer(row, "bytes_in"));
        traffic.maybe_number("bytes_out", integer(row, "bytes_out"));
    });
    let mut words = text(row, "client_tls").unwrap_or("none").split(' ');
    if let Some(version) = words.next().filter(|version| *version != "none") {
        event.object("tls", |tls| {
            tls.text("version", version);
            tls.maybe("cipher", words.next());
        });
    }
    unmapped(row, &TOLD, event);
}

fn describe(row: &Row, pid: i64, process: &mut Object<'_>) {
    process.number("pid", pid);
    process.maybe_number("created_time", time(row, "process_started_at"));
    process.maybe("cmd_line", text(row, "command"));
    process.texts("lineage", texts(row, "ancestry"));
    if let Some(path) = text(row, "executable") {
        process.object("file", |file| {
            file.text("name", path.rsplit('/').next().unwrap_or(path));
            file.text("path", path);
            file.number("type_id", 1);
            if let Some(digest) = text(row, "executable_digest") {
                file.array("hashes", |hashes| {
                    hashes.object(|hash| {
                        hash.number("algorithm_id", 3);
                        hash.text("algorithm", "SHA-256");
                        hash.text("value", digest.strip_prefix("sha256:").unwrap_or(digest));
                    });
                });
            }
        });
    }
    if let Some(uid) = integer(row, "uid") {
        process.object("user", |user| user.text("uid", &uid.to_string()));
    }
    if let Some(container) = text(row, "container_id") {
        process.object("container", |to| {
            to.text("uid", container);
            to.maybe("name", text(row, "pod"));
        });
    }
    process.object("xattributes", |more| {
        for name in ["cgroup", "unit", "pod", "namespace", "service_account"] {
            more.maybe(name, text(row, name));
        }
    });
}
