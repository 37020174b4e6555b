//! What a request of an API does: effects, relations, arguments, and where its answer holds which data.
//!
//! It says of an HTTP request what `interdict-sql` says of a statement, in the same words, so that one policy language judges
//! both. A [`Profile`] knows one API. A request, a parameter or an operation that it does not know is a *gap*: an
//! analysis with a gap is not complete, and what to do then is the policy's decision. Nothing is ever taken to be harmless
//! for not being known.
//!
//! | Profile | Relation | Kind |
//! |---|---|---|
//! | [`Profile::Plain`] | the path with variables for what looks like an id: `/patients/{id}` | the method in lower case |
//! | [`Profile::S3`] | the bucket | the operation: `get_object` |
//! | [`Profile::DynamoDb`] | the table | the operation: `batch_get_item` |
//! | [`Profile::Kubernetes`] | `group/resource/subresource`, the namespace as schema | the API server's verb: `list` |
//! | [`Profile::Mcp`] | the tool, the prompt or the method | the method: `tools_call` |
//! | [`Profile::OpenApi`] | the schema of what is answered, or the path | the operation's id: `get_patient` |
//!
//! The crate reads no bytes from the wire, knows no policies and does no IO. It takes the request as the server will read it:
//! that the path is decoded once and normal, that the host is one of the service's own and that there is one body only are the
//! caller's to see to.
//!
//! # Selectors
//!
//! Places in a JSON answer are written in a part of RFC 9535: `$`, `.name` or `['name']` (with `\'` and `\\`), `[0]`, `[*]`,
//! `.*` and `..` (any depth). [`Reads::base`] selects objects whose members are the relation's columns.

mod analysis;
mod call;
mod dynamodb;
mod json;
mod kubernetes;
mod mcp;
pub mod openapi;
mod path;
mod plain;
mod profile;
mod s3;
#[cfg(test)]
mod testing;
mod word;
mod written;

pub use analysis::{Analysis, Cells, Condition, Reads, RefusalForm, Stream, is_credential};
pub use call::{Call, Headers};
pub use profile::{Profile, UnknownProfile};
pub use written::Written;
