use std::io::Write as _;
use std::process::{Command, Stdio};

use bytes::BytesMut;

use super::*;
use crate::body::BodyError;

const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

fn text() -> Vec<u8> {
    (0..400_u32)
        .flat_map(|n| format!("row {n}: {}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
        .collect()
}

fn encoded(codings: &[Coding], text: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new(codings, false).unwrap();
    let mut out = BytesMut::new();
    for piece in text.chunks(1000) {
        encoder.push(piece, &mut out).unwrap();
    }
    encoder.finish(&mut out).unwrap();
    out.to_vec()
}

fn decoded<'a>(codings: &[Coding], pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, BodyError> {
    let mut decoder = Decoder::new(codings);
    let mut out = Vec::new();
    for piece in pieces {
        decoder.push(piece, &mut |piece| {
            assert!(codings.is_empty() || piece.len() <= 32 << 10);
            out.extend_from_slice(piece);
            Ok(())
        })?;
    }
    decoder.finish()?;
    Ok(out)
}

fn fails(codings: &[Coding], body: &[u8]) -> CodingError {
    match decoded(codings, [body]) {
        Err(BodyError::Coding(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Much longer than what decoders hold, and much shorter than what it becomes.
#[test]
fn long_bodies_come_back_in_pieces_of_any_size() {
    let text: Vec<u8> = (0..20_000)
        .flat_map(|n| {
            format!("{{\"id\": {n}, \"note\": \"seen, and seen again, in the same words\"}}\n").into_bytes()
        })
        .collect();
    for coding in ALL {
        let body = encoded(&[coding], &text);
        for size in [1, 100, 1000, 4096, 8192, 65_536, body.len()] {
            let back = decoded(&[coding], body.chunks(size)).unwrap();
            assert!(back == text, "{coding:?} in pieces of {size}");
        }
    }
}

#[test]
fn round_trips_in_every_cut() {
    let text = text();
    for coding in ALL {
        let body = encoded(&[coding], &text);
        assert!(body.len() < text.len());
        for cut in 0..=body.len() {
            let (one, two) = body.split_at(cut);
            assert_eq!(
                decoded(&[coding], [one, two]).unwrap(),
                text,
                "{coding:?} cut at {cut}"
            );
        }
        assert_eq!(decoded(&[coding], body.chunks(1)).unwrap(), text);
        // Nothing is a body too.
        assert_eq!(
            decoded(&[coding], [encoded(&[coding], b"").as_slice()]).unwrap(),
            b""
        );
        assert_eq!(decoded(&[coding], [&b""[..]]).unwrap(), b"");
    }
    for codings in [
        &[][..],
        &[Coding::Gzip, Coding::Brotli],
        &[Coding::Zstd, Coding::Deflate, Coding::Gzip],
    ] {
        let body = encoded(codings, &text);
        assert_eq!(decoded(codings, body.chunks(7)).unwrap(), text);
    }
}

#[test]
fn what_is_cut_off_or_goes_on_is_refused() {
    let text = text();
    for coding in ALL {
        let body = encoded(&[coding], &text);
        for end in 1..body.len() {
            let error = fails(&[coding], &body[..end]);
            assert!(
                matches!(error, CodingError::Truncated { .. }),
                "{coding:?} to {end}: {error}"
            );
        }
        for garbage in [&b"x"[..], b"\0", b"garbage garbage garbage"] {
            let error = decoded(&[coding], [&body, garbage]);
            assert!(error.is_err(), "{coding:?}: {error:?}");
        }
        let mut broken = body.clone();
        let middle = body.len() / 2;
        broken[middle] ^= 0x55;
        // Brotli has no checksum.
        assert!(
            coding == Coding::Brotli || coding == Coding::Zstd || decoded(&[coding], [&broken[..]]).is_err(),
            "{coding:?}"
        );
    }
}

#[test]
fn members_and_frames_follow_one_another() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        let body = [
            encoded(&[coding], b"one "),
            encoded(&[coding], b""),
            encoded(&[coding], b"two"),
        ]
        .concat();
        assert_eq!(decoded(&[coding], body.chunks(3)).unwrap(), b"one two");
    }
    // A header with everything there is.
    let mut body = b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03\x02\0xyname\0comment\0hh".to_vec();
    body.extend_from_slice(&encoded(&[Coding::Gzip], b"text")[10..]);
    assert_eq!(decoded(&[Coding::Gzip], body.chunks(1)).unwrap(), b"text");
    body[3] = 0x20;
    fails(&[Coding::Gzip], &body);
}

#[test]
fn deflate_is_either_of_two() {
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    raw.write_all(&text()).unwrap();
    let raw = raw.finish().unwrap();
    assert_eq!(decoded(&[Coding::Deflate], raw.chunks(1)).unwrap(), text());
    fails(&[Coding::Deflate], &[&raw[..], b"x"].concat());
}

#[test]
fn bombs_are_refused() {
    for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
        let body = encoded(&[coding], &vec![0; 64 << 20]);
        let mut given = 0_usize;
        let error = Decoder::new(&[coding]).push(&body, &mut |piece| {
            given += piece.len();
            Ok(())
        });
        assert!(
            matches!(error, Err(BodyError::Coding(CodingError::Bomb))),
            "{coding:?}"
        );
        assert!(given <= body.len() * 1000 + (11 << 20), "{coding:?}: {given}");
    }
    let body = encoded(&[Coding::Gzip, Coding::Gzip], &vec![0; 64 << 20]);
    assert_eq!(fails(&[Coding::Gzip, Coding::Gzip], &body), CodingError::Bomb);
}

#[test]
fn great_windows_are_refused() {
    let zstd = |window| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window).unwrap();
        encoder.write_all(&text()).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(decoded(&[Coding::Zstd], [zstd(23).as_slice()]).unwrap(), text());
    assert!(matches!(
        fails(&[Coding::Zstd], &zstd(24)),
        CodingError::Malformed { .. }
    ));
    // The escape to large windows, which RFC 7932 reserves.
    fails(&[Coding::Brotli], b"\x11\x19\x03");
}

#[test]
fn a_flush_lets_everything_be_read() {
    for codings in [
        &[Coding::Gzip][..],
        &[Coding::Deflate],
        &[Coding::Brotli],
        &[Coding::Zstd],
        &[Coding::Zstd, Coding::Gzip],
    ] {
        let mut encoder = Encoder::new(codings, true).unwrap();
        let mut decoder = Decoder::new(codings);
        for event in ["data: 1\n\n", "data: 2\n\n", "x"] {
            let (mut out, mut read) = (BytesMut::new(), Vec::new());
            encoder.push(event.as_bytes(), &mut out).unwrap();
            decoder
                .push(&out, &mut |piece| {
                    read.extend_from_slice(piece);
                    Ok(())
                })
                .unwrap();
            assert_eq!(read, event.as_bytes(), "{codings:?}");
        }
    }
}

#[test]
fn lists_of_codings() {
    assert_eq!(
        Coding::parse_list(b" GZIP, identity,x-gzip,").unwrap()[..],
        [Coding::Gzip, Coding::Gzip]
    );
    assert_eq!(
        Coding::parse_list(b"deflate, br, zstd").unwrap()[..],
        [Coding::Deflate, Coding::Brotli, Coding::Zstd]
    );
    assert_eq!(Coding::parse_list(b"gzip, compress"), Err(CodingError::Unknown));
    assert_eq!(
        Coding::parse_list(b"gzip,gzip,gzip,gzip"),
        Err(CodingError::TooMany)
    );
    for coding in ALL {
        assert_eq!(
            Coding::parse_list(coding.name().as_bytes()).unwrap()[..],
            [coding]
        );
    }
}

/// What another program makes of the input.
fn piped(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; it is needed for this test"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{program}");
    output.stdout
}

#[test]
fn gzip_itself_agrees() {
    assert_eq!(
        piped("gzip", &["-dc"], &encoded(&[Coding::Gzip], &text())),
        text()
    );
    assert_eq!(
        decoded(&[Coding::Gzip], [piped("gzip", &["-9c"], &text()).as_slice()]).unwrap(),
        text()
    );
}

#[test]
#[ignore = "needs the zstd program"]
fn zstd_itself_agrees() {
    assert_eq!(
        piped("zstd", &["-dc"], &encoded(&[Coding::Zstd], &text())),
        text()
    );
    assert_eq!(
        decoded(
            &[Coding::Zstd],
            [piped("zstd", &["-19", "-c"], &text()).as_slice()]
        )
        .unwrap(),
        text()
    );
}
