use std::fmt;
use std::ops::Range;

use crate::hidden::Hidden;

/// A value and where it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Located<'a> {
    /// The value; `None` is NULL.
    pub value: Option<&'a [u8]>,
    /// Where it is among the encoded cells, what tells its length included. Neighbours touch: a run of values is one
    /// range.
    pub range: Range<usize>,
}

impl fmt::Debug for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Located")
            .field("value", &self.value.map(Hidden))
            .field("range", &self.range)
            .finish()
    }
}
