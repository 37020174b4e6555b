//! A condition as it is evaluated.
//!
//! Most conditions are a few tests joined by `&&`, `||` and `!`. The tests that are common (effects against constants, a
//! text against constants, counts against integers) run natively in nanoseconds; only the rest is left to CEL. The joints
//! follow CEL: `false && error` is false, `error || true` is true, whichever side the error is on.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use interdict_sql::{Effect, Effects};
use regex::Regex;

use super::scope::{Failure, Scope};
use super::variable::{Variable, Variables};
use super::{check, literal};

mod fold;
mod relation;

pub(super) use relation::RelationTest;

#[derive(Debug)]
pub(super) enum Plan {
    And(Box<Plan>, Box<Plan>),
    /// Whether the statement has any of these effects.
    AnyEffect(Effects),
    /// Whether the statement names any relation of which this is true.
    AnyRelation(RelationTest),
    Cel {
        expression: IdedExpr,
        variables: Variables,
    },
    Complete,
    Constant(bool),
    Count {
        of: Count,
        by: Order,
        than: i64,
    },
    Not(Box<Plan>),
    Or(Box<Plan>, Box<Plan>),
    Text {
        of: Variable,
        is: TextTest,
    },
}

/// A count of what has been sent of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Bytes,
    Rows,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    NotEqual,
}

#[derive(Debug)]
pub(super) enum TextTest {
    Contains(String),
    EndsWith(String),
    In(Vec<String>),
    Matches(Regex),
    StartsWith(String),
}

// === impl Plan ===

impl Plan {
    /// `expression` has been checked.
    pub(super) fn new(expression: IdedExpr) -> Self {
        match Self::native(&expression) {
            Some(plan) => plan,
            None => match expression.expr {
                Expr::Call(CallExpr {
                    func_name,
                    target: None,
                    args,
                }) if matches!(func_name.as_str(), operators::LOGICAL_AND | operators::LOGICAL_OR)
                    && args.len() == 2 =>
                {
                    let mut sides = args.into_iter().map(|side| Box::new(Self::new(side)));
                    match (sides.next(), sides.next()) {
                        (Some(a), Some(b)) if func_name == operators::LOGICAL_AND => Self::And(a, b),
                        (Some(a), Some(b)) => Self::Or(a, b),
                        // There are two.
                        _ => Self::Constant(false),
                    }
                }
                Expr::Call(CallExpr {
                    func_name,
                    target: None,
                    mut args,
                }) if func_name == operators::LOGICAL_NOT && args.len() == 1 => {
                    args.pop().map_or(Self::Constant(false), |inner| {
                        Self::Not(Box::new(Self::new(inner)))
                    })
                }
                expr => {
                    let expression = IdedExpr {
                        id: expression.id,
                        expr,
                    };
                    let variables = check::variables(&expression);
                    Self::Cel {
                        expression,
                        variables,
                    }
                }
            },
        }
    }

    /// A test that needs no interpreter.
    fn native(expression: &IdedExpr) -> Option<Self> {
        match &expression.expr {
            Expr::Literal(LiteralValue::Boolean(value)) => Some(Self::Constant(*value.inner())),
            Expr::Ident(name) if Variable::named(name) == Some(Variable::Complete) => Some(Self::Complete),
            Expr::Comprehension(over) => fold::native(over),
            Expr::Call(call) => native_call(call),
            _ => None,
        }
    }

    pub(super) fn evaluate(&self, scope: &mut Scope<'_>) -> Result<bool, Failure> {
        Ok(match self {
            Self::And(a, b) => match a.evaluate(scope) {
                Ok(false) => false,
                Ok(true) => b.evaluate(scope)?,
                Err(failure) => match b.evaluate(scope) {
                    Ok(false) => false,
                    _ => return Err(failure),
                },
            },
            Self::Or(a, b) => match a.evaluate(scope) {
                Ok(true) => true,
                Ok(false) => b.evaluate(scope)?,
                Err(failure) => match b.evaluate(scope) {
                    Ok(true) => true,
                    _ => return Err(failure),
                },
            },
            Self::Not(inner) => !inner.evaluate(scope)?,
            Self::AnyEffect(effects) => scope.request().effects.intersects(*effects),
            Self::AnyRelation(test) => scope
                .request()
                .relations
                .iter()
                .any(|relation| test.holds(relation)),
            Self::Cel {
                expression,
                variables,
            } => scope.interpret(expression, *variables)?,
            Self::Complete => scope.request().complete,
            Self::Constant(value) => *value,
            Self::Count { of, by, than } => by.holds(scope.count(*of), *than),
            Self::Text { of, is } => is.holds(scope.text(*of)),
        })
    }
}

