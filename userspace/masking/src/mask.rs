//! The masks a policy can name.

use std::{fmt, num::NonZeroU16, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Generalise, Keys, TokenKey, partial, plain, preserve::Preserve, token};

mod form;

/// What is shown instead of a value.
///
/// In YAML: `redact`, `null`, `{ partial: { keep_last: 4 } }`, `{ fixed: "x" }`, `{ token: { key: NAME } }`,
/// `{ token: { key: NAME, format: preserve } }`, `{ generalise: year }`, `{ shift-date: { days: 30, key: NAME } }`. As `null` is also YAML's own null, a field of this
/// type must not be wrapped in an `Option`.
///
/// A mask that has no meaning for a type acts as [`Mask::Redact`] there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mask {
    /// `[redacted]` for text, the type's harmless constant otherwise.
    Redact,
    /// NULL, whatever the type.
    Null,
    /// The ends of a text around five stars, whatever its length; a text that would show whole is stars only.
    Partial {
        /// Characters shown at the start.
        keep_first: usize,
        /// Characters shown at the end.
        keep_last: usize,
    },
    /// Always this value, where it is one of the column's type.
    Fixed(String),
    /// A keyed pseudonym: equal values get equal tokens, under one key, in every table.
    Token(Token),
    /// A coarser value.
    Generalise(Generalise),
    /// A date moved by a keyed number of days.
    ShiftDate(ShiftDate),
}

impl Mask {
    /// Looks up the keys that the mask names. Must be called before a keyed mask is used; until then it redacts.
    ///
    /// # Errors
    /// [`MaskError::UnknownKey`] when there is no key of that name.
    pub fn bind(self, keys: &Keys) -> Result<Self, MaskError> {
        let find = |name: &str| {
            keys.get(name).cloned().ok_or_else(|| MaskError::UnknownKey {
                name: name.to_owned(),
            })
        };
        Ok(match self {
            Self::Token(Token { key, format, .. }) => {
                let bound = Bound::new(find(&key)?, format);
                Self::Token(Token { key, format, bound })
            }
            Self::ShiftDate(ShiftDate { days, key, .. }) => {
                let bound = Some(ShiftDate::offset_from(&find(&key)?, days));
                Self::ShiftDate(ShiftDate { days, key, bound })
            }
            other @ (Self::Redact
            | Self::Null
            | Self::Partial { .. }
            | Self::Fixed(_)
            | Self::Generalise(_)) => other,
        })
    }

    /// Whether a text looks like what the mask made of another: somebody writes back what was shown to him. Only what can't be
    /// mistaken for a value counts; a shifted date can.
    pub fn made(&self, text: &str) -> bool {
        match self {
            Self::Redact | Self::Null => text.as_bytes() == plain::REDACTED,
            &Self::Partial {
                keep_first,
                keep_last,
            } => partial::made(text, keep_first, keep_last),
            Self::Fixed(fixed) => text == fixed,
            Self::Token(_) => token::made(text),
            Self::Generalise(_) | Self::ShiftDate(_) => false,
        }
    }

    /// The name of the key that is still to be bound, if any.
    pub fn unbound_key(&self) -> Option<&str> {
        match self {
            Self::Token(Token { key, bound: None, .. })
            | Self::ShiftDate(ShiftDate { key, bound: None, .. }) => Some(key),
            _ => None,
        }
    }

    /// Whether the masked form depends on the value, so that the value must be at hand.
    pub(crate) fn reads_value(&self) -> bool {
        !matches!(self, Self::Redact | Self::Null | Self::Fixed(_))
    }
}

/// The name in the audit, such as `partial(keep_last=4)`.
impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redact => f.write_str("redact"),
            Self::Null => f.write_str("null"),
            Self::Partial {
                keep_first: 0,
                keep_last,
            } => write!(f, "partial(keep_last={keep_last})"),
            Self::Partial {
                keep_first,
                keep_last: 0,
            } => write!(f, "partial(keep_first={keep_first})"),
            Self::Partial {
                keep_first,
                keep_last,
            } => {
                write!(f, "partial(keep_first={keep_first}, keep_last={keep_last})")
            }
            Self::Fixed(_) => f.write_str("fixed"),
            Self::Token(Token { key, format, .. }) => match format {
                TokenFormat::Opaque => write!(f, "token(key={key})"),
                TokenFormat::Preserve => write!(f, "token(key={key}, format=preserve)"),
            },
            Self::Generalise(to) => write!(f, "generalise({to})"),
            Self::ShiftDate(ShiftDate { days, key, .. }) => write!(f, "shift-date(days={days}, key={key})"),
        }
    }
}

