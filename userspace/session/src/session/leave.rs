//! Grants: what a session may besides, and until when.

use std::sync::Arc;

use interdict_policy::{Decision, Granted, Grants};
use interdict_record::Micros;
use uuid::Uuid;

use super::Core;

/// What a session has been given for a while.
#[derive(Debug, Default)]
pub(crate) struct Leave {
    /// The snapshot that the rest was taken from.
    seen: Option<Arc<Grants>>,
    /// Those in force.
    held: Vec<Arc<Granted>>,
    /// When that changes by itself.
    until: Option<Micros>,
    /// Those that let something pass or be seen. The session ends with any of them: what was begun under one is not gone on with.
    used: Vec<Arc<Granted>>,
}

impl Leave {
    /// The grants in force.
    pub(crate) fn held(&self) -> &[Arc<Granted>] {
        &self.held
    }

    /// Whether anything changed since the last look.
    fn is_stale(&self, grants: &Arc<Grants>, now: Micros) -> bool {
        match &self.seen {
            None => !grants.is_empty(),
            Some(seen) => !Arc::ptr_eq(seen, grants) || self.until.is_some_and(|until| until <= now),
        }
    }
}

impl Core {
    /// Takes the policy snapshot and the grants in force; a session changes to new ones only between statements. True if the policies
    /// that apply are others.
    pub(crate) fn refresh_policy(&mut self, now: Micros) -> bool {
        let current = self.shared.policies.load();
        let grants = self.shared.grants.load();
        let other_policies = !Arc::ptr_eq(&current, &self.policies);
        let other_grants = self.leave.is_stale(&grants, now);
        if !other_policies && !other_grants {
            return false;
        }
        if other_grants {
            self.take_grants(&grants, now);
        }
        let lifted = self.effective.lifts_masks();
        let lifts = self.leave.held.iter().any(|granted| granted.lifts_masks());
        if !other_policies && !lifted && !lifts {
            return false;
        }
        self.policies = Arc::clone(&current);
        self.effective = self
            .policies
            .effective(&self.context.service, &self.context.identity)
            .lifting(&self.leave.held);
        true
    }

    fn take_grants(&mut self, grants: &Arc<Grants>, now: Micros) {
        let mine = grants.of(&self.context.service, &self.context.identity);
        let held: Vec<_> = mine
            .iter()
            .filter(|granted| granted.holds_at(now))
            .cloned()
            .collect();
        let starts = mine.iter().map(|granted| granted.grant().starts_at);
        let ends = mine.iter().map(|granted| granted.grant().ends_at);
        self.leave.until = starts.chain(ends).filter(|at| *at > now).min();
        self.leave.seen = Some(Arc::clone(grants));
        self.leave.held = held;
    }

    /// Notes that a decision rests on a grant, or that what is shown does.
    pub(crate) fn use_grant(&mut self, decision: &Decision) {
        if let Some(id) = decision.grant {
            self.use_grant_of(id);
        }
    }

    /// The same by the grant's id.
    pub(crate) fn use_grant_of(&mut self, id: Uuid) {
        let is = |granted: &&Arc<Granted>| granted.grant().id == id;
        if self.leave.used.iter().any(|granted| granted.grant().id == id) {
            return;
        }
        if let Some(granted) = self.leave.held.iter().find(is) {
            self.leave.used.push(Arc::clone(granted));
        }
    }

    /// Whether one of these grants is not in force any more.
    pub(crate) fn has_ended(&self, grants: &[Uuid], now: Micros) -> bool {
        if grants.is_empty() {
            return false;
        }
        let current = self.shared.grants.load();
        grants.iter().any(|id| !current.holds(*id, now))
    }

    /// When the first of the grants ends that were used; the engine is to be told the time then.
    pub(crate) fn grant_ends(&self) -> Option<Micros> {
        self.leave
            .used
            .iter()
            .map(|granted| granted.grant().ends_at)
            .min()
    }

    /// A grant that was used and is not in force any more, be it over or revoked.
    pub(crate) fn ended_grant(&self, now: Micros) -> Option<Uuid> {
        if self.leave.used.is_empty() {
            return None;
        }
        let grants = self.shared.grants.load();
        let mut used = self.leave.used.iter().map(|granted| granted.grant().id);
        used.find(|id| !grants.holds(*id, now))
    }
}
