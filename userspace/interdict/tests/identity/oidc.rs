//! Tokens of a real issuer, in the way of an unmodified psql.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::issuer::Issuer;
use crate::support::text;
use crate::{Stage, strings};

/// Only the claim opens the table.
const POLICY: &str = r#"name: claims
rules:
  - name: not-a-dba
    when: '"patients" in tables && !("groups[dba]" in identity.claim)'
    then: deny
"#;

fn section(issuer: &str, token: &std::path::Path, more: &str) -> String {
    format!(
        "{{ environment: [RUN_ID], oidc: [{{ name: corp, issuer: \"{issuer}\", audience: interdict, token: {{ workload: {} }}{more} }}] }}",
        token.display()
    )
}

fn assert_refused(what: &str, output: &Output) {
    let said = text(&output.stderr);
    assert!(
        !output.status.success() && output.stdout.is_empty() && said.contains("asks for a sound token"),
        "{what}: {said}"
    );
}

#[test]
fn only_a_sound_token_opens_the_service() {
    let Some(mut stage) = Stage::new("oidc") else {
        return;
    };
    let Some(mut issuer) = Issuer::start(600) else {
        return;
    };
    let Some(brief) = Issuer::start(1) else { return };
    let token = stage.path("token");
    let offline = stage.path("jwks.json");
    std::fs::write(&offline, brief.jwks()).unwrap();
    let expired = brief.token("agent-7", "interdict");
    stage.start(&section(&issuer.url(), &token, ""), POLICY);
    let started = Instant::now();
    let ask = |stage: &Stage| stage.psql("select count(*) from patients");

    assert_refused("no token", &ask(&stage));
    std::fs::write(&token, issuer.token("agent-7", "interdict")).unwrap();
    let shown = ask(&stage);
    assert_eq!(text(&shown.stdout), "3\n", "{}", text(&shown.stderr));
    // Another person of the same issuer is somebody else, without that claim.
    std::fs::write(&token, issuer.token("nurse-1", "interdict")).unwrap();
    let denied = ask(&stage);
    assert!(
        text(&denied.stderr).contains("not-a-dba"),
        "{}",
        text(&denied.stderr)
    );

    for (what, bad) in [
        ("another audience", issuer.token("agent-7", "vault")),
        ("another issuer", brief.token("agent-7", "interdict")),
        ("expired and of another issuer", expired.clone()),
        ("forged", {
            let sound = issuer.token("agent-7", "interdict");
            let (head, signature) = sound.rsplit_once('.').unwrap();
            let reversed: String = signature.chars().rev().collect();
            format!("{head}.{reversed}")
        }),
        ("alg none", {
            let sound = issuer.token("agent-7", "interdict");
            let payload = sound.split('.').nth(1).unwrap().to_owned();
            format!("eyJhbGciOiJub25lIn0.{payload}.")
        }),
        ("too large", "x".repeat(20_000)),
    ] {
        std::fs::write(&token, bad).unwrap();
        assert_refused(what, &ask(&stage));
    }

    // The issuer has a new key: the first token that names it brings it, once the pause between attempts is over.
    issuer.restart();
    std::fs::write(&token, issuer.token("agent-7", "interdict")).unwrap();
    let deadline = started + Duration::from_mins(1);
    while text(&ask(&stage).stdout) != "3\n" {
        assert!(Instant::now() < deadline, "the new key was not fetched");
        std::thread::sleep(Duration::from_millis(500));
    }

    let sessions = stage.rows("sessions");
    let of = |reason: &str| -> Vec<&Value> {
        let sessions = sessions.iter();
        sessions.filter(|row| row["end_reason"] == reason).collect()
    };
    let served = of("client");
    assert_eq!(served[0]["identity"], "oidc:corp:agent-7");
    assert_eq!(served[0]["attestation"], "oidc");
    let claims = claims(served[0]);
    assert!(
        claims.contains(&("oidc.sub".to_owned(), "agent-7".to_owned())),
        "{claims:?}"
    );
    let refused = of("identity_refused");
    assert!(refused.len() >= 7, "{}", refused.len());
    for row in &refused {
        assert_ne!(row["attestation"], "oidc");
        assert!(
            strings(&row["flags"])
                .iter()
                .any(|flag| flag.starts_with("oidc_")),
            "{row}"
        );
    }
    // What they were told is on record as well.
    let frames = crate::audit_rows(&stage.path("audit"), "frames");
    for row in &refused {
        let told = frames
            .iter()
            .any(|frame| frame["session_id"] == row["session_id"]);
        assert!(told, "{row}");
    }
    let events = crate::audit_rows(&stage.path("audit"), "admin");
    let reasons: Vec<&str> = events
        .iter()
        .filter(|row| row["kind"] == "identity_refused")
        .filter_map(|row| detail(row, "reason"))
        .collect();
    for expected in ["missing", "audience", "forged", "malformed", "too_large"] {
        assert!(reasons.contains(&expected), "{expected}: {reasons:?}");
    }

    // With a copy of the keys, and no refusal: an expired token lends nothing.
    drop(stage.daemon.take());
    let keys = format!(", keys: {{ file: {} }}, on_failure: flag", offline.display());
    stage.start(&section(&brief.url(), &token, &keys), POLICY);
    std::fs::write(&token, &expired).unwrap();
    // Clocks may be half a minute apart.
    let sound = ask(&stage);
    assert_eq!(text(&sound.stdout), "3\n", "{}", text(&sound.stderr));
    std::thread::sleep(Duration::from_secs(33).saturating_sub(started.elapsed()));
    let denied = ask(&stage);
    assert!(
        text(&denied.stderr).contains("not-a-dba"),
        "{}",
        text(&denied.stderr)
    );
    let sessions = stage.rows("sessions");
    let last = sessions
        .iter()
        .max_by_key(|row| row["started_at"].to_string())
        .unwrap();
    assert_eq!(strings(&last["flags"]), ["oidc_expired"]);
    assert_eq!(last["attestation"], "kernel");
}

