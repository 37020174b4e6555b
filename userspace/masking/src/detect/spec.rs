//! Detectors as a policy names them.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{
    forms::{self, Forms},
    needs::Needs,
};

macro_rules! detectors {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// What can be found by its form.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[non_exhaustive]
        pub enum Detector {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl Detector {
            /// All, in the order of their names.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in a policy and in the audit.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

detectors! {
    /// An account number, by the words before it.
    AccountNumber = "account_number",
    /// A payment card number, of a known issuer's form and with a correct check digit (ISO/IEC 7812).
    CreditCard = "credit_card",
    /// A calendar date, numeric or with an English month. Finds every date, not only those of birth.
    Date = "date",
    /// A DEA registration number with a correct check digit.
    Dea = "dea",
    /// A device's identifier: GS1's form of a UDI with a correct check digit, an IMEI with one near the word, or a serial number
    /// by the words before it.
    DeviceId = "device_id",
    /// An e-mail address.
    Email = "email",
    /// A telephone number with the word fax before it.
    Fax = "fax",
    /// A number of a health plan's member, policy or beneficiary, by the words before it.
    HealthPlan = "health_plan",
    /// An international bank account number with a correct checksum (ISO 13616).
    Iban = "iban",
    /// An IPv4 or IPv6 address.
    IpAddress = "ip_address",
    /// A driver's, medical or other licence's or certificate's number, by the words before it.
    LicenseNumber = "license_number",
    /// A vehicle's licence plate, by the words before it.
    LicensePlate = "license_plate",
    /// A network device's address, of 48 or 64 bits.
    MacAddress = "mac_address",
    /// A Medicare beneficiary identifier.
    Mbi = "mbi",
    /// A medical record number, by the words before it.
    Mrn = "mrn",
    /// A national provider identifier with a correct check digit, alone or with a word that says so nearby.
    Npi = "npi",
    /// A telephone number: North American, or international with its `+`. Without separators only near a word such as phone.
    Phone = "phone",
    /// A web or FTP address.
    Url = "url",
    /// A US social security number (or the ITIN in its place): with separators, or nine digits near a word such as SSN.
    UsSsn = "us_ssn",
    /// A vehicle identification number with a correct check digit (49 CFR 565).
    Vin = "vin",
    /// A US ZIP code: ZIP+4, or five digits after a state's abbreviation or near the word.
    Zip = "zip",
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Detector {
    type Err = UnknownDetector;

    fn from_str(name: &str) -> Result<Self, UnknownDetector> {
        Self::ALL
            .iter()
            .copied()
            .find(|detector| detector.as_str() == name)
            .ok_or_else(|| UnknownDetector {
                name: name.to_owned(),
            })
    }
}

/// There is no detector of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no detector named `{name}`; there are {}, and {{ name: …, pattern: … }}",
    names()
)]
pub struct UnknownDetector {
    name: String,
}

fn names() -> String {
    Detector::ALL
        .iter()
        .map(|detector| detector.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

impl<'de> Deserialize<'de> for Detector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'_, str>::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// An entry of a policy's `detect` list: a name, or `{ name: NAME, pattern: REGEX }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum DetectorSpec {
    /// One that is built in.
    BuiltIn(Detector),
    /// One of the policy's own, such as for the numbers of a hospital's own systems.
    Custom(Pattern),
}

/// A detector by pattern. All that it matches is a hit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// The name in the audit.
    pub name: String,
    /// A regular expression (the syntax of the Rust crate `regex`, without look-around), such as `\bHP-[0-9]{6}\b`. A match may
    /// have 512 bytes; of one that is longer, all to the next blank is taken.
    pub pattern: String,
}

impl DetectorSpec {
    /// The name in the audit.
    pub fn name(&self) -> &str {
        match self {
            Self::BuiltIn(detector) => detector.as_str(),
            Self::Custom(Pattern { name, .. }) => name,
        }
    }

    pub(super) fn detector(&self) -> Option<Detector> {
        match self {
            Self::BuiltIn(detector) => Some(*detector),
            Self::Custom(_) => None,
        }
    }

    pub(super) fn forms(&self) -> Forms<'_> {
        match self {
            Self::BuiltIn(detector) => forms::forms(*detector),
            Self::Custom(Pattern { pattern, .. }) => Forms {
                clear: Some(pattern),
                worded: None,
                words: &[],
            },
        }
    }

    pub(super) fn needs(&self) -> Needs {
        self.detector().map(Needs::of).unwrap_or_default()
    }
}

impl From<Detector> for DetectorSpec {
    fn from(detector: Detector) -> Self {
        Self::BuiltIn(detector)
    }
}

impl<'de> Deserialize<'de> for DetectorSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpecVisitor)
    }
}

struct SpecVisitor;

impl<'de> Visitor<'de> for SpecVisitor {
    type Value = DetectorSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a detector's name, or { name: NAME, pattern: REGEX }")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<DetectorSpec, E> {
        name.parse().map(DetectorSpec::BuiltIn).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DetectorSpec, A::Error> {
        Pattern::deserialize(MapAccessDeserializer::new(map)).map(DetectorSpec::Custom)
    }
}

impl JsonSchema for DetectorSpec {
    fn schema_name() -> Cow<'static, str> {
        "DetectorSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let built_in = generator.subschema_for::<Detector>();
        let custom = generator.subschema_for::<Pattern>();
        json_schema!({
            "description": "What to look for in values.",
            "anyOf": [built_in, custom],
        })
    }
}
