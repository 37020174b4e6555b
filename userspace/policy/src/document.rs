//! The policy language as it is written. The documentation of these types is the JSON Schema's.

use std::collections::BTreeMap;
use std::fmt;

use interdict_masking::{DetectorSpec, Mask};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::opinion::OpinionDocument;
use crate::place::At;
use crate::request::HoldMode;
use crate::strict::{List, mapping, present, present_mapping};

/// What a workload may do with a service, and what it may see of its data.
///
/// Several policies can apply to one session. Their rules are then tried together, first those at the first position of
/// each policy, then those at the second, and so on; at one position a `deny` is tried before a `hold` and a `hold` before
/// an `allow`. Where no policy applies, everything is allowed and nothing is masked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "interdict policy")]
pub(crate) struct Document {
    /// The policy's name, as messages and the audit show it: letters, digits, `-`, `_` and `.`.
    #[schemars(with = "String", regex(pattern = r"^[A-Za-z0-9_.-]+$"))]
    pub(crate) name: At<String>,
    /// Whether the policy is in force, or only tried.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// What the policy is about; without it, everything.
    #[serde(default, deserialize_with = "mapping")]
    pub(crate) applies: AppliesDocument,
    /// What happens to a statement that no rule matches. With `deny`, `BEGIN`, `SET` and their like need a rule too.
    #[serde(default)]
    pub(crate) default: Default_,
    /// What happens to a statement that cannot be analysed completely, such as one that runs SQL given as text.
    ///
    /// A `deny` or `hold` of a rule counts too, whichever is stricter. Only a rule with `then: allow` whose condition
    /// mentions `complete` lets such a statement pass.
    #[serde(default)]
    pub(crate) uncertain: Uncertain,
    /// What is shown masked. The first entry that names a column decides.
    #[serde(default)]
    pub(crate) mask: List<At<MaskDocument>>,
    /// Columns that say whose data a row is. The record keeps keyed tokens of the values that were shown, in `subjects`, so that it
    /// can be told whose data left without a value being in the record.
    #[serde(default)]
    pub(crate) subjects: List<At<SubjectDocument>>,
    /// What conditions on masked columns (`WHERE ssn = …`) may say, as they let a client learn values without seeing them.
    ///
    /// A condition is whatever decides which rows come, in what order, or whether the statement fails: `WHERE`, `ON`, `HAVING`,
    /// `CASE WHEN`, `ORDER BY`, `LIMIT`, and an expression that some values make fail, such as a cast. Whether a value is NULL
    /// may always be asked, and rows may always be grouped and counted by a masked column.
    #[serde(default)]
    pub(crate) predicates: Predicates,
    /// How many different values a caller may try by equality on one masked column.
    #[serde(default, deserialize_with = "mapping")]
    pub(crate) probes: ProbesDocument,
    /// Whether the length of a masked value may be known (`length(ssn)`).
    #[serde(default)]
    pub(crate) lengths: Lengths,
    /// Tried in order; the first whose condition is true decides.
    #[serde(default)]
    pub(crate) rules: List<RuleDocument>,
    /// What happens to bodies of HTTP whose type is not one that is understood (JSON, forms, CSV, text, …), or none.
    #[serde(default)]
    pub(crate) unknown_content: UnknownContent,
    /// What the audit keeps.
    #[serde(default, deserialize_with = "mapping")]
    pub(crate) record: RecordDocument,
    /// Checked by `interdict policy test`, without a database.
    #[serde(default)]
    pub(crate) tests: List<At<TestDocument>>,
}

/// Whether a policy is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// It is.
    #[default]
    Enforce,
    /// It decides nothing and masks nothing. What its rules would have done to a statement is put into the audit's `flags`, as
    /// `would_deny:POLICY/RULE`, `would_hold:…`, `would_mask-all:…` or `would_allow:…`. Rules about `result` are left out: `interdict policy replay`
    /// tries them, and masks, on what was recorded.
    DryRun,
}

