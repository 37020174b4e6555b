//! Syslog to a real rsyslog, over everything that it takes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use interdict_fleet::stream::{SinkSettings, SyslogAddress};
use serde_json::Value;
use uuid::Uuid;

use crate::stage::{Stage, some_statements, until_all};
use crate::support::{append, everything, runtime, session_started, skipped, statement};

/// How a receiver is spoken to.
#[derive(Clone, Copy)]
enum Way {
    Tcp,
    Tls,
    Udp,
}

/// A real rsyslog that writes what it got.
struct Rsyslog {
    child: Child,
}

impl Rsyslog {
    /// For TLS `own.pem` and `own.key` have to be there.
    fn start(directory: &Path, way: Way, port: u16) -> Option<Self> {
        let conf = directory.join("rsyslog.conf");
        let place = directory.display();
        let (settings, module, input) = match way {
            Way::Tcp => (String::new(), "load=\"imtcp\"", "imtcp"),
            Way::Udp => (String::new(), "load=\"imudp\"", "imudp"),
            Way::Tls => (
                format!(
                    " defaultNetstreamDriver=\"ossl\" defaultNetstreamDriverCAFile=\"{place}/own.pem\" \
                     defaultNetstreamDriverCertFile=\"{place}/own.pem\" defaultNetstreamDriverKeyFile=\"{place}/own.key\""
                ),
                "load=\"imtcp\" StreamDriver.Name=\"ossl\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"anon\"",
                "imtcp",
            ),
        };
        let text = format!(
            "global(workDirectory=\"{place}\" maxMessageSize=\"1m\"{settings})\nmodule({module})\n\
             template(name=\"raw\" type=\"string\" string=\"%pri% %hostname% %app-name% %msgid% %structured-data% %msg%\\n\")\n\
             ruleset(name=\"in\") {{ action(type=\"omfile\" file=\"{place}/out\" template=\"raw\") }}\n\
             input(type=\"{input}\" port=\"{port}\" address=\"127.0.0.1\" ruleset=\"in\")\n"
        );
        std::fs::write(&conf, text).unwrap();
        let child = Command::new("rsyslogd")
            .args(["-n", "-i", "NONE", "-f"])
            .arg(&conf)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.ok()?;
        let listens = || match way {
            Way::Tcp | Way::Tls => std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(),
            Way::Udp => {
                let sockets = std::fs::read_to_string("/proc/net/udp").unwrap();
                sockets.contains(&format!(" 0100007F:{port:04X} "))
            }
        };
        let patience = Instant::now() + Duration::from_secs(10);
        while !listens() {
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

/// Everything arrives, and after an outage of the server what came meanwhile; the server that is there in the end.
async fn catches_up(stage: &mut Stage, place: &Path, way: Way, port: u16, server: Rsyslog) -> Rsyslog {
    let out = place.join("out");
    append(stage.audit(), everything()).await;
    assert_eq!(until_all(stage, || syslog_lines(&out)).await, 0);
    drop(server);
    some_statements(stage.audit(), 600).await;
    let note = stage.notes.as_mut().unwrap().recv().await.unwrap();
    assert_eq!(note.kind, "stream_behind");
    let server = Rsyslog::start(place, way, port).unwrap();
    until_all(stage, || syslog_lines(&out)).await;
    server
}

#[test]
fn rsyslog_gets_what_it_missed() {
    let place = tempfile::tempdir().unwrap();
    let port = crate::receiver::free_port();
    let Some(server) = Rsyslog::start(place.path(), Way::Tcp, port) else {
        skipped("rsyslogd is not there; syslog was NOT tested");
        return;
    };
    runtime().block_on(async {
        let mut stage = Stage::new();
        let address = format!("tcp://127.0.0.1:{port}").parse().unwrap();
        stage.stream(SinkSettings::Syslog { address, ca: None });
        let _server = catches_up(&mut stage, place.path(), Way::Tcp, port, server).await;
        let note = stage.notes.as_mut().unwrap().recv().await.unwrap();
        assert_eq!(note.kind, "stream_recovered");
    });
}

/// Whether rsyslog can speak TLS here.
fn speaks_tls() -> bool {
    let driver = format!(
        "/usr/lib/{}-linux-gnu/rsyslog/lmnsd_ossl.so",
        std::env::consts::ARCH
    );
    Path::new(&driver).is_file()
}

fn certificate(place: &Path, name: &str) -> PathBuf {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let path = place.join(format!("{name}.pem"));
    std::fs::write(&path, own.cert.pem()).unwrap();
    std::fs::write(path.with_extension("key"), own.signing_key.serialize_pem()).unwrap();
    path
}

#[test]
fn rsyslog_gets_what_it_missed_over_tls_and_nobody_else_gets_anything() {
    let place = tempfile::tempdir().unwrap();
    let (ca, other) = (
        certificate(place.path(), "own"),
        certificate(place.path(), "other"),
    );
    let port = crate::receiver::free_port();
    if !speaks_tls() {
        skipped("rsyslog has no TLS here (package rsyslog-openssl); syslog over TLS was NOT tested");
        return;
    }
    let server = Rsyslog::start(place.path(), Way::Tls, port).unwrap();
    runtime().block_on(async {
        let out = place.path().join("out");
        let address: SyslogAddress = format!("tls://localhost:{port}").parse().unwrap();
        // It is not whom the settings name.
        let mut stage = Stage::new();
        some_statements(stage.audit(), 3).await;
        stage.stream(SinkSettings::Syslog {
            address: address.clone(),
            ca: Some(other),
        });
        let note = stage.notes.as_mut().unwrap().recv().await.unwrap();
        assert_eq!(note.kind, "stream_behind");
        assert!(note.message.contains("certificate"), "{}", note.message);
        stage.stop().await;
        assert!(syslog_lines(&out).is_empty());
        // It is; and it goes away for a while.
        let mut stage = Stage::new();
        stage.stream(SinkSettings::Syslog {
            address,
            ca: Some(ca),
        });
        let _server = catches_up(&mut stage, place.path(), Way::Tls, port, server).await;
    });
}

#[test]
fn rsyslog_gets_datagrams_and_what_does_not_fit_into_one_is_told() {
    let place = tempfile::tempdir().unwrap();
    let port = crate::receiver::free_port();
    let Some(_server) = Rsyslog::start(place.path(), Way::Udp, port) else {
        skipped("rsyslogd is not there; syslog by UDP was NOT tested");
        return;
    };
    runtime().block_on(async {
        let out = place.path().join("out");
        let mut stage = Stage::new();
        let address = format!("udp://127.0.0.1:{port}").parse().unwrap();
        stage.stream(SinkSettings::Syslog { address, ca: None });
        append(stage.audit(), everything()).await;
        assert_eq!(until_all(&stage, || syslog_lines(&out)).await, 0);
        let session = Uuid::now_v7();
        append(stage.audit(), vec![session_started(session)]).await;
        let sized = |size: usize| {
            statement(session, move |started, _| {
                // Of many different words: the form of an event may shorten what repeats itself.
                started.statement = (0_u32..)
                    .flat_map(|word| format!("{word:07} ").into_bytes())
                    .take(size)
                    .map(char::from)
                    .collect();
            })
        };
        append(stage.audit(), sized(60_000)).await;
        append(stage.audit(), sized(70_000)).await;
        append(stage.audit(), sized(10)).await;
        let note = stage.notes.as_mut().unwrap().recv().await.unwrap();
        assert_eq!(note.kind, "stream_refused");
        assert!(note.message.contains("datagram"), "{}", note.message);
        let wanted = stage.wanted().await.len() - 1;
        let patience = Instant::now() + Duration::from_secs(20);
        while syslog_lines(&out).len() < wanted {
            let have = syslog_lines(&out).len();
            assert!(Instant::now() < patience, "{have} of {wanted}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}
