//! Coming in by the admin socket.

use crate::visitor::Visitor;
use crate::{Stage, me};

#[test]
fn an_address_of_the_admin_socket_lets_in_once_and_leaves_its_trace() {
    let stage = Stage::new();
    let visitor = Visitor::new(&stage.path("jar"), &stage.origin());
    // Nobody is in: pages send to the login, and say where one wanted to go.
    let away = visitor.get("/approvals/x?y=z");
    assert_eq!(away.status, 303);
    assert_eq!(
        away.header("location"),
        Some("/login?next=%2Fapprovals%2Fx%3Fy%3Dz")
    );
    assert_eq!(visitor.get("/events").body, "event: over\ndata: {}\n\n");
    assert_eq!(
        visitor
            .curl("/approvals/waiting", &["-H", "x-background: 1"])
            .status,
        401
    );

    let address = stage.address();
    let (start, ticket) = address.split_once("ticket=").unwrap();
    assert_eq!(start, format!("{}/login/once?", stage.origin()));
    // Looking at it uses nothing up.
    for _ in 0..2 {
        let asked = visitor.get(&address);
        assert_eq!(asked.status, 200);
        assert!(
            asked.body.contains(&me()) && asked.body.contains("admin"),
            "{}",
            asked.body
        );
    }
    assert_eq!(visitor.get("/").status, 303);
    // Another site can't log somebody in as somebody else.
    let other = visitor.send(
        "/login/once",
        &[("ticket", ticket)],
        &["-H", "Origin: https://evil.example"],
    );
    assert_eq!(other.status, 403);
    let entered = visitor.post("/login/once", &[("ticket", ticket)]);
    assert_eq!(entered.status, 200, "{}", entered.body);
    let cookie = entered.header("set-cookie").unwrap();
    for part in ["interdict-console=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let page = visitor.get("/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Overview") && page.body.contains(&me()));

    let again = Visitor::new(&stage.path("jar-2"), &stage.origin());
    for forged in [ticket, "forged", "", &"x".repeat(5000)] {
        assert_eq!(
            again.post("/login/once", &[("ticket", forged)]).status,
            403,
            "{forged}"
        );
        assert_eq!(
            again.get(&format!("/login/once?ticket={forged}")).status,
            403,
            "{forged}"
        );
    }
    assert_eq!(again.get("/").status, 303);

    let out = visitor.post("/logout", &[("token", &page.token())]);
    assert_eq!(out.status, 303);
    // The cookie itself is worth nothing any more, not only forgotten.
    let kept = cookie.split(';').next().unwrap();
    assert_eq!(again.curl("/", &["-b", kept]).status, 303);

    let logins = stage.events("console_login");
    assert_eq!(logins.len(), 1);
    assert_eq!(logins[0]["actor"], format!("console:{}", me()));
    assert!(logins[0]["detail"].to_string().contains("uid"), "{}", logins[0]);
    assert_eq!(stage.events("console_logout").len(), 1);
    // Nothing that lets in is in the log.
    assert!(!stage.daemon.errors().contains(ticket));
}

#[test]
fn guesses_come_to_an_end_and_right_ones_still_come_in() {
    let stage = Stage::new();
    let visitor = Visitor::new(&stage.path("jar"), &stage.origin());
    let statuses: Vec<u16> = (0..25)
        .map(|_| visitor.get("/login/once?ticket=guess").status)
        .collect();
    assert_eq!((statuses[0], statuses[24]), (403, 429), "{statuses:?}");
    assert_eq!(stage.enter().get("/").status, 200);
}

#[test]
fn a_login_ends_when_nobody_is_there() {
    let stage = Stage::with(
        |_, port| format!("{{ listen: \"127.0.0.1:{port}\", session: {{ idle: 2s }} }}"),
        &[],
    );
    let visitor = stage.enter();
    assert_eq!(visitor.get("/").status, 200);
    // What the page asks by itself keeps nobody in.
    for _ in 0..5 {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let _ = visitor.curl("/approvals/waiting", &["-H", "x-background: 1"]);
    }
    assert_eq!(visitor.get("/").status, 303);
}

#[test]
fn without_a_console_the_command_says_where_to_set_one() {
    let directory = crate::scratch();
    let (settings, _) = crate::support::explicit_settings(directory.path(), 1, None);
    let _daemon = crate::Daemon::start(&settings, &directory.path().join("audit"));
    let output = std::process::Command::new(crate::interdict())
        .args(["console", "login", "--socket"])
        .arg(directory.path().join("admin.sock"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        crate::text(&output.stderr).contains("admin.console"),
        "{output:?}"
    );
}