/// Which sessions a policy is about.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Applies")]
pub(crate) struct AppliesDocument {
    /// Globs over the names of services, in their own case; one must match. Without it, any service.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(crate) services: Option<At<List<At<String>>>>,
    /// Globs over the caller's name (`agents/*`) or, as `key=glob`, over a fact about the caller (`workload=agents`,
    /// `executable=/opt/agent/*`); one must match. `*` also matches `/`. Without it, anyone.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(crate) identities: Option<At<List<At<String>>>>,
}

/// What happens to a statement that no rule matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Default")]
pub(crate) enum Default_ {
    /// It passes.
    #[default]
    Allow,
    /// It is refused.
    Deny,
}

/// What happens to a statement that cannot be analysed completely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Uncertain {
    /// It passes, and every column of its result is masked.
    MaskAll,
    /// It waits for a person: whoever may approve anything.
    Hold,
    /// It is refused.
    #[default]
    Deny,
}

/// Values that are shown masked: give one of `columns`, `detect` and `opinion`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MaskEntry")]
#[schemars(extend("oneOf" = [{ "required": ["columns"] }, { "required": ["detect"] }, { "required": ["opinion"] }]))]
pub(crate) struct MaskDocument {
    /// Columns as `[database.][schema.]table.column`. Each part is a glob (`*`, `?`, `[ab]`, `{a,b}`) and matches names in
    /// any case, as unquoted names are folded. A schema that is left out or `*` is any but the server's own
    /// (`pg_catalog`, `information_schema`).
    ///
    /// For a service that speaks HTTP, values of JSON bodies, forms and CSV: by path (`$.patient.ssn`, `$.patients[*].ssn`) or by key
    /// wherever it stands (`**.ssn`). Columns of any table (`*.ssn`, `*.*_ssn`) mean keys there too, however they are
    /// written (`patientSsn`); those of named tables do where the API tells tables (`profile`).
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(crate) columns: Option<At<List<At<String>>>>,
    /// Forms that are looked for in every text, whatever its column. What is found is masked; the rest of the text stays.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Vec<DetectorSpec>", length(min = 1))]
    pub(crate) detect: Option<At<List<At<DetectorSpec>>>>,
    /// A service that is asked about every text, after columns and detectors. What it finds is masked; the rest of the text stays.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "OpinionDocument")]
    pub(crate) opinion: Option<At<OpinionDocument>>,
    /// What is shown instead.
    #[schemars(with = "Mask")]
    pub(crate) with: At<Mask>,
    /// What conditions on these columns may say, where that differs from the policy's own `predicates`: free text that is
    /// searched with `LIKE`, for example.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Predicates")]
    pub(crate) predicates: Option<Predicates>,
}

/// Columns whose values say whose data a row is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Subject")]
pub(crate) struct SubjectDocument {
    /// Columns, or values of JSON bodies, as those of a mask are named. They need not be masked. The first entry that names a column
    /// decides.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(crate) columns: At<List<At<String>>>,
    /// The name of a key of the settings' `keys`. With another key a person has other tokens.
    #[schemars(with = "String")]
    pub(crate) key: At<String>,
    /// What the tokens stand under: `mrn` makes `mrn:sub_…`. Letters, digits, `-`, `_` and `.`. Without it, the column's own name, which then may
    /// not be a glob.
    #[serde(default, rename = "as", deserialize_with = "present")]
    #[schemars(with = "String", regex(pattern = r"^[A-Za-z0-9_.-]+$"))]
    pub(crate) name: Option<At<String>>,
}

/// What conditions on masked columns may say.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Predicates {
    /// Anything.
    Allow,
    /// Equality with a value that the client already has.
    #[default]
    Equality,
    /// Nothing: masked columns may not be used in conditions.
    Deny,
}

/// How many different values a caller may try by equality on one masked column. Beyond it statements with further values are
/// refused, and the audit has an event of the kind `probe_budget`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Probes")]
pub(crate) struct ProbesDocument {
    /// The number of different values; 1000 without it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "u32")]
    pub(crate) distinct: Option<u32>,
    /// For how long a value counts, such as `1h` or `1d`; 24 hours without it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String")]
    pub(crate) per: Option<At<String>>,
}

