//! HTTP bodies, masked as they stream.
//!
//! A [`Body`] takes the bytes of one body in any cut and appends what may go on: values that a selector of the [`BodyPlan`]
//! names go through its mask, all others through the detectors, and the rest stays byte for byte. It holds a value until it is
//! complete, and no more than the [`Limits`] allow. [`coding`] undoes and redoes content codings around it.
//!
//! What is not done: values that are themselves encoded (Base64, JSON or XML within a string) are searched as the text they
//! are and not decoded; an identifier that is split over neighbouring strings is not put together.

use std::sync::Arc;

use bytes::BytesMut;

pub mod coding;
mod csv;
mod event_stream;
mod form;
pub(crate) mod json;
mod kind;
mod mentions;
mod multipart;
mod plan;
mod search;
mod selector;
mod tally;
mod text;
mod xml;

pub use coding::CodingError;
pub use kind::{Kind, MediaType};
pub use mentions::Mentions;
pub use plan::{BodyPlan, BodyPlanBuilder, Unknown, accepts};
pub use selector::SelectorError;
pub use tally::Tally;

use crate::Mask;

/// What a [`Body`] may hold. Over a limit is an error, but for text, which is searched through a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one value (a JSON string or number, a field) as it is written. A longer JSON string is no error: one that a mask
    /// would read is redacted instead, one that is searched is searched as text is.
    pub value: usize,
    /// Objects and arrays within one another.
    pub depth: usize,
    /// Bytes of one line, or one event of an event stream, or the headers of one part.
    pub line: usize,
    /// Bytes of text that detectors see at a time. Windows overlap by a quarter, 4 KiB at most.
    pub window: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            value: 1 << 20,
            depth: 512,
            line: 1 << 20,
            window: 64 << 10,
        }
    }
}

/// One body on its way.
///
/// What was appended to `out` may be sent at once. After an error nothing more may be: the caller cuts the message, and the
/// body is of no further use.
#[derive(Debug)]
pub struct Body {
    plan: Arc<BodyPlan>,
    limits: Limits,
    reader: Reader,
}

impl Body {
    /// A body of that kind. With a plan that does nothing, it passes unread.
    pub fn new(kind: Kind, plan: Arc<BodyPlan>, limits: Limits) -> Self {
        let reader = Reader::new(kind, &plan, &limits);
        Self { plan, limits, reader }
    }

    /// Takes the next bytes and appends what may go on, which can be nothing.
    ///
    /// # Errors
    /// The bytes are not of the kind, or something in them is over a limit.
    pub fn push(&mut self, input: &[u8], out: &mut BytesMut, tally: &mut Tally) -> Result<(), BodyError> {
        let mut scope = Scope {
            plan: &self.plan,
            limits: &self.limits,
            tally,
        };
        self.reader.push(&mut scope, input, out)
    }

    /// To be called when all bytes were pushed: appends what was held.
    ///
    /// # Errors
    /// The body ends within a value, or what was held can't go on.
    pub fn finish(&mut self, out: &mut BytesMut, tally: &mut Tally) -> Result<(), BodyError> {
        let mut scope = Scope {
            plan: &self.plan,
            limits: &self.limits,
            tally,
        };
        self.reader.finish(&mut scope, out)
    }

    /// Appends what is held of a text although more may come, for whoever waits for it: at the end of a line, say. A value that is parted
    /// there is found only from what follows on. Without effect on other kinds, which go on as soon as they can.
    pub fn settle(&mut self, out: &mut BytesMut, tally: &mut Tally) {
        if let Reader::Text(text) = &mut self.reader {
            let mut scope = Scope {
                plan: &self.plan,
                limits: &self.limits,
                tally,
            };
            text.settle(&mut scope, out);
        }
    }

    /// Bytes of the body that are held now.
    pub fn held(&self) -> usize {
        self.reader.held()
    }
}

/// What a reader needs to know besides the bytes.
struct Scope<'a> {
    plan: &'a BodyPlan,
    limits: &'a Limits,
    tally: &'a mut Tally,
}

impl<'a> Scope<'a> {
    /// A value that a selector of that label names was met; `None`: it is too long to be read.
    fn collect(&mut self, label: &str, value: Option<&[u8]>) {
        if self.plan.collecting() {
            self.tally.read.push((label.into(), value.map(<[u8]>::to_vec)));
        }
    }