/// The effects that are wanted.
fn select(keep: impl Fn(Effect) -> bool) -> Effects {
    Effect::ALL.into_iter().filter(|effect| keep(*effect)).collect()
}

fn native_call(call: &CallExpr) -> Option<Plan> {
    let name = call.func_name.as_str();
    if let Some((subject, is)) = TextTest::of(call)
        && let Some(of) = text_variable(subject)
    {
        let test = Plan::Text { of, is };
        return Some(if name == operators::NOT_EQUALS {
            Plan::Not(Box::new(test))
        } else {
            test
        });
    }
    let [a, b] = call.args.as_slice() else { return None };
    match name {
        operators::IN if literal::name(b) == Some(Variable::Effects.name()) => {
            let word = literal::text(a)?;
            Some(Plan::AnyEffect(select(|effect| effect.as_str() == word)))
        }
        _ => {
            let by = Order::of(name)?;
            if let (Some(of), Some(than)) = (Count::of(a), literal::integer(b)) {
                return Some(Plan::Count { of, by, than });
            }
            let (than, of) = (literal::integer(a)?, Count::of(b)?);
            Some(Plan::Count {
                of,
                by: by.mirrored(),
                than,
            })
        }
    }
}

/// A variable that is a text and always there.
fn text_variable(expression: &IdedExpr) -> Option<Variable> {
    Variable::named(literal::name(expression)?).filter(|variable| {
        matches!(
            variable,
            Variable::Application
                | Variable::Database
                | Variable::Kind
                | Variable::Protocol
                | Variable::Service
                | Variable::Statement
                | Variable::User
        )
    })
}

// === impl Count ===

impl Count {
    /// `result.rows` or `result.bytes`.
    fn of(expression: &IdedExpr) -> Option<Self> {
        let Expr::Select(select) = &expression.expr else {
            return None;
        };
        if select.test || literal::name(&select.operand) != Some(Variable::Result.name()) {
            return None;
        }
        match select.field.as_str() {
            "bytes" => Some(Self::Bytes),
            "rows" => Some(Self::Rows),
            _ => None,
        }
    }
}

// === impl Order ===

impl Order {
    fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            operators::EQUALS => Self::Equal,
            operators::GREATER => Self::Greater,
            operators::GREATER_EQUALS => Self::GreaterOrEqual,
            operators::LESS => Self::Less,
            operators::LESS_EQUALS => Self::LessOrEqual,
            operators::NOT_EQUALS => Self::NotEqual,
            _ => return None,
        })
    }

    /// The same comparison with its sides exchanged.
    fn mirrored(self) -> Self {
        match self {
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            same @ (Self::Equal | Self::NotEqual) => same,
        }
    }

    pub(super) fn holds(self, count: i64, than: i64) -> bool {
        match self {
            Self::Equal => count == than,
            Self::Greater => count > than,
            Self::GreaterOrEqual => count >= than,
            Self::Less => count < than,
            Self::LessOrEqual => count <= than,
            Self::NotEqual => count != than,
        }
    }
}

// === impl TextTest ===

impl TextTest {
    /// A call that tests a text against constants: what is tested, and how. `!=` is given as `==`.
    fn of(call: &CallExpr) -> Option<(&IdedExpr, Self)> {
        let name = call.func_name.as_str();
        if let Some(subject) = &call.target {
            let [argument] = call.args.as_slice() else {
                return None;
            };
            let text = literal::text(argument)?.to_owned();
            let test = match name {
                "contains" => Self::Contains(text),
                "endsWith" => Self::EndsWith(text),
                "matches" => Self::Matches(Regex::new(&text).ok()?),
                "startsWith" => Self::StartsWith(text),
                _ => return None,
            };
            return Some((subject, test));
        }
        let [a, b] = call.args.as_slice() else { return None };
        match name {
            operators::IN => Some((
                a,
                Self::In(literal::texts(b)?.into_iter().map(str::to_owned).collect()),
            )),
            operators::EQUALS | operators::NOT_EQUALS => {
                let (subject, text) = match (literal::text(a), literal::text(b)) {
                    (None, Some(text)) => (a, text),
                    (Some(text), None) => (b, text),
                    _ => return None,
                };
                Some((subject, Self::In(vec![text.to_owned()])))
            }
            _ => None,
        }
    }

    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Contains(part) => text.contains(part.as_str()),
            Self::EndsWith(end) => text.ends_with(end.as_str()),
            Self::In(words) => words.iter().any(|word| word == text),
            Self::Matches(pattern) => pattern.is_match(text),
            Self::StartsWith(start) => text.starts_with(start.as_str()),
        }
    }
}
