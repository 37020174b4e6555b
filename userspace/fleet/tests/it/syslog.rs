//! Syslog to a real rsyslog, over everything that it takes.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use interdict_fleet::stream::SinkSettings;
use serde_json::Value;

use crate::stage::{Stage, some_statements, until_all};
use crate::support::{append, everything, runtime, skipped};

/// A real rsyslog that takes TCP and writes what it got.
struct Rsyslog {
    child: Child,
}

impl Rsyslog {
    fn start(directory: &Path, port: u16) -> Option<Self> {
        let conf = directory.join("rsyslog.conf");
        let text = format!(
            "global(workDirectory=\"{0}\" maxMessageSize=\"1m\")\nmodule(load=\"imtcp\")\n\
             template(name=\"raw\" type=\"string\" string=\"%pri% %hostname% %app-name% %msgid% %structured-data% %msg%\\n\")\n\
             ruleset(name=\"in\") {{ action(type=\"omfile\" file=\"{0}/out\" template=\"raw\") }}\n\
             input(type=\"imtcp\" port=\"{port}\" address=\"127.0.0.1\" ruleset=\"in\")\n",
            directory.display()
        );
        std::fs::write(&conf, text).unwrap();
        let child = Command::new("rsyslogd")
            .args(["-n", "-i", "NONE", "-f"])
            .arg(&conf)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.ok()?;
        let patience = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "rsyslog does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { child })
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        // Its own way of stopping, so that what it has read is written.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn syslog_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let event = |line: &str| {
        let start = line.find("] {").expect("structured data, then the event") + 2;
        let head: Vec<&str> = line.split(' ').collect();
        assert!(matches!(head[0], "108" | "110"), "{line}");
        assert_eq!(
            (head[1], head[2], head[4]),
            ("host-1", "interdict", "[origin"),
            "{line}"
        );
        serde_json::from_str(&line[start..]).unwrap()
    };
    text.lines().map(event).collect()
}

#[test]
fn rsyslog_gets_what_it_missed() {
    let place = tempfile::tempdir().unwrap();
    let port = crate::receiver::free_port();
    let Some(server) = Rsyslog::start(place.path(), port) else {
        skipped("rsyslogd is not there; syslog was NOT tested");
        return;
    };
    runtime().block_on(async {
        let out = place.path().join("out");
        let mut stage = Stage::new();
        let address = format!("tcp://127.0.0.1:{port}").parse().unwrap();
        stage.stream(SinkSettings::Syslog { address, ca: None });
        append(stage.audit(), everything()).await;
        assert_eq!(until_all(&stage, || syslog_lines(&out)).await, 0);
        drop(server);
        some_statements(stage.audit(), 600).await;
        let note = stage.notes.as_mut().unwrap().recv().await.unwrap();
        assert_eq!(note.kind, "stream_behind");
        let _server = Rsyslog::start(place.path(), port).unwrap();
        until_all(&stage, || syslog_lines(&out)).await;
        let note = stage.notes.as_mut().unwrap().recv().await.unwrap();
        assert_eq!(note.kind, "stream_recovered");
    });
}
