//! The header of a gzip member (RFC 1952, 2.3).

/// Reads a header byte by byte. What is in it is not kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Header {
    /// Bytes so far.
    length: u32,
    flags: u8,
    step: Step,
}

#[derive(Clone, Copy, Debug, Default)]
enum Step {
    /// The ten fixed bytes.
    #[default]
    Fixed,
    /// The length of the extra field: bytes to come, and what they say.
    ExtraLength(u8, u16),
    Extra(u16),
    Name,
    Comment,
    /// The header's own sum: bytes to come. Not checked: whatever it guards is thrown away.
    Sum(u8),
}

const HAS_SUM: u8 = 2;
const HAS_EXTRA: u8 = 4;
const HAS_NAME: u8 = 8;
const HAS_COMMENT: u8 = 16;
/// Longer ones are somebody's joke.
const LONGEST: u32 = 128 << 10;

impl Header {
    /// Whether nothing of it came.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes a byte; whether it was the last.
    pub(super) fn push(&mut self, byte: u8) -> Result<bool, &'static str> {
        let at = self.length;
        self.length += 1;
        if self.length > LONGEST {
            return Err("its header is too long");
        }
        match self.step {
            Step::Fixed => {
                match (at, byte) {
                    (0, 0x1f) | (1, 0x8b) | (2, 8) | (4.., _) => {}
                    (3, flags) if flags & 0xe0 == 0 => self.flags = flags,
                    (0, _) => return Err("no header, or other data after its end"),
                    _ => return Err("its header is none"),
                }
                Ok(at == 9 && self.is_done_after(0))
            }
            Step::ExtraLength(2, _) => {
                self.step = Step::ExtraLength(1, u16::from(byte));
                Ok(false)
            }
            Step::ExtraLength(_, low) => match low | u16::from(byte) << 8 {
                0 => Ok(self.is_done_after(HAS_EXTRA)),
                length => {
                    self.step = Step::Extra(length);
                    Ok(false)
                }
            },
            Step::Extra(1) => Ok(self.is_done_after(HAS_EXTRA)),
            Step::Extra(left) => {
                self.step = Step::Extra(left - 1);
                Ok(false)
            }
            Step::Name => Ok(byte == 0 && self.is_done_after(HAS_NAME)),
            Step::Comment => Ok(byte == 0 && self.is_done_after(HAS_COMMENT)),
            Step::Sum(1) => Ok(true),
            Step::Sum(left) => {
                self.step = Step::Sum(left - 1);
                Ok(false)
            }
        }
    }

    /// Goes on to the next field after the one of that flag, in their order; whether there is none.
    fn is_done_after(&mut self, flag: u8) -> bool {
        for (next, order, step) in [
            (HAS_EXTRA, 0, Step::ExtraLength(2, 0)),
            (HAS_NAME, 1, Step::Name),
            (HAS_COMMENT, 2, Step::Comment),
            (HAS_SUM, 3, Step::Sum(2)),
        ] {
            let after = match flag {
                HAS_EXTRA => 1,
                HAS_NAME => 2,
                HAS_COMMENT => 3,
                _ => 0,
            };
            if order >= after && self.flags & next != 0 {
                self.step = step;
                return false;
            }
        }
        true
    }
}
