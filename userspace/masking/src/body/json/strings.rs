//! Names, and values that are strings.

use bytes::{BufMut as _, BytesMut};

use super::{
    Fate, KEPT, MOST_INNER, Member, NAME, Reader, State, Wrong, inner_document,
    run::{Run, Token},
    value,
};
use crate::{
    body::{
        BodyError, Scope,
        search::{self, Window, Writing},
        selector::first,
    },
    json::{View, put_json_characters},
    plain::REDACTED,
};

impl Reader {
    /// Goes on in a string from that place of the input; the place after what was read.
    pub(super) fn string(
        &mut self,
        scope: &mut Scope<'_>,
        run: &mut Run<'_>,
        at: usize,
    ) -> Result<usize, BodyError> {
        let rest = run.input.get(at..).unwrap_or_default();
        let end = self
            .scan
            .end(rest)
            .map_err(|what| Wrong::Syntax(what).at(self.before + at as u64))?;
        let part = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        // Whole within the input: nothing is copied unless it is changed.
        if end.is_some()
            && matches!(self.fate, Fate::Hold)
            && self.token.is_empty()
            && part.len() <= scope.limits.value
        {
            let token = Token {
                at,
                raw: part,
                is_held: false,
            };
            if self.state == State::InName {
                self.end_name(scope, run, token)?;
            } else {
                self.end_held(scope, run, token);
            }
            return Ok(at + part.len() + 1);
        }
        if matches!(self.fate, Fate::Hold) {
            if self.token.is_empty() {
                run.flush(at);
            }
            if self.token.len() + part.len() > scope.limits.value {
                self.outgrow(scope, run)?;
            }
        }
        match &mut self.fate {
            Fate::Hold => {
                self.token.extend_from_slice(part);
                run.from = at + part.len();
            }
            Fate::Slide(window) => {
                if let Some(detection) = scope.plan.detection() {
                    window.push(detection, part, run.out, scope.tally);
                }
                run.from = at + part.len();
            }
            Fate::Drop | Fate::Redact => run.from = at + part.len(),
            Fate::Pass => {}
        }
        let Some(end) = end else {
            return Ok(run.input.len());
        };
        let end = at + end;
        if matches!(self.fate, Fate::Hold) {
            let mut held = std::mem::take(&mut self.token);
            let token = Token {
                at: end,
                raw: &held,
                is_held: true,
            };
            if self.state == State::InName {
                self.end_name(scope, run, token)?;
            } else {
                self.end_held(scope, run, token);
            }
            held.clear();
            held.shrink_to(KEPT);
            self.token = held;
        } else {
            self.end_other(scope, run, end);
        }
        Ok(end + 1)
    }

    /// A string is too long to be held.
    fn outgrow(&mut self, scope: &mut Scope<'_>, run: &mut Run<'_>) -> Result<(), BodyError> {
        if scope.plan.names_values() && self.treatment(scope).is_none() && begins_document(&self.token) {
            return Err(BodyError::TooBig {
                what: "a JSON document within a string",
                limit: scope.limits.value,
            });
        }
        if self.state == State::InName {
            return Err(BodyError::TooBig {
                what: "a JSON name",
                limit: scope.limits.value,
            });
        }
        if self.treatment(scope).is_some() {
            // The opening quote has gone on: what is shown closes it.
            self.fate = Fate::Redact;
        } else if let Some(detection) = scope.plan.detection() {
            self.put_context(true);
            let mut window = Window::new(Writing::Json, &self.context, scope.limits);
            window.push(detection, &self.token, run.out, scope.tally);
            self.fate = Fate::Slide(Box::new(window));
        } else {
            run.out.put_slice(&self.token);
            self.fate = Fate::Pass;
        }
        self.token = Vec::new();
        Ok(())
    }

