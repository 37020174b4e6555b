//! A session whose client and server are this program.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use bytes::BytesMut;
use interdict_policy::{Identity, PolicySet};
use interdict_session::catalogue::{Catalogue, Key};
use interdict_session::{Context, Engine, Limits, Output, Shared};
use uuid::Uuid;

/// No policy at all.
pub(crate) const NOTHING: &str = "";

/// Two columns of six by where they come from, and a rule that no statement here breaks.
pub(crate) const MASKS: &str = "name: bench
applies: { services: [\"*\"] }
default: allow
rules:
  - name: no-destructive
    when: 'effects.exists(e, e in [\"drop\", \"truncate\", \"delete_without_where\"])'
    then: deny
    message: \"destructive statements are refused\"
mask:
  - columns: [\"patients.ssn\"]
    with: { partial: { keep_last: 4 } }
  - columns: [\"patients.email\"]
    with: redact
";

/// The same, and every other text searched.
pub(crate) const DETECTORS: &str = "name: bench
applies: { services: [\"*\"] }
default: allow
mask:
  - columns: [\"patients.ssn\"]
    with: { partial: { keep_last: 4 } }
  - columns: [\"patients.email\"]
    with: redact
  - detect: [us_ssn, email]
    with: redact
";

/// Only searched: for a session whose server has no catalogue to read.
pub(crate) const FOUND: &str = "name: bench
applies: { services: [\"*\"] }
default: allow
mask:
  - detect: [us_ssn, email]
    with: redact
";

pub(crate) const SERVICE: &str = "bench";
pub(crate) const UPSTREAM: &str = "server:1";
pub(crate) const DATABASE: &str = "d";

/// A row as the large results of `cargo xtask bench` have it.
pub(crate) const ROW: [&str; 6] = [
    "4711",
    "Patient 4711",
    "311-12-4711",
    "patient4711@example.org",
    "seen on ward 2, no complaint, to be seen again in 7 weeks",
    "2026-01-01 17:09:37+00",
];

/// What is in it that must not be seen.
pub(crate) const SECRETS: [&str; 2] = ["311-12-4711", "patient4711@example.org"];

/// An engine under a policy, and what it put out last.
pub(crate) struct Session {
    pub(crate) engine: Engine,
    pub(crate) out: Output,
    server: BytesMut,
}

impl Session {
    pub(crate) fn begin(
        policy: &str,
        catalogue: impl FnOnce(&Shared) -> Result<Option<Catalogue>>,
        engine: impl FnOnce(Arc<Shared>, Context, &mut Output) -> Result<Engine>,
    ) -> Result<Self> {
        let place = tempfile::tempdir()?;
        let path = place.path().join("policy.yaml");
        std::fs::write(&path, policy)?;
        let paths = if policy.is_empty() { Vec::new() } else { vec![path] };
        let policies = PolicySet::load(&paths).map_err(|found| anyhow!("{found:?}"))?;
        let shared = Arc::new(Shared::new(Arc::new(policies), 1 << 20));
        if let Some(catalogue) = catalogue(&shared)? {
            let key = Key {
                service: SERVICE.to_owned(),
                upstream: UPSTREAM.to_owned(),
                database: DATABASE.to_owned(),
                reader: String::new(),
            };
            shared.catalogues.publish(&key, 0, Arc::new(catalogue), 0);
        }
        let context = Context {
            session_id: Uuid::from_u128(7),
            service: SERVICE.to_owned(),
            identity: Identity {
                name: "agents/etl".to_owned(),
                facts: BTreeMap::new(),
            },
            upstream: UPSTREAM.to_owned(),
            channel_binding: false,
            tls_differs: false,
            catalogue_user: None,
            limits: Limits::default(),
        };
        let mut out = Output::default();
        let engine = engine(shared, context, &mut out)?;
        Ok(Self {
            engine,
            out: Output::default(),
            server: BytesMut::new(),
        })
    }

    /// The client sends whole messages.
    pub(crate) fn client(&mut self, bytes: &[u8]) -> Result<()> {
        let mut input = BytesMut::from(bytes);
        self.out = Output::default();
        self.engine.on_client(&mut input, 0, &mut self.out);
        self.judge()
    }

    /// The server sends.
    pub(crate) fn server(&mut self, bytes: &[u8]) -> Result<()> {
        self.server.extend_from_slice(bytes);
        self.out = Output::default();
        self.engine.on_server(&mut self.server, 0, &mut self.out);
        self.judge()
    }

    /// Ends with an error if what the client got is masked otherwise than it should be: a count is worth nothing then.
    pub(crate) fn check(&self, masked: bool) -> Result<()> {
        let shown = |secret: &str| {
            let (bytes, secret) = (&self.out.to_client[..], secret.as_bytes());
            bytes.windows(secret.len()).any(|window| window == secret)
        };
        for secret in SECRETS {
            ensure!(
                shown(secret) != masked,
                "{secret} is masked otherwise than wanted"
            );
        }
        ensure!(shown(ROW[1]), "the row did not arrive");
        Ok(())
    }

    fn judge(&self) -> Result<()> {
        ensure!(
            self.out.action.is_none(),
            "the session was closed: {}",
            String::from_utf8_lossy(&self.out.to_client)
        );
        Ok(())
    }
}
