//! What holds for every request and every answer.

use std::time::Instant;

use crate::Stage;
use crate::visitor::Answer;

fn assert_guarded(what: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{what}");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{what}");
    assert!(answer.header("server").is_none(), "{what}");
    assert_eq!(
        answer.header("strict-transport-security"),
        None,
        "{what}: there is no TLS"
    );
}

#[test]
fn every_answer_has_its_headers_and_no_page_needs_anything_inline() {
    let stage = Stage::new();
    let visitor = stage.enter();
    assert!(stage.psql("select name, ssn from patients").status.success());
    let pages = [
        "/",
        "/sessions",
        "/statements",
        "/approvals",
        "/grants",
        "/grants?all=1",
        "/coverage",
        "/policies",
        "/policies/explain",
        "/record",
    ];
    for path in pages {
        let answer = visitor.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_guarded(path, &answer);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        for inline in [
            "<style",
            " style=",
            "onclick=",
            "onload=",
            "javascript:",
            "<script>",
        ] {
            assert!(!answer.body.contains(inline), "{path} has {inline}");
        }
        // Nothing from elsewhere.
        assert!(
            !answer.body.contains("src=\"http") && !answer.body.contains("href=\"//"),
            "{path}"
        );
    }
    for (path, status) in [
        ("/nowhere", 404),
        ("/sessions/none", 404),
        ("/sessions/01890000-0000-7000-8000-000000000000", 404),
        ("/approvals/01890000-0000-7000-8000-000000000000", 404),
        ("/sessions?from=yesterday", 400),
        ("/assets/other.js", 404),
        ("/login/oidc/back?state=x&code=y", 404),
    ] {
        let answer = visitor.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_guarded(path, &answer);
    }
    let page = visitor.get("/");
    for kind in [".css", ".js", ".svg"] {
        let start = page
            .body
            .split('"')
            .find(|part| part.starts_with("/assets/") && part.ends_with(kind))
            .unwrap();
        let asset = visitor.get(start);
        assert_eq!(asset.status, 200, "{start}");
        assert_guarded(start, &asset);
    }
    for method in ["PUT", "DELETE", "OPTIONS", "TRACE"] {
        let answer = visitor.curl("/", &["-X", method]);
        assert_eq!(answer.status, 405, "{method}");
        assert_guarded(method, &answer);
    }
}

#[test]
fn a_name_that_is_not_the_consoles_is_refused() {
    let stage = Stage::new();
    let visitor = stage.enter();
    let port = stage.console;
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port - 1),
        String::new(),
    ] {
        let header = if host.is_empty() {
            "Host;".to_owned()
        } else {
            format!("Host: {host}")
        };
        let answer = visitor.curl("/", &["-H", &header]);
        assert_eq!(answer.status, 421, "{host}: {}", answer.body);
        assert_guarded(&host, &answer);
    }
    let by_name = visitor.curl("/login", &["-H", &format!("Host: localhost:{port}")]);
    assert_eq!(by_name.status, 200);
}

#[test]
fn a_form_counts_only_from_a_page_of_the_same_login() {
    let stage = Stage::new();
    let visitor = stage.enter();
    let page = visitor.get("/grants");
    let token = page.token();
    let grant = |token: &str| {
        let fields = [
            ("identities", "x"),
            ("services", "clinic"),
            ("minutes", "5"),
            ("reason", "r"),
            ("token", token),
        ];
        fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let post = |token: &str, words: &[&str]| {
        let fields = grant(token);
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        visitor.send("/grants", &fields, words).status
    };
    let own = format!("Origin: {}", stage.origin());
    assert_eq!(post(&token, &["-H", "Origin: https://evil.example"]), 403);
    assert_eq!(post(&token, &["-H", "Origin: null"]), 403);
    assert_eq!(
        post(
            &token,
            &["-H", &format!("Origin: http://127.0.0.1:{}", stage.console - 1)]
        ),
        403
    );
    assert_eq!(post(&token, &[]), 403, "no origin");
    assert_eq!(post(&token, &["-H", "Sec-Fetch-Site: cross-site"]), 403);
    assert_eq!(post("", &["-H", &own]), 403, "no token");
    assert_eq!(post("forged", &["-H", &own]), 403);
    // Of another login of the same person.
    let other = stage.enter().get("/grants").token();
    assert_ne!(other, token);
    assert_eq!(
        post(&token, &["-H", &own]),
        403,
        "the jar has the other login by now"
    );
    assert_eq!(
        visitor
            .curl(
                "/grants",
                &[
                    "-H",
                    &own,
                    "-H",
                    "Content-Type: text/plain",
                    "-d",
                    &format!("token={other}")
                ]
            )
            .status,
        400
    );
    let large = format!("token={other}&reason={}", "x".repeat(300 << 10));
    let file = stage.path("large");
    std::fs::write(&file, large).unwrap();
    assert_eq!(
        visitor
            .curl("/grants", &["-H", &own, "-d", &format!("@{}", file.display())])
            .status,
        413
    );
    assert!(stage.rows("grants").is_empty());
    assert_eq!(post(&other, &["-H", &own]), 303);
    assert_eq!(stage.rows("grants").len(), 1);
}

#[test]
fn who_sends_nothing_holds_nobody_up() {
    use std::io::{Read as _, Write as _};
    let stage = Stage::new();
    let visitor = stage.enter();
    let mut slow: Vec<std::net::TcpStream> = (0..50)
        .map(|_| std::net::TcpStream::connect(("127.0.0.1", stage.console)).unwrap())
        .collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: 127").unwrap();
    }
    let began = Instant::now();
    assert_eq!(visitor.get("/").status, 200);
    assert!(began.elapsed().as_secs() < 5);
    // They are closed by the console, and not left for ever.
    let stream = &mut slow[0];
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(20)))
        .unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("closed in time");
}
