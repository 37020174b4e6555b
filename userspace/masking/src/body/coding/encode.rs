//! Codings redone.

use std::io::{self, Write};

use brotli::CompressorWriter;
use bytes::{BufMut as _, BytesMut};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::Coding;

/// Fast rather than small: what is masked is on its way.
const DEFLATE_LEVEL: u32 = 3;
const BROTLI_QUALITY: u32 = 4;
/// As a power of two: 256 KiB.
const BROTLI_WINDOW: u32 = 18;
const BROTLI_BUFFER: usize = 4 << 10;
const ZSTD_LEVEL: i32 = 1;

/// Applies codings.
pub struct Encoder {
    stages: Vec<Stage>,
    flushes: bool,
}

enum Stage {
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("stages", &self.stages.len())
            .field("flushes", &self.flushes)
            .finish()
    }
}

impl Encoder {
    /// Codings in the order they are applied; none passes everything. If it `flushes`, what was pushed can be read by the
    /// receiver after each push, as event streams need it: that costs size.
    ///
    /// # Errors
    /// Out of memory for zstd's state.
    pub fn new(codings: &[Coding], flushes: bool) -> io::Result<Self> {
        let stages = codings.iter().map(|coding| Stage::new(*coding));
        Ok(Self {
            stages: stages.collect::<io::Result<_>>()?,
            flushes,
        })
    }

    /// Takes the next bytes and appends what they become, which can be nothing.
    ///
    /// # Errors
    /// zstd's own, which are not expected.
    pub fn push(&mut self, input: &[u8], out: &mut BytesMut) -> io::Result<()> {
        if input.is_empty() {
            return Ok(());
        }
        let mut piece = input.to_vec();
        for stage in &mut self.stages {
            stage.write(&piece)?;
            if self.flushes {
                stage.flush()?;
            }
            piece = std::mem::take(stage.written());
        }
        out.put_slice(&piece);
        Ok(())
    }

    /// To be called once, when all bytes were pushed: appends the end.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(&mut self, out: &mut BytesMut) -> io::Result<()> {
        let mut piece = Vec::new();
        for mut stage in std::mem::take(&mut self.stages) {
            stage.write(&piece)?;
            piece = stage.finish()?;
        }
        out.put_slice(&piece);
        Ok(())
    }
}

impl Stage {
    fn new(coding: Coding) -> io::Result<Self> {
        let level = Compression::new(DEFLATE_LEVEL);
        Ok(match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), level)),
            Coding::Deflate => Self::Deflate(ZlibEncoder::new(Vec::new(), level)),
            Coding::Brotli => Self::Brotli(Box::new(CompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER,
                BROTLI_QUALITY,
                BROTLI_WINDOW,
            ))),
            Coding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
        })
    }

    fn write(&mut self, input: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(gzip) => gzip.write_all(input),
            Self::Deflate(deflate) => deflate.write_all(input),
            Self::Brotli(brotli) => brotli.write_all(input),
            Self::Zstd(zstd) => zstd.write_all(input),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(gzip) => gzip.flush(),
            Self::Deflate(deflate) => deflate.flush(),
            Self::Brotli(brotli) => brotli.flush(),
            Self::Zstd(zstd) => zstd.flush(),
        }
    }

    fn written(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Gzip(gzip) => gzip.get_mut(),
            Self::Deflate(deflate) => deflate.get_mut(),
            Self::Brotli(brotli) => brotli.get_mut(),
            Self::Zstd(zstd) => zstd.get_mut(),
        }
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(gzip) => gzip.finish(),
            Self::Deflate(deflate) => deflate.finish(),
            Self::Brotli(brotli) => Ok(brotli.into_inner()),
            Self::Zstd(zstd) => zstd.finish(),
        }
    }
}
