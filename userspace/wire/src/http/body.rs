use bytes::{Buf, Bytes, BytesMut};

use super::chunk::{check_trailers, chunk_size};
use super::lines::{Fields, Lines};
use super::{Exceeded, Framing, Headers, HttpError, Limits};

/// Reads a body as it arrives.
#[derive(Debug)]
pub(super) enum Body {
    /// So many bytes are left, then the end.
    Length(u64),
    /// A chunk's first line.
    Size(Lines),
    /// So many bytes of a chunk are left.
    Chunk(u64),
    Trailers(Lines, Fields),
    UntilClose,
}

pub(super) enum BodyPart {
    Data(Bytes),
    Trailers(Headers),
    End,
}

impl Body {
    pub(super) const fn new(framing: Framing, limits: &Limits) -> Self {
        match framing {
            Framing::None => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::size(limits),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    const fn size(limits: &Limits) -> Self {
        Self::Size(Lines::new(Exceeded::ChunkLine, limits.chunk_line))
    }

    /// The next part, from the front of `input`. After the end it is the end again.
    pub(super) fn next(
        &mut self,
        input: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<BodyPart>, HttpError> {
        loop {
            match self {
                Self::Length(0) => return Ok(Some(BodyPart::End)),
                Self::UntilClose => return Ok(take(&mut { u64::MAX }, input)),
                Self::Size(lines) => {
                    let Some(line) = lines.next(input)? else {
                        return Ok(None);
                    };
                    let size = chunk_size(input.get(line).unwrap_or_default())?;
                    input.advance(lines.taken());
                    *self = if size > 0 {
                        Self::Chunk(size)
                    } else {
                        Self::Trailers(Lines::new(Exceeded::Trailers, limits.trailers), Fields::default())
                    };
                }
                Self::Chunk(0) => {
                    match (input.first(), input.get(1)) {
                        (Some(b'\r'), Some(b'\n')) => {}
                        (None, _) | (Some(b'\r'), None) => return Ok(None),
                        _ => return Err(HttpError::ChunkEnd),
                    }
                    input.advance(2);
                    *self = Self::size(limits);
                }
                Self::Length(left) | Self::Chunk(left) => return Ok(take(left, input)),
                Self::Trailers(lines, fields) => {
                    let Some(line) = lines.next(input)? else {
                        return Ok(None);
                    };
                    if !line.is_empty() {
                        fields.read(input, line, limits)?;
                        continue;
                    }
                    let section = input.split_to(lines.taken()).freeze();
                    let fields = std::mem::take(fields);
                    *self = Self::Length(0);
                    if !fields.is_empty() {
                        let trailers = fields.finish(&section);
                        check_trailers(&trailers)?;
                        return Ok(Some(BodyPart::Trailers(trailers)));
                    }
                }
            }
        }
    }

    /// Whether the body may end where the stream does.
    pub(super) const fn ends_with_stream(&self) -> bool {
        matches!(self, Self::UntilClose)
    }
}

/// What has arrived of `left` bytes.
fn take(left: &mut u64, input: &mut BytesMut) -> Option<BodyPart> {
    if input.is_empty() {
        return None;
    }
    let size = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
    *left -= size as u64;
    Some(BodyPart::Data(input.split_to(size).freeze()))
}
