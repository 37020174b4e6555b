//! Whatever is written is read as it was; whatever arrives, nothing panics or goes on for ever, and how the bytes are cut
//! does not matter.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{entries, requests, requests_with, responses, responses_with};
use crate::http::{
    Exchange, Framing, Headers, Limits, RequestHead, RequestPart, ResponseHead, ResponsePart, Text, Version,
    write_chunk, write_last_chunk,
};

/// All streams of the captures and of the corpus.
static STREAMS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    [include_str!("captures.txt"), include_str!("smuggling.txt")]
        .into_iter()
        .flat_map(entries)
        .map(|entry| entry.stream)
        .collect()
});

fn version() -> impl Strategy<Value = Version> {
    select(vec![Version::Http10, Version::Http11])
}

/// Fields that neither frame nor route.
fn headers() -> impl Strategy<Value = Headers> {
    let value = vec(
        prop_oneof![8 => b' '..=b'~', 1 => Just(b'\t'), 1 => 0x80..=0xff_u8],
        0..20,
    );
    vec(("[A-Za-z0-9!#$%&'*+.^`|~-]{1,12}", value), 0..6).prop_map(|fields| {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.push(format!("X-{name}"), value).unwrap();
        }
        headers
    })
}

#[derive(Clone, Debug)]
enum Content {
    None,
    Length(Vec<u8>),
    Chunks(Vec<Vec<u8>>, Headers),
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        Just(Content::None),
        vec(any::<u8>(), 0..40).prop_map(Content::Length),
        (vec(vec(any::<u8>(), 0..20), 0..5), headers())
            .prop_map(|(chunks, trailers)| Content::Chunks(chunks, trailers)),
    ]
}

impl Content {
    fn framing(&self) -> Framing {
        match self {
            Self::None => Framing::None,
            Self::Length(data) => Framing::Length(data.len() as u64),
            Self::Chunks(..) => Framing::Chunked,
        }
    }

    /// Writes it, and gives its data and its trailers.
    fn write(&self, out: &mut BytesMut) -> (Bytes, Headers) {
        match self {
            Self::None => (Bytes::new(), Headers::new()),
            Self::Length(data) => {
                out.extend_from_slice(data);
                (data.clone().into(), Headers::new())
            }
            Self::Chunks(chunks, trailers) => {
                for chunk in chunks {
                    write_chunk(chunk, out);
                }
                write_last_chunk(trailers, out).unwrap();
                (chunks.concat().into(), trailers.clone())
            }
        }
    }
}

proptest! {
    #[test]
    fn requests_are_read_as_written(
        messages in vec(("[A-Z]{1,8}x", "/[!$-~]{0,30}", headers(), content()), 1..4),
        sizes in 1..50_usize,
    ) {
        let (mut out, mut expected) = (BytesMut::new(), Vec::new());
        for (method, target, mut headers, content) in messages {
            headers.push("Host", "service.example:81").unwrap();
            content.framing().set(&mut headers);
            let head = RequestHead {
                method: Text::method(method).unwrap(),
                target: Text::target(target).unwrap(),
                version: Version::Http11,
                headers,
            };
            head.encode(&mut out).unwrap();
            expected.push(RequestPart::Head(head, content.framing()));
            let (data, trailers) = content.write(&mut out);
            if !data.is_empty() {
                expected.push(RequestPart::Data(data));
            }
            if !trailers.is_empty() {
                expected.push(RequestPart::Trailers(trailers));
            }
            expected.push(RequestPart::End);
        }
        let found = requests_with(Limits::default(), out.chunks(sizes));
        prop_assert_eq!((&found.parts, found.error), (&expected, None));
    }

    #[test]
    fn responses_are_read_as_written(
        version in version(),
        status in (200..=999_u16).prop_filter("has a body", |status| !matches!(status, 204 | 304)),
        reason in "[ -~]{0,12}",
        mut headers in headers(),
        content in content(),
        size in 1..50_usize,
    ) {
        let framing = match content.framing() {
            Framing::None => Framing::UntilClose,
            framing => framing,
        };
        let version = if framing == Framing::Chunked { Version::Http11 } else { version };
        framing.set(&mut headers);
        let head = ResponseHead { version, status, reason: reason.into(), headers };
        let mut out = BytesMut::new();
        head.encode(&mut out).unwrap();
        let mut expected = vec![ResponsePart::Head(head, framing)];
        let (data, trailers) = content.write(&mut out);
        if !data.is_empty() {
            expected.push(ResponsePart::Data(data));
        }
        if !trailers.is_empty() {
            expected.push(ResponsePart::Trailers(trailers));
        }
        expected.push(ResponsePart::End);
        let found = responses_with(Limits::default(), &[Exchange::Other], out.chunks(size));
        prop_assert_eq!((&found.parts, found.error), (&expected, None));
    }

    #[test]
    fn no_bytes_harm(stream in vec(any::<u8>(), 0..200), size in 1..20_usize) {
        prop_assert_eq!(requests(&stream), requests_with(Limits::default(), stream.chunks(size)));
        let one = [Exchange::Other];
        prop_assert_eq!(responses(&one, &stream), responses_with(Limits::default(), &one, stream.chunks(size)));
    }

    #[test]
    fn no_damage_harms(
        at in any::<Index>(),
        edits in vec((any::<Index>(), prop_oneof![Just(None), (0..=255_u8).prop_map(Some)]), 1..4),
        size in 1..20_usize,
    ) {
        let mut stream = at.get(&STREAMS).clone();
        for (at, byte) in edits {
            if stream.is_empty() {
                break;
            }
            let at = at.index(stream.len());
            match byte {
                Some(byte) => stream.insert(at, byte),
                None => {
                    stream.remove(at);
                }
            }
        }
        prop_assert_eq!(requests(&stream), requests_with(Limits::default(), stream.chunks(size)));
        for exchange in [Exchange::Other, Exchange::Head, Exchange::Connect, Exchange::Upgrade] {
            let all = [exchange, Exchange::Other];
            prop_assert_eq!(responses(&all, &stream), responses_with(Limits::default(), &all, stream.chunks(size)));
        }
    }
}
