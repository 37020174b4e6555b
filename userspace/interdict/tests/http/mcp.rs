//! A real server and a real client of the Model Context Protocol, over streamable HTTP.

use crate::clients::{REQUIREMENTS, compare};
use crate::running::Running;
use crate::stage::{Service, Stage, assert_clean, bytes_below};
use crate::support::free_port;
use crate::tools::Python;

/// `mode`: how the client greets: the handshake of old, or whatever both know.
fn talks(mode: &str) {
    let Some(python) = Python::of(REQUIREMENTS) else {
        return;
    };
    let port = free_port();
    let mut serve = python.command("http_mcp");
    let server = Running::start(serve.arg("serve").arg(port.to_string()), port);
    let mut stage = Stage::start(vec![Service::new("mcp", server.port).line("profile: mcp")]);
    let run = |port: u16| python.run("http_mcp", port, &[mode]);
    let direct = run(server.port);
    let proxied = run(stage.port("mcp"));
    // What a tool answers is text to the protocol, with JSON in it that is masked as such.
    compare(&direct, &proxied, &[], "no-shell");

    let rows = stage.statements();
    let calls: Vec<_> = rows
        .iter()
        .filter(|row| row["relations"].to_string().contains("\"patient\""))
        .collect();
    assert_eq!(calls.len(), 2, "{rows:#?}");
    assert!(calls.iter().all(|row| row["decision"] == "mask"), "{calls:#?}");
    let refused: Vec<_> = rows.iter().filter(|row| row["decision"] == "deny").collect();
    assert_eq!(refused.len(), 2, "{rows:#?}");
    assert!(
        refused.iter().all(|row| row["rule"] == "no-shell"),
        "{refused:#?}"
    );
    assert_clean("the record", format!("{rows:?}").as_bytes());
    assert_clean("the record's files", &bytes_below(&stage.daemon.audit));
}

#[test]
fn tools_and_resources_with_the_handshake() {
    talks("legacy");
}

#[test]
fn tools_and_resources_as_both_sides_know() {
    talks("auto");
}
