//! Whose data was shown: tokens of what identifies people, as the policy's `subjects` name it.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use ahash::RandomState;
use bytes::BytesMut;
use interdict_masking::Subject;
use interdict_policy::Effective;

use crate::catalogue::{Bearing, MaskMap, Origin};
use crate::session::Carrying;

/// So many people a statement are told apart; whoever takes more took a table.
const MOST: usize = 1000;
/// A longer value is no identifier that would come often: it is not remembered.
const REMEMBERED: usize = 256;

/// More people than [`MOST`] were shown.
const MORE: &str = "subjects_more";
/// It can't be told of all that was shown whose data it is.
const UNKNOWN: &str = "subjects_unknown";
/// Something was shown that was computed of what identifies people.
const COMPUTED: &str = "subjects_computed";

/// Whose data a statement has shown so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    kinds: Vec<Known>,
    /// Tokens in the order of the rows that they were first met in, and these rows, from 1.
    tokens: Vec<(u64, String)>,
    more: Option<u64>,
    unknown: Option<u64>,
    computed: Option<u64>,
    text: BytesMut,
}

/// Values that have their token.
#[derive(Debug)]
struct Known {
    subject: Arc<Subject>,
    values: HashSet<Box<[u8]>, RandomState>,
}

impl Seen {
    /// A value in the row of that number. `write`: appends its text, or says that it can't.
    pub(crate) fn note(
        &mut self,
        subject: &Arc<Subject>,
        row: u64,
        write: impl FnOnce(&mut BytesMut) -> bool,
    ) {
        if self.more.is_some() {
            return;
        }
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        if write(&mut text) {
            self.add(subject, row, text.trim_ascii());
        } else {
            self.unknown.get_or_insert(row);
        }
        self.text = text;
    }

    fn add(&mut self, subject: &Arc<Subject>, row: u64, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        let known = match self
            .kinds
            .iter_mut()
            .position(|known| Arc::ptr_eq(&known.subject, subject))
        {
            Some(index) => self.kinds.get_mut(index),
            None => {
                self.kinds.push(Known {
                    subject: Arc::clone(subject),
                    values: HashSet::default(),
                });
                self.kinds.last_mut()
            }
        };
        let Some(known) = known.filter(|known| !known.values.contains(text)) else {
            return;
        };
        let Some(token) = subject.token(text) else {
            self.unknown.get_or_insert(row);
            return;
        };
        if text.len() <= REMEMBERED {
            known.values.insert(text.into());
        } else if self.tokens.iter().any(|(_, known)| *known == token) {
            return;
        }
        if self.tokens.len() >= MOST {
            self.more = Some(row);
            self.kinds.clear();
        } else {
            self.tokens.push((row, token));
        }
    }

    /// What was seen apart of it, in whatever row.
    pub(crate) fn add_all(&mut self, other: Self) {
        for (row, token) in other.tokens {
            if self.tokens.iter().any(|(_, known)| *known == token) {
                continue;
            }
            if self.tokens.len() >= MOST {
                self.more.get_or_insert(row);
                break;
            }
            self.tokens.push((row, token));
        }
        self.more = self.more.or(other.more);
        self.unknown = self.unknown.or(other.unknown);
        self.computed = self.computed.or(other.computed);
    }

    /// From that row on it can't be told whose data is shown.
    pub(crate) fn lose(&mut self, row: u64) {
        self.unknown.get_or_insert(row);
    }

    /// What a plan does not tell of the rows that it is for.
    pub(crate) fn lose_by(&mut self, blind: Blind, row: u64) {
        if blind.unknown {
            self.unknown.get_or_insert(row);
        }
        if blind.computed {
            self.computed.get_or_insert(row);
        }
    }

    /// The tokens of the first `rows`, and flags. Rows behind them were refused, or taken back.
    pub(crate) fn of_rows(self, rows: u64) -> (BTreeSet<String>, Vec<String>) {
        let shown = self.tokens.into_iter().filter(|(row, _)| *row <= rows);
        let flags = [
            (self.more, MORE),
            (self.unknown, UNKNOWN),
            (self.computed, COMPUTED),
        ];
        let flags = flags
            .into_iter()
            .filter(|(since, _)| since.is_some_and(|row| row <= rows))
            .map(|(_, flag)| flag.to_owned());
        (shown.map(|(_, token)| token).collect(), flags.collect())
    }
}

/// What of a result can't be told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Blind {
    pub(crate) unknown: bool,
    pub(crate) computed: bool,
}

impl Blind {
    /// Whose data a column of that bearing is, with what can't be told kept. `hidden`: nothing of it shows.
    pub(crate) fn subject(&mut self, bearing: Bearing, hidden: bool) -> Option<Arc<Subject>> {
        match bearing {
            Bearing::Subject(subject) => return Some(subject).filter(|_| !hidden),
            Bearing::Computed => self.computed |= !hidden,
            Bearing::Unknown => self.unknown |= !hidden,
            Bearing::Nothing => {}
        }
        None
    }
}

/// What tells whose data the columns of a result are.
#[derive(Clone, Debug)]
pub(crate) enum Bearers {
    /// Nobody asks.
    Nobody,
    /// The catalogue through the policy's `subjects`.
    Map(Arc<MaskMap>),
    /// It is not at hand.
    Lost,
}

