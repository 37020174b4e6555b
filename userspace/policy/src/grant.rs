//! Access that somebody was given for a while.
//!
//! A grant lets pass what the policy would hold for a person, a result too, or refuse because nothing allows it (`default: deny`), and lifts
//! masks of columns that it names. What a rule refuses (`then: deny`) stays refused.

use std::fmt;
use std::sync::Arc;

use globset::GlobMatcher;
use interdict_sql::{Effect, Effects, Relation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::applies::{Applies, IdentityGlob, NameGlob};
use crate::pattern::{Pattern, glob};
use crate::request::{Identity, Request};

/// A grant, as it was minted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// A UUIDv7.
    pub id: Uuid,
    /// Whom it is for, as `applies.identities` of a policy has it; one must match.
    pub identities: Vec<String>,
    /// Globs over services' names; one must match.
    pub services: Vec<String>,
    /// What a statement may do. Empty: anything but `server_file`, `program` and `replication`, which have to be named. `read` and `write` come with what needs them, so that `update` is enough for an `UPDATE`.
    #[serde(default)]
    pub effects: Vec<String>,
    /// The relations that a statement may touch, each `[database.][schema.]table`, with globs. Empty: any.
    #[serde(default)]
    pub relations: Vec<String>,
    /// Columns that are shown as they are, as a policy's `columns` names them. Of JSON and of APIs: word for word as the policy has them.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The most rows that one statement may bring.
    #[serde(default)]
    pub rows: Option<u64>,
    /// From when on, in microseconds since the Unix epoch.
    pub starts_at: i64,
    /// Until when.
    pub ends_at: i64,
    /// Why.
    pub reason: String,
    /// Where the reason is kept.
    #[serde(default)]
    pub ticket: Option<String>,
    /// Who minted it.
    pub created_by: String,
    /// When.
    pub created_at: i64,
    /// The approval that it came of.
    #[serde(default)]
    pub approval_id: Option<Uuid>,
    /// Whether nobody else was asked, so that somebody has to review it afterwards.
    #[serde(default)]
    pub break_glass: bool,
}

/// What reaches beyond the service's data.
const BY_NAME: Effects = Effects::of(&[Effect::ServerFile, Effect::Program, Effect::Replication]);

/// Why a grant can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct GrantError {
    /// The field it is about.
    pub field: &'static str,
    /// What is wrong with it, and what is expected.
    pub why: String,
}

/// A grant that can be asked.
pub struct Granted {
    grant: Grant,
    applies: Applies,
    effects: Option<Effects>,
    relations: Vec<RelationPattern>,
    columns: Vec<Pattern>,
}

/// All grants that are not over: a snapshot, replaced when one is minted or ends.
#[derive(Debug, Default)]
pub struct Grants(Vec<Arc<Granted>>);

/// `[database.][schema.]table`, each a glob, in any case.
struct RelationPattern {
    database: Option<GlobMatcher>,
    schema: Option<GlobMatcher>,
    table: GlobMatcher,
}

impl Grants {
    /// A snapshot of these.
    pub fn new(grants: Vec<Arc<Granted>>) -> Self {
        Self(grants)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are for such a session, over or not yet begun among them.
    pub fn of(&self, service: &str, identity: &Identity) -> Vec<Arc<Granted>> {
        let mine = self
            .0
            .iter()
            .filter(|granted| granted.applies.to(service, identity));
        mine.cloned().collect()
    }

    /// Whether a grant is in force.
    pub fn holds(&self, id: Uuid, now: i64) -> bool {
        self.0
            .iter()
            .any(|granted| granted.grant.id == id && granted.holds_at(now))
    }
}

impl Granted {
    /// Reads what the grant names.
    ///
    /// # Errors
    /// It names nobody or no service, something that is no glob or no effect, or it ends before it begins.
    pub fn new(grant: Grant) -> Result<Self, GrantError> {
        let wrong = |field| move |why| GrantError { field, why };
        let missing = |field, why: &str| GrantError {
            field,
            why: why.to_owned(),
        };
        if grant.identities.is_empty() {
            return Err(missing(
                "identities",
                "expected whom it is for, such as `workload=agents`",
            ));
        }
        if grant.services.is_empty() {
            return Err(missing("services", "expected a service's name"));
        }
        if grant.reason.trim().is_empty() {
            return Err(missing("reason", "expected why it is given"));
        }
        if grant.ends_at <= grant.starts_at {
            return Err(missing("ends_at", "it would end before it begins"));
        }
        let identities = grant.identities.iter().map(|text| IdentityGlob::parse(text));
        let services = grant.services.iter().map(|text| NameGlob::parse(text));
        let applies = Applies {
            identities: identities
                .collect::<Result<_, _>>()
                .map_err(wrong("identities"))?,
            services: services.collect::<Result<_, _>>().map_err(wrong("services"))?,
        };
        let relations = grant.relations.iter().map(|text| RelationPattern::parse(text));
        let columns = grant.columns.iter().map(|text| Pattern::parse(text));
        Ok(Self {
            effects: effects(&grant.effects).map_err(wrong("effects"))?,
            relations: relations.collect::<Result<_, _>>().map_err(wrong("relations"))?,
            columns: columns.collect::<Result<_, _>>().map_err(wrong("columns"))?,
            applies,
            grant,
        })
    }

