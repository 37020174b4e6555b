use crate::WireError;

/// The number of the next packet in one direction-crossing exchange: it starts at 0 with every command, and both sides
/// count on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence(u8);

impl Sequence {
    /// The first packet of a command, or the server's greeting.
    pub const START: Self = Self(0);

    /// One that goes on with `next`.
    pub const fn at(next: u8) -> Self {
        Self(next)
    }

    /// The number that is due.
    pub const fn due(self) -> u8 {
        self.0
    }

    /// Takes the number that is due.
    pub const fn take(&mut self) -> u8 {
        let due = self.0;
        self.0 = due.wrapping_add(1);
        due
    }

    /// Takes the number that is due and checks that a packet has it.
    ///
    /// # Errors
    /// [`WireError::Sequence`]; the number stays due.
    pub const fn expect(&mut self, found: u8) -> Result<(), WireError> {
        if found == self.0 {
            self.take();
            Ok(())
        } else {
            Err(WireError::Sequence {
                expected: self.0,
                found,
            })
        }
    }
}
