//! Between what is on record and what is in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use interdict_audit::{GrantState, GrantUse};
use interdict_policy::{Grant, Granted};
use interdict_record::GrantEvent;
use uuid::Uuid;

use super::{Kept, Listed};
use crate::Person;

/// The row of something that happened to a grant.
pub(super) fn event(grant: &Grant, event: &str, person: &Person, reason: &str, at: i64) -> GrantEvent {
    GrantEvent {
        at,
        event: event.to_owned(),
        grant_id: grant.id,
        person: person.name.clone(),
        uid: person.uid,
        login_uid: person.login_uid,
        via: (!person.via.is_empty()).then(|| person.via.clone()),
        reason: reason.to_owned(),
        ticket: grant.ticket.clone(),
        identities: grant.identities.clone(),
        services: grant.services.clone(),
        effects: grant.effects.clone(),
        relations: grant.relations.clone(),
        columns: grant.columns.clone(),
        row_limit: grant.rows,
        starts_at: grant.starts_at,
        ends_at: grant.ends_at,
        approval_id: grant.approval_id,
        break_glass: grant.break_glass,
    }
}

/// A grant that is on record; where it does not read, what is on record and why.
pub(super) fn kept(state: GrantState) -> Result<Kept, Box<(GrantEvent, String)>> {
    let GrantState { created, ended, .. } = state;
    let grant = Grant {
        id: created.grant_id,
        identities: created.identities.clone(),
        services: created.services.clone(),
        effects: created.effects.clone(),
        relations: created.relations.clone(),
        columns: created.columns.clone(),
        rows: created.row_limit,
        starts_at: created.starts_at,
        ends_at: created.ends_at,
        reason: created.reason.clone(),
        ticket: created.ticket.clone(),
        created_by: created.person.clone(),
        created_at: created.at,
        approval_id: created.approval_id,
        break_glass: created.break_glass,
    };
    let by = Person {
        name: created.person.clone(),
        uid: created.uid,
        login_uid: created.login_uid,
        via: created.via.clone().unwrap_or_default(),
        ..Person::default()
    };
    let granted = Granted::new(grant).map_err(|error| Box::new((created, error.to_string())))?;
    Ok(Kept {
        granted: Arc::new(granted),
        by,
        cut: ended.is_some(),
        ended,
        reviewed: None,
    })
}

pub(super) fn listed(kept: &Kept, used: &BTreeMap<Uuid, GrantUse>, now: i64) -> Listed {
    let grant = kept.granted.grant().clone();
    Listed {
        state: kept.state(now).to_owned(),
        ended_at: kept.ended.as_ref().map(|event| event.at),
        ended_by: kept.ended.as_ref().map(|event| event.person.clone()),
        end_reason: kept.ended.as_ref().map(|event| event.reason.clone()),
        reviewed_by: kept.reviewed.as_ref().map(|event| event.person.clone()),
        review_due: kept.review_due(),
        used: used.get(&grant.id).cloned(),
        grant,
    }
}
