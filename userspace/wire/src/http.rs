//! HTTP/1.0 and HTTP/1.1: message syntax (RFC 9112), the parts of its meaning that framing and policy need (RFC 9110),
//! targets (RFC 3986) and WebSocket frames (RFC 6455).
//!
//! Two programs that read one stream must agree on where each message ends, or the second one obeys a request that
//! the first never saw. So what the RFCs let a recipient repair is refused here, and where they leave a choice the
//! narrower reading is taken: line ends are CRLF, lengths and codings are written in exactly one way. [`HttpError`] lists
//! it all. Narrower than the RFCs are: `chunked` in lower case only, no white space but one space around the fields that
//! frame or route, names of hosts of letters, digits, `-`, `.` and `_`, chunk extensions without white space. Wider, since
//! senders are: a target may have any visible ASCII but `#`, and a status line may end with the status. What is accepted is written again ([`RequestHead::encode`], [`ResponseHead::encode`], [`write_chunk`]), never
//! passed on as it came.
//!
//! [`RequestReader`] and [`ResponseReader`] take bytes from a buffer that the caller fills and hand out heads, pieces of
//! bodies, trailers and ends. Bodies are never held, nor copied.

mod body;
mod chunk;
mod error;
mod framing;
mod grammar;
mod head;
mod headers;
mod limits;
mod lines;
mod request;
mod response;
pub mod target;
mod text;
pub mod websocket;

pub use chunk::{write_chunk, write_chunk_end, write_chunk_start, write_last_chunk};
pub use error::{Exceeded, HttpError};
pub use framing::Framing;
pub use head::{RequestHead, ResponseHead, Version};
pub use headers::Headers;
pub use limits::Limits;
pub use request::{RequestPart, RequestReader};
pub use response::{Exchange, ResponsePart, ResponseReader};
pub use text::Text;

#[cfg(test)]
mod tests;
