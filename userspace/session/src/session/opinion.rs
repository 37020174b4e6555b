//! A second opinion on texts, from a service outside.
//!
//! Rows are held back as they would go to the client, and their texts collected. When enough are together, when no more came
//! for a moment, or before anything that is not a row, the questions go out by [`Output::questions`], and nothing is taken
//! from the server until every answer is in. Then the rows are shown with what was found replaced. So the client sees
//! everything in the server's order, and no more than one part of a result is held.
//!
//! What a row looks like is the engine's: it hands over whole messages, and gets them back when they are to be shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use interdict_masking::{Consultation, Detection, Finding, Source};
use interdict_policy::{Decision, OnFailure, Opinion, Verdict};
use interdict_record::Micros;

use super::{Session, Tally};
use crate::output::{Output, Question};
use crate::refusal::{Kind, Refusal};

/// The rule's name where a statement is refused for want of an answer.
const OPINION: &str = "interdict:opinion";
/// How long rows wait for more to be asked about with them.
const LINGER: Micros = 5_000;
/// Rows that are held at most.
const MOST_ROWS: u64 = 1_000;
/// Bytes of rows that are held, but for the last one.
const MOST_BYTES: usize = 1 << 20;
/// Bytes of text to ask about at once: at first, at least and at most. Between, it follows how fast answers come.
const ROOM: usize = 16 << 10;
const LEAST_ROOM: usize = 2 << 10;
const MOST_ROOM: usize = 256 << 10;

/// What is held and asked in a session.
pub(crate) struct Second {
    opinions: Arc<[Opinion]>,
    consultation: Arc<Consultation>,
    detection: Arc<Detection>,
    /// Whole messages as the client would get them, but for the opinion.
    held: BytesMut,
    rows: u64,
    since: Micros,
    /// Counts questions, so that an answer that is no longer waited for is told apart.
    number: u64,
    asked_at: Micros,
    /// By source, while answers are waited for.
    answers: Vec<Answer>,
    room: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Awaited,
    Given,
    Failed(String),
}

/// What becomes of a row that others may have to be asked about.
pub(crate) enum Kept {
    /// Nothing is open about it, nor about one before it: it is shown.
    Shown(BytesMut),
    Held,
    /// It is held, and no more are to be.
    Full,
}

/// What was held, to be shown as it was answered.
pub(crate) struct Held {
    pub(crate) messages: BytesMut,
    rows: u64,
}

/// What came of showing it.
#[derive(Default)]
pub(crate) struct Release {
    pub(crate) cells: u64,
    by: BTreeMap<String, u64>,
    /// Why it can't be shown after all.
    pub(crate) broken: Option<String>,
}

impl Release {
    /// Counts something that was found.
    pub(crate) fn count(&mut self, name: &str) {
        *self.by.entry(name.to_owned()).or_default() += 1;
    }
}

/// How a statement's result ends for want of an answer.
pub(crate) type Stop = (Decision, Refusal);

impl Second {
    fn new(opinions: &Arc<[Opinion]>) -> Self {
        let sources = opinions.iter().map(|opinion| Source {
            kinds: opinion.entities.clone(),
            mask: opinion.mask.clone(),
            redacts_unanswered: opinion.on_failure == OnFailure::Mask,
        });
        let consultation = Arc::new(Consultation::new(sources.collect()));
        Self {
            opinions: Arc::clone(opinions),
            detection: Arc::new(Detection::consulting(&consultation)),
            consultation,
            held: BytesMut::new(),
            rows: 0,
            since: 0,
            number: 0,
            asked_at: 0,
            answers: Vec::new(),
            room: ROOM,
        }
    }

    /// What finds the answers in texts, and remembers those that were not asked about.
    pub(crate) fn detection(&self) -> &Arc<Detection> {
        &self.detection
    }

    /// The first policy that asks for an opinion.
    pub(crate) fn policy(&self) -> Arc<str> {
        self.opinions
            .first()
            .map_or_else(Arc::default, |opinion| Arc::clone(&opinion.policy))
    }

    fn is_asking(&self) -> bool {
        self.answers.contains(&Answer::Awaited)
    }

    /// Takes a row as it would be shown. `changes`: it holds what is replaced whatever the answer, or has to be followed.
    pub(crate) fn keep(&mut self, row: BytesMut, changes: bool, now: Micros) -> Kept {
        if !changes && self.held.is_empty() && self.consultation.is_empty() {
            return Kept::Shown(row);
        }
        if self.held.is_empty() {
            self.since = now;
        }
        self.held.extend_from_slice(&row);
        self.rows += 1;
        let full = self.consultation.is_empty()
            || self.consultation.open_bytes() >= self.room
            || self.rows >= MOST_ROWS
            || self.held.len() >= MOST_BYTES;
        if full { Kept::Full } else { Kept::Held }
    }

    /// Gives back what is held.
    pub(crate) fn take(&mut self) -> Held {
        Held {
            messages: std::mem::take(&mut self.held),
            rows: std::mem::take(&mut self.rows),
        }
    }

