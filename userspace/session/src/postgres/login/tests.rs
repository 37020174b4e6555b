use interdict_wire::postgres::backend::{Response, Severity};

use super::*;
use crate::postgres::{StartAs, Startup};

fn secret(text: &str) -> Secret {
    Secret::new(Zeroizing::new(text.as_bytes().to_vec()))
}

fn login(password: Option<&str>, tls: bool) -> Login {
    let channel = Channel { tls, end_point: None };
    Login::new("svc".into(), password.map(secret), channel)
}

fn message(message: &Message<'_>) -> BytesMut {
    let mut out = BytesMut::new();
    message.write(&mut out).unwrap();
    out
}

fn asked(step: Authentication<'_>) -> BytesMut {
    message(&Message::Authentication(step))
}

fn take(login: &mut Login, mut input: BytesMut) -> (Result<bool, LoginError>, BytesMut) {
    let mut out = BytesMut::new();
    (login.take(&mut input, &mut out), out)
}

#[test]
fn a_password_in_clear_needs_tls() {
    let clear = || asked(Authentication::CleartextPassword);
    let (outcome, out) = take(&mut login(Some("s3cret"), false), clear());
    let error = outcome.unwrap_err().to_string();
    assert!(
        error.contains("no TLS") && !error.contains("s3cret") && out.is_empty(),
        "{error}"
    );

    let (outcome, out) = take(&mut login(Some("s3cret"), true), clear());
    assert!(!outcome.unwrap());
    assert_eq!(&out[..], b"p\0\0\0\x0bs3cret\0");

    let (outcome, _) = take(&mut login(None, true), clear());
    assert!(outcome.unwrap_err().to_string().contains("settings have none"));
}

#[test]
fn a_server_without_the_password_is_not_taken_for_the_service() {
    let mut login = login(Some("s3cret"), false);
    let mut offer = BytesMut::new();
    backend::write_sasl_mechanisms(&mut offer, [&b"SCRAM-SHA-256"[..]]).unwrap();
    let (outcome, out) = take(&mut login, offer);
    assert!(!outcome.unwrap());
    assert!(out.starts_with(b"p"));
    let (outcome, _) = take(&mut login, asked(Authentication::Ok));
    assert!(outcome.unwrap_err().to_string().contains("did not prove"));
}

#[test]
fn what_a_server_says_is_for_the_client_only_where_it_names_nobody() {
    for (code, text, credentials) in [
        ("28P01", "password authentication failed for user \"svc\"", true),
        ("57P03", "the database system is starting up", false),
    ] {
        let mut bytes = BytesMut::new();
        Response::new(Severity::Fatal, code, text)
            .write(&mut bytes)
            .unwrap();
        let (outcome, _) = take(&mut login(Some("s3cret"), false), bytes.clone());
        let error = outcome.unwrap_err();
        assert_eq!(error.is_about_credentials(), credentials);
        let LoginError::Refused {
            text: told, message, ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!(told, text);
        assert_eq!(message, (!credentials).then(|| bytes.freeze()));
    }
    // A server that repeats what it was given, which goes into the log.
    let mut bytes = BytesMut::new();
    Response::new(Severity::Fatal, "28P01", "bad password s3cret")
        .write(&mut bytes)
        .unwrap();
    let (outcome, _) = take(&mut login(Some("s3cret"), false), bytes);
    assert_eq!(
        outcome.unwrap_err().to_string(),
        "the service refused: bad password … (28P01)"
    );
}

#[test]
fn what_follows_the_login_is_left() {
    let mut input = asked(Authentication::Ok);
    let status = message(&Message::ParameterStatus {
        name: b"TimeZone",
        value: b"UTC",
    });
    input.extend_from_slice(&status);
    let mut out = BytesMut::new();
    assert!(login(None, false).take(&mut input, &mut out).unwrap());
    assert_eq!(input, status);
    // Half a message waits.
    let mut half = asked(Authentication::Ok).split_to(6);
    assert!(!login(None, false).take(&mut half, &mut out).unwrap());
    assert_eq!(half.len(), 6);
    // And what comes of the session before the login is made is not the protocol.
    assert!(take(&mut login(None, false), status).0.is_err());
}

fn start(parameters: &[(&str, &str)]) -> Startup {
    let mut message = BytesMut::new();
    interdict_wire::postgres::opening::Startup {
        major: 3,
        minor: 2,
        parameters: parameters.to_vec(),
    }
    .write(&mut message)
    .unwrap();
    match crate::postgres::open(&mut message) {
        crate::postgres::Opening::Startup(startup) => startup,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_start_up_keeps_all_but_its_user() {
    let given = start(&[
        ("user", "nobody"),
        ("database", "clinic"),
        ("user", "postgres"),
        ("application_name", "agent"),
        ("replication", "database"),
    ]);
    let StartAs::Startup(made) = given.of_user("svc") else {
        panic!("{given:?}")
    };
    let expected = start(&[
        ("user", "svc"),
        ("database", "clinic"),
        ("application_name", "agent"),
        ("replication", "database"),
    ]);
    assert_eq!(made, expected);
    let StartAs::Startup(made) = start(&[("user", "nobody")]).of_user("svc") else {
        panic!()
    };
    assert_eq!((made.user.as_str(), made.database.as_str()), ("svc", "svc"));
    assert_eq!(start(&[("user", "u")]).of_user("a\0b"), StartAs::Unwritable);
}

#[test]
fn a_start_up_names_no_other_role() {
    for (name, value) in [
        ("role", "admin"),
        ("Session_Authorization", "admin"),
        ("options", "-c role=admin"),
        ("options", "-crole=admin"),
        ("options", "-c geqo=off --session-authorization=admin"),
        ("options", "-c ro\\le=admin"),
    ] {
        let made = start(&[("user", "u"), (name, value)]).of_user("svc");
        assert!(matches!(made, StartAs::Role(_)), "{name}={value}: {made:?}");
    }
    for (name, value) in [
        ("options", "-c search_path=role"),
        ("options", "-c application_name=roles"),
        ("application_name", "role"),
    ] {
        let made = start(&[("user", "u"), (name, value)]).of_user("svc");
        assert!(matches!(made, StartAs::Startup(_)), "{name}={value}: {made:?}");
    }
}
