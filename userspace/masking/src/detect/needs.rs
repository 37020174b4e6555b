//! What a text must have before any automaton looks at it.

use super::Detector;

/// Counted in one pass, in a loop without branches that the compiler turns into vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    length: usize,
    digits: usize,
    marks: u8,
}

const AT: u8 = 1;
const COLON: u8 = 2;
const DOT: u8 = 4;
const DASH: u8 = 8;
const LETTER: u8 = 16;
/// The bit that digits have in the table.
const DIGIT: u32 = 7;

/// Texts of so many bytes are looked at one after another.
const SHORT: usize = 64;

/// What each byte counts as.
#[expect(
    clippy::indexing_slicing,
    reason = "when it is compiled, and every index is below the length"
)]
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        classes[byte] = match byte as u8 {
            b'@' => AT,
            b':' => COLON,
            b'.' => DOT,
            b'-' => DASH,
            b'0'..=b'9' => 1 << DIGIT,
            b'A'..=b'Z' | b'a'..=b'z' => LETTER,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

impl Facts {
    pub(super) fn of(text: &[u8]) -> Self {
        if text.len() <= SHORT {
            return Self::of_short(text);
        }
        let mut digits = 0;
        let mut marks = [0_u8; 5];
        // Counted in bytes within a chunk: no chunk can overflow one.
        for chunk in text.chunks(128) {
            let mut count = 0_u8;
            let [at, colon, dot, dash, letter] = &mut marks;
            for byte in chunk {
                count += u8::from(byte.is_ascii_digit());
                *at |= u8::from(*byte == b'@');
                *colon |= u8::from(*byte == b':');
                *dot |= u8::from(*byte == b'.');
                *dash |= u8::from(*byte == b'-');
                *letter |= u8::from(byte.is_ascii_alphabetic());
            }
            digits += usize::from(count);
        }
        let [at, colon, dot, dash, letter] = marks;
        Self {
            length: text.len(),
            digits,
            marks: (at * AT) | (colon * COLON) | (dot * DOT) | (dash * DASH) | (letter * LETTER),
        }
    }

    /// By a table: what a loop of vector instructions leaves over at its end would take longer.
    fn of_short(text: &[u8]) -> Self {
        let (mut digits, mut marks) = (0, 0);
        for byte in text {
            let class = CLASSES.get(usize::from(*byte)).copied().unwrap_or_default();
            digits += usize::from(class >> DIGIT);
            marks |= class;
        }
        Self {
            length: text.len(),
            digits,
            marks: marks & !(1 << DIGIT),
        }
    }

    pub(super) fn has_letters(&self) -> bool {
        self.marks & LETTER != 0
    }
}

/// The least that a text must have. The default needs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    length: usize,
    digits: usize,
    /// Any of these; 0: none is needed.
    marks: u8,
}

impl Needs {
    pub(super) fn of(detector: Detector) -> Self {
        let (length, digits, marks) = match detector {
            Detector::AccountNumber | Detector::DeviceId | Detector::HealthPlan | Detector::LicenseNumber => {
                (8, 5, 0)
            }
            Detector::CreditCard => (13, 13, 0),
            Detector::Date => (6, 4, 0),
            Detector::Dea => (9, 7, 0),
            Detector::Email => (6, 0, AT),
            Detector::Fax | Detector::Phone => (7, 7, 0),
            Detector::Iban => (15, 4, 0),
            Detector::IpAddress => (6, 1, COLON | DOT),
            Detector::LicensePlate => (10, 1, 0),
            Detector::MacAddress => (14, 0, COLON | DOT | DASH),
            Detector::Mbi => (11, 4, 0),
            Detector::Mrn => (7, 4, 0),
            Detector::Npi => (10, 10, 0),
            Detector::Url => (7, 0, COLON | DOT),
            Detector::UsSsn => (9, 9, 0),
            Detector::Vin => (17, 3, 0),
            Detector::Zip => (5, 5, 0),
        };
        Self {
            length,
            digits,
            marks,
        }
    }

    pub(super) fn met_by(&self, facts: &Facts) -> bool {
        facts.length >= self.length
            && facts.digits >= self.digits
            && (self.marks == 0 || facts.marks & self.marks != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let text = "a1@b.c ".repeat(100);
        assert_eq!(
            Facts::of(text.as_bytes()),
            Facts {
                length: 700,
                digits: 100,
                marks: AT | DOT | LETTER
            }
        );
        assert_eq!(Facts::of(&[b'7'; 1000]).digits, 1000);
    }

    #[test]
    fn short_texts_are_counted_as_long_ones() {
        for byte in 0..=u8::MAX {
            let [short, long] = [SHORT, SHORT + 1].map(|length| Facts::of(&vec![byte; length]));
            assert_eq!(short.marks, long.marks, "{byte:#x}");
            assert_eq!(
                (short.digits * (SHORT + 1)).div_ceil(SHORT),
                long.digits,
                "{byte:#x}"
            );
        }
    }
}
