//! Text without structure.

use bytes::{BufMut as _, BytesMut};

use super::{
    BodyError, Limits, Scope, Tally,
    search::{Window, Writing},
};
use crate::plain::REDACTED;

#[derive(Debug)]
pub(super) struct Reader {
    window: Window,
    /// The first bytes: what is UTF-16 says so there.
    first: [u8; 2],
    /// Bytes so far.
    length: u64,
}

impl Reader {
    pub(super) fn new(context: &[u8], limits: &Limits) -> Self {
        Self {
            window: Window::new(Writing::Plain, context, limits),
            first: [0; 2],
            length: 0,
        }
    }

    pub(super) fn held(&self) -> usize {
        self.window.held()
    }

    pub(super) fn push(
        &mut self,
        scope: &mut Scope<'_>,
        input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), BodyError> {
        for byte in input {
            let place = usize::try_from(self.length)
                .ok()
                .and_then(|at| self.first.get_mut(at));
            let Some(place) = place else { break };
            *place = *byte;
            self.length += 1;
        }
        if matches!(self.first, [0xff, 0xfe] | [0xfe, 0xff]) {
            return Err(BodyError::Charset);
        }
        if scope.plan.everything() {
        } else if let Some(detection) = scope.plan.detection() {
            self.window.push(detection, input, out, scope.tally);
        } else {
            out.put_slice(input);
        }
        Ok(())
    }

    /// Appends what is held although more may come.
    pub(super) fn settle(&mut self, scope: &mut Scope<'_>, out: &mut BytesMut) {
        if let Some(detection) = scope.plan.detection().filter(|_| !scope.plan.everything()) {
            self.window.settle(detection, out, scope.tally);
        }
    }

    pub(super) fn finish(&mut self, scope: &mut Scope<'_>, out: &mut BytesMut) {
        if scope.plan.everything() {
            if self.length > 0 {
                out.put_slice(REDACTED);
                scope.tally.values += 1;
                scope.tally.mask(Tally::EVERYTHING);
            }
        } else if let Some(detection) = scope.plan.detection() {
            self.window.finish(detection, out, scope.tally);
        }
    }
}
