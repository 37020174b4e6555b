//! Codings undone.

use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, enc::StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{self, DParameter, InBuffer, Operation as _, OutBuffer};

use super::{Coding, CodingError, gzip::Header};
use crate::body::BodyError;

/// Where pieces of output go.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), BodyError>;

/// The size of a piece of output, in bytes.
const PIECE: usize = 32 << 10;
/// The largest window of zstd, as a power of two (RFC 8878, 3.1.1.1.2: what a decoder should support).
const ZSTD_WINDOW: u32 = 23;
/// So much output is no bomb, whatever the input.
const FREE_GROWTH: u64 = 10 << 20;

/// Undoes codings.
pub struct Decoder {
    /// In the order of undoing.
    stages: Vec<Stage>,
    input: u64,
    output: u64,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("stages", &self.stages.len())
            .field("input", &self.input)
            .field("output", &self.output)
            .finish()
    }
}

impl Decoder {
    /// Codings in the order they were applied; none passes everything.
    pub fn new(codings: &[Coding]) -> Self {
        Self {
            stages: codings.iter().rev().map(|coding| Stage::new(*coding)).collect(),
            input: 0,
            output: 0,
        }
    }

    /// Takes the next bytes; the sink gets what they become, in pieces of 32 KiB at most.
    ///
    /// # Errors
    /// [`CodingError::Malformed`], [`CodingError::Bomb`], or what the sink says.
    pub fn push(&mut self, input: &[u8], sink: Sink<'_>) -> Result<(), BodyError> {
        let Self {
            stages,
            input: taken,
            output: given,
        } = self;
        if stages.is_empty() {
            return sink(input);
        }
        *taken += input.len() as u64;
        run(stages, input, &mut |piece| {
            *given += piece.len() as u64;
            if *given > FREE_GROWTH && *given / super::MOST_GROWTH > *taken {
                return Err(CodingError::Bomb.into());
            }
            sink(piece)
        })
    }

    /// To be called when all bytes were pushed. A body without any bytes is complete.
    ///
    /// # Errors
    /// [`CodingError::Truncated`].
    pub fn finish(&mut self) -> Result<(), BodyError> {
        if self.input == 0 {
            return Ok(());
        }
        self.stages.iter().try_for_each(|stage| {
            if stage.is_complete() {
                Ok(())
            } else {
                Err(CodingError::Truncated {
                    coding: stage.coding().name(),
                }
                .into())
            }
        })
    }
}

fn run(stages: &mut [Stage], input: &[u8], sink: Sink<'_>) -> Result<(), BodyError> {
    match stages.split_first_mut() {
        None => sink(input),
        Some((stage, rest)) => stage.push(input, &mut |piece| run(rest, piece, sink)),
    }
}

enum Stage {
    Gzip(Gzip),
    Deflate(Deflate),
    Brotli(Box<Brotli>),
    Zstd(Zstd),
}

impl Stage {
    fn new(coding: Coding) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(Gzip::default()),
            Coding::Deflate => Self::Deflate(Deflate::default()),
            Coding::Brotli => Self::Brotli(Box::new(Brotli::new())),
            Coding::Zstd => Self::Zstd(Zstd::default()),
        }
    }

    fn coding(&self) -> Coding {
        match self {
            Self::Gzip(_) => Coding::Gzip,
            Self::Deflate(_) => Coding::Deflate,
            Self::Brotli(_) => Coding::Brotli,
            Self::Zstd(_) => Coding::Zstd,
        }
    }

    fn is_complete(&self) -> bool {
        match self {
            Self::Gzip(gzip) => matches!(&gzip.state, GzipState::Header(header) if header.is_empty()),
            Self::Deflate(deflate) => matches!(deflate, Deflate::Done),
            Self::Brotli(brotli) => brotli.done,
            Self::Zstd(zstd) => zstd.between_frames,
        }
    }

    fn push(&mut self, input: &[u8], sink: Sink<'_>) -> Result<(), BodyError> {
        match self {
            Self::Gzip(gzip) => gzip.push(input, sink),
            Self::Deflate(deflate) => deflate.push(input, sink),
            Self::Brotli(brotli) => brotli.push(input, sink),
            Self::Zstd(zstd) => zstd.push(input, sink),
        }
    }
}

