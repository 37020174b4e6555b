//! Streams to real receivers, and to strict ones of our own where the real ones are not to be had.

use std::path::Path;
use std::process::Command;

use interdict_fleet::stream::{HttpFormat, SinkSettings, Token};
use serde_json::Value;
use uuid::Uuid;

use crate::receiver::Receiver;
use crate::stage::{Stage, some_statements, until_all};
use crate::support::{append, everything, python, runtime, session_started, statement};

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_file_gets_every_row_over_restarts_seals_and_rotation() {
    runtime().block_on(async {
        let mut stage = Stage::new();
        let file = stage.directory.path().join("events.ndjson");
        // From before there was a stream, sealed and not.
        append(stage.audit(), everything()).await;
        stage.audit().rotate().await.unwrap();
        some_statements(stage.audit(), 20).await;
        let sink = SinkSettings::File { path: file.clone() };
        stage.stream(sink.clone());
        assert_eq!(until_all(&stage, || lines(&file)).await, 0);
        some_statements(stage.audit(), 700).await;
        assert_eq!(until_all(&stage, || lines(&file)).await, 0);
        // Moved away as logrotate does; and a daemon that is killed and comes back.
        let old = file.with_extension("1");
        std::fs::rename(&file, &old).unwrap();
        some_statements(stage.audit(), 5).await;
        let both = || [lines(&old), lines(&file)].concat();
        assert_eq!(until_all(&stage, both).await, 0);
        assert!(!lines(&file).is_empty());
        stage.stop().await;
        stage.open();
        some_statements(stage.audit(), 5).await;
        stage.audit().rotate().await.unwrap();
        stage.stream(sink);
        assert_eq!(
            until_all(&stage, both).await,
            0,
            "the stream went on from its place"
        );
    });
}

