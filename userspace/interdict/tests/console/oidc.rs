//! Logging in with an issuer.

use crate::Stage;
use crate::issuer::Issuer;
use crate::visitor::{Answer, Visitor};

fn secret(directory: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = directory.join("secret");
    std::fs::write(&path, "any & = % thing\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Where a page sends the browser.
fn onward(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("content=\"0; url=").expect("a way on");
    rest.split('"').next().unwrap().replace("&amp;", "&")
}

/// As far as coming back: the issuer's answer to the console.
fn come_back(visitor: &Visitor, sub: &str) -> String {
    let begun = visitor.post("/login/oidc", &[("next", "/grants")]);
    assert_eq!(begun.status, 200, "{}", begun.body);
    let cookie = begun.header("set-cookie").unwrap();
    assert!(
        cookie.contains("SameSite=Lax") && cookie.contains("HttpOnly"),
        "{cookie}"
    );
    let at = onward(&begun);
    for part in [
        "response_type=code",
        "code_challenge_method=S256",
        "code_challenge=",
        "nonce=",
        "state=",
        "scope=openid",
    ] {
        assert!(at.contains(part), "{at}");
    }
    let back = visitor.curl(&at, &["-d", &format!("sub={sub}")]);
    assert_eq!(back.status, 302, "{}", back.body);
    back.header("location").unwrap().to_owned()
}

fn log_in(visitor: &Visitor, sub: &str) -> Answer {
    let back = come_back(visitor, sub);
    visitor.get(&back)
}

#[test]
fn people_of_an_issuer_have_the_role_of_their_groups_and_decide_as_themselves() {
    let Some(issuer) = Issuer::start(600) else { return };
    let stage = Stage::with(
        |directory, port| {
            secret(directory);
            format!(
                "{{ listen: \"127.0.0.1:{port}\", oidc: {{ name: corp, issuer: \"{url}\", client_id: interdict, client_secret: {{ file: secret }} }}, \
                 roles: {{ viewer: [\"oidc:{url}/nurse-1\"], approver: [\"oidc-group:dba\"] }} }}",
                url = issuer.url()
            )
        },
        &["oidc-group:dba"],
    );
    let visitor = |name: &str| Visitor::new(&stage.path(name), &stage.origin());
    let agent = visitor("agent");
    assert!(agent.get("/login").body.contains("Log in with corp"));

    let approver = visitor("approver");
    let entered = log_in(&approver, "agent-7");
    assert_eq!(entered.status, 200, "{}", entered.body);
    assert_eq!(onward(&entered), "/grants");
    let grants = approver.get("/grants");
    let name = format!("oidc:{}/agent-7", issuer.url());
    assert!(
        grants.body.contains(&name) && grants.body.contains("takes the role admin"),
        "{}",
        grants.body
    );

    // Reads everything, decides nothing: not by a form that is not there either.
    let viewer = visitor("viewer");
    assert_eq!(log_in(&viewer, "nurse-1").status, 200);
    let child = stage.ask("delete from visits where id = 1");
    let id = stage.waiting();
    let path = format!("/approvals/{id}");
    let page = viewer.get(&path);
    assert!(page.body.contains("delete from visits") && !page.body.contains("value=\"approve\""));
    let fields = |token: &str| {
        [
            ("token", token.to_owned()),
            ("say", "approve".to_owned()),
            ("reason", "r".to_owned()),
        ]
    };
    let post = |who: &Visitor, token: &str| {
        let fields = fields(token);
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        who.post(&path, &fields).status
    };
    assert_eq!(post(&viewer, &page.token()), 403);
    let page = approver.get(&path);
    assert!(page.body.contains("value=\"approve\""), "{}", page.body);
    assert_eq!(post(&approver, &page.token()), 303);
    let (passed, _, said) = crate::end(child);
    assert!(passed, "{said}");
    let rows = stage.rows("approvals");
    let voted = rows.iter().find(|row| row["event"] == "voted").unwrap();
    assert_eq!(
        (&voted["people"][0], &voted["via"]),
        (&name.as_str().into(), &"console".into())
    );

    // Known to the issuer, and nobody here.
    let stranger = visitor("stranger");
    let sent_away = log_in(&stranger, "stranger");
    assert_eq!(sent_away.status, 403);
    assert!(sent_away.body.contains("no role") && stranger.get("/").status == 303);
    assert_eq!(stage.events("console_refused").len(), 1);
    assert_eq!(stage.events("console_login").len(), 2);
}

#[test]
fn a_code_is_worth_nothing_elsewhere_or_again() {
    let Some(issuer) = Issuer::start(600) else { return };
    let stage = Stage::with(
        |directory, port| {
            secret(directory);
            format!(
                "{{ listen: \"127.0.0.1:{port}\", oidc: {{ issuer: \"{}\", client_id: interdict, client_secret: {{ file: secret }} }}, roles: {{ viewer: [\"oidc-group:dba\"] }} }}",
                issuer.url()
            )
        },
        &[],
    );
    let victim = Visitor::new(&stage.path("victim"), &stage.origin());
    let attacker = Visitor::new(&stage.path("attacker"), &stage.origin());
    // Somebody's own login, put into another's browser.
    let back = come_back(&attacker, "agent-7");
    assert_eq!(victim.get(&back).status, 403);
    let _ = come_back(&victim, "agent-7");
    assert_eq!(victim.get(&back).status, 403);
    assert_eq!(attacker.get(&back).status, 200);
    assert_eq!(attacker.get(&back).status, 403, "again");
    // The state of one login, the code of another: the nonce is not its own.
    let (one, two) = (come_back(&victim, "agent-7"), come_back(&attacker, "agent-7"));
    let code = |back: &str| {
        back.split("code=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap()
            .to_owned()
    };
    let mixed = one.replace(&code(&one), &code(&two));
    let answer = victim.get(&mixed);
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_eq!(victim.get("/").status, 303);
    // The issuer says no.
    let begun = victim.post("/login/oidc", &[]);
    let state = onward(&begun)
        .split("state=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    let refused = victim.get(&format!(
        "/login/oidc/back?state={state}&error=access_denied%3Cscript%3E"
    ));
    assert_eq!(refused.status, 403);
    assert!(
        refused.body.contains("access_denied&lt;script&gt;"),
        "{}",
        refused.body
    );
}