fn malformed(coding: Coding, what: &'static str) -> BodyError {
    CodingError::Malformed {
        coding: coding.name(),
        what,
    }
    .into()
}

/// Inflates as far as input goes. What is left of the input once the stream has ended; `None` if it goes on.
fn inflate<'a>(
    state: &mut Decompress,
    coding: Coding,
    mut input: &'a [u8],
    sink: Sink<'_>,
) -> Result<Option<&'a [u8]>, BodyError> {
    let mut piece = vec![0; PIECE];
    loop {
        let (before_in, before_out) = (state.total_in(), state.total_out());
        let status = state
            .decompress(input, &mut piece, FlushDecompress::None)
            .map_err(|_| malformed(coding, "the compressed data are broken"))?;
        let taken = (state.total_in() - before_in) as usize;
        let given = (state.total_out() - before_out) as usize;
        input = input.get(taken..).unwrap_or_default();
        if given > 0 {
            sink(piece.get(..given).unwrap_or_default())?;
        }
        if status == Status::StreamEnd {
            return Ok(Some(input));
        }
        // What fits no more into one piece waits inside, with nothing of the input taken; it is over when nothing moves.
        if given == 0 && taken == 0 {
            return if input.is_empty() {
                Ok(None)
            } else {
                Err(malformed(coding, "the compressed data are broken"))
            };
        }
    }
}

/// One member after another.
#[derive(Default)]
struct Gzip {
    state: GzipState,
}

enum GzipState {
    Header(Header),
    Data {
        inflate: Box<Decompress>,
        sum: crc32fast::Hasher,
        length: u32,
    },
    /// What the sum and the length should be, and what came of them.
    Trailer {
        want: [u8; 8],
        got: usize,
    },
}

impl Default for GzipState {
    fn default() -> Self {
        Self::Header(Header::default())
    }
}

impl Gzip {
    fn push(&mut self, mut input: &[u8], sink: Sink<'_>) -> Result<(), BodyError> {
        while let Some((&byte, rest)) = input.split_first() {
            match &mut self.state {
                GzipState::Header(header) => {
                    let done = header.push(byte).map_err(|what| malformed(Coding::Gzip, what))?;
                    input = rest;
                    if done {
                        self.state = GzipState::Data {
                            inflate: Box::new(Decompress::new(false)),
                            sum: crc32fast::Hasher::new(),
                            length: 0,
                        };
                    }
                }
                GzipState::Data {
                    inflate: state,
                    sum,
                    length,
                } => {
                    let left = inflate(state, Coding::Gzip, input, &mut |piece| {
                        sum.update(piece);
                        *length = length.wrapping_add(piece.len() as u32);
                        sink(piece)
                    })?;
                    input = left.unwrap_or_default();
                    if left.is_some() {
                        let mut want = [0; 8];
                        let (crc, size) = want.split_at_mut(4);
                        crc.copy_from_slice(&sum.clone().finalize().to_le_bytes());
                        size.copy_from_slice(&length.to_le_bytes());
                        self.state = GzipState::Trailer { want, got: 0 };
                    }
                }
                GzipState::Trailer { want, got } => {
                    if want.get(*got) != Some(&byte) {
                        return Err(malformed(Coding::Gzip, "its checksum or length is another"));
                    }
                    *got += 1;
                    input = rest;
                    if *got == want.len() {
                        self.state = GzipState::default();
                    }
                }
            }
        }
        Ok(())
    }
}

