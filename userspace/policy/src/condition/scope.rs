//! The values of a condition's variables while it runs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::plan::Count;
use super::variable::{Variable, Variables};
use crate::request::{HttpRequest, Request};
use cel::common::ast::IdedExpr;
use cel::common::types::{CelBool, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::Val;
use cel::{Context, Env, ExecutionError, Value};

/// The functions and macros, built once: they cost more than a thousand evaluations.
pub(super) static LANGUAGE: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut language = Env::stdlib().with_optional_support(false);
    // Only fails for a name that is declared already; the one function used of it is then unknown at run time, and the
    // rule refuses.
    let _ = language.add_extension(cel::extensions::strings);
    Arc::new(language)
});

/// What has been sent of a result.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// One request's variables. Values for the interpreter are made when a condition first asks for them.
pub(crate) struct Scope<'r> {
    request: Request<'r>,
    counts: Counts,
    interpreter: Option<Context<'r, 'r>>,
    bound: Variables,
}

/// Why a condition has no answer. Never shows a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("it calculates beyond the range of numbers")]
    Arithmetic,
    #[error("it asks for an element that the list does not have")]
    Index,
    #[error("it asks for a fact or field that is not there")]
    Missing,
    #[error("it could not be evaluated")]
    Other,
    #[error("it uses a value that is not of the type it needs")]
    Type,
}

impl<'r> Scope<'r> {
    pub(crate) fn new(request: &Request<'r>) -> Self {
        Self::with_counts(request, Counts::default())
    }

    pub(crate) fn with_counts(request: &Request<'r>, counts: Counts) -> Self {
        Self {
            request: *request,
            counts,
            interpreter: None,
            bound: Variables::default(),
        }
    }

    pub(super) fn request(&self) -> &Request<'r> {
        &self.request
    }

    pub(super) fn count(&self, of: Count) -> i64 {
        let count = match of {
            Count::Bytes => self.counts.bytes,
            Count::Rows => self.counts.rows,
        };
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    /// The value of a variable that is a text.
    pub(super) fn text(&self, of: Variable) -> &'r str {
        let Request {
            application,
            database,
            kind,
            protocol,
            service,
            text,
            db_user,
            ..
        } = self.request;
        match of {
            Variable::Application => application,
            Variable::Database => database,
            Variable::Kind => kind,
            Variable::Protocol => protocol,
            Variable::Service => service,
            Variable::Statement => text,
            Variable::User => db_user,
            Variable::Complete
            | Variable::Effects
            | Variable::Http
            | Variable::Identity
            | Variable::MaskedColumns
            | Variable::Parameters
            | Variable::Relations
            | Variable::Result
            | Variable::Tables => "",
        }
    }

    /// Runs a part of a condition that has no native form.
    pub(super) fn interpret(&mut self, expression: &IdedExpr, variables: Variables) -> Result<bool, Failure> {
        for variable in variables.without(self.bound).iter() {
            let value = self.value(variable);
            self.interpreter
                .get_or_insert_with(|| Context::with_env(Arc::clone(&LANGUAGE)))
                .add_variable_as_val(variable.name(), value);
        }
        self.bound = self.bound.union(variables);
        let interpreter = self
            .interpreter
            .get_or_insert_with(|| Context::with_env(Arc::clone(&LANGUAGE)));
        match Value::resolve(expression, interpreter) {
            Ok(Value::Bool(answer)) => Ok(answer),
            Ok(_) => Err(Failure::Type),
            Err(error) => Err(Failure::from(&error)),
        }
    }

    fn value(&self, variable: Variable) -> Box<dyn Val + 'r> {
        let request = &self.request;
        match variable {
            Variable::Application
            | Variable::Database
            | Variable::Kind
            | Variable::Protocol
            | Variable::Service
            | Variable::Statement
            | Variable::User => text(self.text(variable)),
            Variable::Complete => Box::new(CelBool::from(request.complete)),
            Variable::Effects => list(request.effects.iter().map(|effect| text(effect.as_str()))),
            Variable::Http => http(request.http),
            Variable::Identity => {
                let (claims, facts): (Vec<_>, Vec<_>) = request
                    .identity
                    .facts
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .partition(|(name, _)| name.starts_with(CLAIM));
                let claims = claims
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.strip_prefix(CLAIM)?, text(value))));
                let own = [("name", text(&request.identity.name)), ("claim", map(claims))];
                map(facts
                    .into_iter()
                    .map(|(name, value)| (name, text(value)))
                    .chain(own))
            }
            Variable::MaskedColumns => list(request.masked_columns.iter().map(|column| text(column))),
            Variable::Parameters => list(request.parameters.iter().map(|parameter| match parameter {
                Some(value) => text(value),
                None => Box::new(CelNull),
            })),
            Variable::Relations => list(request.relations.iter().map(|relation| {
                map([
                    ("schema", text(relation.schema.as_deref().unwrap_or(""))),
                    ("name", text(&relation.name)),
                    ("access", text(relation.access.as_str())),
                ])
            })),
            Variable::Result => map([
                ("rows", number(self.count(Count::Rows))),
                ("bytes", number(self.count(Count::Bytes))),
            ]),
            Variable::Tables => list(request.relations.iter().map(|relation| -> Box<dyn Val + 'r> {
                match relation.schema {
                    Some(_) => Box::new(CelString::from(Cow::from(relation.to_string()))),
                    None => text(&relation.name),
                }
            })),
        }
    }
}

