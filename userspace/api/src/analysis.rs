//! What is known of a request.

use interdict_sql::{Access, Effect, Effects, Gap, Relation};

use crate::call::Call;

/// How many arguments are kept.
const MOST_ARGUMENTS: usize = 2_000;
/// How long the name of an argument or a relation can be, in bytes.
const LONGEST_NAME: usize = 1_024;

/// One thing that a request does. Most requests do one; batches can do several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// The operation in snake case: the method where the API has no names of its own.
    pub kind: String,
    /// Everything that it can do.
    pub effects: Effects,
    /// What it does it to, each use once.
    pub relations: Vec<Relation>,
    /// What could not be known of it; empty if nothing.
    pub gaps: Vec<Gap>,
    /// The path, with variables in place of what differs from call to call: `/patients/{id}`.
    pub template: String,
    /// Named values of the request: variables of the path, the query, arguments of the operation. A name can come several
    /// times. `None` is a value that is null, or a credential. No more than 2,000: what comes after is a gap.
    pub arguments: Vec<(String, Option<String>)>,
    /// Which values choose the rows.
    pub conditions: Vec<Condition>,
    /// Where in a JSON answer the columns of which relation stand.
    pub reads: Vec<Reads>,
    /// Selectors of what is a secret wherever it stands in a JSON answer, whatever the policy says.
    pub secrets: Vec<String>,
    /// How the answer is cut, if its label doesn't tell.
    pub stream: Option<Stream>,
    /// What the `Accept` of the forwarded request has to be, so that the answer comes in a form that can be masked.
    pub accept: Option<String>,
    /// In which form the client understands a refusal.
    pub refusal: RefusalForm,
    /// What is remarkable besides: `exec` (a connection into a workload), `nonresource`, `notification`, `response`.
    pub flags: Vec<&'static str>,
}

/// A column by which rows are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The relation's name.
    pub relation: String,
    /// The column; for what is inside a value, the outermost one.
    pub column: String,
    /// Whether it is compared for equality only.
    pub equality: bool,
    /// The constants that it is compared with. A binary value is its base64.
    pub values: Vec<String>,
}

/// Where the columns of a relation stand in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reads {
    /// Selects objects whose members are named as the columns.
    pub base: String,
    /// The relation's name.
    pub relation: String,
    /// In which form the values stand.
    pub cells: Cells,
}

/// In which form a column's value stands in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cells {
    /// As itself.
    Plain,
    /// As DynamoDB writes it, an object that tells the type: `{"S": "text"}`, `{"N": "1"}`, `{"M": {…}}`, `{"L": […]}`.
    AttributeValue,
}

/// How an answer is cut into documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// JSON documents one after the other, a line each, though the label may say one JSON document.
    JsonLines,
}

/// In which form a client understands that its request was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RefusalForm {
    /// `application/problem+json` (RFC 9457).
    #[default]
    Problem,
    /// S3's XML.
    S3Xml {
        /// The bucket, if the request is about one.
        bucket: Option<String>,
        /// The key, if it is about one.
        key: Option<String>,
    },
    /// DynamoDB's JSON (`__type`, `message`).
    DynamoDb,
    /// A `Status` of the Kubernetes API.
    KubernetesStatus,
    /// An error of JSON-RPC.
    JsonRpc {
        /// The request's id as it stands in its JSON; `null` for what has none.
        id: String,
    },
}

impl Analysis {
    /// Whether everything that the request does is known.
    pub fn complete(&self) -> bool {
        self.gaps.is_empty()
    }

    pub(crate) fn does(&mut self, effects: &[Effect]) {
        self.effects.extend(effects.iter().copied());
    }

    pub(crate) fn gap(&mut self, gap: Gap) {
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// Something about the request is not known.
    pub(crate) fn unknown(&mut self, what: impl Into<String>) {
        self.gap(Gap::UnknownRequest(what.into()));
    }

    pub(crate) fn relation(&mut self, schema: Option<&str>, name: &str, access: Access) {
        let relation = Relation {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
            access,
        };
        if relation.name.is_empty() {
            self.unknown("what it is about has no name");
        }
        if relation.name.len() > LONGEST_NAME {
            self.gap(Gap::TooLarge);
        }
        if !self.relations.contains(&relation) {
            self.relations.push(relation);
        }
    }

    /// Adds a named value, as long as there is room.
    pub(crate) fn argument(&mut self, name: &str, value: Option<String>) {
        if self.arguments.len() >= MOST_ARGUMENTS || name.len() > LONGEST_NAME {
            return self.gap(Gap::TooLarge);
        }
        self.arguments.push((name.to_owned(), value));
    }

    /// Takes the query's parameters as arguments, without the values of credentials.
    pub(crate) fn query(&mut self, call: &Call<'_>) {
        for (name, value) in call.query {
            let shown = (!is_credential(name)).then(|| value.clone());
            self.argument(name, shown);
        }
    }

    pub(crate) fn flag(&mut self, flag: &'static str) {
        if !self.flags.contains(&flag) {
            self.flags.push(flag);
        }
    }
}

/// Whether a query parameter of this name carries what lets its holder in.
pub fn is_credential(name: &str) -> bool {
    const NAMES: [&str; 22] = [
        "access-key",
        "access-token",
        "api-key",
        "apikey",
        "auth",
        "auth-token",
        "authorization",
        "awsaccesskeyid",
        "client-secret",
        "id-token",
        "jwt",
        "password",
        "passwd",
        "refresh-token",
        "secret",
        "sig",
        "signature",
        "token",
        "x-amz-credential",
        "x-amz-security-token",
        "x-amz-signature",
        "x-goog-signature",
    ];
    let name = name.to_ascii_lowercase().replace('_', "-");
    NAMES.contains(&name.as_str())
}
