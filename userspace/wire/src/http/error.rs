use std::fmt;

use thiserror::Error;

/// Why a message was refused, worded for whoever operates or wrote the sender. Never holds what the message carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum HttpError {
    /// A TLS record where HTTP was expected.
    #[error("this is TLS, but HTTP in the clear is expected here: use http:// or the TLS port")]
    Tls,
    /// The connection preface of HTTP/2.
    #[error(
        "this is HTTP/2 without negotiation, but HTTP/1.1 is expected here: let the client negotiate or use HTTP/1.1"
    )]
    Http2Preface,
    /// A request line without a version.
    #[error("the request line has no version: HTTP/0.9 is not supported")]
    Http09,
    /// A version that is not exactly `HTTP/1.0` or `HTTP/1.1`.
    #[error("the version is not exactly HTTP/1.0 or HTTP/1.1")]
    Version,
    /// A second empty line before a request line.
    #[error("more than one empty line before the request line")]
    EmptyLines,
    /// A request line that is not three words with one space between.
    #[error("the request line is not a method, a target and a version with one space between")]
    RequestLine,
    /// A method that is not a token.
    #[error("the method is not a token")]
    Method,
    /// A space, a control character or a byte that is not ASCII in the target.
    #[error(
        "the request target has a space, a control character or a byte that is not ASCII: percent-encode it"
    )]
    TargetByte,
    /// A fragment in the target.
    #[error("the request target has a fragment (#), which clients must not send")]
    TargetFragment,
    /// A target whose form its method does not allow, or that has no form at all.
    #[error(
        "the request target is in no form that its method allows: a path, a URI, host:port for CONNECT, * for OPTIONS"
    )]
    TargetForm,
    /// A target URI that is neither `http` nor `https`.
    #[error("the request target is a URI of a scheme other than http and https")]
    TargetScheme,
    /// An authority in the target that is not a host with or without a port.
    #[error("the request target does not name a valid host and port (a user name is not allowed either)")]
    TargetAuthority,
    /// A `%` that two hexadecimal digits do not follow.
    #[error("the request target has a % that two hexadecimal digits do not follow")]
    Escape,
    /// An escaped text that is not UTF-8.
    #[error("the request target, decoded, is not UTF-8")]
    EscapeNotUtf8,
    /// A status line that does not follow the grammar.
    #[error("the status line is not a version, a status and a reason with one space between")]
    StatusLine,
    /// A status that is not three digits from 100.
    #[error("the status is not a number of three digits from 100 to 999")]
    Status,
    /// A control character in the reason.
    #[error("the reason phrase has a control character")]
    Reason,
    /// A CR that no LF follows.
    #[error("a CR without LF in the head, a chunk line or the trailers")]
    BareCr,
    /// A LF that no CR precedes.
    #[error("a line ends with LF alone: it must end with CRLF")]
    BareLf,
    /// White space before the first header field.
    #[error("white space before the first header field")]
    LeadingWhitespace,
    /// A value that goes on in the next line.
    #[error("a header field is folded over several lines (obs-fold): send it in one line")]
    ObsFold,
    /// A line without a colon.
    #[error("a header line has no colon")]
    NoColon,
    /// A colon without a name.
    #[error("a header field has no name")]
    EmptyName,
    /// A name that is not a token.
    #[error("a header field's name is not a token")]
    Name,
    /// White space between a name and its colon.
    #[error("white space between a header field's name and its colon")]
    SpaceBeforeColon,
    /// A zero byte or another control character in a value.
    #[error("a header field's value has a zero byte or another control character")]
    Value,
    /// A name that some programs take for one that frames messages.
    #[error("a header field's name with _ would be {0} with -: some programs take one for the other")]
    Lookalike(&'static str),
    /// The Connection field names a field that is meant for every recipient.
    #[error("the Connection field names {0}: taking that away would change the message")]
    ConnectionNames(&'static str),
    /// Other white space than one space around the value of a field that frames or routes.
    #[error(
        "{0} has other white space around its value than one space before it: some programs would not read it"
    )]
    Spacing(&'static str),
    /// Both Content-Length and Transfer-Encoding.
    #[error("both Content-Length and Transfer-Encoding: programs differ on which one ends the body")]
    LengthAndCoding,
    /// Content-Length several times with different values.
    #[error("Content-Length has several values that differ")]
    LengthsDiffer,
    /// Content-Length several times with one value. RFC 9110, section 8.6, would let it be repaired.
    #[error(
        "Content-Length is repeated: though the values are equal, a program that reads the list as one may end the body elsewhere"
    )]
    LengthRepeated,
    /// A Content-Length that is not digits only.
    #[error("Content-Length is not a number of decimal digits")]
    LengthNotDigits,
    /// A Content-Length of more than 2^64 - 1.
    #[error("Content-Length is too large a number")]
    LengthOverflow,
    /// A Transfer-Encoding other than `chunked`.
    #[error("Transfer-Encoding is not exactly `chunked`")]
    CodingNotChunked,
    /// Transfer-Encoding or `chunked` several times.
    #[error("Transfer-Encoding is repeated")]
    CodingRepeated,
    /// Transfer-Encoding in a message of HTTP/1.0.
    #[error("Transfer-Encoding in a message of HTTP/1.0, which does not know it")]
    CodingInHttp10,
    /// Content-Length or Transfer-Encoding in a request that has no content.
    #[error("a CONNECT or TRACE request has a body")]
    RequestWithoutBody,
    /// Content-Length or Transfer-Encoding in a response of 1xx.
    #[error("a response of 1xx has Content-Length or Transfer-Encoding")]
    InterimBody,
    /// Transfer-Encoding, or a Content-Length other than 0, in a response of 204.
    #[error("a response of 204 says that it has a body")]
    NoContentBody,
    /// No Host in a request of HTTP/1.1.
    #[error("the Host field is missing")]
    HostMissing,
    /// Several Host fields.
    #[error("several Host fields")]
    HostRepeated,
    /// A Host that is not a host with or without a port.
    #[error("the Host field is not a valid host with or without a port")]
    HostInvalid,
    /// A Host that differs from the target's authority.
    #[error("the Host field differs from the host that the request target names")]
    HostDiffers,
    /// A chunk's size that is not hexadecimal digits alone.
    #[error("a chunk's size is not hexadecimal digits alone")]
    ChunkSize,
    /// A chunk's size of more than 16 digits.
    #[error("a chunk's size has more than 16 digits")]
    ChunkSizeOverflow,
    /// A chunk extension that does not follow the grammar.
    #[error("a chunk extension does not follow the grammar")]
    ChunkExtension,
    /// Something other than CRLF after a chunk's data.
    #[error("a chunk's data is not followed by CRLF: its size is wrong")]
    ChunkEnd,
    /// A field that must not come after the body.
    #[error("{0} in the trailers: it frames, routes or authenticates, and comes too late there")]
    ForbiddenTrailer(&'static str),
    /// More than [`super::Limits`] allow.
    #[error("{what} exceed the limit of {limit}")]
    Limit {
        /// What there is too much of.
        what: Exceeded,
        /// How much is allowed: bytes, or a count.
        limit: usize,
    },
    /// The stream ended inside a message.
    #[error("the connection was closed inside a message")]
    Truncated,
    /// The stream ended before a response that was awaited.
    #[error("the server closed the connection before it answered")]
    NoResponse,
    /// A response where none was awaited.
    #[error("the server sent a response that nothing was asked for")]
    UnexpectedResponse,
    /// 101 to a request that did not ask for it.
    #[error("the server switched protocols without being asked")]
    UnexpectedUpgrade,
    /// The writer was given an empty chunk.
    #[error("a chunk without data would end the body")]
    EmptyChunk,
}

impl HttpError {
    /// The status that answers a request with this fault.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Limit {
                what: Exceeded::Target,
                ..
            } => 414,
            Self::Limit { .. } => 431,
            Self::Version | Self::Http09 | Self::Http2Preface => 505,
            Self::CodingNotChunked => 501,
            _ => 400,
        }
    }
}

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exceeded {
    /// Bytes of a head, its empty line included.
    Head,
    /// Header fields, or trailers.
    Fields,
    /// Bytes of a request target.
    Target,
    /// Bytes of a chunk's first line, its extensions included.
    ChunkLine,
    /// Bytes of the trailers.
    Trailers,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head => "the head's bytes",
            Self::Fields => "the header fields",
            Self::Target => "the request target's bytes",
            Self::ChunkLine => "a chunk line's bytes",
            Self::Trailers => "the trailers' bytes",
        })
    }
}
