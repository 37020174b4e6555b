//! Finding, in a text, identifiers that have a form.

use std::ops::Range;
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use regex_automata::{Anchored, Input, meta::Regex};
use smallvec::SmallVec;

use crate::{Mask, plain};
use needs::{Facts, Needs};

mod checks;
mod consultation;
mod context;
mod forms;
mod needs;
mod spec;
mod verify;
mod worded;

pub(crate) use checks::luhn;
pub use consultation::{Consultation, Finding, Source, WrongAnswer};
pub use spec::{Detector, DetectorSpec, Pattern, UnknownDetector};

/// A set of detectors with their masks, compiled once and shared.
///
/// Works on the bytes of a text: ASCII where it looks for digits and letters, so that a text in any encoding that has
/// ASCII as a subset is searched. Replacements start and end where characters do.
///
/// A text is taken in three steps, each for fewer texts: a count of digits and a look for marks such as `@`; one pass of an
/// automaton for all detectors that are still possible; a search and a check (sums, ranges, words nearby) by each.
#[derive(Debug, Default)]
pub struct Detection {
    rules: Vec<Rule>,
    /// Every rule's clear form at once, to say no with one pass.
    any_clear: Option<Regex>,
    /// Every rule's words at once, likewise.
    any_word: Option<Regex>,
    /// Somebody else finds instead.
    consultation: Option<Arc<Consultation>>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    mask: Mask,
    /// `None` for a custom pattern, which is taken at its word.
    detector: Option<Detector>,
    needs: Needs,
    clear: Option<Regex>,
    worded: Option<Regex>,
}

/// Something found: which bytes, by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) range: Range<usize>,
    rule: usize,
}

/// How far a custom pattern's match is followed, in bytes; identifiers are shorter.
const LONGEST_CUSTOM: usize = 512;

/// Hits in order, which do not overlap.
pub(crate) type Hits = SmallVec<[Hit; 4]>;

impl Detection {
    /// Compiles detectors. Where two find overlapping text, the mask of the one named first is put on all of it.
    ///
    /// # Errors
    /// A pattern that is no regular expression, is too big, or also matches nothing at all.
    pub fn new(detectors: &[(DetectorSpec, Mask)]) -> Result<Self, DetectionError> {
        let mut rules = Vec::with_capacity(detectors.len());
        let (mut clear, mut words) = (Vec::new(), Vec::new());
        for (spec, mask) in detectors {
            let forms = spec.forms();
            rules.push(Rule {
                name: spec.name().to_owned(),
                mask: mask.clone(),
                detector: spec.detector(),
                needs: spec.needs(),
                clear: forms::compile(spec.name(), forms.clear.as_slice())?,
                worded: forms::compile(spec.name(), forms.worded.as_slice())?,
            });
            clear.extend(forms.clear);
            words.extend(forms.words);
        }
        let any_clear = forms::compile("all detectors", &clear)?;
        Ok(Self {
            rules,
            any_clear,
            any_word: forms::compile_words(&words)?,
            consultation: None,
        })
    }

    /// Finds what was answered, and remembers what is to be asked about.
    pub fn consulting(consultation: &Arc<Consultation>) -> Self {
        let rules = consultation.rules().map(|(name, mask)| Rule {
            name,
            mask,
            detector: None,
            needs: Needs::default(),
            clear: None,
            worded: None,
        });
        Self {
            rules: rules.collect(),
            consultation: Some(Arc::clone(consultation)),
            ..Self::default()
        }
    }

    /// Whether somebody else finds: what a text is then matters more than where its digits are.
    pub(crate) fn is_consulting(&self) -> bool {
        self.consultation.is_some()
    }

    /// Whether there are no detectors.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether anything is found; then the text, with every hit replaced, was appended, and `on_hit` called with a
    /// detector's name for each hit.
    pub fn redact(&self, text: &[u8], out: &mut BytesMut, mut on_hit: impl FnMut(&str)) -> bool {
        let hits = self.find(text);
        if hits.is_empty() {
            return false;
        }
        let mut rest = 0;
        for hit in &hits {
            out.put_slice(text.get(rest..hit.range.start).unwrap_or_default());
            self.replace(hit, text.get(hit.range.clone()).unwrap_or_default(), out);
            on_hit(self.name(hit));
            rest = hit.range.end;
        }
        out.put_slice(text.get(rest..).unwrap_or_default());
        true
    }

    /// The name of the detector that found it.
    pub(crate) fn name(&self, hit: &Hit) -> &str {
        self.rules.get(hit.rule).map_or("", |rule| &rule.name)
    }

    /// Appends what is shown instead.
    pub(crate) fn replace(&self, hit: &Hit, found: &[u8], out: &mut BytesMut) {
        plain::mask(
            self.rules.get(hit.rule).map_or(&Mask::Redact, |rule| &rule.mask),
            found,
            out,
        );
    }

