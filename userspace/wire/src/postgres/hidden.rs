use std::fmt;

/// Stands for bytes that may be somebody's data: its `Debug` tells the size only.
pub(super) struct Hidden<'a>(pub(super) &'a [u8]);

impl fmt::Debug for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}
