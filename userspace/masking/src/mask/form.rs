//! How a mask is written in a policy.

use std::{borrow::Cow, fmt, num::NonZeroU16};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
    ser::SerializeMap as _,
};

use super::{Mask, ShiftDate, Token, TokenFormat};
use crate::Generalise;

/// What a mask with settings looks like: one key, the mask's name.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Settings {
    /// The ends of a text around five stars.
    Partial(Partial),
    /// Always this value, where it is one of the column's type.
    Fixed(String),
    /// A keyed pseudonym.
    Token(Keyed),
    /// A coarser value.
    Generalise(Generalise),
    /// A date moved by a keyed number of days.
    ShiftDate(Shift),
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Partial {
    /// Characters shown at the start.
    #[serde(default)]
    keep_first: usize,
    /// Characters shown at the end.
    #[serde(default)]
    keep_last: usize,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keyed {
    /// The name of a key in the settings.
    key: String,
    /// How the token of a text looks.
    #[serde(default, skip_serializing_if = "is_default")]
    format: TokenFormat,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_default(format: &TokenFormat) -> bool {
    *format == TokenFormat::default()
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Shift {
    /// The furthest that a date moves, in days.
    days: NonZeroU16,
    /// The name of a key in the settings.
    key: String,
}

impl<'de> Deserialize<'de> for Mask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MaskVisitor)
    }
}

struct MaskVisitor;

impl<'de> Visitor<'de> for MaskVisitor {
    type Value = Mask;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a mask: redact, null, { partial: { keep_last: N } }, { fixed: TEXT }, { token: { key: NAME } }, \
             { token: { key: NAME, format: preserve } }, \
             { generalise: year | month | decade | zip3 | age_band } or { shift-date: { days: N, key: NAME } }",
        )
    }

    // A bare `null` in YAML is its own null, not the word.
    fn visit_unit<E: de::Error>(self) -> Result<Mask, E> {
        Ok(Mask::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Mask, E> {
        Ok(Mask::Null)
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Mask, E> {
        match name {
            "redact" => Ok(Mask::Redact),
            "null" => Ok(Mask::Null),
            "partial" | "fixed" | "token" | "generalise" | "shift-date" => Err(E::custom(format_args!(
                "the mask `{name}` needs its settings; expected {}",
                Expected(&self)
            ))),
            _ => Err(E::invalid_value(de::Unexpected::Str(name), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Mask, A::Error> {
        Ok(match Settings::deserialize(MapAccessDeserializer::new(map))? {
            Settings::Partial(Partial {
                keep_first,
                keep_last,
            }) => Mask::Partial {
                keep_first,
                keep_last,
            },
            Settings::Fixed(text) if text.contains('\0') => {
                return Err(de::Error::custom(
                    "a fixed mask can't hold a zero byte: no text of a database can",
                ));
            }
            Settings::Fixed(text) => Mask::Fixed(text),
            Settings::Token(Keyed { key, format }) => Mask::Token(Token::with_format(key, format)),
            Settings::Generalise(to) => Mask::Generalise(to),
            Settings::ShiftDate(Shift { days, key }) => Mask::ShiftDate(ShiftDate::new(days, key)),
        })
    }
}

struct Expected<'a>(&'a MaskVisitor);

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
}

impl Serialize for Mask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, settings) = match self {
            Self::Redact => return serializer.serialize_str("redact"),
            Self::Null => return serializer.serialize_str("null"),
            &Self::Partial {
                keep_first,
                keep_last,
            } => (
                "partial",
                Body::Partial(Partial {
                    keep_first,
                    keep_last,
                }),
            ),
            Self::Fixed(text) => ("fixed", Body::Fixed(text)),
            Self::Token(Token { key, format, .. }) => (
                "token",
                Body::Token(Keyed {
                    key: key.clone(),
                    format: *format,
                }),
            ),
            Self::Generalise(to) => ("generalise", Body::Generalise(*to)),
            Self::ShiftDate(ShiftDate { days, key, .. }) => (
                "shift-date",
                Body::ShiftDate(Shift {
                    days: *days,
                    key: key.clone(),
                }),
            ),
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(name, &settings)?;
        map.end()
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Partial(Partial),
    Fixed(&'a str),
    Token(Keyed),
    Generalise(Generalise),
    ShiftDate(Shift),
}

impl JsonSchema for Mask {
    fn schema_name() -> Cow<'static, str> {
        "Mask".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let settings = generator.subschema_for::<Settings>();
        json_schema!({
            "description": "What is shown instead of a value.",
            "anyOf": [
                { "description": "`[redacted]` for text, the type's harmless constant otherwise.", "const": "redact" },
                { "description": "NULL, whatever the type.", "enum": ["null", null] },
                settings,
            ],
        })
    }
}
