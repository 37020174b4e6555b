//! Whose data a body is: read beside what is shown of it, so that nothing there depends on it.

use std::sync::Arc;

use bytes::BytesMut;
use interdict_api::Analysis;
use interdict_masking::body::{BodyPlan, Unknown};
use interdict_masking::{Mask, Subject};
use interdict_policy::Effective;

use super::body::{Label, Reading, Unshown};
use crate::session::Seen;

/// What says in bodies whose data they are.
#[derive(Debug)]
pub(super) struct Subjects {
    plan: Arc<BodyPlan>,
    /// By what the plan calls them.
    subjects: Vec<Arc<Subject>>,
}

impl Subjects {
    /// What the policy names in any body, and in those of a request's own API; `None` if that is nothing.
    pub(super) fn of(effective: &Effective, analyses: &[Analysis]) -> Option<Arc<Self>> {
        if !effective.names_subjects() {
            return None;
        }
        // Held until it is whole, as it is read.
        let read = || Mask::Partial {
            keep_first: 0,
            keep_last: 1,
        };
        let mut subjects = Vec::new();
        let mut plan = BodyPlan::builder().unknown(Unknown::Pass).collecting();
        let mut called = |subject: &Arc<Subject>| {
            subjects.push(Arc::clone(subject));
            (subjects.len() - 1).to_string()
        };
        for reads in analyses.iter().flat_map(|analysis| &analysis.reads) {
            for (column, subject) in effective.subjects_of(&reads.relation) {
                plan = plan.mask_under(&reads.base, column, "", read(), called(subject));
            }
        }
        for (pattern, subject) in effective.json_subjects() {
            // The policy takes what the plan takes.
            plan = match plan.mask(pattern, read(), called(subject)) {
                Ok(plan) => plan,
                Err(_) => return None,
            };
        }
        for (column, subject) in effective.subjects_anywhere() {
            plan = plan.mask_column(column, read(), called(subject));
        }
        let plan = plan.build();
        (!subjects.is_empty()).then(|| {
            Arc::new(Self {
                plan: Arc::new(plan),
                subjects,
            })
        })
    }
}

/// One body that is looked into.
#[derive(Debug)]
pub(super) struct Watcher {
    subjects: Arc<Subjects>,
    /// None once it can't be read.
    reading: Option<Box<Reading>>,
    seen: Seen,
    scratch: BytesMut,
}

impl Watcher {
    pub(super) fn new(subjects: &Arc<Subjects>, label: Result<Label<'_>, Unshown>) -> Self {
        let reading = label.and_then(|label| Reading::beside(&label, Arc::clone(&subjects.plan)));
        let mut seen = Seen::default();
        if reading.is_err() {
            seen.lose(0);
        }
        Self {
            subjects: Arc::clone(subjects),
            reading: reading.ok().map(Box::new),
            seen,
            scratch: BytesMut::new(),
        }
    }

    /// Bytes of the body as the service sent them.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.step(|reading, scratch| reading.push(data, scratch));
    }

    /// The body is over: whose data it was.
    pub(super) fn finish(mut self) -> Seen {
        self.step(Reading::finish);
        self.seen()
    }

    /// Whose data it was as far as it came.
    pub(super) fn seen(mut self) -> Seen {
        if self.reading.is_some_and(|reading| !reading.sees_names()) {
            self.seen.lose(0);
        }
        self.seen
    }

    fn step(&mut self, step: impl FnOnce(&mut Reading, &mut BytesMut) -> Result<(), Unshown>) {
        let Some(reading) = self.reading.as_deref_mut() else {
            return;
        };
        let done = step(reading, &mut self.scratch);
        self.scratch.clear();
        for (name, value) in reading.tally.read.drain(..) {
            let subject = name
                .parse()
                .ok()
                .and_then(|number: usize| self.subjects.subjects.get(number));
            match subject.zip(value) {
                Some((subject, value)) => self.seen.note(subject, 0, |text| {
                    text.extend_from_slice(&value);
                    true
                }),
                None => self.seen.lose(0),
            }
        }
        if done.is_err() {
            self.seen.lose(0);
            self.reading = None;
        }
    }
}
