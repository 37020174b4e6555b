//! boto3 with S3 and DynamoDB, which moto plays.

use crate::clients::{REQUIREMENTS, Shown, compare};
use crate::running::Running;
use crate::stage::{Service, Stage, assert_clean, bytes_below};
use crate::support::free_port;
use crate::tools::Python;

/// The service behind the daemon, and what the program shows on either way.
fn both(python: &Python, service: &'static str, profile: &str, program: &str) -> (Stage, Shown, Shown) {
    let port = free_port();
    let mut moto = python.bare();
    moto.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
    let moto = Running::start(&mut moto, port);
    let stage = Stage::start(vec![
        Service::new(service, moto.port).line(&format!("profile: {profile}")),
    ]);
    let run = |port: u16| python.run(program, port, &[&moto.port.to_string()]);
    let direct = run(moto.port);
    let proxied = run(stage.port(service));
    (stage, direct, proxied)
}

#[test]
fn s3() {
    let Some(python) = Python::of(REQUIREMENTS) else {
        return;
    };
    let (mut stage, direct, proxied) = both(&python, "s3", "aws-s3", "http_s3");
    compare_s3(direct, proxied);
    let rows = stage.statements();
    let find = |kind: &str| {
        rows.iter()
            .find(|row| row["kind"] == kind)
            .unwrap_or_else(|| panic!("no {kind}: {rows:#?}"))
    };
    let read = find("get_object");
    assert_eq!(read["decision"], "mask", "{read}");
    assert_eq!(read["effects"].to_string(), "[\"read\"]", "{read}");
    assert_eq!(read["relations"][0]["name"], "clinic", "{read}");
    let removed = find("delete_object");
    assert_eq!(
        (&removed["decision"], &removed["rule"], &removed["status"]),
        (&"deny".into(), &"no-deletes".into(), &"refused".into()),
        "{removed}"
    );
    assert_eq!(find("delete_objects")["decision"], "deny");
    assert_clean("the record", format!("{rows:?}").as_bytes());
    let record = bytes_below(&stage.daemon.audit);
    assert_clean("the record's files", &record);
    for credential in [&b"AWS4-HMAC-SHA256"[..], b"Signature="] {
        assert!(
            !record
                .windows(credential.len())
                .any(|window| window == credential),
            "{} is in the record's files",
            String::from_utf8_lossy(credential)
        );
    }
}

/// What a deletion would have done shows afterwards: directly it has been done.
fn compare_s3(mut direct: Shown, mut proxied: Shown) {
    assert_eq!(direct.pop().unwrap().1, false);
    assert_eq!(proxied.pop().unwrap().1, true);
    compare(&direct, &proxied, &[], "AccessDenied");
    let (_, wrong) = proxied.iter().find(|(step, _)| step == "wrongly_signed").unwrap();
    assert_eq!(wrong, "SignatureDoesNotMatch", "signatures are looked at");
}

#[test]
fn dynamodb() {
    let Some(python) = Python::of(REQUIREMENTS) else {
        return;
    };
    let (mut stage, direct, proxied) = both(&python, "dynamo", "aws-dynamodb", "http_dynamodb");
    let masks = [
        ("\"MRN0000001\"", "\"[redacted]\""),
        ("{\"decimal\":\"61.5\"}", "{\"decimal\":\"0\"}"),
    ];
    compare(&direct, &proxied, &masks, "interdict");
    let rows = stage.statements();
    for (kind, decision) in [
        ("get_item", "mask"),
        ("query", "mask"),
        ("scan", "mask"),
        ("put_item", "allow"),
        ("batch_write_item", "allow"),
        ("delete_item", "deny"),
    ] {
        let found = rows
            .iter()
            .find(|row| row["kind"] == kind)
            .unwrap_or_else(|| panic!("no {kind}: {rows:#?}"));
        assert_eq!(found["relations"][0]["name"], "patients", "{found}");
        assert!(
            found["decision"] == decision || decision == "allow" && found["decision"] != "deny",
            "{found}"
        );
    }
    let read = rows.iter().find(|row| row["kind"] == "get_item").unwrap();
    assert!(read["masked_cells"].as_u64() >= Some(2), "{read}");
    assert_clean("the record", format!("{rows:?}").as_bytes());
    let record = bytes_below(&stage.daemon.audit);
    assert_clean("the record's files", &record);
}
