//! An audit in a temporary directory, and a desk over it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use interdict_audit::{Audit, Config, Filter, Table, scan};
use interdict_policy::{Grants, HoldMode, HoldSpec, Petition};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::{About, Bounds, Desk, Notice, Person, Store};

pub(crate) struct Kit {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) audit: Arc<Audit>,
    pub(crate) store: Arc<Store>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) notices: mpsc::Receiver<Notice>,
    /// What was published last.
    pub(crate) grants: Arc<Mutex<Arc<Grants>>>,
}

impl Kit {
    pub(crate) async fn new() -> Self {
        Self::within(Bounds::default()).await
    }

    pub(crate) async fn within(bounds: Bounds) -> Self {
        Self::over(tempfile::tempdir().unwrap(), bounds).await
    }

    /// A later run over the same record.
    pub(crate) async fn over(directory: tempfile::TempDir, bounds: Bounds) -> Self {
        let audit = Arc::new(Audit::open(Config::new(directory.path().join("audit"), "h", "b")).unwrap());
        let grants = Arc::new(Mutex::new(Arc::new(Grants::default())));
        let published = Arc::clone(&grants);
        let publish = move |new| *published.lock().unwrap() = new;
        let store = Arc::new(Store::open(Arc::clone(&audit), publish).await.unwrap());
        let (tell, notices) = mpsc::channel(64);
        let desk = Desk::new(
            Arc::clone(&audit),
            Arc::clone(&store),
            tokio::runtime::Handle::current(),
            bounds,
            Some(tell),
        );
        Self {
            directory,
            audit,
            store,
            desk: Arc::new(desk),
            notices,
            grants,
        }
    }

    /// A row's columns by name, as text where they are.
    pub(crate) fn rows(&self, table: Table) -> Vec<Map<String, Value>> {
        rows(&self.directory.path().join("audit"), table)
    }

    /// The events on record, in order.
    pub(crate) fn events(&self, table: Table) -> Vec<String> {
        let rows = self.rows(table).into_iter();
        rows.map(|row| row["event"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Until one more is shown to people.
    pub(crate) async fn shown(&mut self) -> Arc<crate::Approval> {
        loop {
            match self.notices.recv().await.unwrap() {
                Notice::Requested(approval) => return approval,
                Notice::Decided(_) => {}
            }
        }
    }
}

pub(crate) fn rows(directory: &Path, table: Table) -> Vec<Map<String, Value>> {
    scan(directory, Filter::new(table))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

pub(crate) fn petition(digest: &str, terms: HoldSpec) -> Petition {
    Petition {
        statement_id: None,
        session_id: uuid::Uuid::now_v7(),
        at: crate::now(),
        service: "clinic".to_owned(),
        protocol: "postgres".to_owned(),
        identity: "unit:agent.service".to_owned(),
        facts: BTreeMap::from([("user".to_owned(), "agent".to_owned())]),
        database: "clinic".to_owned(),
        db_user: "app".to_owned(),
        application: String::new(),
        kind: "delete".to_owned(),
        statement: "DELETE FROM visits WHERE id = ?".to_owned(),
        parameters: vec![Some("7".to_owned()), None],
        fingerprint: Some("0123456789abcdef".to_owned()),
        digest: format!("sha256:{digest}"),
        effects: vec!["write".to_owned(), "delete".to_owned()],
        relations: vec![("public.visits".to_owned(), "write".to_owned())],
        result: None,
        plan: None,
        policy: Some("base".to_owned()),
        rule: Some("deletes".to_owned()),
        message: "deletes wait for compliance".to_owned(),
        terms: Arc::new(terms),
    }
}

pub(crate) fn terms(mode: HoldMode) -> HoldSpec {
    HoldSpec {
        approvers: vec!["group:compliance".to_owned()],
        timeout: Duration::from_secs(20),
        mode,
        quorum: 1,
        plan: false,
    }
}

pub(crate) fn about() -> About {
    About {
        pid: Some(4242),
        uid: Some(1000),
        attestation: "kernel".to_owned(),
        ancestry: vec!["/bin/sh".to_owned()],
        ..About::default()
    }
}

pub(crate) fn person(name: &str, uid: u32) -> Person {
    Person {
        name: name.to_owned(),
        uid: Some(uid),
        groups: vec!["compliance".to_owned()],
        via: Person::ADMIN.to_owned(),
        ..Person::default()
    }
}
