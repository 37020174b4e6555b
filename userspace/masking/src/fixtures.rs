//! What the tests of both protocols share.

use crate::{Generalise, Keys, Mask, ShiftDate, Token, TokenFormat, TokenKey};

pub(crate) fn keys() -> Keys {
    let key = TokenKey::new(b"a key of the test, 32 bytes long").unwrap();
    [("patients".to_owned(), key)].into_iter().collect()
}

pub(crate) fn token() -> Mask {
    Mask::Token(Token::new("patients")).bind(&keys()).unwrap()
}

pub(crate) fn preserve() -> Mask {
    Mask::Token(Token::with_format("patients", TokenFormat::Preserve))
        .bind(&keys())
        .unwrap()
}

pub(crate) fn shift() -> Mask {
    Mask::ShiftDate(ShiftDate::new(30.try_into().unwrap(), "patients"))
        .bind(&keys())
        .unwrap()
}

/// Every mask, and every kind of a fixed one.
pub(crate) fn every_mask() -> Vec<Mask> {
    let mut masks = vec![
        Mask::Redact,
        Mask::Null,
        Mask::Partial {
            keep_first: 0,
            keep_last: 4,
        },
        Mask::Partial {
            keep_first: 2,
            keep_last: 1,
        },
        token(),
        preserve(),
        Mask::Token(Token::new("never bound")),
        shift(),
        Mask::ShiftDate(ShiftDate::new(30.try_into().unwrap(), "never bound")),
    ];
    masks.extend(
        [
            "x",
            "42",
            "-7",
            "1e3",
            "true",
            "1999-12-31",
            "0b0f6a3e-8c4f-4d0e-9a57-2f5d5c1f7b11",
            "a \"b\" <c> & \\ 'd'\n{e}",
        ]
        .map(|text| Mask::Fixed(text.to_owned())),
    );
    masks.push(Mask::Fixed("long ".repeat(40)));
    masks.extend(
        [
            Generalise::Year,
            Generalise::Month,
            Generalise::Decade,
            Generalise::Zip3,
            Generalise::AgeBand,
        ]
        .map(Mask::Generalise),
    );
    masks
}