    /// As it was minted.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Whether it has begun and is not over.
    pub fn holds_at(&self, now: i64) -> bool {
        self.grant.starts_at <= now && now < self.grant.ends_at
    }

    /// Whether it is for a statement such as this. Whom it is for, and when, is not asked again.
    pub fn covers(&self, request: &Request<'_>) -> bool {
        // What can't be followed could do more than it shows.
        if !request.complete && (self.effects.is_some() || !self.relations.is_empty()) {
            return false;
        }
        let effects = match self.effects {
            Some(allowed) => request.effects.without(allowed).is_empty(),
            None => !request.effects.intersects(BY_NAME),
        };
        effects
            && (self.relations.is_empty()
                || request
                    .relations
                    .iter()
                    .all(|relation| self.names_relation(request.database, relation)))
    }

    fn names_relation(&self, database: &str, relation: &Relation) -> bool {
        self.relations
            .iter()
            .any(|pattern| pattern.matches(database, relation))
    }

    /// Whether it shows a column as it is.
    pub(crate) fn shows(&self, database: &str, schema: &str, table: &str, column: &str) -> bool {
        self.columns.iter().any(|pattern| match pattern {
            Pattern::Column(pattern) => pattern.matches(database, schema, table, column),
            Pattern::Json(_) => false,
        })
    }

    /// Whether it names what a mask names, word for word.
    pub(crate) fn shows_as_named(&self, pattern: &str) -> bool {
        self.grant.columns.iter().any(|column| column == pattern)
    }

    /// Whether it lifts any mask.
    pub fn lifts_masks(&self) -> bool {
        !self.columns.is_empty()
    }
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.grant.fmt(f)
    }
}

impl RelationPattern {
    fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('.').collect();
        let (database, schema, table) = match parts.as_slice() {
            [table] => (None, None, table),
            [schema, table] => (None, Some(schema), table),
            [database, schema, table] => (Some(database), Some(schema), table),
            _ => {
                return Err(format!(
                    "`{text}` has too many parts; expected [database.][schema.]table"
                ));
            }
        };
        if parts.iter().any(|part| part.trim().is_empty()) {
            return Err(format!(
                "a part of `{text}` is empty; expected [database.][schema.]table"
            ));
        }
        let part = |text: &&str| glob(text, true);
        Ok(Self {
            database: database.map(part).transpose()?,
            schema: schema.map(part).transpose()?,
            table: part(table)?,
        })
    }

    /// A schema that the statement leaves to the server's search path is not known to be the one that is meant.
    fn matches(&self, database: &str, relation: &Relation) -> bool {
        let schema = || match &relation.schema {
            Some(schema) => self.schema.as_ref().is_none_or(|glob| glob.is_match(schema)),
            None => self.schema.as_ref().is_none_or(|glob| glob.glob().glob() == "*"),
        };
        self.table.is_match(&relation.name)
            && schema()
            && self.database.as_ref().is_none_or(|glob| glob.is_match(database))
    }
}

/// The effects of these names and what comes with them; `None`: any.
fn effects(names: &[String]) -> Result<Option<Effects>, String> {
    if names.is_empty() {
        return Ok(None);
    }
    // What a client needs around every statement, and what changes nothing.
    let mut all = Effects::of(&[
        Effect::Transaction,
        Effect::Cursor,
        Effect::Prepare,
        Effect::Execute,
        Effect::Explain,
    ]);
    for name in names {
        let effect = Effect::ALL
            .into_iter()
            .find(|effect| effect.as_str() == name)
            .ok_or_else(|| {
                format!("`{name}` is no effect; expected one such as read, insert, update, delete, drop")
            })?;
        all.insert(effect);
        match effect {
            Effect::Insert | Effect::Update | Effect::Delete | Effect::Truncate | Effect::CopyIn => {
                all.insert(Effect::Write);
                all.insert(Effect::Read);
            }
            Effect::UpdateWithoutWhere => {
                all.insert(Effect::Update);
                all.insert(Effect::Write);
                all.insert(Effect::Read);
            }
            Effect::DeleteWithoutWhere => {
                all.insert(Effect::Delete);
                all.insert(Effect::Write);
                all.insert(Effect::Read);
            }
            Effect::CopyOut => all.insert(Effect::Read),
            Effect::Write => {
                all.insert(Effect::Insert);
                all.insert(Effect::Update);
                all.insert(Effect::Delete);
                all.insert(Effect::Read);
            }
            _ => {}
        }
    }
    Ok(Some(all))
}

#[cfg(test)]
mod tests;
