//! Drivers of Python and Node, each run past the daemon and through it: what they show has to be the same, masked, or refused as listed.

use std::process::Command;

use serde_json::Value;

use crate::stage::Stage;
use crate::support::skipped;
use crate::tools::{self, Python};

/// What a client showed: the names of its steps, and each one's result.
pub(crate) type Shown = Vec<(String, Value)>;

/// Values of masked columns, and how the policy shows them.
const MASKS: &[(&str, &str)] = &[
    ("\"123-45-6789\"", "\"*****6789\""),
    ("\"219-09-9999\"", "\"*****9999\""),
    ("\"MRN0000001\"", "\"[redacted]\""),
    ("\"MRN0000002\"", "\"[redacted]\""),
    ("\"ada@example.org\"", "\"[redacted]\""),
    ("\"bo@example.org\"", "\"[redacted]\""),
    ("\"+1 202 555 0101\"", "null"),
    ("\"+1 202 555 0102\"", "null"),
    ("\"1980-02-03\"", "\"0001-01-01\""),
    ("\"1975-11-30\"", "\"0001-01-01\""),
];

/// The end of a step's name, and what its error has to say.
const REFUSED: &[(&str, &str)] = &[
    ("destructive", "rule no-destructive"),
    ("untraceable", "interdict:"),
    ("many_rows", "more than 1000 rows"),
];

fn python(driver: &str, requirements: &str) {
    let Some(python) = Python::of(requirements) else {
        return;
    };
    compare(driver, |port| python.run("mysql_drivers", port, &[driver]));
}

fn compare(driver: &str, run: impl Fn(u16) -> Shown) {
    let stage = Stage::start();
    let direct = run(stage.server.port);
    if let Some(why) = direct.iter().find_map(|(_, result)| unloadable(result)) {
        return skipped(&format!("{driver} can't be loaded: {why}"));
    }
    let proxied = run(stage.port);
    assert!(
        !direct.is_empty() && direct.len() == proxied.len(),
        "{direct:?}\n{proxied:?}"
    );
    let mut wrong = Vec::new();
    for ((step, direct), (other, proxied)) in direct.iter().zip(&proxied) {
        assert_eq!(step, other);
        let meant = REFUSED.iter().find(|(end, _)| step.ends_with(end));
        let held = match meant {
            Some((_, sign)) => proxied["failed"].is_string() && proxied.to_string().contains(sign),
            None => direct.get("failed").is_none() && *proxied == masked(direct),
        };
        if !held {
            wrong.push(format!("{step}\n  direct:  {direct}\n  proxied: {proxied}"));
        }
    }
    assert!(wrong.is_empty(), "{driver}:\n{}", wrong.join("\n"));
    assert_eq!(stage.server.sql("select count(*) from clinic.visits"), "2000\n");
}

/// Why a driver is not there: a library of its own may need a newer system than this.
fn unloadable(result: &Value) -> Option<&str> {
    (result["failed"] == "ImportError").then(|| result["text"].as_str().unwrap())
}

fn masked(shown: &Value) -> Value {
    let text = MASKS
        .iter()
        .fold(shown.to_string(), |text, (value, mask)| text.replace(value, mask));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn pymysql() {
    python("pymysql", "mysql_requirements.txt");
}

#[test]
fn mysql_connector_in_python() {
    python("connector-pure", "mysql_requirements.txt");
}

#[test]
fn mysql_connector_by_its_c_library() {
    python("connector-c", "mysql_requirements.txt");
}

#[test]
fn mysqlclient() {
    python("mysqlclient", "mysql_requirements_built.txt");
}

#[test]
fn mariadb_connector() {
    python("mariadb", "mysql_requirements_built.txt");
}

#[test]
fn mysql2_in_node() {
    let Some(modules) = tools::node_modules() else {
        return;
    };
    compare("mysql2", |port| {
        let mut node = Command::new("node");
        node.arg(tools::program("mysql_node.js"))
            .env("NODE_PATH", &modules);
        tools::steps(&mut node, port, &[])
    });
}
