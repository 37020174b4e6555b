//! HTTP answers. Each is read by itself: over HTTP/2 they come side by side.

use std::io::Read as _;

use super::{Shown, clip};

/// A body is shown up to here.
const BODY: usize = 256 << 10;

#[derive(Debug, Default)]
pub(crate) struct Decoder {
    bytes: Vec<u8>,
    shown: Vec<Shown>,
}

impl Decoder {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn missing(&mut self, missing: Shown) {
        self.answer();
        self.shown.push(missing);
    }

    pub(super) fn shown(&mut self) -> Vec<Shown> {
        self.answer();
        std::mem::take(&mut self.shown)
    }

    fn answer(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let Some(head) = Head::read(rest) else {
                self.shown.push(body(rest, None));
                return;
            };
            rest = rest.get(head.length..).unwrap_or_default();
            let interim = (100..200).contains(&head.status);
            let refused = matches!(head.status, 400..=599);
            self.shown.push(if refused {
                Shown::Error(head.text)
            } else {
                Shown::Text(head.text)
            });
            if interim {
                continue;
            }
            let content = if head.chunked { joined(rest) } else { rest.to_vec() };
            if !content.is_empty() {
                self.shown.push(body(&content, head.coding.as_deref()));
            }
            return;
        }
    }
}

struct Head {
    length: usize,
    status: u16,
    chunked: bool,
    coding: Option<String>,
    text: String,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
        let mut lines = text.split("\r\n");
        let status = lines
            .next()?
            .strip_prefix("HTTP/")?
            .split(' ')
            .nth(1)?
            .parse()
            .ok()?;
        let field = |name: &str| {
            text.split("\r\n").skip(1).find_map(|line| {
                let (known, value) = line.split_once(':')?;
                known
                    .eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_ascii_lowercase())
            })
        };
        let chunked = field("transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
        Some(Self {
            length: end,
            status,
            chunked,
            coding: field("content-encoding"),
            text: text.trim_end().replace("\r\n", "\n"),
        })
    }
}

/// The content of chunks, as far as they go.
fn joined(mut bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(bytes) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size == 0 {
            break;
        }
        let end = start.saturating_add(size).min(bytes.len());
        content.extend_from_slice(bytes.get(start..end).unwrap_or_default());
        bytes = bytes.get(end.saturating_add(2)..).unwrap_or_default();
    }
    content
}

fn body(content: &[u8], coding: Option<&str>) -> Shown {
    let plain = match coding {
        Some("gzip" | "x-gzip") => read(flate2::read::MultiGzDecoder::new(content)),
        Some("deflate") => read(flate2::read::ZlibDecoder::new(content)),
        Some("br") => read(brotli::Decompressor::new(content, 4096)),
        Some("zstd") => zstd::stream::read::Decoder::new(content).ok().and_then(read),
        _ => None,
    };
    let content = plain.as_deref().unwrap_or(content);
    let part = content.get(..content.len().min(BODY)).unwrap_or_default();
    match std::str::from_utf8(part) {
        Ok(text) if !text.contains('\0') => Shown::Text(text.to_owned()),
        // Cut within a letter.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            Shown::Text(String::from_utf8_lossy(part).into_owned())
        }
        _ => Shown::Text(clip(format!("({} bytes that are no text)", content.len()))),
    }
}

/// What a decoder gives, bounded; `None` where it can't be read at all.
fn read(from: impl std::io::Read) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let _ = from.take(BODY as u64).read_to_end(&mut plain);
    (!plain.is_empty()).then_some(plain)
}
