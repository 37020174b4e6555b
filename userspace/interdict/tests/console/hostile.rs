//! Texts that want to be more than text.

use crate::Stage;
use crate::support::psql_command;

#[test]
fn markup_and_marks_of_direction_are_shown_as_text() {
    let stage = Stage::new();
    let visitor = stage.enter();
    let sql = "select 1 as \"<script>alert(1)</script>\", 2 as \"a\u{202e}gpj.exe\", 3 as \"<img src=x onerror=alert(2)>\", 4 as \"\u{1b}[2Jx\"";
    let child = psql_command(stage.port)
        .args(["-c", sql])
        .env("PGAPPNAME", "<svg/onload=alert(3)>\"'><b>")
        .output()
        .unwrap();
    assert!(child.status.success());
    let dropped = stage.psql("drop table \"<script>alert(4)</script>\"");
    assert!(!dropped.status.success());
    let held = stage.ask("delete from visits where specimen = '</textarea><script>alert(5)</script>'");
    let id = stage.waiting();
    let sessions: Vec<String> = stage
        .rows("sessions")
        .iter()
        .map(|row| row["session_id"].as_str().unwrap().to_owned())
        .collect();
    let mut pages: Vec<String> = [
        "/",
        "/sessions",
        "/statements",
        "/approvals",
        "/record",
        "/coverage",
    ]
    .map(str::to_owned)
    .to_vec();
    pages.push(format!("/approvals/{id}"));
    pages.push("/statements?q=%3Cscript%3Ealert(6)%3C/script%3E&identity=%22%3E%3Cscript%3E".to_owned());
    pages.push("/sessions?from=%3Cscript%3Ealert(7)%3C/script%3E".to_owned());
    for session in &sessions {
        pages.push(format!("/sessions/{session}"));
        pages.push(format!("/sessions/{session}/replay"));
    }
    let mut seen = String::new();
    for path in &pages {
        let body = visitor.get(path).body;
        for raw in [
            "<script>alert",
            "<img",
            "<svg/",
            "<b>",
            "onerror=alert(2)>",
            "\"><script>",
            "\u{202e}",
            "\u{1b}",
        ] {
            assert!(!body.contains(raw), "{path} has {raw:?}");
        }
        seen.push_str(&body);
    }
    // They are there, as text.
    for shown in [
        "&lt;script&gt;alert(1)",
        "&lt;img src=x",
        "&lt;svg/onload",
        "alert(4)",
        "alert(6)",
        "a\u{fffd}gpj.exe",
    ] {
        assert!(seen.contains(shown), "{shown}");
    }
    let token = visitor.get(&format!("/approvals/{id}")).token();
    let fields = [
        ("token", token.as_str()),
        ("say", "deny"),
        ("reason", "<script>alert(8)</script>"),
    ];
    visitor.post(&format!("/approvals/{id}"), &fields);
    let after = visitor.get(&format!("/approvals/{id}")).body;
    assert!(after.contains("&lt;script&gt;alert(8)") && !after.contains("<script>alert"));
    drop(crate::end(held));
}
