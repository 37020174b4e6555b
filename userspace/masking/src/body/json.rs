//! JSON (RFC 8259) in any cut: what is not masked stays byte for byte.

use bytes::BytesMut;

use super::{
    BodyError, BodyPlan, Scope, Tally,
    search::Window,
    selector::{Number, Place},
};
use crate::Mask;
use run::Run;
use steps::Steps;
use string::Scan;

pub(crate) mod plain;
mod run;
mod steps;
mod string;
mod strings;
mod value;
mod words;

/// Reads one document, or one after another.
#[derive(Debug)]
pub(super) struct Reader {
    /// Whether documents follow one another, on lines of their own.
    many: bool,
    /// In how many strings the document is.
    inner: u8,
    /// Whether a document may begin.
    separated: bool,
    state: State,
    /// Objects and arrays that the next byte is in.
    frames: Vec<Frame>,
    /// Of the value that is next.
    value: Member,
    /// What a document begins with.
    root: Member,
    places: Vec<Place>,
    steps: Steps,
    /// The names of the members that the next byte is in, as they read: the ends of long ones. Kept for detectors only.
    names: Vec<u8>,
    /// A token whose end is still to come: raw, without its first quote.
    token: Vec<u8>,
    scan: Scan,
    fate: Fate,
    /// Bytes before this push.
    before: u64,
    context: Vec<u8>,
    scratch: Vec<u8>,
    shown: BytesMut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A value must follow.
    Value,
    /// An element or the end of the array.
    FirstElement,
    /// A name or the end of the object.
    FirstName,
    Name,
    Colon,
    /// A comma or the end of the object or array.
    AfterValue,
    /// The document is complete, or none began yet.
    Between,
    /// In a token.
    InName,
    InString,
    InWord,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    is_object: bool,
    member: Member,
    /// Lengths of the stacks, to go back to.
    places: usize,
    names: usize,
}

/// Where a value is, for selectors; an element of an array is where the array is.
#[derive(Clone, Copy, Debug, Default)]
struct Member {
    /// Where in the reader's places its own begin; they end with the stack.
    places: usize,
    /// How many.
    count: u32,
    /// How long its name is, and where in the names it begins.
    length: u32,
    name: usize,
    mask: Option<Number>,
}

/// What becomes of a string whose end is still to come.
#[derive(Debug)]
enum Fate {
    /// It passes.
    Pass,
    /// It is held, to be masked or searched.
    Hold,
    /// It is dropped, and masked at its end.
    Drop,
    /// It was too long for its mask, is dropped, and redacted at its end.
    Redact,
    /// It was too long to be held.
    Slide(Box<Window>),
}

/// As much of a name tells detectors what its value is.
const NAME: usize = 64;

impl Reader {
    pub(super) fn new(many: bool, plan: &BodyPlan) -> Self {
        Self::within(many, &plan.root(), None)
    }

    /// A document that stands somewhere in another: a part of a form.
    pub(super) fn within(many: bool, places: &[Place], mask: Option<Number>) -> Self {
        let root = Member {
            count: places.len() as u32,
            mask,
            ..Member::default()
        };
        Self {
            many,
            inner: 0,
            separated: true,
            state: State::Between,
            frames: Vec::new(),
            value: root,
            root,
            places: places.to_vec(),
            steps: Steps::default(),
            names: Vec::new(),
            token: Vec::new(),
            scan: Scan::default(),
            fate: Fate::Pass,
            before: 0,
            context: Vec::new(),
            scratch: Vec::new(),
            shown: BytesMut::new(),
        }
    }

    pub(super) fn held(&self) -> usize {
        let sliding = match &self.fate {
            Fate::Slide(window) => window.held(),
            _ => 0,
        };
        self.token.len()
            + sliding
            + self.names.len()
            + self.places.len() * size_of::<Place>()
            + self.frames.len() * size_of::<Frame>()
    }

