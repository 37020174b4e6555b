//! What somebody else finds: texts are collected, put as questions, and the answers are hits like any other.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Hit, Hits, in_order};
use crate::Mask;

/// A longer text is not asked about.
const LONGEST_TEXT: usize = 64 << 10;
/// Bytes of the texts of one question; what is over is not asked about.
const LARGEST_QUESTION: usize = 1 << 20;

/// Somebody who is asked, and what is done with what they find.
#[derive(Clone, Debug)]
pub struct Source {
    /// The kinds asked for; a [`Finding`] is of one of them.
    pub kinds: Vec<String>,
    /// What is shown instead. A keyed mask without its key redacts.
    pub mask: Mask,
    /// Whether a text without an answer is redacted whole; otherwise it stays as it is.
    pub redacts_unanswered: bool,
}

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In characters (code points) of the text as it was asked.
    pub range: Range<usize>,
    /// What it is, by the name that was asked for.
    pub kind: String,
}

/// Texts that others are asked about, and what they said.
///
/// A result is gone through twice by a [`Detection`](super::Detection) that was made of this. The first time nothing is
/// found, and every text is remembered. Then [`Self::questions`] are put, and [`Self::answer`] or [`Self::fail`] is called for each source. The
/// second time, what was answered is found. [`Self::forget`] makes room for the next part.
#[derive(Debug)]
pub struct Consultation {
    sources: Vec<Source>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Texts and what is known of them.
    known: HashMap<Box<[u8]>, Hits>,
    /// Those texts in the order of the question.
    asked: Vec<Box<[u8]>>,
    bytes: usize,
    unasked: u64,
    /// The questions were put: what is met now should have been asked about.
    put: bool,
}