    /// The mask on a value that that selector names, if any does, and its label.
    fn treatment(&self, number: Option<selector::Number>) -> Option<(&'a Mask, &'a str)> {
        let everything = || {
            self.plan
                .everything()
                .then_some((&Mask::Redact, Tally::EVERYTHING))
        };
        number
            .and_then(|number| self.plan.mask(number))
            .or_else(everything)
    }
}

/// A body of one kind.
#[derive(Debug)]
enum Reader {
    /// Nothing is to be done.
    Pass,
    Csv(Box<csv::Reader>),
    Events(event_stream::Reader),
    Form(form::Reader),
    Json(Box<json::Reader>),
    Multipart(Box<multipart::Reader>),
    Text(Box<text::Reader>),
    Xml(Box<xml::Reader>),
}

impl Reader {
    fn new(kind: Kind, plan: &BodyPlan, limits: &Limits) -> Self {
        if plan.is_empty() {
            return Self::Pass;
        }
        match kind {
            Kind::Csv { delimiter } => Self::Csv(Box::new(csv::Reader::new(delimiter))),
            Kind::EventStream => Self::Events(event_stream::Reader::default()),
            Kind::Form => Self::Form(form::Reader::default()),
            Kind::Json => Self::Json(Box::new(json::Reader::new(false, plan))),
            Kind::Multipart { boundary } => Self::Multipart(Box::new(multipart::Reader::new(&boundary))),
            Kind::NdJson => Self::Json(Box::new(json::Reader::new(true, plan))),
            Kind::Text => Self::Text(Box::new(text::Reader::new(&[], limits))),
            Kind::Xml => Self::Xml(Box::new(xml::Reader::new(limits))),
        }
    }

    fn push(&mut self, scope: &mut Scope<'_>, input: &[u8], out: &mut BytesMut) -> Result<(), BodyError> {
        match self {
            Self::Pass => {
                out.extend_from_slice(input);
                Ok(())
            }
            Self::Csv(csv) => csv.push(scope, input, out),
            Self::Events(events) => events.push(scope, input, out),
            Self::Form(form) => form.push(scope, input, out),
            Self::Json(json) => json.push(scope, input, out),
            Self::Multipart(parts) => parts.push(scope, input, out),
            Self::Text(text) => text.push(scope, input, out),
            Self::Xml(xml) => xml.push(scope, input, out),
        }
    }

    fn finish(&mut self, scope: &mut Scope<'_>, out: &mut BytesMut) -> Result<(), BodyError> {
        match self {
            Self::Pass => Ok(()),
            Self::Csv(csv) => csv.finish(scope, out),
            Self::Events(events) => events.finish(scope, out),
            Self::Form(form) => {
                form.finish(scope, out);
                Ok(())
            }
            Self::Json(json) => json.finish(scope, out),
            Self::Multipart(parts) => parts.finish(),
            Self::Text(text) => {
                text.finish(scope, out);
                Ok(())
            }
            Self::Xml(xml) => xml.finish(scope, out),
        }
    }

    fn held(&self) -> usize {
        match self {
            Self::Pass => 0,
            Self::Csv(csv) => csv.held(),
            Self::Events(events) => events.held(),
            Self::Form(form) => form.held(),
            Self::Json(json) => json.held(),
            Self::Multipart(parts) => parts.held(),
            Self::Text(text) => text.held(),
            Self::Xml(xml) => xml.held(),
        }
    }
}

/// Why a body can't go on. Names nothing of what is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// In a character set that is not read.
    #[error("the body's character set is not UTF-8, so that it can't be masked")]
    Charset,
    /// A content coding.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// Not what the media type says.
    #[error("the body is not the {kind} that its media type says: {what} at byte {at}")]
    Malformed {
        /// Of which kind it should be.
        kind: &'static str,
        /// What is wrong.
        what: &'static str,
        /// Bytes of the body before it, about.
        at: u64,
    },
    /// Over a limit.
    #[error("the body has {what} of more than {limit}, which is more than can be masked")]
    TooBig {
        /// What is too big.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// It ends too early.
    #[error("the body ends before it is complete")]
    Truncated,
    /// A part of it has a media type that can't be masked, and the plan denies those.
    #[error("the body has a part of a type that can't be searched, and the policy denies such")]
    UnknownPart,
}

#[cfg(test)]
mod tests;