    pub(super) fn push(
        &mut self,
        scope: &mut Scope<'_>,
        input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), BodyError> {
        let mut run = Run { input, from: 0, out };
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            at = match self.state {
                State::FirstName | State::Name if byte == b'"' => self.begin_name(scope, &mut run, at)?,
                State::AfterValue if byte == b',' => {
                    self.state = self.after_comma();
                    at + 1
                }
                State::Value | State::FirstElement if byte == b'"' => self.begin_string(scope, &mut run, at),
                State::InName | State::InString => self.string(scope, &mut run, at)?,
                State::InWord => self.word(scope, &mut run, at)?,
                State::Between if byte == 0x1e && self.many => {
                    self.separated = true;
                    at + 1
                }
                _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => {
                    self.separated |= byte == b'\n' && self.many;
                    at + 1
                }
                _ => self
                    .structure(scope, &mut run, at, byte)
                    .map_err(|what| what.at(self.before + at as u64))?,
            };
        }
        run.flush(input.len());
        self.before += input.len() as u64;
        Ok(())
    }

    pub(super) fn finish(&mut self, scope: &mut Scope<'_>, out: &mut BytesMut) -> Result<(), BodyError> {
        if self.state == State::InWord {
            let mut run = Run {
                input: &[],
                from: 0,
                out,
            };
            self.end_word(scope, &mut run, 0, 0)?;
        }
        if self.state == State::Between {
            Ok(())
        } else {
            Err(BodyError::Truncated)
        }
    }

    /// A byte outside of tokens; the place after what was read.
    fn structure(
        &mut self,
        scope: &mut Scope<'_>,
        run: &mut Run<'_>,
        at: usize,
        byte: u8,
    ) -> Result<usize, Wrong> {
        match (self.state, byte) {
            (State::Between, _) if !self.separated => {
                return Err(Wrong::Syntax("something after the document"));
            }
            (State::FirstElement, b']') | (State::FirstName, b'}') => self.close(),
            (State::Between | State::Value | State::FirstElement, _) => {
                if self.state == State::Between {
                    self.separated = false;
                    self.value = self.root;
                }
                return self.begin_value(scope, run, at, byte);
            }
            (State::Colon, b':') => self.state = State::Value,
            (State::AfterValue, b']' | b'}')
                if self
                    .frames
                    .last()
                    .is_some_and(|frame| frame.is_object == (byte == b'}')) =>
            {
                self.close();
            }
            (State::FirstName | State::Name, _) => return Err(Wrong::Syntax("no name where one must be")),
            (State::Colon, _) => return Err(Wrong::Syntax("no colon after a name")),
            _ => return Err(Wrong::Syntax("no comma or end after a value")),
        }
        Ok(at + 1)
    }

    fn after_comma(&self) -> State {
        if self.frames.last().is_some_and(|frame| frame.is_object) {
            State::Name
        } else {
            State::Value
        }
    }

    fn begin_value(
        &mut self,
        scope: &mut Scope<'_>,
        run: &mut Run<'_>,
        at: usize,
        byte: u8,
    ) -> Result<usize, Wrong> {
        match byte {
            b'{' | b'[' => {
                if self.frames.len() >= scope.limits.depth {
                    return Err(Wrong::TooDeep(scope.limits.depth));
                }
                self.frames.push(Frame {
                    is_object: byte == b'{',
                    member: self.value,
                    places: self.places.len(),
                    names: self.names.len(),
                });
                self.state = if byte == b'{' {
                    State::FirstName
                } else {
                    State::FirstElement
                };
            }
            b'"' => return Ok(self.begin_string(scope, run, at)),
            b'-' | b'0'..=b'9' | b'a'..=b'z' => {
                self.state = State::InWord;
                // Its first byte is part of it.
                return Ok(at);
            }
            0xef if self.before == 0 && at == 0 => return Err(Wrong::Syntax("a byte order mark")),
            _ => return Err(Wrong::Syntax("no value where one must be")),
        }
        Ok(at + 1)
    }

    /// The mask on the next value, and its label.
    fn treatment<'a>(&self, scope: &Scope<'a>) -> Option<(&'a Mask, &'a str)> {
        scope.treatment(self.value.mask)
    }

    /// An object or array has ended.
    fn close(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.places.truncate(frame.places);
            self.names.truncate(frame.names);
        }
        self.end_value();
    }

    fn end_value(&mut self) {
        match self.frames.last() {
            None => {
                self.state = State::Between;
                self.separated = false;
            }
            Some(frame) => {
                // The next element is where this one was.
                self.value = frame.member;
                self.state = State::AfterValue;
            }
        }
    }

    /// What stands before the next value.
    fn put_context(&mut self, is_string: bool) {
        self.context.clear();
        let Member { name, length, .. } = self.value;
        if length > 0 {
            self.context.push(b'"');
            let name = self.names.get(name..name + length as usize).unwrap_or_default();
            self.context.extend_from_slice(name);
            self.context.extend_from_slice(b"\": ");
        }
        if is_string {
            self.context.push(b'"');
        }
    }
}

/// One long token must not cost its memory for the rest of the body.
const KEPT: usize = 1 << 16;

/// What is wrong with the document.
enum Wrong {
    Syntax(&'static str),
    TooDeep(usize),
}

impl Wrong {
    fn at(self, at: u64) -> BodyError {
        match self {
            Self::Syntax(what) => BodyError::Malformed {
                kind: "JSON",
                what,
                at,
            },
            Self::TooDeep(limit) => BodyError::TooBig {
                what: "objects and arrays within one another",
                limit,
            },
        }
    }
}

/// Documents in strings of documents in strings are followed so far.
const MOST_INNER: u8 = 4;

/// Masks a document that is in a string of another; false if it is none.
fn inner_document(scope: &mut Scope<'_>, inner: u8, text: &[u8], out: &mut BytesMut) -> bool {
    let mut tally = Tally::default();
    let mut own = Scope {
        plan: scope.plan,
        limits: scope.limits,
        tally: &mut tally,
    };
    let mut reader = Reader::new(false, scope.plan);
    reader.inner = inner + 1;
    let read = reader
        .push(&mut own, text, out)
        .and_then(|()| reader.finish(&mut own, out));
    if read.is_ok() {
        scope.tally.add(tally);
    }
    read.is_ok()
}

/// Masks a whole document apart from a stream.
pub(super) fn document(scope: &mut Scope<'_>, text: &[u8], out: &mut BytesMut) -> Result<(), BodyError> {
    let mut reader = Reader::new(false, scope.plan);
    reader.push(scope, text, out)?;
    reader.finish(scope, out)
}
