//! Values that are numbers, booleans or null.

use bytes::BytesMut;

use super::{
    KEPT, Reader, Wrong,
    run::{Run, Token},
    value,
};
use crate::{
    body::{BodyError, Scope, search},
    json::put_json_string,
};

impl Reader {
    /// Goes on in a word: a number, or a literal.
    pub(super) fn word(
        &mut self,
        scope: &mut Scope<'_>,
        run: &mut Run<'_>,
        at: usize,
    ) -> Result<usize, BodyError> {
        let rest = run.input.get(at..).unwrap_or_default();
        let is_part = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
        let length = rest.iter().position(|c| !is_part(c)).unwrap_or(rest.len());
        if self.token.len() + length > scope.limits.value {
            return Err(BodyError::TooBig {
                what: "a JSON number",
                limit: scope.limits.value,
            });
        }
        if length == rest.len() {
            run.flush(at);
            self.token.extend_from_slice(rest);
            run.from = run.input.len();
        } else {
            self.end_word(scope, run, at, length)?;
        }
        Ok(at + length)
    }

    /// A word is whole: what is held, and so many bytes of the input.
    pub(super) fn end_word(
        &mut self,
        scope: &mut Scope<'_>,
        run: &mut Run<'_>,
        at: usize,
        length: usize,
    ) -> Result<(), BodyError> {
        scope.tally.values += 1;
        let part = run.input.get(at..at + length).unwrap_or_default();
        if self.token.is_empty()
            && self.treatment(scope).is_none()
            && scope.plan.detection().is_none()
            && value::is_word(part)
        {
            self.end_value();
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.token);
        let token = if held.is_empty() {
            Token {
                at,
                raw: part,
                is_held: false,
            }
        } else {
            held.extend_from_slice(part);
            Token {
                at: at + length,
                raw: &held,
                is_held: true,
            }
        };
        let mut shown = std::mem::take(&mut self.shown);
        shown.clear();
        let treatment = self.treatment(scope);
        match token.raw {
            b"null" => {}
            b"true" | b"false" => {
                if let Some((mask, label)) = treatment {
                    value::put_bool(mask, &mut shown);
                    scope.tally.mask(label);
                }
            }
            number if value::is_number(number) => {
                if let Some((mask, label)) = treatment {
                    value::put_number(mask, number, &mut shown);
                    scope.collect(label, Some(number));
                    scope.tally.mask(label);
                } else if let Some(detection) = scope.plan.detection() {
                    self.put_context(false);
                    let mut found = BytesMut::new();
                    if search::first_hit(
                        detection,
                        &self.context,
                        number,
                        &mut self.scratch,
                        &mut found,
                        scope.tally,
                    ) {
                        put_json_string(&found, &mut shown);
                    }
                }
            }
            _ => return Err(Wrong::Syntax("a word that is no value").at(self.before + at as u64)),
        }
        run.put(token, (!shown.is_empty()).then_some(&shown[..]));
        self.shown = shown;
        held.clear();
        held.shrink_to(KEPT);
        self.token = held;
        self.end_value();
        Ok(())
    }
}
