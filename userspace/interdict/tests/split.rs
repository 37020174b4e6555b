//! However the bytes of a session are cut, the engine does the same.
//!
//! A session with a real server is recorded once: what the engine was given from either side, in order. It is then given the
//! same bytes one at a time, and cut in two at many places, and everything that comes out must be equal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use interdict_policy::{Identity, PolicySet};
use interdict_session::postgres::{Engine, Opening, open};
use interdict_session::{Context, EndReason, Limits, Output, Shared};
use interdict_wire::postgres::frontend::{Message, Target, write_bind, write_parse};
use interdict_wire::postgres::opening::{Opening as WireOpening, Startup};
use support::{POLICY, Postgres, scratch};
use uuid::Uuid;

const NOW: i64 = 1_790_000_000_000_000;

#[derive(Clone)]
enum Given {
    Client(Vec<u8>),
    Server(Vec<u8>),
}

fn engine(policies: &Arc<PolicySet>) -> (Engine, Output) {
    let mut hello = BytesMut::new();
    let parameters = vec![("user", "postgres"), ("database", "postgres")];
    WireOpening::Startup(Startup {
        major: 3,
        minor: 0,
        parameters,
    })
    .write(&mut hello)
    .unwrap();
    let Opening::Startup(startup) = open(&mut hello) else {
        panic!("the start-up was not taken")
    };
    let context = Context {
        session_id: Uuid::from_u128(7),
        service: "clinic".to_owned(),
        identity: Identity {
            name: "test".to_owned(),
            ..Identity::default()
        },
        upstream: "test".to_owned(),
        channel_binding: false,
        tls_differs: false,
        catalogue_user: None,
        limits: Limits::default(),
    };
    let mut out = Output::default();
    let engine = Engine::new(
        Arc::new(Shared::new(Arc::clone(policies), 1 << 20)),
        context,
        startup,
        NOW,
        &mut out,
    );
    (engine, out)
}

/// What the client sends, each time everything before was answered.
fn script() -> Vec<Vec<u8>> {
    let mut steps = Vec::new();
    let mut step = |write: &dyn Fn(&mut BytesMut)| {
        let mut bytes = BytesMut::new();
        write(&mut bytes);
        steps.push(bytes.to_vec());
    };
    let query =
        |text: &'static str| move |out: &mut BytesMut| Message::Query(text.as_bytes()).write(out).unwrap();
    step(&query("select id, name, ssn, dob from patients order by id"));
    step(&query("select id from patients where ssn like '1%'"));
    step(&query("drop table visits"));
    step(&query(
        "select 1; select name, phone from patients where id = 1; select 'end'",
    ));
    step(&query("copy visits to stdout"));
    step(&query("begin"));
    step(&query("select nosuch from visits"));
    step(&query("rollback"));
    step(&|out| {
        write_parse(
            out,
            b"s",
            b"select id, ssn, weight from patients where id = $1",
            &[23],
        )
        .unwrap();
        Message::Describe {
            target: Target::Statement,
            name: b"s",
        }
        .write(out)
        .unwrap();
        Message::Sync.write(out).unwrap();
    });
    for binary in [false, true] {
        step(&move |out| {
            let formats = if binary {
                vec![interdict_wire::postgres::Format::Binary]
            } else {
                Vec::new()
            };
            for id in ["1", "2", "3"] {
                write_bind(out, b"", b"s", &[], [Some(id.as_bytes())], &formats).unwrap();
                Message::Execute {
                    portal: b"",
                    max_rows: 0,
                }
                .write(out)
                .unwrap();
            }
            Message::Sync.write(out).unwrap();
        });
    }
    step(&|out| {
        write_parse(out, b"", b"insert into visits values (9000, 1, now(), 'x')", &[]).unwrap();
        write_bind(out, b"", b"", &[], [], &[]).unwrap();
        Message::Execute {
            portal: b"",
            max_rows: 0,
        }
        .write(out)
        .unwrap();
        write_parse(out, b"", b"truncate visits", &[]).unwrap();
        write_bind(out, b"", b"", &[], [], &[]).unwrap();
        Message::Execute {
            portal: b"",
            max_rows: 0,
        }
        .write(out)
        .unwrap();
        Message::Sync.write(out).unwrap();
    });
    step(&query("select count(*) from visits where id = 9000"));
    steps
}