    /// Whether the text has what any of the detectors needs at least.
    pub(crate) fn is_possible(&self, text: &[u8]) -> bool {
        let facts = Facts::of(text);
        self.rules.iter().any(|rule| rule.needs.met_by(&facts))
    }

    /// Everything found.
    pub(crate) fn find(&self, text: &[u8]) -> Hits {
        if let Some(consultation) = &self.consultation {
            return consultation.find(text);
        }
        let mut hits = Hits::new();
        let facts = Facts::of(text);
        let mut clear = self.possible(&facts, |rule| rule.clear.as_ref());
        if let Some(first) = clear.next() {
            let second = clear.next();
            // Where one alone is possible, it is asked itself.
            if second.is_none() || self.any_clear.as_ref().is_some_and(|any| any.is_match(text)) {
                for possible in [first].into_iter().chain(second).chain(clear) {
                    possible.find(text, &mut hits);
                }
            }
        }
        if facts.has_letters() {
            let mut worded = self.possible(&facts, |rule| rule.worded.as_ref());
            if let Some(first) = worded.next()
                && self.any_word.as_ref().is_some_and(|any| any.is_match(text))
            {
                for possible in std::iter::once(first).chain(worded) {
                    possible.find(text, &mut hits);
                }
            }
        }
        if hits.len() < 2 {
            return hits;
        }
        in_order(hits)
    }

    /// One form of every rule that is possible.
    fn possible<'a>(
        &'a self,
        facts: &Facts,
        form: impl Fn(&'a Rule) -> Option<&'a Regex>,
    ) -> impl Iterator<Item = Possible<'a>> {
        self.rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.needs.met_by(facts))
            .filter_map(move |(number, rule)| {
                Some(Possible {
                    number,
                    rule,
                    regex: form(rule)?,
                })
            })
    }
}

/// A form of a rule that a text may have.
struct Possible<'a> {
    number: usize,
    rule: &'a Rule,
    regex: &'a Regex,
}

impl Possible<'_> {
    fn find(&self, text: &[u8], hits: &mut Hits) {
        self.rule.find(self.regex, text, |range| {
            hits.push(Hit {
                range,
                rule: self.number,
            });
        });
    }
}

impl Rule {
    fn find(&self, regex: &Regex, text: &[u8], mut hit: impl FnMut(Range<usize>)) {
        let mut at = 0;
        // A pattern of the policy's may go on from a match to the end of the text, in vain, and again from the next: it is
        // asked for the earliest end, and then how far the match goes.
        let earliest = self.detector.is_none();
        while let Some(found) = regex.search(&Input::new(text).span(at..text.len()).earliest(earliest)) {
            let verified = match self.detector {
                Some(detector) => verify::verify(detector, text, found.range()),
                None => Some(custom(regex, text, found.range())),
            };
            at = match verified {
                Some(range) => {
                    let end = range.end;
                    hit(range);
                    end.max(found.start() + 1)
                }
                None => verify::next_start(self.detector, text, found.start()),
            };
            // No form of ours is empty.
            if at >= text.len() && !earliest {
                break;
            }
        }
    }
}

/// The whole of a custom pattern's match, of which at least the beginning is known.
fn custom(regex: &Regex, text: &[u8], found: Range<usize>) -> Range<usize> {
    let window = found.end.saturating_add(LONGEST_CUSTOM).min(text.len());
    let whole = Input::new(text).span(found.start..window).anchored(Anchored::Yes);
    let end = regex.search(&whole).map_or(found.end, |whole| whole.end());
    if end < window || window == text.len() {
        return found.start..end;
    }
    // What is longer than the window goes to the end of its line or word, so that nothing of it stays.
    let rest = text.get(end..).unwrap_or_default();
    let run = rest
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(rest.len());
    found.start..end + run
}

/// Sorts, and joins what overlaps, so that nothing of a hit stays because another began within it.
fn in_order(mut hits: Hits) -> Hits {
    hits.sort_unstable_by_key(|hit| (hit.range.start, hit.rule));
    let mut joined = Hits::new();
    for hit in hits {
        match joined.last_mut() {
            Some(last) if hit.range.start < last.range.end => {
                last.range.end = last.range.end.max(hit.range.end);
                last.rule = last.rule.min(hit.rule);
            }
            _ => joined.push(hit),
        }
    }
    joined
}

/// Why a set of detectors is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectionError {
    /// Not a regular expression, or too big a one.
    #[error("the pattern of `{name}` can't be used: {reason}")]
    Pattern {
        /// The detector.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It would be found everywhere.
    #[error("the pattern of `{name}` also matches an empty text")]
    Empty {
        /// The detector.
        name: String,
    },
}

#[cfg(test)]
pub(crate) mod tests;