    /// A name is whole.
    fn end_name(
        &mut self,
        scope: &mut Scope<'_>,
        run: &mut Run<'_>,
        token: Token<'_>,
    ) -> Result<(), BodyError> {
        let raw = token.raw;
        self.state = State::Colon;
        let Some(frame) = self.frames.last() else {
            return Err(Wrong::Syntax("a name outside of an object").at(self.before));
        };
        let view = memchr::memchr(b'\\', raw).map(|_| View::of(raw));
        let name = view.as_ref().map_or(raw, |view| &view.text);
        self.places.truncate(frame.places);
        self.names.truncate(frame.names);
        let Member {
            places, count, mask, ..
        } = frame.member;
        let mut next = Vec::new();
        let from = self.places.get(places..places + count).unwrap_or_default();
        let own = scope.plan.step(from, name, &mut next);
        self.value = Member {
            places: self.places.len(),
            count: next.len(),
            mask: first(own, mask),
            name: self.names.len(),
            length: name.len().min(NAME),
        };
        self.places.append(&mut next);
        self.names
            .extend_from_slice(name.get(name.len().saturating_sub(NAME)..).unwrap_or_default());
        let mut shown = std::mem::take(&mut self.shown);
        shown.clear();
        let is_found = scope.plan.detection().is_some_and(|detection| {
            search::whole(
                detection,
                b"\"",
                raw,
                Writing::Json,
                &mut self.scratch,
                &mut shown,
                scope.tally,
            )
        });
        run.put(token, is_found.then_some(&shown[..]));
        self.shown = shown;
        Ok(())
    }

    /// A string that is masked or searched is whole.
    fn end_held(&mut self, scope: &mut Scope<'_>, run: &mut Run<'_>, token: Token<'_>) {
        let raw = token.raw;
        scope.tally.values += 1;
        let mut shown = std::mem::take(&mut self.shown);
        shown.clear();
        let is_changed = if let Some((mask, label)) = self.treatment(scope) {
            let view = memchr::memchr(b'\\', raw).map(|_| View::of(raw));
            // The quotes around it are there already; a mask that reads a value shows a string.
            let text = view.as_ref().map_or(raw, |view| &view.text);
            value::put_characters(mask, text, &mut shown);
            scope.collect(label, Some(text));
            scope.tally.mask(label);
            true
        } else if let Some(is_changed) = self.end_document(scope, raw, &mut shown) {
            is_changed
        } else if let Some(detection) = scope.plan.detection() {
            self.put_context(true);
            search::whole(
                detection,
                &self.context,
                raw,
                Writing::Json,
                &mut self.scratch,
                &mut shown,
                scope.tally,
            )
        } else {
            false
        };
        run.put(token, is_changed.then_some(&shown[..]));
        self.shown = shown;
        self.end_value();
    }

    /// A string that is a document itself, as tools of MCP answer: masked as one. `None` if it is none; whether it was changed.
    fn end_document(&mut self, scope: &mut Scope<'_>, raw: &[u8], shown: &mut BytesMut) -> Option<bool> {
        if !scope.plan.names_values() || self.inner >= MOST_INNER || !begins_document(raw) {
            return None;
        }
        let view = memchr::memchr(b'\\', raw).map(|_| View::of(raw));
        let text = view.as_ref().map_or(raw, |view| &view.text);
        let mut masked = BytesMut::new();
        if !inner_document(scope, self.inner, text, &mut masked) {
            return None;
        }
        let is_changed = masked != text;
        if is_changed {
            put_json_characters(&masked, shown);
        }
        Some(is_changed)
    }

    /// A string that is not held ends with the quote at that place.
    fn end_other(&mut self, scope: &mut Scope<'_>, run: &mut Run<'_>, quote: usize) {
        match &mut self.fate {
            Fate::Pass | Fate::Hold => scope.tally.values += 1,
            Fate::Drop => {
                scope.tally.values += 1;
                if let Some((mask, label)) = scope.treatment(self.value.mask) {
                    value::put_string(mask, &[], run.out);
                    scope.tally.mask(label);
                }
                run.from = quote + 1;
            }
            Fate::Redact => {
                scope.tally.values += 1;
                run.out.put_slice(REDACTED);
                if let Some((_, label)) = scope.treatment(self.value.mask) {
                    scope.tally.mask(label);
                    scope.collect(label, None);
                }
                run.from = quote;
            }
            Fate::Slide(window) => {
                if let Some(detection) = scope.plan.detection() {
                    window.finish(detection, run.out, scope.tally);
                }
                run.from = quote;
            }
        }
        self.fate = Fate::Pass;
        self.end_value();
    }
}

/// Whether what a string begins with could begin an object or array, escapes for space included.
fn begins_document(raw: &[u8]) -> bool {
    let mut rest = raw;
    loop {
        match rest {
            [b' ', after @ ..] | [b'\\', b'n' | b't' | b'r', after @ ..] => rest = after,
            [b'\\', b'u', b'0', b'0', _, _, ..] => return true,
            [first, ..] => return matches!(first, b'{' | b'['),
            [] => return false,
        }
    }
}
