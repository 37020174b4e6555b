//! Rows as events of the Open Cybersecurity Schema Framework, version 1.8.0, with the profiles `host` and `security_control`.
//!
//! | row | class |
//! |---|---|
//! | statement of SQL | Datastore Activity (6005) |
//! | request, profile `plain` | HTTP Activity (4002) |
//! | request of another profile | API Activity (6003) |
//! | session | Network Activity (4001) |
//! | approval, policy | Entity Management (3004) |
//! | grant | User Access Management (3005) |
//! | admin | Application Lifecycle (6002), Detection Finding (2004) where it tells of something that should not be |
//!
//! What a row knows and the class has no place for is under `unmapped`, by the column's name. `metadata.uid` is the row's
//! hash: the same row always has the same one, and no other row has it.

mod admin;
mod json;
mod people;
mod session;
mod statement;

use std::collections::BTreeMap;

use interdict_audit::{Row, Table, Value};

use self::json::Object;

/// The version of the schema.
pub const VERSION: &str = "1.8.0";

/// What a service speaks: rows of statements don't say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// PostgreSQL, MySQL.
    Sql,
    /// HTTP and what is on top of it.
    Http,
}

/// Turns rows into events.
#[derive(Clone, Debug, Default)]
pub struct Mapper {
    services: BTreeMap<String, Speaks>,
}

/// What all classes have.
struct Class {
    uid: i64,
    activity: i64,
    name: &'static str,
    activity_name: String,
    severity: Severity,
}

#[derive(Clone, Copy)]
enum Severity {
    Informational = 1,
    Low = 2,
    Medium = 3,
    High = 4,
}

impl Mapper {
    /// With what is known of the services.
    pub fn new(services: impl IntoIterator<Item = (String, Speaks)>) -> Self {
        Self {
            services: services.into_iter().collect(),
        }
    }

    /// Whether rows of a table are events.
    pub fn has(table: Table) -> bool {
        !matches!(table, Table::Ledger | Table::Frames)
    }

    /// Appends the event, one JSON object without a line end. False: rows of this table are none.
    pub fn write(&self, row: &Row, out: &mut Vec<u8>) -> bool {
        match row.table {
            Table::Statements => json::object(out, |event| self.statement(row, event)),
            Table::Sessions => json::object(out, |event| session::write(row, event)),
            Table::Approvals => json::object(out, |event| people::approval(row, event)),
            Table::Grants => json::object(out, |event| people::grant(row, event)),
            Table::Policies => json::object(out, |event| people::policy(row, event)),
            Table::Admin => json::object(out, |event| admin::write(row, event)),
            Table::Ledger | Table::Frames => return false,
        }
        true
    }

    fn statement(&self, row: &Row, event: &mut Object<'_>) {
        let service = text(row, "service").unwrap_or_default();
        match self.services.get(service) {
            Some(Speaks::Http) => statement::http(row, event),
            // Without an entry: a service that the settings no longer have.
            None if statement::looks_like_http(row) => statement::http(row, event),
            Some(Speaks::Sql) | None => statement::sql(row, event),
        }
    }
}

/// The fields that every event begins with.
fn begin(row: &Row, class: &Class, event: &mut Object<'_>) {
    event.number("class_uid", class.uid);
    event.text("class_name", class.name);
    event.number("category_uid", class.uid / 1000);
    event.number("activity_id", class.activity);
    event.text("activity_name", &class.activity_name);
    event.number("type_uid", class.uid * 100 + class.activity);
    event.number("severity_id", class.severity as i64);
    let severity = match class.severity {
        Severity::Informational => "Informational",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
    };
    event.text("severity", severity);
    event.number("time", milliseconds(row.at));
    event.object("metadata", |metadata| {
        metadata.text("version", VERSION);
        metadata.text("uid", &row.digest());
        metadata.number("sequence", i64::try_from(row.seq).unwrap_or(i64::MAX));
        metadata.text("log_name", row.table.name());
        metadata.maybe("correlation_uid", id(row, "session_id").as_deref());
        metadata.texts("profiles", ["host", "security_control"]);
        metadata.object("product", |product| {
            product.text("name", "interdict");
            product.text("vendor_name", "interdict");
            product.text("version", env!("CARGO_PKG_VERSION"));
        });
    });
    event.object("device", |device| {
        device.text("hostname", text(row, "host").unwrap_or("unknown"));
        device.number("type_id", 1);
        device.text("type", "Server");
        device.maybe("boot_uid", text(row, "boot_id"));
    });
}

/// What the class has no place for: columns that are not null, but for those that were told already.
fn unmapped(row: &Row, told: &[&str], event: &mut Object<'_>) {
    const ALWAYS: [&str; 6] = ["seq", "host", "boot_id", "session_id", "previous_hash", "hash"];
    event.object("unmapped", |unmapped| {
        for (name, value) in row.named() {
            if *value != Value::Null && !ALWAYS.contains(&name) && !told.contains(&name) {
                unmapped.cell(name, value);
            }
        }
    });
}

fn text<'r>(row: &'r Row, name: &str) -> Option<&'r str> {
    row.get(name).as_text()
}

fn integer(row: &Row, name: &str) -> Option<i64> {
    row.get(name).as_integer()
}

fn time(row: &Row, name: &str) -> Option<i64> {
    integer(row, name).map(milliseconds)
}

fn id(row: &Row, name: &str) -> Option<String> {
    let bytes = row.get(name).as_bytes()?;
    uuid::Uuid::from_slice(bytes).ok().map(|id| id.to_string())
}

fn texts<'r>(row: &'r Row, name: &str) -> impl Iterator<Item = &'r str> + use<'r> {
    let values = match row.get(name) {
        Value::List(values) => values.as_slice(),
        _ => &[],
    };
    values.iter().filter_map(Value::as_text)
}

/// OCSF counts milliseconds.
fn milliseconds(micros: i64) -> i64 {
    micros.div_euclid(1000)
}

/// Success, or why not.
fn status(success: Option<bool>, event: &mut Object<'_>) {
    let (number, name) = match success {
        Some(true) => (1, "Success"),
        Some(false) => (2, "Failure"),
        None => (0, "Unknown"),
    };
    event.number("status_id", number);
    event.text("status", name);
}
