//! Making a grant.

use std::sync::Arc;
use std::time::Duration;

use interdict_policy::{Grant, Granted};
use interdict_record::{GrantEvent, Record};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Kept, Listed, Store, read};
use crate::approval::Approval;
use crate::{Person, Refused, now};

/// Grants at once: more are a mistake, and every statement of every session would be held against them.
const MOST: usize = 10_000;
/// The longest reason or ticket that is kept, in bytes.
const LONGEST: usize = 4096;

/// What somebody asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewGrant {
    /// Whom it is for.
    pub identities: Vec<String>,
    /// Globs over services' names.
    pub services: Vec<String>,
    /// What statements may do; empty: anything.
    pub effects: Vec<String>,
    /// Relations that they may touch; empty: any.
    pub relations: Vec<String>,
    /// Columns that are shown as they are.
    pub columns: Vec<String>,
    /// The most rows of one statement.
    pub rows: Option<u64>,
    /// From when on, in microseconds since the Unix epoch; `None`: now.
    pub starts_at: Option<i64>,
    /// Until when.
    pub until: Until,
    /// Why.
    pub reason: String,
    /// Where the reason is kept.
    pub ticket: Option<String>,
    /// Nobody else is asked; somebody else has to review it afterwards.
    pub break_glass: bool,
}

/// When a grant ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// So many seconds after its start.
    Seconds(u64),
    /// At a time, in microseconds since the Unix epoch.
    At(i64),
}

impl Default for Until {
    fn default() -> Self {
        Self::Seconds(0)
    }
}

/// A grant that is in force once its record is on disk.
#[derive(Debug)]
pub(crate) struct Minted {
    kept: Kept,
    created: GrantEvent,
}

impl Minted {
    pub(crate) fn id(&self) -> Uuid {
        self.created.grant_id
    }

    pub(crate) fn record(&self) -> Record {
        Record::Grant(Box::new(self.created.clone()))
    }
}

/// The effects of one statement as those of a grant: there `write` stands for every kind of it, so that it goes where the kind is
/// known.
fn narrow(effects: &[String]) -> Vec<String> {
    const KINDS: [&str; 5] = ["insert", "update", "delete", "truncate", "copy_in"];
    let known = effects.iter().any(|effect| KINDS.contains(&&**effect));
    let kept = effects.iter().filter(|effect| !(known && *effect == "write"));
    kept.cloned().collect()
}

pub(super) fn check_reason(reason: &str) -> Result<(), Refused> {
    if reason.trim().is_empty() || reason.len() > LONGEST {
        return Err(Refused::Invalid(format!(
            "it needs a reason, of at most {LONGEST} bytes"
        )));
    }
    Ok(())
}

/// Who is redirected by the daemon has no say in it.
pub(super) fn check_outside(person: &Person) -> Result<(), Refused> {
    person.workload.as_ref().map_or(Ok(()), |workload| {
        Err(Refused::NotPermitted(format!(
            "who runs in a workload ({workload}) may not mint, revoke or review grants"
        )))
    })
}

impl Store {
    /// Mints a grant. Whether the person may is for the caller to know.
    ///
    /// # Errors
    /// It can't be (see [`Granted::new`]), it would be over already, there are too many, or it could not be recorded.
    pub async fn create(&self, new: NewGrant, person: &Person) -> Result<Listed, Refused> {
        check_outside(person)?;
        let minted = self.mint(new, None, person)?;
        let id = minted.id();
        self.record(&minted.created).await?;
        self.admit(minted);
        self.show(id).await
    }

    /// The grant that everyone who approved a petition asked for, for the shortest of the times; `None`: not everyone did.
    pub(crate) fn mint_from(&self, approval: &Approval) -> Result<Option<Minted>, Refused> {
        let asked: Option<Vec<u64>> = approval.votes.iter().map(|vote| vote.grant_seconds).collect();
        let Some(seconds) = asked.and_then(|asked| asked.into_iter().min()) else {
            return Ok(None);
        };
        if approval.effects.is_empty() || approval.relations.is_empty() {
            return Err(Refused::Invalid(
                "it is not known what the statement touches, so that a grant of it would have no bounds: approve it without \
                 --grant, and mint one with `interdict grants create`"
                    .to_owned(),
            ));
        }
        let Some(last) = approval.votes.last() else {
            return Ok(None);
        };
        let reasons: Vec<&str> = approval.votes.iter().map(|vote| &*vote.reason).collect();
        let mut relations: Vec<String> = approval
            .relations
            .iter()
            .map(|(name, _)| globset::escape(name))
            .collect();
        relations.sort();
        relations.dedup();
        let new = NewGrant {
            identities: vec![format!("name={}", globset::escape(&approval.identity))],
            services: vec![globset::escape(&approval.service)],
            effects: narrow(&approval.effects),
            relations,
            until: Until::Seconds(seconds),
            reason: reasons.join("; "),
            ..NewGrant::default()
        };
        let mut by = last.person.clone();
        by.name = approval.approved_by().join(", ");
        self.mint(new, Some(approval.id), &by).map(Some)
    }

    fn mint(&self, new: NewGrant, approval_id: Option<Uuid>, person: &Person) -> Result<Minted, Refused> {
        check_reason(&new.reason)?;
        let at = now();
        let starts_at = new.starts_at.unwrap_or(at);
        let ends_at = match new.until {
            Until::At(end) => end,
            Until::Seconds(seconds) => {
                let length = Duration::from_secs(seconds).as_micros();
                starts_at.saturating_add(i64::try_from(length).unwrap_or(i64::MAX))
            }
        };
        if ends_at <= at {
            return Err(Refused::Invalid("ends_at: it would be over already".to_owned()));
        }
        if new.ticket.as_ref().is_some_and(|ticket| ticket.len() > LONGEST) {
            return Err(Refused::Invalid(format!("ticket: at most {LONGEST} bytes")));
        }
        let running = self.all().values().filter(|kept| kept.ended.is_none()).count();
        if running >= MOST {
            return Err(Refused::Invalid(format!(
                "{running} grants are not over: revoke some"
            )));
        }
        let grant = Grant {
            id: Uuid::now_v7(),
            identities: new.identities,
            services: new.services,
            effects: new.effects,
            relations: new.relations,
            columns: new.columns,
            rows: new.rows,
            starts_at,
            ends_at,
            reason: new.reason.trim().to_owned(),
            ticket: new.ticket,
            created_by: person.name.clone(),
            created_at: at,
            approval_id,
            break_glass: new.break_glass,
        };
        let created = read::event(&grant, "created", person, &grant.reason, at);
        let granted = Granted::new(grant).map_err(|error| Refused::Invalid(error.to_string()))?;
        Ok(Minted {
            kept: Kept {
                granted: Arc::new(granted),
                by: person.clone(),
                cut: false,
                ended: None,
                reviewed: None,
            },
            created,
        })
    }

    /// What was recorded is in force from here on.
    pub(crate) fn admit(&self, minted: Minted) {
        let (id, grant) = (minted.id(), minted.kept.granted.grant());
        if grant.break_glass {
            tracing::warn!(
                grant = %id,
                by = grant.created_by,
                reason = grant.reason,
                "a break-glass grant is in force: somebody else has to review it"
            );
        }
        self.all().insert(id, minted.kept);
        self.announce();
    }
}
