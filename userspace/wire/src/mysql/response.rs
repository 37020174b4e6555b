//! What the server answers to commands.

mod column;
mod eof;
mod err;
mod machine;
mod ok;
mod prepare;
mod progress;
mod session_track;
mod status;

pub use self::column::{Column, ColumnFlags, ExtendedMetadata};
pub use self::eof::EofPacket;
pub use self::err::ErrPacket;
pub use self::machine::{Answer, Event, Responses};
pub use self::ok::OkPacket;
pub use self::prepare::PrepareOk;
pub use self::progress::Progress;
pub use self::session_track::{SessionChange, SessionChanges, SessionChangesIter};
pub use self::status::Status;
