//! The engine on a bench: requests and answers go in as text, what is shown and recorded comes out.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_api::Profile;
use interdict_masking::{Keys, TokenKey};
use interdict_policy::{Identity, KeySource, PolicySet};
use interdict_record::Record;
use interdict_session::http::{About, Engine, Exchange, Flow, Forward, Step};
use interdict_session::{Context, Output, Shared};
use interdict_wire::http::{
    Framing, Headers, Limits, RequestHead, RequestPart, RequestReader, ResponseHead, ResponsePart,
    ResponseReader,
};

pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) records: Vec<Record>,
}

impl Bench {
    pub(crate) fn new(profile: &str, policy: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        std::fs::write(&path, policy).unwrap();
        let paths = if policy.is_empty() { Vec::new() } else { vec![path] };
        let mut keys = Keys::new();
        keys.insert(
            "record",
            TokenKey::new(b"a key of the test, 32 bytes long").unwrap(),
        );
        let policies = PolicySet::load_with(&paths, KeySource::Keys(&keys))
            .unwrap_or_else(|errors| panic!("{errors:#?}"));
        let shared = Arc::new(Shared::new(Arc::new(policies), 1 << 20));
        let context = Context {
            session_id: uuid::Uuid::nil(),
            service: "api".to_owned(),
            identity: Identity {
                name: "agents".to_owned(),
                facts: std::collections::BTreeMap::new(),
            },
            upstream: "127.0.0.1:80".to_owned(),
            channel_binding: false,
            tls_differs: false,
            catalogue_user: None,
            limits: interdict_session::Limits::default(),
        };
        let about = About {
            tls: false,
            name: None,
            profile: Arc::new(profile.parse::<Profile>().unwrap()),
            signs_bodies: false,
        };
        Self {
            engine: Engine::new(shared, context, about),
            records: Vec::new(),
        }
    }

    /// Gives it a request, its body in one piece if it is asked for.
    pub(crate) fn ask(&mut self, request: &str) -> (Exchange, Step) {
        let (head, framing, body) = request_of(request);
        let mut out = Output::default();
        let (mut exchange, mut step) = self.engine.begin(head, framing, 1, &mut out);
        if let Step::Body = step {
            step = self.engine.body(&mut exchange, &body, 1, &mut out);
            if let Step::Body = step {
                step = self.engine.body_end(&mut exchange, 1, &mut out);
            }
        }
        self.records.append(&mut out.records);
        (exchange, step)
    }

    pub(crate) fn forwarded(&mut self, request: &str) -> (Exchange, Forward) {
        match self.ask(request) {
            (exchange, Step::Forward(forward)) => (exchange, *forward),
            (_, other) => panic!("{request:?} is not forwarded: {other:?}"),
        }
    }

    /// The status and the body of the refusal.
    pub(crate) fn refused(&mut self, request: &str) -> (u16, String) {
        match self.ask(request) {
            (_, Step::Refuse(reply)) => (reply.head.status, String::from_utf8(reply.body.to_vec()).unwrap()),
            (_, other) => panic!("{request:?} is not refused: {other:?}"),
        }
    }

    /// Gives it an answer, its body cut in pieces of that size.
    pub(crate) fn answer(&mut self, exchange: &mut Exchange, answer: &[u8], size: usize) -> Shown {
        let mut out = Output::default();
        let mut shown = Shown::default();
        let (head, framing, body) = response_of(answer);
        shown.take(self.engine.answer(exchange, head, framing, 2, &mut out));
        for piece in body.chunks(size.max(1)) {
            if shown.over {
                break;
            }
            shown.take(self.engine.data(exchange, piece, 2, &mut out));
        }
        if !shown.over {
            shown.take(self.engine.end(exchange, Headers::new(), 2, &mut out));
        }
        self.records.append(&mut out.records);
        shown
    }

    pub(crate) fn get(&mut self, path: &str, answer: &str) -> Shown {
        let (mut exchange, _) = self.forwarded(&format!("GET {path} HTTP/1.1\r\nHost: api.internal\r\n\r\n"));
        self.answer(&mut exchange, answer.as_bytes(), 3)
    }

    pub(crate) fn last_started(&self) -> &interdict_record::StatementStarted {
        let found = self.records.iter().rev().find_map(|record| match record {
            Record::StatementStarted(started) => Some(&**started),
            _ => None,
        });
        found.unwrap()
    }

    pub(crate) fn last_ended(&self) -> &interdict_record::StatementEnded {
        let found = self.records.iter().rev().find_map(|record| match record {
            Record::StatementEnded(ended) => Some(&**ended),
            _ => None,
        });
        found.unwrap()
    }
}

/// What a client gets.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) head: Option<(ResponseHead, Framing)>,
    pub(crate) body: Vec<u8>,
    pub(crate) over: bool,
    pub(crate) cut: bool,
}

impl Shown {
    pub(crate) fn take(&mut self, flow: Flow) {
        if let Some(head) = flow.head {
            assert!(self.head.is_none(), "a second head");
            self.head = Some(head);
        }
        if !flow.data.is_empty() {
            assert!(self.head.is_some(), "a body before its head");
        }
        self.body.extend_from_slice(&flow.data);
        self.cut |= flow.cut;
        self.over |= flow.cut || flow.end.is_some();
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.as_ref().unwrap().0.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let value = self.head.as_ref().unwrap().0.headers.get(name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(crate) fn request_of(text: &str) -> (RequestHead, Framing, Bytes) {
    let mut reader = RequestReader::new(Limits::default());
    let mut input = BytesMut::from(text);
    let Some(RequestPart::Head(head, framing)) = reader.next(&mut input).unwrap() else {
        panic!("no head in {text:?}");
    };
    let mut body = BytesMut::new();
    while let Some(RequestPart::Data(data)) = reader.next(&mut input).unwrap() {
        body.extend_from_slice(&data);
    }
    (head, framing, body.freeze())
}

pub(crate) fn response_of(bytes: &[u8]) -> (ResponseHead, Framing, Vec<u8>) {
    let mut reader = ResponseReader::new(Limits::default());
    reader.expect(interdict_wire::http::Exchange::Other);
    let mut input = BytesMut::from(bytes);
    let Some(ResponsePart::Head(head, framing)) = reader.next(&mut input).unwrap() else {
        panic!("no head");
    };
    let mut body = Vec::new();
    while let Some(ResponsePart::Data(data)) = reader.next(&mut input).unwrap() {
        body.extend_from_slice(&data);
    }
    (head, framing, body)
}