/// Without the texts.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("texts", &self.asked.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Consultation {
    /// Nothing is asked yet.
    pub fn new(sources: Vec<Source>) -> Self {
        Self {
            sources,
            state: Mutex::default(),
        }
    }

    /// How many bytes of text there are to ask about.
    pub fn open_bytes(&self) -> usize {
        self.state().bytes
    }

    /// Whether nothing was met that has to be asked about.
    pub fn is_empty(&self) -> bool {
        let state = self.state();
        state.asked.is_empty() && state.unasked == 0
    }

    /// How often a text was met that was not asked about, because it or all of them were too long.
    pub fn unasked(&self) -> u64 {
        self.state().unasked
    }

    /// The texts to ask about, each once. Bytes that are not UTF-8 are in them as U+FFFD.
    pub fn questions(&self) -> Vec<String> {
        let mut state = self.state();
        state.put = true;
        let texts = state.asked.iter();
        texts
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .collect()
    }

    /// What a source found, text by text in the order of the questions.
    ///
    /// # Errors
    /// The answer does not fit the questions. Nothing of it was taken.
    pub fn answer(&self, source: usize, found: &[Vec<Finding>]) -> Result<(), WrongAnswer> {
        let mut state = self.state();
        let State { known, asked, .. } = &mut *state;
        if found.len() != asked.len() {
            return Err(WrongAnswer::Count {
                asked: asked.len(),
                answered: found.len(),
            });
        }
        let mut places: Vec<Hits> = Vec::with_capacity(asked.len());
        for (text, found) in asked.iter().zip(found) {
            places.push(self.hits(source, text, found)?);
        }
        for (text, hits) in asked.iter().zip(places) {
            if let Some(known) = known.get_mut(text).filter(|_| !hits.is_empty()) {
                known.extend(hits);
                *known = in_order(std::mem::take(known));
            }
        }
        Ok(())
    }

    /// A source has no answer.
    pub fn fail(&self, source: usize) {
        let mut state = self.state();
        let State { known, asked, .. } = &mut *state;
        for text in asked {
            if let Some(known) = known.get_mut(text) {
                known.extend(self.unanswered(source, text));
                *known = in_order(std::mem::take(known));
            }
        }
    }

    /// Begins anew.
    pub fn forget(&self) {
        *self.state() = State::default();
    }

    pub(super) fn find(&self, text: &[u8]) -> Hits {
        // Without a letter or a digit there is nothing to find.
        if !text
            .iter()
            .any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
        {
            return Hits::new();
        }
        let mut state = self.state();
        if let Some(hits) = state.known.get(text) {
            return hits.clone();
        }
        if state.put || text.len() > LONGEST_TEXT || state.bytes + text.len() > LARGEST_QUESTION {
            state.unasked += 1;
            let all = 0..self.sources.len();
            return in_order(all.filter_map(|source| self.unanswered(source, text)).collect());
        }
        state.bytes += text.len();
        state.asked.push(text.into());
        state.known.insert(text.into(), Hits::new());
        Hits::new()
    }

    /// Names and masks in the order of [`Hit`]'s rules.
    pub(super) fn rules(&self) -> impl Iterator<Item = (String, Mask)> {
        self.sources.iter().flat_map(|source| {
            let mask = if source.mask.unbound_key().is_some() {
                Mask::Redact
            } else {
                source.mask.clone()
            };
            let kinds = source.kinds.iter();
            kinds
                .map(move |kind| (format!("opinion:{kind}"), mask.clone()))
                .chain(std::iter::once(("opinion:unanswered".to_owned(), Mask::Redact)))
        })
    }

    /// Where a source's rules begin.
    fn first_rule(&self, source: usize) -> usize {
        let before = self.sources.iter().take(source);
        before.map(|source| source.kinds.len() + 1).sum()
    }

    fn unanswered(&self, source: usize, text: &[u8]) -> Option<Hit> {
        let asked = self.sources.get(source)?;
        asked.redacts_unanswered.then(|| Hit {
            range: 0..text.len(),
            rule: self.first_rule(source) + asked.kinds.len(),
        })
    }

    fn hits(&self, source: usize, text: &[u8], found: &[Finding]) -> Result<Hits, WrongAnswer> {
        if found.is_empty() {
            return Ok(Hits::new());
        }
        let kinds = self.sources.get(source).map_or(&[][..], |source| &source.kinds);
        let places = places(text);
        let first = self.first_rule(source);
        let hit = |finding: &Finding| {
            let Range { start, end } = finding.range;
            let kind = kinds.iter().position(|kind| *kind == finding.kind);
            match (kind, places.get(start), places.get(end)) {
                (Some(kind), Some(&from), Some(&to)) if start < end => Ok(Hit {
                    range: from..to,
                    rule: first + kind,
                }),
                (None, ..) => Err(WrongAnswer::Kind),
                _ => Err(WrongAnswer::Place {
                    start,
                    end,
                    length: places.len().saturating_sub(1),
                }),
            }
        };
        found.iter().map(hit).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where each character begins in the bytes, and where the last one ends. What is not UTF-8 counts as it does in
/// [`String::from_utf8_lossy`].
fn places(text: &[u8]) -> Vec<usize> {
    let mut places = Vec::with_capacity(text.len() + 1);
    let mut at = 0;
    for chunk in text.utf8_chunks() {
        places.extend(chunk.valid().char_indices().map(|(index, _)| at + index));
        at += chunk.valid().len();
        if !chunk.invalid().is_empty() {
            places.push(at);
            at += chunk.invalid().len();
        }
    }
    places.push(at);
    places
}

/// Why an answer can't be used. Names nothing of what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WrongAnswer {
    /// Too few or too many.
    #[error("{asked} texts were asked about and {answered} answered")]
    Count {
        /// Texts in the question.
        asked: usize,
        /// Texts in the answer.
        answered: usize,
    },
    /// Outside of the text, or nothing.
    #[error("characters {start} to {end} of a text of {length} were named")]
    Place {
        /// The first.
        start: usize,
        /// The one after the last.
        end: usize,
        /// Characters of the text.
        length: usize,
    },
    /// Not what was asked for.
    #[error("a kind was named that was not asked for")]
    Kind,
}

#[cfg(test)]
mod tests;
