//! A session between a client and a server that the test plays, and somebody who answers questions.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use interdict_masking::Finding;
use interdict_policy::{Identity, Petition, PolicySet, Ruling};
use interdict_record::{Record, StatementEnded, StatementStarted};
use interdict_session::{Action, Context, EndReason, Engine, Limits, Output, Question, Shared};
use uuid::Uuid;

pub(crate) type Found = Result<Vec<Vec<Finding>>, String>;

/// A session and what it gave so far.
pub(crate) struct Session {
    pub(crate) engine: Engine,
    seen: fn(&[u8]) -> Vec<String>,
    pub(crate) now: i64,
    pub(crate) server: BytesMut,
    pub(crate) to_client: Vec<u8>,
    pub(crate) to_server: Vec<u8>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) started: Vec<StatementStarted>,
    pub(crate) ended: Vec<StatementEnded>,
    pub(crate) petitions: Vec<Petition>,
    pub(crate) questions: Vec<Question>,
    pub(crate) closed: Option<EndReason>,
}

fn load(policy: &str) -> Arc<PolicySet> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    std::fs::write(&path, policy).unwrap();
    Arc::new(PolicySet::load(&[path]).unwrap_or_else(|found| panic!("{found:#?}")))
}

impl Session {
    /// Begins a session under a policy; `seen` tells what bytes look like to its client.
    pub(crate) fn new(
        policy: &str,
        engine: impl FnOnce(Arc<Shared>, Context, &mut Output) -> Engine,
        seen: fn(&[u8]) -> Vec<String>,
    ) -> Self {
        let shared = Arc::new(Shared::new(load(policy), 1 << 20));
        let context = Context {
            session_id: Uuid::from_u128(7),
            service: "clinic".to_owned(),
            identity: Identity {
                name: "agents/etl".to_owned(),
                facts: BTreeMap::new(),
            },
            upstream: "server:5432".to_owned(),
            channel_binding: false,
            tls_differs: false,
            catalogue_user: None,
            limits: Limits::default(),
        };
        let mut out = Output::default();
        let mut session = Self {
            engine: engine(Arc::clone(&shared), context, &mut out),
            shared,
            started: Vec::new(),
            petitions: Vec::new(),
            seen,
            now: 0,
            server: BytesMut::new(),
            to_client: Vec::new(),
            to_server: Vec::new(),
            ended: Vec::new(),
            questions: Vec::new(),
            closed: None,
        };
        session.keep(out);
        session
    }

    /// Another policy is in force for whatever begins from now on.
    pub(crate) fn reload(&mut self, policy: &str) {
        self.shared.policies.store(load(policy));
    }

    /// The opening is over.
    pub(crate) fn forget(&mut self) {
        self.to_client.clear();
        self.to_server.clear();
        self.started.clear();
        self.ended.clear();
    }

    /// What the client got.
    pub(crate) fn seen(&self) -> Vec<String> {
        (self.seen)(&self.to_client)
    }

    pub(crate) fn keep(&mut self, out: Output) {
        self.to_client.extend_from_slice(&out.to_client);
        self.to_server.extend_from_slice(&out.to_server);
        self.questions.extend(out.questions);
        self.petitions.extend(out.petition.map(|petition| *petition));
        for record in out.records {
            match record {
                Record::StatementStarted(started) => self.started.push(*started),
                Record::StatementEnded(ended) => self.ended.push(*ended),
                _ => {}
            }
        }
        if let Some(Action::Close(reason)) = out.action {
            self.closed = Some(reason);
        }
    }

    pub(crate) fn client(&mut self, bytes: &[u8]) {
        let mut out = Output::default();
        let mut input = BytesMut::from(bytes);
        self.engine.on_client(&mut input, self.now, &mut out);
        assert!(input.is_empty());
        self.keep(out);
    }

    pub(crate) fn server(&mut self, bytes: &[u8]) {
        self.server.extend_from_slice(bytes);
        let mut out = Output::default();
        self.engine.on_server(&mut self.server, self.now, &mut out);
        self.keep(out);
    }