/// Whether the length of a masked value may be known.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Lengths {
    /// `length(column)` and its like pass as they are.
    Allow,
    /// They come back masked.
    #[default]
    Deny,
}

/// A condition and what follows from it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rule")]
pub(crate) struct RuleDocument {
    /// Unique within the policy; letters, digits, `-`, `_` and `.`. `default` and `uncertain` are taken.
    #[schemars(with = "String", regex(pattern = r"^[A-Za-z0-9_.-]+$"))]
    pub(crate) name: At<String>,
    /// A condition in CEL, true or false. Each statement of a text is judged by itself; the first that is refused refuses the
    /// text. The variables:
    ///
    /// - `effects`: list of strings, all that the statement does: `read`, `write`, `drop`, `delete_without_where`, …
    /// - `relations`: list of `{schema, name, access}`; `access` is `read`, `write` or `define`; `schema` is empty where the
    ///   statement names none
    /// - `tables`: list of `schema.name`, or `name` where the statement names no schema
    /// - `kind`: the leading verb (`select`, `copy`, …)
    /// - `statement`: the text
    /// - `complete`: whether the analysis covered everything
    /// - `service`, `protocol`, `database`, `user`, `application`
    /// - `identity`: `identity.name`, and facts such as `identity.workload`; `identity.claim.NAME` for a token's claims. A
    ///   fact that may be unknown is asked for first: `has(identity.pod) && identity.pod == "etl"`
    /// - `parameters`: list of the bound parameters, strings or null
    /// - `masked_columns`: list of `schema.table.column`, the masked columns of the relations that the statement names, where
    ///   they are known before it runs
    /// - `http`: for services that speak HTTP: `http.method`, `http.host`, `http.path`, `http.template` (the path with `{id}` for
    ///   what tells one thing from another), the maps `http.query`, `http.headers` (names in lower case, credentials left out)
    ///   and `http.arguments` (what the operation is given by name): `"dry_run" in http.query`
    /// - `result`: `result.rows` and `result.bytes`, what has been sent so far. A rule that mentions it is tried while the
    ///   result streams, unless an earlier rule has already decided
    ///
    /// A condition that fails when it runs, such as one that asks for a fact that is unknown, refuses the statement.
    #[schemars(with = "String", length(min = 1))]
    pub(crate) when: At<String>,
    /// What happens if the condition is true.
    pub(crate) then: Then,
    /// Told to the client and kept in the audit.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String")]
    pub(crate) message: Option<String>,
    /// What the client may do instead; told to the client.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String")]
    pub(crate) hint: Option<String>,
}

/// What happens if a rule's condition is true.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(crate) enum Then {
    /// The statement passes. Masks still apply.
    Allow,
    /// The statement is refused; the session goes on.
    Deny,
    /// The statement waits for a person.
    Hold(Box<HoldDocument>),
}

impl<'de> Deserialize<'de> for Then {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ThenVisitor)
    }
}

/// Tells `hold` without its terms from a word that means nothing.
struct ThenVisitor;

impl<'de> Visitor<'de> for ThenVisitor {
    type Value = Then;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("allow, deny or { hold: { approvers: [NAME, …] } }")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Then, E> {
        match word {
            "allow" => Ok(Then::Allow),
            "deny" => Ok(Then::Deny),
            "hold" => Err(E::custom(
                "`hold` needs someone who decides; expected { hold: { approvers: [NAME, …] } }",
            )),
            other => Err(E::custom(format_args!(
                "`{other}` is not known here; expected {}",
                Expected(&self)
            ))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Then, A::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Mapping {
            Hold(HoldDocument),
        }
        let Mapping::Hold(hold) = Mapping::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Then::Hold(Box::new(hold)))
    }
}

struct Expected<'a>(&'a ThenVisitor);

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
}

