//! curl, with HTTP/1.1, HTTP/2 after TLS, and HTTP/2 from the first byte.

use std::io::Write as _;
use std::process::{Command, Output};

use crate::nginx::Nginx;
use crate::origin::Origin;
use crate::stage::{Service, Stage, assert_clean, eventually, url};
use crate::support::{audit_rows, text};
use crate::tls::secured;

fn curl(arguments: &[&str]) -> Output {
    let mut command = Command::new("curl");
    let output = command
        .args(["-sS", "--max-time", "60"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {} {}",
        output.status,
        text(&output.stderr)
    );
    output
}

/// How curl asks for a version, and the port of nginx that speaks it.
fn versions(nginx: &Nginx) -> [(&'static str, u16); 2] {
    [("--http1.1", nginx.one), ("--http2-prior-knowledge", nginx.two)]
}

#[test]
fn what_nothing_applies_to_arrives_byte_by_byte() {
    let nginx = Nginx::start();
    for (version, port) in versions(&nginx) {
        let stage = Stage::start(vec![Service::new("masked", port), Service::new("bare", port)]);
        for name in [
            "plain.json",
            "plain.csv",
            "plain.txt",
            "pixels.bin",
            "empty.txt",
            "gzip/plain.json",
        ] {
            let ask = |address: String| curl(&[version, "-H", "Accept-Encoding: identity", &address]).stdout;
            let path = format!("/{name}");
            let direct = ask(url(port, &path));
            assert!(
                direct == ask(stage.url("masked", &path)),
                "{version} {name} differs"
            );
            assert!(
                direct == ask(stage.url("bare", &path)),
                "{version} {name} differs"
            );
        }
        // Where there is no policy, nothing at all is touched.
        for (name, more) in [
            ("patients.json", &[][..]),
            ("gzip/patients.json", &["-H", "Accept-Encoding: gzip"]),
            ("patients.json", &["-r", "10-99"]),
            ("patients.json", &["-I"]),
            ("missing", &[]),
            ("plain.json", &["-X", "DELETE"]),
        ] {
            let ask = |address: String| {
                let output = curl(&[&[version, "-i", &address], more].concat());
                // The time, and what concerns a connection only.
                let dated = |line: &&[u8]| {
                    let line = line.to_ascii_lowercase();
                    !line.starts_with(b"date:") && !line.starts_with(b"connection:")
                };
                let lines: Vec<Vec<u8>> = output
                    .stdout
                    .split(|byte| *byte == b'\n')
                    .filter(dated)
                    .map(<[u8]>::to_vec)
                    .collect();
                lines
            };
            let path = format!("/{name}");
            let (direct, bare) = (ask(url(port, &path)), ask(stage.url("bare", &path)));
            assert!(
                direct == bare,
                "{version} {name} {more:?}:\n{}\n{}",
                text(&direct.join(&b'\n')[..400.min(direct.join(&b'\n').len())]),
                text(&bare.join(&b'\n')[..400.min(bare.join(&b'\n').len())])
            );
        }
    }
}

#[test]
fn planted_values_do_not_arrive() {
    let nginx = Nginx::start();
    for (version, port) in versions(&nginx) {
        let stage = Stage::start(vec![Service::new("masked", port)]);
        for name in [
            "patients.json",
            "patients.ndjson",
            "patients.csv",
            "large.json",
            "notes.txt",
        ] {
            let plain = text(&nginx.file(name))
                .replace("SSN 219-09-9999", "SSN [redacted]")
                .replace("123-45-6789", "*****6789")
                .replace("ada@example.org", "[redacted]");
            for more in [&["-H", "Accept-Encoding: identity"][..], &["--compressed"]] {
                let address = stage.url("masked", &format!("/gzip/{name}"));
                let shown = curl(&[&[version, &address], more].concat()).stdout;
                assert_clean(name, &shown);
                assert!(text(&shown) == plain, "{version} {name} {more:?} differs");
            }
        }
        let coded = curl(&[
            version,
            "-i",
            "--raw",
            "-H",
            "Accept-Encoding: gzip",
            &stage.url("masked", "/gzip/patients.json"),
        ]);
        assert!(
            text(&coded.stdout)
                .to_ascii_lowercase()
                .contains("content-encoding: gzip"),
            "it stays coded"
        );
    }
}

/// Ways on which curl keeps a connection, which it does not with HTTP/2 in clear: a stage, options, and where files are.
fn kept(nginx: &Nginx) -> [(Stage, Vec<String>, String); 2] {
    let one = Stage::start(vec![Service::new("masked", nginx.one)]);
    let address = one.url("masked", "");
    let two = secured(nginx);
    let options = vec![
        "--http2".to_owned(),
        "--cacert".to_owned(),
        two.authority().display().to_string(),
    ];
    let secured = format!("https://localhost:{}", two.port("masked"));
    [
        (one, vec!["--http1.1".to_owned()], address),
        (two, options, secured),
    ]
}

#[test]
fn one_connection_serves_several_requests() {
    let nginx = Nginx::start();
    for (mut stage, options, address) in kept(&nginx) {
        let mut arguments = options.clone();
        arguments.extend(["-w".to_owned(), "%{num_connects} %{http_code}\n".to_owned()]);
        for name in [
            "patients.json",
            "large.json",
            "patients.csv",
            "missing",
            "empty.txt",
            "notes.txt",
        ] {
            arguments.extend([
                format!("{address}/{name}"),
                "-o".to_owned(),
                "/dev/null".to_owned(),
            ]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let shown = text(&curl(&arguments).stdout);
        assert_eq!(shown, "1 200\n0 200\n0 200\n0 404\n0 200\n0 200\n", "{options:?}");
        let audit = stage.daemon.audit.clone();
        eventually("a session", || audit_rows(&audit, "sessions").len() == 1);
        let sessions = stage.sessions();
        assert_eq!(sessions[0]["end_reason"], "client", "{sessions:#?}");
        assert_eq!(sessions[0]["statements"], 6, "{sessions:#?}");
    }
}

#[test]
fn a_refusal_leaves_the_connection() {
    let nginx = Nginx::start();
    for (_stage, options, address) in kept(&nginx) {
        let told = ["-sS", "-w", " %{num_connects} %{http_code}\n"].map(str::to_owned);
        let address = format!("{address}/notes.txt");
        let refused = ["-X", "DELETE", &address, "--next"].map(str::to_owned);
        let mut arguments = [&options[..], &told, &refused, &options, &told].concat();
        arguments.push(address);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let shown = text(&curl(&arguments).stdout);
        assert!(
            shown.contains("deleting is not allowed (rule no-deletes)") && shown.contains(" 1 403\n"),
            "{shown}"
        );
        assert!(shown.ends_with(" 0 200\n"), "{options:?}: {shown}");
        assert!(!nginx.log().contains("DELETE"), "{}", nginx.log());
    }
}

#[test]
fn head_and_range() {
    let nginx = Nginx::start();
    for (version, port) in versions(&nginx) {
        let stage = Stage::start(vec![Service::new("masked", port)]);
        let head = text(&curl(&[version, "-I", &stage.url("masked", "/patients.json")]).stdout);
        assert!(head.contains(" 200"), "{head}");
        // A part of a thing can't be searched: what is left of a value at its edge would be seen.
        let part = curl(&[
            version,
            "-r",
            "100-140",
            "-w",
            " %{http_code}",
            &stage.url("masked", "/patients.json"),
        ]);
        let part = text(&part.stdout);
        assert!(
            part.ends_with(" 403") && part.contains("interdict:"),
            "{version}: {part}"
        );
        let log = nginx.log();
        assert!(log.contains("HEAD /patients.json"), "{log}");
    }
}

#[test]
fn a_large_upload_waits_to_be_told_to_go_on() {
    let origin = Origin::start(|request, stream| {
        let answer = request.body.len().to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all(format!("{head}{answer}").as_bytes()).is_ok()
    });
    let stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let body = stage.write("body", &b"0123456789abcdef".repeat(400_000));
    let body = body.display().to_string();
    let address = stage.url("masked", "/up");
    for more in [&[][..], &["-H", "Transfer-Encoding: chunked"]] {
        let output = curl(&[&["-v", "-T", &body, "-H", "Expect: 100-continue", &address], more].concat());
        assert_eq!(text(&output.stdout), "6400000", "{more:?}");
        let told = text(&output.stderr);
        assert!(told.contains("< HTTP/1.1 100 Continue"), "{told}");
        let requests = origin.take();
        assert_eq!(requests.len(), 1);
        assert!(
            requests[0]
                .body
                .chunks(16)
                .all(|piece| piece == b"0123456789abcdef")
        );
    }
    // Refused before the body is asked for.
    let output = curl(&[
        "-v",
        "-X",
        "DELETE",
        "-T",
        &body,
        "-H",
        "Expect: 100-continue",
        "-w",
        " %{http_code}",
        &address,
    ]);
    assert!(text(&output.stdout).ends_with(" 403"), "{}", text(&output.stdout));
    assert!(
        !text(&output.stderr).contains("< HTTP/1.1 100"),
        "{}",
        text(&output.stderr)
    );
    assert!(origin.take().is_empty());
}

#[test]
fn uploads_arrive_as_they_are() {
    let origin = Origin::fixed(b"HTTP/1.1 204 No Content\r\n\r\n");
    let stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let address = stage.url("masked", "/people?a=1&a=2&b=%20x");
    let json = r#"{"ssn": "123-45-6789"}"#;
    curl(&["--json", json, &address]);
    curl(&["-d", "ssn=123-45-6789", &address]);
    curl(&["-F", "ssn=123-45-6789", "-F", "b=two words", &address]);
    curl(&["-X", "PATCH", "-d", "", &address]);
    let requests = origin.take();
    let bodies: Vec<String> = requests.iter().map(|request| text(&request.body)).collect();
    assert_eq!(
        (&bodies[0][..], &bodies[1][..], &bodies[3][..]),
        (json, "ssn=123-45-6789", "")
    );
    assert!(
        bodies[2].contains("two words") && bodies[2].ends_with("--\r\n"),
        "{}",
        bodies[2]
    );
    for request in &requests {
        assert_eq!(request.target(), "/people?a=1&a=2&b=%20x");
    }
}