#[test]
fn a_place_beyond_the_record_is_told_and_left() {
    runtime().block_on(async {
        let mut stage = Stage::new();
        let file = stage.directory.path().join("events.ndjson");
        let streams = stage.directory.path().join("streams");
        std::fs::create_dir(&streams).unwrap();
        // What a power cut under `batch` leaves: more was sent than is on record.
        std::fs::write(streams.join("test.json"), r#"{"statements":900}"#).unwrap();
        stage.stream(SinkSettings::File { path: file.clone() });
        let note = stage.notes.as_mut().unwrap().recv().await.unwrap();
        assert_eq!(
            (note.kind, note.detail["table"].as_str()),
            ("stream_reset", "statements")
        );
        some_statements(stage.audit(), 3).await;
        until_all(&stage, || lines(&file)).await;
    });
}

#[test]
fn who_falls_behind_what_is_in_memory_gets_it_from_segments() {
    runtime().block_on(async {
        let mut stage = Stage::new();
        let file = stage.directory.path().join("away").join("events.ndjson");
        stage.stream(SinkSettings::File { path: file.clone() });
        // The directory is missing: nothing can be delivered. More than memory holds comes meanwhile.
        let session = Uuid::now_v7();
        append(stage.audit(), vec![session_started(session)]).await;
        for _ in 0..40 {
            let large = |started: &mut interdict_record::StatementStarted,
                         _: &mut interdict_record::StatementEnded| {
                started.statement = "x".repeat(600_000);
            };
            append(stage.audit(), statement(session, large)).await;
        }
        let note = stage.notes.as_mut().unwrap().recv().await.unwrap();
        assert_eq!(note.kind, "stream_behind");
        std::fs::create_dir(file.parent().unwrap()).unwrap();
        stage.audit().rotate().await.unwrap();
        until_all(&stage, || lines(&file)).await;
        let note = stage.notes.as_mut().unwrap().recv().await.unwrap();
        assert_eq!(note.kind, "stream_recovered");
    });
}

#[test]
fn splunk_gets_every_row_and_its_token() {
    runtime().block_on(async {
        // As Splunk documents its collector: the token, then objects one after the other, each with an event.
        let receiver = Receiver::start(|request| {
            if request.head("authorization") != "Splunk s3cr3t" {
                return (401, r#"{"text":"Invalid token","code":4}"#.into());
            }
            assert_eq!(request.target, "/services/collector/event");
            (200, r#"{"text":"Success","code":0}"#.into())
        });
        let mut stage = Stage::new();
        stage.stream(SinkSettings::Http {
            url: receiver.url("/services/collector/event"),
            format: HttpFormat::SplunkHec,
            token: Some(Token::new(|| Ok("s3cr3t".into()))),
            ca: None,
        });
        append(stage.audit(), everything()).await;
        let events = || {
            let bodies = receiver.accepted();
            let objects = bodies
                .iter()
                .flat_map(|body| serde_json::Deserializer::from_slice(body).into_iter::<Value>());
            let event = |object: Value| {
                let time = object["time"].as_f64().unwrap();
                assert!((time - 1_772_366_400.0).abs() < 40_000_000.0, "{time}");
                assert_eq!(object["host"], "host-1");
                object["event"].clone()
            };
            objects.map(|object| event(object.unwrap())).collect()
        };
        assert_eq!(until_all(&stage, events).await, 0);
    });
}

#[test]
fn elastic_keeps_each_event_once_and_one_it_does_not_want_stops_nothing() {
    runtime().block_on(async {
        let first = std::sync::atomic::AtomicBool::new(true);
        let receiver = Receiver::start(move |request| {
            assert_eq!(request.target, "/interdict/_bulk");
            assert_eq!(request.head("content-type"), "application/x-ndjson");
            if first.swap(false, std::sync::atomic::Ordering::Relaxed) {
                return (429, "busy".into());
            }
            let lines: Vec<Value> = request
                .body
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| serde_json::from_slice(line).unwrap())
                .collect();
            let items: Vec<Value> = lines
                .chunks(2)
                .map(|pair| {
                    assert_eq!(pair[0]["create"]["_id"], pair[1]["metadata"]["uid"]);
                    assert!(pair[1]["@timestamp"].is_string());
                    let bad = pair[1]["unmapped"]["kind"] == "drop";
                    let status = if bad { 400 } else { 201 };
                    serde_json::json!({ "create": { "status": status, "error": { "type": "mapper_parsing_exception" } } })
                })
                .collect();
            let errors = items.iter().any(|item| item["create"]["status"] == 400);
            (200, serde_json::json!({ "errors": errors, "items": items }).to_string())
        });
        let mut stage = Stage::new();
        stage.stream(SinkSettings::Http {
            url: receiver.url("/interdict/_bulk"),
            format: HttpFormat::Elastic,
            token: None,
            ca: None,
        });
        append(stage.audit(), everything()).await;
        let note = stage.notes.as_mut().unwrap().recv().await.unwrap();
        assert_eq!((note.kind, note.detail["table"].as_str()), ("stream_refused", "statements"));
        let events = || -> Vec<Value> {
            let bodies = receiver.accepted();
            let lines = bodies.iter().flat_map(|body| body.split(|byte| *byte == b'\n'));
            let lines = lines.filter(|line| !line.is_empty()).map(|line| serde_json::from_slice::<Value>(line).unwrap());
            lines.filter(|line| line.get("metadata").is_some()).collect()
        };
        // It answers 200 for the batch with the bad one as well: by identifier everything is there.
        until_all(&stage, events).await;
    });
}

const DECODE: &str = "
import sys
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
for record in json_format.Parse(sys.stdin.read(), ExportLogsServiceRequest()).resource_logs[0].scope_logs[0].log_records:
    assert record.time_unix_nano > 1772000000 * 10**9 and record.severity_number in (9, 13), record
    print(record.body.string_value)
";

#[test]
fn opentelemetry_takes_every_row_by_its_own_definitions() {
    let Some(python) = python() else { return };
    runtime().block_on(async {
        let receiver = Receiver::start(|request| {
            assert_eq!(
                (request.target.as_str(), request.head("content-type")),
                ("/v1/logs", "application/json")
            );
            (200, r#"{"partialSuccess":{}}"#.into())
        });
        let mut stage = Stage::new();
        stage.stream(SinkSettings::Otlp {
            endpoint: receiver.url(""),
            token: None,
            ca: None,
        });
        append(stage.audit(), everything()).await;
        let events = || {
            let bodies = receiver.accepted();
            let decode = |body: &Vec<u8>| -> Vec<Value> {
                let file = tempfile::NamedTempFile::new().unwrap();
                std::fs::write(file.path(), body).unwrap();
                let output = Command::new(&python)
                    .args(["-c", DECODE])
                    .stdin(std::fs::File::open(file.path()).unwrap())
                    .output()
                    .unwrap();
                assert!(
                    output.status.success(),
                    "{}",
                    String::from_utf8_lossy(&output.stderr)
                );
                let text = String::from_utf8(output.stdout).unwrap();
                text.lines()
                    .map(|line| serde_json::from_str(line).unwrap())
                    .collect()
            };
            bodies.iter().flat_map(decode).collect()
        };
        assert_eq!(until_all(&stage, events).await, 0);
    });
}