/// The prefix of facts that came from a token.
const CLAIM: &str = "claim.";

/// Without fields where the protocol is another, so that a condition that asks for one refuses.
fn http<'r>(request: Option<&'r HttpRequest>) -> Box<dyn Val + 'r> {
    let Some(request) = request else {
        return map([]);
    };
    let pairs =
        |pairs: &'r [(String, String)]| map(pairs.iter().map(|(name, value)| (name.as_str(), text(value))));
    let arguments = request.arguments.iter().map(|(name, value)| {
        let value: Box<dyn Val + 'r> = match value {
            Some(value) => text(value),
            None => Box::new(CelNull),
        };
        (name.as_str(), value)
    });
    map([
        ("method", text(&request.method)),
        ("host", text(&request.host)),
        ("path", text(&request.path)),
        ("template", text(&request.template)),
        ("query", pairs(&request.query)),
        ("headers", pairs(&request.headers)),
        ("arguments", map(arguments)),
    ])
}

fn text<'r>(text: &'r str) -> Box<dyn Val + 'r> {
    Box::new(CelString::from(text))
}

fn number<'r>(number: i64) -> Box<dyn Val + 'r> {
    Box::new(CelInt::from(number))
}

fn list<'r>(elements: impl Iterator<Item = Box<dyn Val + 'r>>) -> Box<dyn Val + 'r> {
    Box::new(CelList::from(elements.collect::<Vec<_>>()))
}

fn map<'r>(entries: impl IntoIterator<Item = (&'r str, Box<dyn Val + 'r>)>) -> Box<dyn Val + 'r> {
    let entries: HashMap<CelMapKey<'r>, Box<dyn Val + 'r>> = entries
        .into_iter()
        .map(|(name, value)| (CelMapKey::from(name), value))
        .collect();
    Box::new(CelMap::from(entries))
}

impl From<&ExecutionError> for Failure {
    fn from(error: &ExecutionError) -> Self {
        match error {
            ExecutionError::NoSuchKey(_) => Self::Missing,
            ExecutionError::IndexOutOfBounds(_) => Self::Index,
            ExecutionError::Overflow(..)
            | ExecutionError::DivisionByZero(_)
            | ExecutionError::RemainderByZero(_) => Self::Arithmetic,
            ExecutionError::UnexpectedType { .. }
            | ExecutionError::NoSuchOverload(_)
            | ExecutionError::ValuesNotComparable(..)
            | ExecutionError::UnsupportedBinaryOperator(..)
            | ExecutionError::UnsupportedTargetType { .. } => Self::Type,
            _ => Self::Other,
        }
    }
}