/// [`Mask::Token`]: which key, and how a token looks.
#[derive(Clone)]
pub struct Token {
    key: String,
    format: TokenFormat,
    bound: Option<Bound>,
}

/// How the token of a text looks. Tokens of numbers are numbers, those of UUIDs are UUIDs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenFormat {
    /// `tok_` and 16 letters and digits, whatever the text.
    #[default]
    Opaque,
    /// As the text does: digits become digits, ASCII letters become letters of the same case, everything else stays. A card
    /// number stays one that passes its check. A text of which there are fewer than a million, or with more than 256
    /// digits and letters, is redacted.
    Preserve,
}

/// A key, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) key: TokenKey,
    /// For [`TokenFormat::Preserve`] only.
    pub(crate) preserve: Option<Arc<Preserve>>,
}

impl Bound {
    /// `None` leaves the mask unbound.
    fn new(key: TokenKey, format: TokenFormat) -> Option<Self> {
        let preserve = match format {
            TokenFormat::Opaque => None,
            TokenFormat::Preserve => Some(Arc::new(Preserve::new(&key)?)),
        };
        Some(Self { key, preserve })
    }
}

impl Token {
    /// An opaque token under the key of that name, to be bound.
    pub fn new(key: impl Into<String>) -> Self {
        Self::with_format(key, TokenFormat::Opaque)
    }

    /// A token of that format under the key of that name, to be bound.
    pub fn with_format(key: impl Into<String>, format: TokenFormat) -> Self {
        Self {
            key: key.into(),
            format,
            bound: None,
        }
    }

    pub(crate) fn bound(&self) -> Option<&Bound> {
        self.bound.as_ref()
    }
}

/// [`Mask::ShiftDate`]: how far at most, and by which key.
///
/// The shift is one number of days from -N to N without 0, made of the key and N: the same for every value under that
/// key, so that intervals between dates survive, in one row and across tables. Hence its limit: who knows one true date
/// knows the shift. The time of day is not changed. What cannot be shifted within the years 1 to 9999 is redacted.
#[derive(Clone)]
pub struct ShiftDate {
    days: NonZeroU16,
    key: String,
    bound: Option<i32>,
}

impl ShiftDate {
    /// A shift of at most `days` days under the key of that name, to be bound.
    pub fn new(days: NonZeroU16, key: impl Into<String>) -> Self {
        Self {
            days,
            key: key.into(),
            bound: None,
        }
    }

    /// The days to add; `None` before the key is bound.
    pub(crate) fn offset(&self) -> Option<i32> {
        self.bound
    }

    fn offset_from(key: &TokenKey, days: NonZeroU16) -> i32 {
        let days = i32::from(days.get());
        // 128 bits modulo at most 131,070: no bias to speak of.
        let drawn = (key.draw(b"interdict shift-date 1", &[&days.to_be_bytes()]) % (2 * days as u128)) as i32;
        if drawn < days {
            drawn - days
        } else {
            drawn - days + 1
        }
    }
}

// Equality, hashing and debugging go by what the policy says; key material takes no part.
macro_rules! by_spec {
    ($type:ty, $name:literal, $($field:ident),+) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                ($(&self.$field),+,) == ($(&other.$field),+,)
            }
        }
        impl Eq for $type {}
        impl std::hash::Hash for $type {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                ($(&self.$field),+,).hash(state);
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct($name)$(.field(stringify!($field), &self.$field))+.finish_non_exhaustive()
            }
        }
    };
}
by_spec!(Token, "Token", key, format);
by_spec!(ShiftDate, "ShiftDate", days, key);

/// Why a mask or its key is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MaskError {
    /// The policy names a key that the settings do not have.
    #[error("no key named `{name}`: a token or shift-date mask needs its key in the settings")]
    UnknownKey {
        /// The name in the policy.
        name: String,
    },
    /// Too little key material to be safe.
    #[error(
        "a masking key of {bytes} bytes is too short: at least {} are needed",
        TokenKey::MINIMUM
    )]
    ShortKey {
        /// How many there were.
        bytes: usize,
    },
}

#[cfg(test)]
mod tests;
