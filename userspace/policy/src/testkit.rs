//! What the tests of this crate share.

use std::collections::BTreeMap;
use std::path::Path;

use interdict_sql::{Access, Effect, Effects, Gap, Relation};

use crate::compile::{KeySource, compile};
use crate::request::{Identity, Request};
use crate::set::PolicySet;

/// A set of policies given as text.
pub(crate) fn set(texts: &[&str]) -> PolicySet {
    let compiled = texts.iter().map(|text| {
        compile(Path::new("policy.yaml"), text, KeySource::Offline)
            .unwrap_or_else(|found| panic!("{found:#?}"))
    });
    PolicySet::new(compiled.collect())
}

pub(crate) fn relation(schema: Option<&str>, name: &str, access: Access) -> Relation {
    Relation {
        schema: schema.map(str::to_owned),
        name: name.to_owned(),
        access,
    }
}

/// What a request is made of, so that one can be borrowed from it.
pub(crate) struct World {
    pub(crate) identity: Identity,
    pub(crate) relations: Vec<Relation>,
    pub(crate) parameters: Vec<Option<String>>,
    pub(crate) masked: Vec<String>,
    pub(crate) effects: Effects,
    pub(crate) kind: &'static str,
    pub(crate) complete: bool,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) grants: Vec<std::sync::Arc<crate::Granted>>,
}

impl Default for World {
    fn default() -> Self {
        let facts = [("workload", "agents"), ("claim.sub", "alice")];
        Self {
            identity: Identity {
                name: "agents/etl".to_owned(),
                facts: facts
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into_iter()
                    .collect::<BTreeMap<_, _>>(),
            },
            relations: vec![
                relation(Some("public"), "patients", Access::Read),
                relation(None, "visits", Access::Write),
            ],
            parameters: vec![Some("42".to_owned()), None],
            masked: vec!["public.patients.ssn".to_owned()],
            effects: Effects::of(&[Effect::Read, Effect::Drop]),
            kind: "select",
            complete: true,
            gaps: Vec::new(),
            grants: Vec::new(),
        }
    }
}

impl World {
    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            identity: &self.identity,
            service: "clinic",
            protocol: "postgres",
            database: "emr",
            db_user: "svc",
            application: "psql",
            kind: self.kind,
            effects: self.effects,
            relations: &self.relations,
            masked_columns: &self.masked,
            http: None,
            parameters: &self.parameters,
            text: "SELECT ssn FROM patients -- größer",
            complete: self.complete,
            gaps: &self.gaps,
            grants: &self.grants,
        }
    }
}
