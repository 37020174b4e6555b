//! Shipped segments as Iceberg tables, by `deploy/iceberg/register.py`: what PyIceberg reads of the tables is compared with what
//! `DuckDB` reads of the bucket's files. What is asserted is in `iceberg.py`.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use interdict_audit::{Audit, Config, Observer};
use interdict_fleet::ship::Shipper;
use interdict_fleet::{Feed, Notes};
use interdict_record::{Frame, Record};
use uuid::Uuid;

use crate::receiver::free_port;
use crate::ship::Server;
use crate::support::python;
use crate::support::{NOON, append, everything, runtime, session_started, statement};

const DAY: i64 = 86_400_000_000;

/// Two hosts' records of two days in the bucket `fleet`, in three segments of statements each.
fn shipped(server: &Server, python: &Path) {
    server.bucket(python, false);
    let place = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        for host in ["host-1", "host-2"] {
            let root = place.path().join(host);
            let feed = Arc::<Feed>::default();
            let mut config = Config::new(&root, host, "boot-1");
            config.observers.add(Arc::clone(&feed) as Arc<dyn Observer>);
            let audit = Audit::open(config).unwrap();
            append(&audit, everything()).await;
            audit.rotate().await.unwrap();
            let session = Uuid::now_v7();
            append(&audit, vec![session_started(session)]).await;
            let frame = Frame {
                session_id: session,
                at: NOON,
                payload: vec![0, 255, 10],
                ..Frame::default()
            };
            append(&audit, vec![Record::Frame(Box::new(frame))]).await;
            for day in [0, DAY] {
                append(
                    &audit,
                    statement(session, |started, ended| {
                        started.requested_at = NOON + day;
                        ended.ended_at = NOON + day + 5_000;
                        ended.subjects = vec!["mrn:sub_1".into()];
                    }),
                )
                .await;
            }
            audit.close().await.unwrap();
            let (notes, _noted) = Notes::channel();
            let mut shipper = Shipper::new(&server.settings(), &root, host, feed, notes).unwrap();
            assert!(shipper.once().await.unwrap() > 0);
        }
    });
}

/// Runs `iceberg.py` with these settings of the catalogue.
fn registered(server: &Server, python: &Path, kind: &str, catalogue: &[(&str, String)]) {
    shipped(server, python);
    let place = tempfile::tempdir().unwrap();
    let here = |name: &str| format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python);
    command
        .arg(here("tests/it/iceberg.py"))
        .arg(here("../../deploy/iceberg/register.py"))
        .arg(server.endpoint())
        .arg(place.path())
        .arg(kind)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // Nothing of whoever runs the tests.
        .env("PYICEBERG_HOME", place.path())
        .env("HOME", place.path());
    let s3 = [
        ("S3__ENDPOINT", server.endpoint()),
        ("S3__ACCESS_KEY_ID", "key".to_owned()),
        ("S3__SECRET_ACCESS_KEY", "secret".to_owned()),
        ("S3__REGION", "us-east-1".to_owned()),
    ];
    for (key, value) in catalogue.iter().chain(&s3) {
        let value = value.replace("PLACE", &place.path().display().to_string());
        command.env(format!("PYICEBERG_CATALOG__DEFAULT__{key}"), value);
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_bucket_is_registered_in_a_catalogue_of_sql() {
    let Some(python) = python() else { return };
    let server = Server::moto(&python);
    let catalogue = [
        ("TYPE", "sql".to_owned()),
        ("URI", "sqlite:///PLACE/catalogue.db".to_owned()),
        ("WAREHOUSE", "s3://lake/warehouse".to_owned()),
    ];
    registered(&server, &python, "sql", &catalogue);
}

#[test]
fn the_bucket_is_registered_in_a_catalogue_of_rest() {
    let Some(python) = python() else { return };
    let port = free_port();
    let server = Server::weed_with(&python, port);
    let catalogue = [
        ("TYPE", "rest".to_owned()),
        ("URI", format!("http://127.0.0.1:{port}")),
        ("WAREHOUSE", "s3://lake".to_owned()),
        ("REST__SIGV4_ENABLED", "true".to_owned()),
        ("REST__SIGNING_NAME", "s3tables".to_owned()),
        ("REST__SIGNING_REGION", "us-east-1".to_owned()),
        ("CLIENT__ACCESS_KEY_ID", "key".to_owned()),
        ("CLIENT__SECRET_ACCESS_KEY", "secret".to_owned()),
    ];
    registered(&server, &python, "rest", &catalogue);
}

#[test]
fn the_bucket_is_registered_in_a_catalogue_of_glue() {
    let Some(python) = python() else { return };
    let server = Server::moto(&python);
    let catalogue = [
        ("TYPE", "glue".to_owned()),
        ("WAREHOUSE", "s3://lake/warehouse".to_owned()),
        ("GLUE__ENDPOINT", server.endpoint()),
        ("GLUE__REGION", "us-east-1".to_owned()),
        ("GLUE__ACCESS_KEY_ID", "key".to_owned()),
        ("GLUE__SECRET_ACCESS_KEY", "secret".to_owned()),
    ];
    registered(&server, &python, "glue", &catalogue);
}
