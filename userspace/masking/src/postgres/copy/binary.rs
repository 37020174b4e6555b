//! `FORMAT binary`: a header, tuples of fields with their lengths, a trailer.

use bytes::{Buf as _, BufMut as _, BytesMut};
use smallvec::SmallVec;

use super::{
    CopyError, OnChange,
    field::{Fields, Instead, Mode},
};
use crate::postgres::Format;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, length of the header's extension.
const HEADER: usize = 19;

#[derive(Debug)]
pub(super) struct Reader {
    state: State,
    /// The part that came of a header, count or length.
    head: SmallVec<[u8; HEADER]>,
    rows: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Header,
    /// So many bytes of it are to come.
    Extension(usize),
    Count,
    Length {
        column: usize,
    },
    Value {
        column: usize,
        mode: Mode,
        missing: usize,
    },
    Done,
}

impl State {
    fn next(fields: &Fields, column: usize) -> Self {
        if column < fields.count() {
            Self::Length { column }
        } else {
            Self::Count
        }
    }
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            state: State::Header,
            head: SmallVec::new(),
            rows: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn push(
        &mut self,
        fields: &mut Fields,
        mut data: &[u8],
        out: &mut BytesMut,
        on_change: OnChange<'_>,
    ) -> Result<(), CopyError> {
        // A value of no bytes is complete without any more data.
        while !data.is_empty() || matches!(self.state, State::Value { missing: 0, .. }) {
            match self.state {
                State::Header => {
                    let Some(header) = self.head(HEADER, &mut data) else {
                        break;
                    };
                    self.state = State::Extension(extension(&header)?);
                    out.put_slice(&header);
                }
                State::Extension(0) => self.state = State::Count,
                State::Extension(missing) => {
                    let part = take(&mut data, missing);
                    out.put_slice(part);
                    self.state = State::Extension(missing - part.len());
                }
                State::Count => {
                    let Some(head) = self.head(2, &mut data) else {
                        break;
                    };
                    let count = head.as_slice().get_i16();
                    out.put_slice(&head);
                    self.state = if count == -1 {
                        State::Done
                    } else if usize::try_from(count) == Ok(fields.count()) {
                        self.rows += 1;
                        State::next(fields, 0)
                    } else {
                        return Err(CopyError::Columns {
                            row: self.rows + 1,
                            columns: fields.count(),
                        });
                    };
                }
                State::Length { column } => {
                    let Some(head) = self.head(4, &mut data) else {
                        break;
                    };
                    let mode = fields.mode(column).unwrap_or(Mode::Drop);
                    self.state = match head.as_slice().get_i32() {
                        -1 => {
                            if mode == Mode::Blank {
                                write(fields, column, &[], out, on_change);
                            } else {
                                out.put_slice(&head);
                            }
                            State::next(fields, column + 1)
                        }
                        length => {
                            let missing = usize::try_from(length)
                                .map_err(|_| CopyError::Binary("a negative length"))?;
                            match mode {
                                Mode::Pass => out.put_slice(&head),
                                Mode::Hold => fields.fits(column, missing)?,
                                Mode::Drop | Mode::Blank => {}
                            }
                            State::Value {
                                column,
                                mode,
                                missing,
                            }
                        }
                    };
                }
                State::Value {
                    column,
                    mode: Mode::Pass,
                    missing,
                } => {
                    let part = take(&mut data, missing);
                    out.put_slice(part);
                    self.value_goes_on(fields, column, Mode::Pass, missing - part.len());
                }
                State::Value {
                    column,
                    mode,
                    missing,
                } => {
                    let part = take(&mut data, missing);
                    let missing = missing - part.len();
                    if missing > 0 {
                        fields.hold(column, mode, part, 0)?;
                    } else if fields.holds_nothing() {
                        write(fields, column, part, out, on_change);
                    } else {
                        fields.hold(column, mode, part, 0)?;
                        let held = fields.take();
                        write(fields, column, &held, out, on_change);
                        fields.release(held);
                    }
                    self.value_goes_on(fields, column, mode, missing);
                }
                State::Done => return Err(CopyError::Binary("data after the trailer")),
            }
        }
        Ok(())
    }

    /// The next fixed bytes, once they are all there.
    fn head(&mut self, size: usize, data: &mut &[u8]) -> Option<SmallVec<[u8; HEADER]>> {
        self.head.extend_from_slice(take(data, size - self.head.len()));
        (self.head.len() == size).then(|| std::mem::take(&mut self.head))
    }

    fn value_goes_on(&mut self, fields: &Fields, column: usize, mode: Mode, missing: usize) {
        self.state = if missing > 0 {
            State::Value {
                column,
                mode,
                missing,
            }
        } else {
            State::next(fields, column + 1)
        };
    }
}

fn write(fields: &mut Fields, column: usize, value: &[u8], out: &mut BytesMut, on_change: OnChange<'_>) {
    let value = match fields.instead(column, Format::Binary, value, on_change) {
        Instead::Null => return out.put_i32(-1),
        Instead::Same => value,
        Instead::Value(value) => value,
    };
    // Longer than the server's 1 GB is no masked value: constants, tokens, or a held value with its hits replaced.
    match i32::try_from(value.len()) {
        Ok(length) => {
            out.put_i32(length);
            out.put_slice(value);
        }
        Err(_) => out.put_i32(-1),
    }
}

fn take<'a>(data: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = data.split_at_checked(count).unwrap_or((data, &[]));
    *data = rest;
    taken
}

fn extension(header: &[u8]) -> Result<usize, CopyError> {
    let mut fixed = header
        .strip_prefix(SIGNATURE)
        .ok_or(CopyError::Binary("no signature"))?;
    // Flags 16 to 31 change how the data are to be read; only one was ever in use, for OIDs, until version 11.
    if fixed.try_get_u32().is_ok_and(|flags| flags >> 16 != 0) {
        return Err(CopyError::Binary("a flag that is not known"));
    }
    let length = fixed.try_get_i32().map_err(|_| CopyError::Binary("no header"))?;
    usize::try_from(length).map_err(|_| CopyError::Binary("a negative length"))
}
