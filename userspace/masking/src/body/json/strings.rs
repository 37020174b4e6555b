//! Names, and values that are strings.

use bytes::{BufMut as _, BytesMut};

use super::{
    Fate, KEPT, MOST_INNER, Member, NAME, Reader, State, Wrong, inner_document,
    plain::plain,
    run::{Run, Token},
    string::Scan,
    value,
};
use crate::{
    Mask,
    body::{
        BodyError, Scope,
        search::{self, Window, Writing},
        selector::first,
    },
    json::{View, put_json_characters},
    plain::REDACTED,
};

impl Reader {
    /// A name begins with the quote at that place of the input; the place after what was read.
    pub(super) fn begin_name(
        &mut self,
        scope: &mut Scope<'_>,
        run: &mut Run<'_>,
        at: usize,
    ) -> Result<usize, BodyError> {
        let start = at + 1;
        let Some(raw) = whole(run.input, start, scope.limits.value) else {
            self.scan = Scan::default();
            self.fate = Fate::Hold;
            self.state = State::InName;
            return Ok(start);
        };
        let after = start + raw.len() + 1;
        let token = Token {
            at: start,
            raw,
            is_held: false,
        };
        self.end_name(scope, run, token, raw)?;
        if run.input.get(after) == Some(&b':') {
            self.state = State::Value;
            return Ok(after + 1);
        }
        Ok(after)
    }

    /// A value that is a string begins with the quote at that place of the input; the place after what was read.
    pub(super) fn begin_string(&mut self, scope: &mut Scope<'_>, run: &mut Run<'_>, at: usize) -> usize {
        let start = at + 1;
        let treatment = self.treatment(scope);
        let fate = match treatment {
            Some((mask, _)) if mask.reads_value() => Fate::Hold,
            Some(_) => Fate::Drop,
            None if scope.plan.detection().is_some() || scope.plan.names_values() => Fate::Hold,
            None => Fate::Pass,
        };
        if matches!(fate, Fate::Hold)
            && let Some(raw) = whole(run.input, start, scope.limits.value)
        {
            let token = Token {
                at: start,
                raw,
                is_held: false,
            };
            self.end_held(scope, run, token, treatment, None);
            return start + raw.len() + 1;
        }
        if matches!(fate, Fate::Drop) {
            run.flush(at);
            run.from = start;
        }
        self.fate = fate;
        self.scan = Scan::default();
        self.state = State::InString;
        start
    }

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
            self.end_whole(scope, run, token)?;
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
            self.end_whole(scope, run, token)?;
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

    /// A string that is held is whole, escapes and all.
    fn end_whole(
        &mut self,
        scope: &mut Scope<'_>,
        run: &mut Run<'_>,
        token: Token<'_>,
    ) -> Result<(), BodyError> {
        let view = memchr::memchr(b'\\', token.raw).map(|_| View::of(token.raw));
        if self.state == State::InName {
            let name = view.as_ref().map_or(token.raw, |view| &view.text);
            return self.end_name(scope, run, token, name);
        }
        let treatment = self.treatment(scope);
        self.end_held(scope, run, token, treatment, view.as_ref());
        Ok(())
    }

    /// A name is whole, and reads so.
    fn end_name(
        &mut self,
        scope: &mut Scope<'_>,
        run: &mut Run<'_>,
        token: Token<'_>,
        name: &[u8],
    ) -> Result<(), BodyError> {
        let raw = token.raw;
        self.state = State::Colon;
        let Some(frame) = self.frames.last() else {
            return Err(Wrong::Syntax("a name outside of an object").at(self.before));
        };
        self.places.truncate(frame.places);
        self.names.truncate(frame.names);
        let Member {
            places, count, mask, ..
        } = frame.member;
        let from = self
            .places
            .get(places..places + count as usize)
            .unwrap_or_default();
        let step = self.steps.step(scope.plan, from, name);
        let is_clean = step.is_clean;
        self.value = Member {
            places: self.places.len(),
            count: step.places.len() as u32,
            mask: first(step.mask, mask),
            name: 0,
            length: 0,
        };
        if !step.places.is_empty() {
            self.places.extend_from_slice(step.places);
        }
        let Some(detection) = scope.plan.detection() else {
            run.put(token, None);
            return Ok(());
        };
        self.value.name = self.names.len();
        self.value.length = name.len().min(NAME) as u32;
        self.names
            .extend_from_slice(name.get(name.len().saturating_sub(NAME)..).unwrap_or_default());
        if is_clean {
            run.put(token, None);
            return Ok(());
        }
        let mut shown = std::mem::take(&mut self.shown);
        shown.clear();
        let is_found = search::whole(
            detection,
            b"\"",
            raw,
            Writing::Json,
            &mut self.scratch,
            &mut shown,
            scope.tally,
        );
        // Somebody else's answer may be another next time.
        if !is_found && !detection.is_consulting() {
            self.steps.mark_clean();
        }
        run.put(token, is_found.then_some(&shown[..]));
        self.shown = shown;
        Ok(())
    }

    /// A string that is masked or searched is whole.
    fn end_held(
        &mut self,
        scope: &mut Scope<'_>,
        run: &mut Run<'_>,
        token: Token<'_>,
        treatment: Option<(&Mask, &str)>,
        view: Option<&View>,
    ) {
        let raw = token.raw;
        scope.tally.values += 1;
        if treatment.is_none() && scope.plan.detection().is_none() && !begins_document(raw) {
            run.put(token, None);
            return self.end_value();
        }
        let mut shown = std::mem::take(&mut self.shown);
        shown.clear();
        let is_changed = if let Some((mask, label)) = treatment {
            // The quotes around it are there already; a mask that reads a value shows a string.
            let text = view.map_or(raw, |view| &view.text);
            value::put_characters(mask, text, &mut shown);
            scope.collect(label, Some(text));
            scope.tally.mask(label);
            true
        } else if let Some(is_changed) = self.end_document(scope, raw, view, &mut shown) {
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
    fn end_document(
        &mut self,
        scope: &mut Scope<'_>,
        raw: &[u8],
        view: Option<&View>,
        shown: &mut BytesMut,
    ) -> Option<bool> {
        if !scope.plan.names_values() || self.inner >= MOST_INNER || !begins_document(raw) {
            return None;
        }
        let text = view.map_or(raw, |view| &view.text);
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

/// The string of one piece that begins at a place of the input and has nothing but itself in it: no escapes, nothing beyond ASCII.
fn whole(input: &[u8], start: usize, most: usize) -> Option<&[u8]> {
    let rest = input.get(start..)?;
    let length = plain(rest);
    (rest.get(length) == Some(&b'"') && length <= most).then(|| rest.get(..length))?
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
