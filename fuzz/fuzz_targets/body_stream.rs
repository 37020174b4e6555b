#![no_main]

use interdict_fuzz::{body, plan};
use interdict_masking::Mask;
use interdict_masking::body::Kind;
use interdict_masking::body::coding::{Coding, Decoder};
use libfuzzer_sys::fuzz_target;

// A byte that says which kind, one that says where to cut, then a body.
fuzz_target!(|data: &[u8]| {
    let Some((&[kind, cut], stream)) = data.split_first_chunk::<2>() else {
        return;
    };
    let kind = match kind % 11 {
        0 => Kind::NdJson,
        1 => Kind::EventStream,
        2 => Kind::Form,
        3 => Kind::Csv { delimiter: None },
        4 => Kind::Text,
        5 => Kind::Xml,
        6 => Kind::Multipart {
            boundary: b"b".as_slice().into(),
        },
        coding => {
            let coding =
                [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd][usize::from(coding) - 7];
            let mut decoder = Decoder::new(&[coding]);
            let mut left = 4_usize << 20;
            let _ = decoder.push(stream, &mut |piece| {
                left = left.saturating_sub(piece.len());
                if left == 0 {
                    Err(interdict_masking::body::BodyError::Truncated)
                } else {
                    Ok(())
                }
            });
            let _ = decoder.finish();
            return;
        }
    };
    let plan = plan(
        &[
            ("$.a", Mask::Redact),
            (
                "**.ssn",
                Mask::Partial {
                    keep_first: 0,
                    keep_last: 4,
                },
            ),
        ],
        true,
    );
    let whole = body(&kind, &plan, stream, 0);
    let cut = body(&kind, &plan, stream, cut);
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => assert_eq!(cut, whole),
        (whole, cut) => assert_eq!(whole.is_ok(), cut.is_ok()),
    }
});
