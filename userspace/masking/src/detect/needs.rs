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

impl Facts {
    pub(super) fn of(text: &[u8]) -> Self {
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
}

impl Facts {
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
}