/// Who decides about a held statement, and until when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Hold")]
pub(crate) struct HoldDocument {
    /// Who may decide, such as `group:compliance` or `user:alice`.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(crate) approvers: At<List<At<String>>>,
    /// How long the statement may wait before it is refused, such as `90s`, `5m` or `1h 30m`; 5 minutes without it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String")]
    pub(crate) timeout: Option<At<String>>,
    /// What the client experiences meanwhile.
    #[serde(default)]
    pub(crate) mode: HoldMode,
    /// How many different people have to say yes; 1 without it. None of them may be who asks.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "u32", range(min = 1, max = 16))]
    pub(crate) quorum: Option<At<u32>>,
    /// Whether the server is asked for its plan (`EXPLAIN`), so that the person sees what the statement would cost.
    #[serde(default)]
    pub(crate) plan: bool,
}

/// What the audit keeps.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Record")]
pub(crate) struct RecordDocument {
    /// Whether the literals and parameters of statements that touch relations with masked columns are kept.
    #[serde(default)]
    pub(crate) literals: Literals,
}

/// Whether literals and parameters are kept in the audit.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Literals {
    /// They are kept as they were sent.
    Keep,
    /// They are left out where the statement touches a relation with masked columns or could not be analysed.
    #[default]
    Mask,
}

/// What happens to bodies of HTTP whose type is not understood.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownContent {
    /// They pass as they are.
    Pass,
    /// Detectors look at their bytes as at a text; masks by path find nothing in them.
    #[default]
    Detect,
    /// They are refused.
    Deny,
}

/// A statement and what the policy is expected to say of it. Statements are read as PostgreSQL's, or, with `profile`, as requests
/// of HTTP.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Test")]
pub(crate) struct TestDocument {
    /// What the client sends.
    #[schemars(with = "String", length(min = 1))]
    pub(crate) statement: At<String>,
    /// The statement is a request of HTTP: a line such as `GET https://host/path?query`, then perhaps fields, an empty line and a body.
    /// The API that the service speaks: `plain`, `aws-s3`, `aws-dynamodb`, `kubernetes` or `mcp`.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String")]
    pub(crate) profile: Option<At<String>>,
    /// The service's name; without it, one that the policy applies to.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String")]
    pub(crate) service: Option<String>,
    /// The database's name; `test` without it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String")]
    pub(crate) database: Option<String>,
    /// The user towards the service; `test` without it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String")]
    pub(crate) user: Option<String>,
    /// What the client calls itself.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String")]
    pub(crate) application: Option<String>,
    /// The caller: `name` and facts. Without it, one that the policy applies to.
    #[serde(default, deserialize_with = "present_mapping")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(crate) identity: Option<BTreeMap<String, String>>,
    /// Bound parameters.
    #[serde(default)]
    pub(crate) parameters: List<Option<String>>,
    /// How many rows the result has, for rules about `result`.
    #[serde(default)]
    pub(crate) rows: u64,
    /// How many bytes the result has, for rules about `result`.
    #[serde(default)]
    pub(crate) bytes: u64,
    /// The columns of the result as `[schema.]table.column`, in order. Needed only with `masked` where the statement is more
    /// than a `SELECT` of plain columns of one table: without a database, `*`, expressions and joins cannot be resolved.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Vec<String>")]
    pub(crate) columns: Option<At<List<At<String>>>>,
    /// What the policy should say.
    pub(crate) expect: ExpectDocument,
}

/// What a policy should say of a statement.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Expect")]
pub(crate) struct ExpectDocument {
    /// The decision.
    pub(crate) decision: At<ExpectedDecision>,
    /// The labels of the result's columns that are masked, in order; an empty list: none is.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Vec<String>")]
    pub(crate) masked: Option<At<List<String>>>,
    /// The rule that decided, or `default` or `uncertain`.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String")]
    pub(crate) rule: Option<At<String>>,
}

/// A decision that a test expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExpectedDecision {
    /// The statement passes, masked or not.
    Allow,
    /// The statement passes and something of its result is masked.
    Mask,
    /// The statement is refused.
    Deny,
    /// The statement waits for a person.
    Hold,
}