#[derive(Default)]
enum Deflate {
    #[default]
    Start,
    /// The first byte tells too little.
    First(u8),
    Data(Box<Decompress>),
    Done,
}

impl Deflate {
    fn push(&mut self, mut input: &[u8], sink: Sink<'_>) -> Result<(), BodyError> {
        while let Some((&byte, rest)) = input.split_first() {
            match self {
                Self::Start => {
                    *self = Self::First(byte);
                    input = rest;
                }
                Self::First(first) => {
                    let first = *first;
                    // RFC 1950, 2.2; a stream of RFC 1951 that looks so is not made by any encoder.
                    let is_zlib =
                        first & 0xf == 8 && (u16::from(first) << 8 | u16::from(byte)).is_multiple_of(31);
                    let mut state = Box::new(Decompress::new(is_zlib));
                    let ended = inflate(&mut state, Coding::Deflate, &[first], sink)?.is_some();
                    *self = if ended { Self::Done } else { Self::Data(state) };
                }
                Self::Data(state) => match inflate(state, Coding::Deflate, input, sink)? {
                    None => input = &[],
                    Some(left) => {
                        input = left;
                        *self = Self::Done;
                    }
                },
                Self::Done => return Err(malformed(Coding::Deflate, "data follow its end")),
            }
        }
        Ok(())
    }
}

struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    done: bool,
}

impl Brotli {
    fn new() -> Self {
        Self {
            // Without the large windows that are not RFC 7932's: 16 MiB at most.
            state: BrotliState::new_strict(
                StandardAlloc::default(),
                StandardAlloc::default(),
                StandardAlloc::default(),
            ),
            done: false,
        }
    }

    fn push(&mut self, input: &[u8], sink: Sink<'_>) -> Result<(), BodyError> {
        let mut piece = vec![0; PIECE];
        let (mut left, mut at, mut total) = (input.len(), 0, 0);
        loop {
            if self.done {
                return if left == 0 {
                    Ok(())
                } else {
                    Err(malformed(Coding::Brotli, "data follow its end"))
                };
            }
            let (mut room, mut given) = (piece.len(), 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                input,
                &mut room,
                &mut given,
                &mut piece,
                &mut total,
                &mut self.state,
            );
            if given > 0 {
                sink(piece.get(..given).unwrap_or_default())?;
            }
            match result {
                BrotliResult::ResultSuccess => self.done = true,
                BrotliResult::NeedsMoreInput if left == 0 => return Ok(()),
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput | BrotliResult::ResultFailure => {
                    return Err(malformed(Coding::Brotli, "the compressed data are broken"));
                }
            }
        }
    }
}

/// One frame after another.
#[derive(Default)]
struct Zstd {
    state: Option<raw::Decoder<'static>>,
    between_frames: bool,
}

impl Zstd {
    fn push(&mut self, input: &[u8], sink: Sink<'_>) -> Result<(), BodyError> {
        let broken = || {
            malformed(
                Coding::Zstd,
                "the compressed data are broken, or their window is over 8 MiB",
            )
        };
        let state = match &mut self.state {
            Some(state) => state,
            none => {
                let mut state = raw::Decoder::new().map_err(|_| broken())?;
                state
                    .set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW))
                    .map_err(|_| broken())?;
                none.insert(state)
            }
        };
        let mut piece = vec![0; PIECE];
        let mut source = InBuffer::around(input);
        loop {
            let before = source.pos();
            let mut target = OutBuffer::around(piece.as_mut_slice());
            let missing = state.run(&mut source, &mut target).map_err(|_| broken())?;
            let given = target.pos();
            let taken = source.pos() - before;
            if given > 0 || taken > 0 {
                self.between_frames = missing == 0;
            }
            if given > 0 {
                sink(piece.get(..given).unwrap_or_default())?;
            }
            if source.pos() == input.len() && given < PIECE {
                return Ok(());
            }
            if given == 0 && taken == 0 {
                return Err(broken());
            }
        }
    }
}
