//! What became of a value, whatever the protocol.

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Masked {
    /// The masked value was appended.
    Value,
    /// Nothing was appended: send NULL.
    Null,
}

/// What detectors made of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Detected {
    /// Nothing was found and nothing appended: the value may go as it is.
    Clean,
    /// The value was appended with every hit replaced.
    Replaced,
    /// There was a hit where none can be replaced (in a binary form that is not known). Nothing was appended: send NULL.
    Null,
}
