/// How much of a message may be held in memory. Bodies are not held and have no limit here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head, its empty line included.
    pub head: usize,
    /// Header fields of a head, or of the trailers.
    pub fields: usize,
    /// Bytes of a request target.
    pub target: usize,
    /// Bytes of a chunk's first line, extensions and CRLF included.
    pub chunk_line: usize,
    /// Bytes of the trailers, their empty line included.
    pub trailers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 64 << 10,
            fields: 200,
            target: 32 << 10,
            chunk_line: 4 << 10,
            trailers: 16 << 10,
        }
    }
}