/// What is only claimed is told apart from what is proven.
#[test]
fn variables_are_claims() {
    let Some(mut stage) = Stage::new("environment") else {
        return;
    };
    let policy = "name: runs\nrules:\n  - name: no-run\n    when: '!(\"env.RUN_ID\" in identity) || identity[\"env.RUN_ID\"] != \"r-7\"'\n    then: deny\n";
    stage.start("{ environment: [RUN_ID] }", policy);
    let ask = |run: Option<&str>| {
        let mut command: Command = crate::support::psql_command(stage.server.port);
        command.args(["-c", "select 1"]);
        if let Some(run) = run {
            command.env("RUN_ID", run);
        }
        stage.cgroup.enrol(&mut command);
        command.output().unwrap()
    };
    assert!(text(&ask(None).stderr).contains("no-run"));
    let shown = ask(Some("r-7"));
    assert_eq!(text(&shown.stdout), "1\n", "{}", text(&shown.stderr));
    let sessions = stage.rows("sessions");
    let all: Vec<_> = sessions.iter().map(claims).collect();
    assert!(
        all.contains(&vec![("env.RUN_ID".to_owned(), "r-7".to_owned())]),
        "{all:?}"
    );
}

/// Of a session, however the reader shows a map.
fn claims(row: &Value) -> Vec<(String, String)> {
    pairs(&row["claims"])
}

fn pairs(map: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match map {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        Value::Array(entries) => entries
            .iter()
            .map(|entry| (text(&entry["key"]), text(&entry["value"])))
            .collect(),
        _ => Vec::new(),
    }
}

fn detail<'a>(row: &'a Value, name: &str) -> Option<&'a str> {
    match &row["detail"] {
        Value::Object(map) => map.get(name)?.as_str(),
        Value::Array(entries) => entries.iter().find(|entry| entry["key"] == name)?["value"].as_str(),
        _ => None,
    }
}
