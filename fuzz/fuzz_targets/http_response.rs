#![no_main]

use bytes::BytesMut;
use interdict_fuzz::joined;
use interdict_masking::body::MediaType;
use interdict_wire::http::{
    Exchange, Framing, Headers, HttpError, Limits, ResponsePart, ResponseReader, write_chunk,
    write_last_chunk,
};
use libfuzzer_sys::fuzz_target;

const EXCHANGES: [Exchange; 4] = [
    Exchange::Other,
    Exchange::Head,
    Exchange::Connect,
    Exchange::Upgrade,
];

/// All parts of a stream that comes in pieces of `size`, what is left of it, and how it ended.
fn read(first: Exchange, stream: &[u8], size: usize) -> (Vec<ResponsePart>, BytesMut, Option<HttpError>) {
    let (mut reader, mut input, mut parts) =
        (ResponseReader::new(Limits::default()), BytesMut::new(), vec![]);
    reader.expect(first);
    reader.expect(Exchange::Other);
    reader.expect(Exchange::Head);
    for piece in stream.chunks(size) {
        input.extend_from_slice(piece);
        loop {
            match reader.next(&mut input) {
                Ok(Some(ResponsePart::Data(more))) => match parts.last_mut() {
                    Some(ResponsePart::Data(data)) => *data = joined(data, &more),
                    _ => parts.push(ResponsePart::Data(more)),
                },
                Ok(Some(part)) => parts.push(part),
                Ok(None) => break,
                Err(error) => return (parts, BytesMut::new(), Some(error)),
            }
        }
    }
    match reader.end_of_input(&input) {
        Ok(end) => {
            parts.extend(end);
            (parts, input, None)
        }
        Err(error) => (parts, BytesMut::new(), Some(error)),
    }
}

// A byte that tells what was asked and the size of pieces, then what a server sends.
fuzz_target!(|data: &[u8]| {
    let Some((&choice, stream)) = data.split_first() else {
        return;
    };
    let first = EXCHANGES[usize::from(choice & 3)];
    let whole = read(first, stream, usize::MAX);
    assert_eq!(read(first, stream, usize::from(choice >> 2).max(1)), whole);

    let (mut out, mut chunked, mut ended) = (BytesMut::new(), false, false);
    for part in &whole.0 {
        match part {
            ResponsePart::Interim(head) | ResponsePart::Upgraded(head) => head.encode(&mut out).unwrap(),
            ResponsePart::Head(head, framing) => {
                head.encode(&mut out).unwrap();
                (chunked, ended) = (*framing == Framing::Chunked, false);
                if let Some(value) = head.headers.get("Content-Type")
                    && let Some(media) = MediaType::parse(value)
                {
                    let _ = (media.essence(), media.charset(), media.kind());
                }
            }
            ResponsePart::Data(data) if chunked => write_chunk(data, &mut out),
            ResponsePart::Data(data) => out.extend_from_slice(data),
            ResponsePart::Trailers(trailers) => {
                write_last_chunk(trailers, &mut out).unwrap();
                ended = true;
            }
            ResponsePart::End if chunked && !ended => write_last_chunk(&Headers::new(), &mut out).unwrap(),
            ResponsePart::End => {}
        }
    }
    let again = read(first, &out, usize::MAX).0;
    // A body that the stream's end ends is whole wherever a fault cut it off.
    assert!(again.starts_with(&whole.0));
});
