//! What is wrong with a policy file, and where.

use std::fmt;
use std::path::PathBuf;

/// One thing wrong with a policy file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file as it was named to [`PolicySet::load`](crate::PolicySet::load).
    pub path: PathBuf,
    /// From 1; 0 when the file as a whole is meant (it could not be read).
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong and what was expected.
    pub message: String,
}

/// `path:line:column: message`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            column,
            message,
        } = self;
        if *line == 0 {
            write!(f, "{}: {message}", path.display())
        } else {
            write!(f, "{}:{line}:{column}: {message}", path.display())
        }
    }
}

impl std::error::Error for Diagnostic {}
