//! Content codings (RFC 9110, 8.4.1), undone and redone as they stream.
//!
//! Pieces of output go to a sink as they come, so that what is held does not depend on how far the input expands.

mod decode;
mod encode;
mod gzip;

pub use decode::{Decoder, Sink};
pub use encode::Encoder;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// RFC 1952; also `x-gzip`.
    Gzip,
    /// RFC 1950, and what many servers send for it: RFC 1951.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// A list of them, in the order they were applied, as in `Content-Encoding`.
pub type Codings = smallvec::SmallVec<[Coding; 3]>;

/// More than these are refused.
pub const MOST_CODINGS: usize = 3;

impl Coding {
    /// Reads the value of a `Content-Encoding` header; `identity` is left out. Several such headers are joined with commas
    /// before.
    ///
    /// # Errors
    /// [`CodingError::Unknown`] or [`CodingError::TooMany`].
    pub fn parse_list(header: &[u8]) -> Result<Codings, CodingError> {
        let mut codings = Codings::new();
        for name in header.split(|c| *c == b',').map(<[u8]>::trim_ascii) {
            let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
            codings.push(match name {
                b"" => continue,
                _ if is(b"identity") => continue,
                _ if is(b"gzip") || is(b"x-gzip") => Self::Gzip,
                _ if is(b"deflate") => Self::Deflate,
                _ if is(b"br") => Self::Brotli,
                _ if is(b"zstd") => Self::Zstd,
                _ => return Err(CodingError::Unknown),
            });
            if codings.len() > MOST_CODINGS {
                return Err(CodingError::TooMany);
            }
        }
        Ok(codings)
    }

    /// As `Content-Encoding` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// Why coded content can't be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodingError {
    /// It grows beyond any sense.
    #[error("the body expands to more than {} times its size", MOST_GROWTH)]
    Bomb,
    /// Not what its name says.
    #[error("the body is not the {coding} that Content-Encoding says: {what}")]
    Malformed {
        /// The coding's name.
        coding: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// More codings than are undone.
    #[error("the body has more than {MOST_CODINGS} content codings")]
    TooMany,
    /// It ends too early.
    #[error("the {coding} body ends before it is complete")]
    Truncated {
        /// The coding's name.
        coding: &'static str,
    },
    /// A coding that is not known.
    #[error("the body has a content coding other than gzip, deflate, br and zstd")]
    Unknown,
}

/// Output over 10 MiB may not be more than so many times the input.
const MOST_GROWTH: u64 = 1000;

#[cfg(test)]
mod tests;
