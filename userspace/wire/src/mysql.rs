//! The MySQL client/server protocol, as MySQL (5.7 to 9) and MariaDB speak it.
//!
//! Sources: "Client/Server Protocol" in MySQL's source documentation, "Client/Server Protocol" in MariaDB's documentation,
//! and what the servers were seen to send. Compression is never negotiated, so packets are read as they are.
//!
//! [`Reader`] joins packets into messages, or passes them on in pieces; [`opening`] reads what comes until the login
//! ends; then each message of the client's is a [`command::Command`], whose [`command::Command::answer`] tells
//! [`response::Responses`] what the server may send. Numbers of packets start anew with each command ([`Sequence`]).

mod capabilities;
pub mod command;
mod compressed;
pub mod opening;
mod packet;
mod read;
pub mod response;
pub mod row;
mod sequence;
pub mod values;
mod write;

pub use capabilities::Capabilities;
pub use compressed::Compressed;
pub use packet::{Header, Message, Packets, Piece, Reader, packets, renumber};
pub use sequence::Sequence;
pub use write::write_payload;

#[cfg(test)]
mod tests;