    /// A person decides about what was asked last.
    pub(crate) fn rule(&mut self, ruling: Ruling) {
        let mut out = Output::default();
        self.engine.on_ruling(ruling, self.now, &mut out);
        self.keep(out);
        self.server(&[]);
        if self.engine.wants_client() {
            self.client(&[]);
        }
    }

    /// Lets time pass, and everything be answered that was asked.
    pub(crate) fn settle(&mut self, somebody: &dyn Fn(&Question) -> Found) {
        loop {
            if let Some(deadline) = self.engine.deadline() {
                self.now = deadline;
                let mut out = Output::default();
                self.engine.on_time(self.now, &mut out);
                self.keep(out);
            }
            if self.questions.is_empty() {
                return;
            }
            for question in std::mem::take(&mut self.questions) {
                assert!(self.engine.is_asking());
                let mut out = Output::default();
                self.engine
                    .on_opinion(&question, somebody(&question), self.now, &mut out);
                self.keep(out);
            }
            self.server(&[]);
        }
    }
}

pub(crate) fn policy(on_failure: &str) -> String {
    format!(
        "name: p\nmask:\n  - detect: [email]\n    with: redact\n  - opinion: {{ url: \"http://x\", entities: [PERSON], on_failure: {on_failure} }}\n    with: redact\n"
    )
}

/// Takes Ada and Jörg for persons.
#[expect(clippy::unnecessary_wraps, reason = "one of several that answer a question")]
pub(crate) fn knows(question: &Question) -> Found {
    let of = |text: &String| {
        let found = ["Ada", "Jörg"].iter().flat_map(|name| {
            text.match_indices(name).map(|(at, name)| {
                let start = text[..at].chars().count();
                Finding {
                    range: start..start + name.chars().count(),
                    kind: "PERSON".to_owned(),
                }
            })
        });
        found.collect()
    };
    assert!(question.texts.iter().all(|text| !text.is_empty()));
    Ok(question.texts.iter().map(of).collect())
}

pub(crate) fn fails(_: &Question) -> Found {
    Err("it took longer than 300 ms".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "one of several that answer a question")]
pub(crate) fn lies(question: &Question) -> Found {
    let lie = Finding {
        range: 0..question.texts[0].chars().count() + 1,
        kind: "PERSON".to_owned(),
    };
    let mut found = knows(question).unwrap();
    found[0] = vec![lie];
    Ok(found)
}

/// The client asks, the server answers in two pieces cut anywhere, and in pieces of a byte each.
pub(crate) fn everywhere(
    begin: fn(&str) -> Session,
    policy: &str,
    question: &[u8],
    answer: &[u8],
    somebody: &dyn Fn(&Question) -> Found,
) -> Session {
    let mut whole = begin(policy);
    whole.client(question);
    whole.server(answer);
    whole.settle(somebody);
    for at in 0..answer.len() {
        let mut session = begin(policy);
        session.client(question);
        session.server(&answer[..at]);
        // Sometimes time passes between the pieces, sometimes not.
        if at % 2 == 0 {
            session.settle(somebody);
        }
        session.server(&answer[at..]);
        session.settle(somebody);
        assert_eq!(session.seen(), whole.seen(), "cut at {at}");
        assert_eq!(session.to_client, whole.to_client, "cut at {at}");
        assert_eq!(
            session.ended[0].masked_by, whole.ended[0].masked_by,
            "cut at {at}"
        );
        assert_eq!(session.ended[0].bytes, whole.ended[0].bytes, "cut at {at}");
        assert_eq!(session.closed, whole.closed);
    }
    let mut bytewise = begin(policy);
    bytewise.client(question);
    for byte in answer {
        bytewise.server(&[*byte]);
        bytewise.settle(somebody);
    }
    assert_eq!(bytewise.to_client, whole.to_client);
    whole
}