/// Runs the script against the server; what the engine was given, and what it gave in all.
fn record(server: &Postgres, policies: &Arc<PolicySet>) -> (Vec<Given>, Output) {
    let mut socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
    let (mut engine, mut all) = engine(policies);
    let mut given = Vec::new();
    let mut sent = 0;
    let (mut client, mut input) = (BytesMut::new(), BytesMut::new());
    let mut settle =
        |engine: &mut Engine, all: &mut Output, given: &mut Vec<Given>, client: &mut BytesMut| loop {
            socket.write_all(&all.to_server[sent..]).unwrap();
            sent = all.to_server.len();
            let mut buffer = vec![0; 65536];
            match socket.read(&mut buffer) {
                Ok(0) => panic!("the server closed"),
                Ok(count) => {
                    given.push(Given::Server(buffer[..count].to_vec()));
                    input.extend_from_slice(&buffer[..count]);
                    engine.on_server(&mut input, NOW, all);
                    engine.on_client(client, NOW, all);
                }
                Err(_) => return,
            }
        };
    settle(&mut engine, &mut all, &mut given, &mut client);
    for step in script() {
        given.push(Given::Client(step.clone()));
        client.extend_from_slice(&step);
        engine.on_client(&mut client, NOW, &mut all);
        settle(&mut engine, &mut all, &mut given, &mut client);
        assert!(
            client.is_empty() && !engine.has_waiting(),
            "the engine stands still"
        );
    }
    engine.finish(EndReason::Client, NOW, &mut all);
    (given, all)
}

/// Gives the engine the same bytes, cut by `cut`.
fn replay(given: &[Given], policies: &Arc<PolicySet>, cut: impl Fn(usize, &[u8]) -> Vec<Vec<u8>>) -> Output {
    let (mut engine, mut all) = engine(policies);
    let (mut client, mut server) = (BytesMut::new(), BytesMut::new());
    for (index, event) in given.iter().enumerate() {
        match event {
            Given::Client(bytes) => {
                for piece in cut(index, bytes) {
                    client.extend_from_slice(&piece);
                    engine.on_client(&mut client, NOW, &mut all);
                }
            }
            Given::Server(bytes) => {
                for piece in cut(index, bytes) {
                    server.extend_from_slice(&piece);
                    engine.on_server(&mut server, NOW, &mut all);
                    engine.on_client(&mut client, NOW, &mut all);
                }
            }
        }
    }
    engine.finish(EndReason::Client, NOW, &mut all);
    all
}

fn assert_same(one: &Output, other: &Output, how: &str) {
    assert_eq!(
        one.to_client, other.to_client,
        "{how}: the client sees something else"
    );
    assert_eq!(
        one.to_server, other.to_server,
        "{how}: the server sees something else"
    );
    assert_eq!(
        one.records, other.records,
        "{how}: the record says something else"
    );
}

#[test]
fn messages_split_anywhere_behave_the_same() {
    let server = Postgres::start();
    let directory = scratch();
    let path = directory.path().join("policy.yaml");
    std::fs::write(&path, POLICY).unwrap();
    let policies = Arc::new(PolicySet::load(&[path]).unwrap());
    let (given, whole) = record(&server, &policies);

    let shown = String::from_utf8_lossy(&whole.to_client).into_owned();
    assert!(shown.contains("*****6789") && !shown.contains("123-45-6789"));
    assert!(
        shown.contains("no-destructive") && shown.contains("may only compare it") && shown.contains("nosuch")
    );
    assert!(
        shown.contains("more than 1000 rows"),
        "the script did not come to its end"
    );
    assert_eq!(
        server.psql("select count(*) from visits where id = 9000"),
        "0\n",
        "the refused pipeline left something"
    );

    assert_same(
        &whole,
        &replay(&given, &policies, |_, bytes| vec![bytes.to_vec()]),
        "replayed as it came",
    );
    assert_same(
        &whole,
        &replay(&given, &policies, |_, bytes| {
            bytes.chunks(1).map(<[u8]>::to_vec).collect()
        }),
        "byte by byte",
    );
    for size in [2, 3, 5, 7, 11, 64, 1000] {
        let cut = |_: usize, bytes: &[u8]| bytes.chunks(size).map(<[u8]>::to_vec).collect();
        assert_same(
            &whole,
            &replay(&given, &policies, cut),
            &format!("in pieces of {size}"),
        );
    }
}
