#![no_main]

use bytes::BytesMut;
use interdict_fuzz::joined;
use interdict_wire::http::target::{normalize, query_pairs};
use interdict_wire::http::{
    Framing, Headers, HttpError, Limits, RequestPart, RequestReader, write_chunk, write_last_chunk,
};
use libfuzzer_sys::fuzz_target;

/// All parts of a stream that comes in pieces of `size`, and how it ended.
fn read(stream: &[u8], size: usize) -> (Vec<RequestPart>, Result<(), HttpError>) {
    let (mut reader, mut input, mut parts) = (RequestReader::new(Limits::default()), BytesMut::new(), vec![]);
    for piece in stream.chunks(size) {
        input.extend_from_slice(piece);
        loop {
            match reader.next(&mut input) {
                Ok(Some(RequestPart::Data(more))) => match parts.last_mut() {
                    Some(RequestPart::Data(data)) => *data = joined(data, &more),
                    _ => parts.push(RequestPart::Data(more)),
                },
                Ok(Some(part)) => parts.push(part),
                Ok(None) if reader.is_held() && !input.is_empty() => reader.resume(),
                Ok(None) => break,
                Err(error) => return (parts, Err(error)),
            }
        }
    }
    (parts, reader.end_of_input(&input))
}

// A byte that tells the size of pieces, then what a client sends.
fuzz_target!(|data: &[u8]| {
    let Some((&choice, stream)) = data.split_first() else {
        return;
    };
    let (parts, end) = read(stream, usize::MAX);
    assert_eq!(read(stream, usize::from(choice).max(1)), (parts.clone(), end));

    let (mut out, mut chunked, mut ended) = (BytesMut::new(), false, false);
    for part in &parts {
        match part {
            RequestPart::Head(head, framing) => {
                head.encode(&mut out).unwrap();
                (chunked, ended) = (*framing == Framing::Chunked, false);
                let target = head.target().unwrap();
                if let Some(rest) = target.path_and_query() {
                    if let Ok(path) = normalize(rest.path) {
                        assert!(path.as_str().starts_with('/'));
                    }
                    assert!(
                        query_pairs(rest.query.unwrap_or_default()).count() <= rest.query.map_or(0, str::len)
                    );
                }
            }
            RequestPart::Data(data) if chunked => write_chunk(data, &mut out),
            RequestPart::Data(data) => out.extend_from_slice(data),
            RequestPart::Trailers(trailers) => {
                write_last_chunk(trailers, &mut out).unwrap();
                ended = true;
            }
            RequestPart::End if chunked && !ended => write_last_chunk(&Headers::new(), &mut out).unwrap(),
            RequestPart::End => {}
        }
    }
    // White space and extensions are not written again; all else is.
    assert_eq!(read(&out, usize::MAX).0, parts);
});