impl Bearers {
    /// What is held of them under the policy in force.
    pub(crate) fn held(map: Option<&Arc<MaskMap>>, effective: &Effective) -> Self {
        match map {
            _ if !effective.names_subjects() => Self::Nobody,
            Some(map) => Self::Map(Arc::clone(map)),
            None => Self::Lost,
        }
    }

    /// Whose data one column is, by what the map says of it. `None`: the map's own word on where it comes from is not asked.
    pub(crate) fn of(&self, said: impl FnOnce(&MaskMap) -> Origin) -> Bearing {
        match self {
            Self::Nobody => Bearing::Nothing,
            Self::Map(map) => map.bearing(&said(map)),
            Self::Lost => Bearing::Unknown,
        }
    }
}

impl Bearers {
    /// Whether it is the very same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nobody, Self::Nobody) | (Self::Lost, Self::Lost) => true,
            (Self::Map(one), Self::Map(other)) => Arc::ptr_eq(one, other),
            (Self::Nobody | Self::Map(_) | Self::Lost, _) => false,
        }
    }
}

/// What a statement could show of subjects in columns that the server names no origin of.
#[derive(Clone, Debug, Default)]
pub(crate) enum Borne {
    /// Nobody looked.
    #[default]
    Unjudged,
    /// Nothing.
    Nothing,
    /// What its lineage says.
    By(Arc<interdict_sql::lineage::Lineage>),
}

impl Borne {
    /// Whether it is the very same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unjudged, Self::Unjudged) | (Self::Nothing, Self::Nothing) => true,
            (Self::By(one), Self::By(other)) => Arc::ptr_eq(one, other),
            (Self::Unjudged | Self::Nothing | Self::By(_), _) => false,
        }
    }
}

impl Carrying {
    /// Whether it could show subjects otherwise than in columns whose origin the server names.
    pub(crate) fn bears(&self) -> bool {
        matches!(self.subjects, Borne::By(_))
    }

    /// The origin of the `index`th of `count` columns in the map of subjects, by the statement's text.
    pub(crate) fn borne(&self, map: &MaskMap, index: usize, count: usize) -> Origin {
        match &self.subjects {
            Borne::Unjudged => Origin::Unknown,
            Borne::Nothing => Origin::Clear,
            Borne::By(lineage) => {
                let flow = Some(lineage)
                    .filter(|lineage| lineage.gap.is_none())
                    .and_then(|lineage| lineage.output(index, count));
                flow.map_or(Origin::Unknown, |flow| map.shown(&flow))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use interdict_masking::TokenKey;

    use super::*;

    fn subject() -> Arc<Subject> {
        let key = TokenKey::new(b"a key of the test, 32 bytes long").ok();
        Arc::new(Subject::new("mrn", key))
    }

    fn note(seen: &mut Seen, subject: &Arc<Subject>, row: u64, value: &str) {
        seen.note(subject, row, |out| {
            out.extend_from_slice(value.as_bytes());
            true
        });
    }

    #[test]
    fn only_rows_that_were_sent_count() {
        let (mut seen, subject) = (Seen::default(), subject());
        for (row, value) in [(1, "a"), (1, " a "), (2, "b"), (2, ""), (3, "c")] {
            note(&mut seen, &subject, row, value);
        }
        let (tokens, flags) = seen.of_rows(2);
        let expected = [b"a", b"b"].map(|value| subject.token(value).unwrap());
        assert_eq!(tokens, BTreeSet::from(expected));
        assert!(flags.is_empty());
    }

    #[test]
    fn beyond_the_most_it_says_so_and_keeps_no_more() {
        let (mut seen, subject) = (Seen::default(), subject());
        for row in 1..=1000 {
            note(&mut seen, &subject, row, &row.to_string());
            note(&mut seen, &subject, row, &row.to_string());
        }
        assert!(seen.more.is_none());
        note(&mut seen, &subject, 1001, "1");
        assert!(seen.more.is_none(), "a value that is known is no other");
        note(&mut seen, &subject, 1002, &"x".repeat(1000));
        let (tokens, flags) = seen.of_rows(2000);
        assert_eq!(tokens.len(), 1000);
        assert_eq!(flags, [MORE]);
    }

    #[test]
    fn what_can_t_be_read_is_said() {
        let (mut seen, subject) = (Seen::default(), subject());
        seen.note(&subject, 1, |_| false);
        seen.lose_by(
            Blind {
                unknown: false,
                computed: true,
            },
            1,
        );
        assert_eq!(seen.of_rows(1).1, [UNKNOWN, COMPUTED]);
        let mut seen = Seen::default();
        seen.note(&Arc::new(Subject::new("mrn", None)), 1, |out| {
            out.extend_from_slice(b"a");
            true
        });
        seen.lose(1);
        assert_eq!(seen.of_rows(1).1, [UNKNOWN], "without a key there is no token");
        let mut seen = Seen::default();
        seen.lose(2);
        assert!(seen.of_rows(1).1.is_empty(), "of a row that was not sent");
    }
}
