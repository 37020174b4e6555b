//! Functions of a server that give a result for every value, whatever the dialect: whether they fail, and how long they take,
//! says nothing.

use super::scope::blend;
use super::trace::Trace;
use super::{Flow, How};

/// What a function's result is of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Total {
    /// How many there are.
    Count,
    /// One of the values of the first argument, in another case at most. A third argument stands in for a missing one.
    Value,
    /// The first argument, or if that is NULL the next, and so on.
    FirstOf,
    /// NULL only where the argument at `subject` is, or a constant one; the others shape the result.
    Strict { subject: Option<usize> },
    /// Anything else that can't fail by the value of `subject`.
    Computed { subject: Option<usize> },
    /// As [`Total::Computed`], but of dates and times only: of a text it may warn.
    OfDate { subject: usize },
}

/// An argument: what it shows, and what the text says of it.
pub(crate) struct Argument<'f> {
    pub(crate) flow: &'f Flow,
    /// It is NULL as written.
    pub(crate) null: bool,
    /// It is not known to be a constant, though it shows nothing.
    pub(crate) unknown: bool,
}

impl Trace<'_> {
    /// What a function of the server's own makes of its arguments; `all` is what they show together. `total`: what is known
    /// of it; `None`: it may fail, warn or take its time by a value.
    pub(crate) fn shipped(
        &mut self,
        function: &str,
        total: Option<Total>,
        arguments: &[Argument<'_>],
        all: Flow,
    ) -> Flow {
        if !all.shows() {
            return all;
        }
        let lengths = matches!(
            function,
            "length" | "char_length" | "character_length" | "octet_length" | "bit_length"
        );
        if lengths
            && all
                .iter()
                .all(|(column, how)| how <= How::Strict && self.schema.shows_length(column))
        {
            return Flow::CLEAN;
        }
        let flows = || arguments.iter().map(|argument| argument.flow.clone());
        match total {
            Some(Total::Count) if all.most() <= Some(How::Strict) => Flow::CLEAN,
            Some(Total::Value) => blend(flows().take(1).chain(flows().skip(2))).through(How::Same),
            Some(Total::FirstOf) => {
                if let Some((_, before)) = arguments.split_last() {
                    for argument in before {
                        // That it is NULL decides whether the next is evaluated.
                        if argument.flow.most() == Some(How::Computed) {
                            self.decides(argument.flow);
                        }
                    }
                }
                let given = arguments.iter().filter(|argument| !argument.null);
                blend(given.map(|argument| argument.flow.clone()))
            }
            Some(Total::Strict { subject }) if only(arguments, subject) => {
                let known = !arguments.iter().any(|argument| argument.unknown);
                let single = known && all.shown().count() == 1 && all.most() <= Some(How::Strict);
                all.through(if single { How::Strict } else { How::Computed })
            }
            Some(Total::Computed { subject }) if only(arguments, subject) => all.through(How::Computed),
            Some(Total::OfDate { subject }) if only(arguments, Some(subject)) && self.no_text(&all) => {
                all.through(How::Computed)
            }
            _ => {
                // It may fail, take long or give more rows by what the value is.
                self.decides(&all);
                all.through(How::Computed)
            }
        }
    }
}

/// Whether nothing but the argument at `subject` shows anything; without one, all may.
fn only(arguments: &[Argument<'_>], subject: Option<usize>) -> bool {
    subject.is_none_or(|subject| {
        let mut others = arguments
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != subject);
        others.all(|(_, argument)| !argument.flow.shows())
    })
}