    /// Counts what was shown in `sent` bytes of what was held; or says what ends the statement because it may not be
    /// shown.
    pub(crate) fn conclude(
        &mut self,
        held: &Held,
        release: Release,
        sent: usize,
        tally: &mut Tally,
    ) -> Option<Stop> {
        let unanswered = self.unanswered();
        self.consultation.forget();
        self.answers.clear();
        tally.opinion_failed |= unanswered.is_some();
        let refused = match (unanswered, release.broken) {
            (_, Some(error)) => Some((Arc::default(), error)),
            (Some((OnFailure::Deny, policy, why)), None) => Some((policy, why)),
            _ => None,
        };
        let shown = if refused.is_some() { 0 } else { sent as u64 };
        tally.bytes = (tally.bytes + shown).saturating_sub(held.messages.len() as u64);
        let Some((policy, why)) = refused else {
            tally.masked_cells += release.cells;
            for (name, count) in release.by {
                *tally.masked_by.entry(name).or_default() += count;
            }
            return None;
        };
        tally.rows = tally.rows.saturating_sub(held.rows);
        Some(stop(
            &policy,
            format!("the second opinion that policy {policy} asks for could not be had: {why}"),
            "try again in a moment, or leave columns of text out; if it goes on, the operator finds the service in the policy",
        ))
    }

    /// Asks for more at once where that is quick, and for less where it is not.
    fn adapt(&mut self, now: Micros) {
        let patience = self
            .opinions
            .iter()
            .map(|opinion| opinion.timeout.as_micros())
            .min();
        let patience = patience
            .and_then(|patience| Micros::try_from(patience).ok())
            .unwrap_or_default();
        let took = now - self.asked_at;
        let failed = self
            .answers
            .iter()
            .any(|answer| matches!(answer, Answer::Failed(_)));
        if failed || took > patience / 2 {
            self.room = (self.room / 2).max(LEAST_ROOM);
        } else if took < patience / 8 {
            self.room = (self.room * 2).min(MOST_ROOM);
        }
    }

    /// The strictest of what is to be done for want of answers, whose policy says so, and why.
    fn unanswered(&self) -> Option<(OnFailure, Arc<str>, String)> {
        let unasked = self.consultation.unasked();
        let failed = self.opinions.iter().enumerate().filter_map(|(source, opinion)| {
            let why = match self.answers.get(source) {
                Some(Answer::Failed(why)) => why.clone(),
                _ if unasked > 0 => format!("{unasked} texts are too long to be asked about"),
                _ => return None,
            };
            Some((opinion.on_failure, Arc::clone(&opinion.policy), why))
        });
        failed.max_by_key(|(on_failure, ..)| *on_failure)
    }
}

impl Session {
    /// What asks for the opinions in force, made ready for a result that begins; `None` if there are none.
    pub(crate) fn begin_opinions(&mut self) -> Option<&Second> {
        let opinions = self.effective.opinions();
        if opinions.is_empty() {
            return None;
        }
        let known = self
            .second
            .as_deref()
            .is_some_and(|second| Arc::ptr_eq(&second.opinions, opinions));
        if !known {
            // Nothing of the result before is held any more.
            self.second = Some(Box::new(Second::new(opinions)));
        }
        self.second.as_deref()
    }

    /// When [`Self::ask`] is to be called, if nothing comes before.
    pub(crate) fn opinions_due(&self) -> Option<Micros> {
        let second = self.second.as_deref()?;
        (!second.held.is_empty() && !second.is_asking()).then(|| second.since + LINGER)
    }

    /// Whether an answer is waited for: until then nothing is taken from the server.
    pub(crate) fn is_asking(&self) -> bool {
        self.second.as_deref().is_some_and(Second::is_asking) || self.awaits_person_over_result()
    }

    /// Whether rows are held: what is no row has to wait for them.
    pub(crate) fn holds_rows(&self) -> bool {
        self.second
            .as_deref()
            .is_some_and(|second| !second.held.is_empty())
    }

    /// Asks about what is held. False if nothing is open about it: it is to be shown.
    pub(crate) fn ask(&mut self, now: Micros, out: &mut Output) -> bool {
        let Some(second) = self.second.as_deref_mut() else {
            return false;
        };
        let texts: Arc<[String]> = second.consultation.questions().into();
        if texts.is_empty() {
            second.answers.clear();
            return false;
        }
        second.number += 1;
        second.asked_at = now;
        second.answers = vec![Answer::Awaited; second.opinions.len()];
        out.questions
            .extend((0..second.opinions.len()).map(|source| Question {
                number: second.number,
                source,
                opinions: Arc::clone(&second.opinions),
                texts: Arc::clone(&texts),
            }));
        true
    }

    /// Takes what a service answered, or why it did not. True if no more answers are waited for: what is held is to be
    /// shown.
    pub(crate) fn take_opinion(
        &mut self,
        question: &Question,
        found: Result<Vec<Vec<Finding>>, String>,
        now: Micros,
    ) -> bool {
        let Some(second) = self.second.as_deref_mut() else {
            return false;
        };
        let awaited =
            second.number == question.number && second.answers.get(question.source) == Some(&Answer::Awaited);
        if !awaited {
            return false;
        }
        let taken = found.and_then(|found| {
            let taken = second.consultation.answer(question.source, &found);
            taken.map_err(|wrong| format!("the answer does not fit the question: {wrong}"))
        });
        if let Some(answer) = second.answers.get_mut(question.source) {
            *answer = match taken {
                Ok(()) => Answer::Given,
                Err(why) => {
                    second.consultation.fail(question.source);
                    Answer::Failed(why)
                }
            };
        }
        if second.is_asking() {
            return false;
        }
        second.adapt(now);
        true
    }
}

/// Ends a statement's result.
pub(crate) fn stop(policy: &Arc<str>, why: String, hint: &str) -> Stop {
    let refusal = Refusal::new(Kind::Refused, format!("interdict: {why}"), Some(hint.to_owned()));
    let decision = Decision {
        verdict: Verdict::Deny,
        rule: Some(OPINION.into()),
        policy: Some(Arc::clone(policy)),
        message: Some(why),
        hint: Some(hint.to_owned()),
        mask_all: false,
        grant: None,
    };
    (decision, refusal)
}
