#![no_main]

use interdict_fuzz::{body, plan};
use interdict_masking::Mask;
use interdict_masking::body::Kind;
use libfuzzer_sys::fuzz_target;

// A byte that says where to cut, then a document.
fuzz_target!(|data: &[u8]| {
    let Some((&cut, document)) = data.split_first() else {
        return;
    };
    let nobody = plan(&[("$.nobody.is.named.so", Mask::Null)], false);
    let Ok(untouched) = body(&Kind::Json, &nobody, document, cut) else {
        return;
    };
    assert_eq!(untouched, document);
    for plan in [
        plan(&[("$.a", Mask::Redact), ("**.ssn", Mask::Null)], true),
        plan(
            &[(
                "$.*",
                Mask::Partial {
                    keep_first: 1,
                    keep_last: 1,
                },
            )],
            false,
        ),
    ] {
        // What is accepted is, masked, a document again.
        let whole = body(&Kind::Json, &plan, document, 0).unwrap();
        assert_eq!(body(&Kind::Json, &plan, document, cut).unwrap(), whole);
        assert_eq!(body(&Kind::Json, &nobody, &whole, cut).unwrap(), whole);
    }
});
