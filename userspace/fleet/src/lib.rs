//! The record beyond its host: rows as OCSF events, live streams of them, segments shipped to object stores.

mod error;
mod feed;
mod note;
pub mod ocsf;
pub mod ship;
pub mod stream;

pub use error::FleetError;
pub use feed::Feed;
pub use note::{Note, Notes};
