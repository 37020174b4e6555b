//! Masks, and the detectors that find what no column name gives away.
//!
//! Two questions, answered without any IO and without knowing a policy or a statement:
//!
//! - *How does this value look masked?* [`postgres::mask`] and [`mysql::mask`] turn a value into a masked one that is still
//!   a valid value of its type in its format, so that a driver decodes it as it would have decoded the real one.
//! - *Is there something in this text that must not leave?* [`Detection`] looks for identifiers that have a form (an SSN, a
//!   card number, an e-mail address, …) and replaces them in place.
//!
//! Every doubt ends with less shown: a mask that does not fit a type becomes [`Mask::Redact`], a type nobody knows becomes
//! NULL, and a mask whose key was never bound shows nothing of the value.

pub mod body;
mod calendar;
mod detect;
#[cfg(test)]
mod fixtures;
mod generalise;
mod inside;
mod json;
mod keys;
mod mask;
pub mod mysql;
mod outcome;
mod partial;
mod plain;
pub mod postgres;
mod preserve;
mod shown;
mod subject;
mod token;
mod uuid;

pub use detect::{Consultation, Finding, Source, WrongAnswer};
pub use detect::{Detection, DetectionError, Detector, DetectorSpec, Pattern, UnknownDetector};
pub use generalise::Generalise;
pub use keys::{Keys, TokenKey};
pub use mask::{Mask, MaskError, ShiftDate, Token, TokenFormat};
pub use outcome::{Detected, Masked};
pub use subject::Subject;
