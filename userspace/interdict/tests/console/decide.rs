//! Deciding, giving access, and looking at what came of it.

use serde_json::Value;

use crate::support::assert_sound;
use crate::{Stage, end, me};

#[test]
fn a_hold_approved_in_the_console_lets_the_client_go() {
    let stage = Stage::new();
    let visitor = stage.enter();
    let child = stage.ask("delete from visits where id = 1");
    let id = stage.waiting();
    let list = visitor.get("/approvals");
    assert!(
        list.body.contains(&id) && list.body.contains("delete from visits"),
        "{}",
        list.body
    );
    let page = visitor.get(&format!("/approvals/{id}"));
    for part in [
        "deleting needs a person",
        "visits (",
        "delete",
        "Approve",
        "address:127.0.0.1",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let token = page.token();
    let say = |fields: &[(&str, &str)]| {
        let mut all = vec![("token", token.as_str())];
        all.extend(fields);
        assert_eq!(visitor.post(&format!("/approvals/{id}"), &all).status, 303);
        visitor.get(&format!("/approvals/{id}")).body
    };
    // Not without a reason.
    assert!(say(&[("say", "approve"), ("reason", " ")]).contains("needs a reason"));
    assert!(say(&[("say", "maybe"), ("reason", "x")]).contains("expected approve or deny"));
    assert!(say(&[("say", "approve"), ("reason", "x"), ("grant", "100000")]).contains("a day"));
    let told = say(&[("say", "approve"), ("reason", "asked for by the ward")]);
    assert!(told.contains("noted; it is approved"), "{told}");
    let (passed, shown, said) = end(child);
    assert!(passed, "{said}");
    assert_eq!(shown, "DELETE 1\n");
    // Told once.
    assert!(
        !visitor
            .get(&format!("/approvals/{id}"))
            .body
            .contains("noted; it is")
    );
    let voted: Vec<Value> = stage
        .rows("approvals")
        .into_iter()
        .filter(|row| row["event"] == "voted")
        .collect();
    assert_eq!(voted.len(), 1);
    assert_eq!(voted[0]["via"], "console");
    assert_eq!(voted[0]["people"][0], me());
    assert_eq!(voted[0]["reason"], "asked for by the ward");

    let child = stage.ask("delete from visits where id = 2");
    let id = stage.waiting();
    let token = visitor.get(&format!("/approvals/{id}")).token();
    let fields = [
        ("token", token.as_str()),
        ("say", "deny"),
        ("reason", "not today"),
    ];
    assert_eq!(visitor.post(&format!("/approvals/{id}"), &fields).status, 303);
    let (passed, _, said) = end(child);
    assert!(!passed && said.contains("not today"), "{said}");
    assert_eq!(stage.server.psql("select count(*) from visits"), "1999\n");
    assert_sound(&stage.daemon.audit);
}

#[test]
fn grants_are_given_and_ended() {
    let stage = Stage::new();
    let visitor = stage.enter();
    let token = visitor.get("/grants").token();
    let give = |fields: &[(&str, &str)]| {
        let mut all = vec![("token", token.as_str())];
        all.extend(fields);
        assert_eq!(visitor.post("/grants", &all).status, 303);
        visitor.get("/grants").body
    };
    let good = [
        ("identities", "address:127.0.0.1"),
        ("services", "clinic"),
        ("effects", "delete"),
        ("relations", "visits"),
        ("minutes", "30"),
        ("reason", "clearing out"),
    ];
    let without = |name: &str| -> Vec<(&str, &str)> {
        good.iter().copied().filter(|(field, _)| *field != name).collect()
    };
    assert!(give(&without("reason")).contains("needs a reason"));
    assert!(give(&without("minutes")).contains("how long"));
    assert!(give(&without("identities")).contains("identities"));
    assert!(stage.rows("grants").is_empty());
    let listed = give(&good);
    assert!(
        listed.contains("in force") && listed.contains("clearing out"),
        "{listed}"
    );
    let deleted = stage.psql("delete from visits where id = 1");
    assert!(deleted.status.success());
    let rows = stage.rows("grants");
    let id = rows[0]["grant_id"].as_str().unwrap();
    assert_eq!(
        (&rows[0]["via"], &rows[0]["person"]),
        (&"console".into(), &me().into())
    );
    let used = visitor.get("/grants").body;
    assert!(used.contains(&format!("/statements?grant={id}")), "{used}");
    let statements = visitor.get(&format!("/statements?grant={id}")).body;
    assert!(statements.contains("delete from visits"), "{statements}");
    let fields = [("token", token.as_str()), ("reason", "done")];
    assert_eq!(visitor.post(&format!("/grants/{id}/revoke"), &fields).status, 303);
    assert!(visitor.get("/grants?all=1").body.contains("revoked"));
    assert_eq!(stage.rows("grants").last().unwrap()["event"], "revoked");
}

#[test]
fn what_happened_is_found_and_explained() {
    let stage = Stage::new();
    let visitor = stage.enter();
    // More than one segment.
    for _ in 0..70 {
        assert!(stage.psql("select count(*) from visits").status.success());
    }
    assert!(stage.psql("select name, ssn from patients").status.success());
    assert!(!stage.psql("drop table visits").status.success());
    let get = |path: &str| {
        let answer = visitor.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    };
    let denied = get("/statements?decision=deny");
    assert!(
        denied.contains("drop table visits") && denied.contains("no-drops"),
        "{denied}"
    );
    assert!(!denied.contains("select name, ssn"));
    let found = get("/statements?q=SSN%20from");
    assert!(found.contains("select name, ssn from patients") && !found.contains("count(*)"));
    assert!(get("/statements?relation=patients").contains("select name, ssn"));
    assert!(!get("/statements?relation=visits").contains("select name, ssn"));
    assert!(get("/statements?from=2099-01-01").contains("No statement matches"));
    // The page of the session, and its replay.
    let row = stage
        .rows("statements")
        .into_iter()
        .find(|row| row["decision"] == "deny")
        .unwrap();
    let session = row["session_id"].as_str().unwrap();
    let page = get(&format!("/sessions/{session}"));
    for part in [
        "drop table visits",
        "nothing is dropped here",
        "no-drops",
        "Attested by",
        "data-denied",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let replay = get(&format!("/sessions/{session}/replay"));
    assert!(
        replay.contains("drop table visits") && replay.contains("nothing is dropped here"),
        "{replay}"
    );
    let masked = stage
        .rows("statements")
        .into_iter()
        .find(|row| row["statement"].as_str().unwrap().contains("ssn"))
        .unwrap();
    let replay = get(&format!(
        "/sessions/{}/replay",
        masked["session_id"].as_str().unwrap()
    ));
    assert!(
        replay.contains("Ada Example") && !replay.contains("123-45-6789"),
        "{replay}"
    );
    // Pages of a list, each row once.
    let mut path = "/statements".to_owned();
    let mut seen = Vec::new();
    loop {
        let body = get(&path);
        seen.extend(body.split("#s-").skip(1).map(|rest| rest[..36].to_owned()));
        let Some(rest) = body.split("rel=\"next\" href=\"").nth(1) else {
            break;
        };
        path = rest.split('"').next().unwrap().replace("&amp;", "&");
    }
    let mut once = seen.clone();
    once.sort();
    once.dedup();
    let all = stage.rows("statements").len();
    assert!(all >= 72);
    assert_eq!((seen.len(), once.len()), (all, all));

    let token = visitor.get("/policies/explain").token();
    let ask = |statement: &str| {
        let fields = [
            ("token", token.as_str()),
            ("service", "clinic"),
            ("identity", "unit=agent.service"),
            ("statement", statement),
        ];
        visitor.post("/policies/explain", &fields).body
    };
    let explained = ask("drop table visits");
    assert!(
        explained.contains("no-drops") && explained.contains("unit:agent.service"),
        "{explained}"
    );
    assert!(ask("select ssn from patients").contains("redact"));
    let policies = get("/policies");
    assert!(policies.contains("sha256:") && policies.contains("no-drops"));

    let token = visitor.get("/record").token();
    assert_eq!(visitor.post("/record/verify", &[("token", &token)]).status, 303);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !get("/record/state").contains("Sound") {
        assert!(std::time::Instant::now() < deadline, "{}", get("/record/state"));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(stage.events("console_verify").len(), 1);
}
