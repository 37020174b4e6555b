//! Finds what is wrong with a condition before it ever runs.
//!
//! CEL is checked at run time only by its interpreter, and a condition that fails at run time refuses statements. So a
//! condition is walked once at load with the types of the variables: what cannot work is an error with its place.

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::variable::{Type, Variable, Variables, Words};
use crate::words::{nearest, one_of};

mod calls;

/// What a walk over a condition found.
pub(super) struct Findings {
    pub(super) variables: Variables,
    /// By node, to be turned into places.
    pub(super) problems: Vec<(u64, String)>,
}

/// Walks a whole condition.
pub(super) fn check(expression: &IdedExpr) -> Findings {
    let mut checker = Checker::default();
    let result = checker.infer(expression);
    if checker.problems.is_empty() && result != Type::Bool {
        checker.problem(
            expression,
            format!("the condition is {result}; expected true or false"),
        );
    }
    Findings {
        variables: checker.variables,
        problems: checker.problems,
    }
}

/// The variables that a part of a checked condition uses.
pub(super) fn variables(expression: &IdedExpr) -> Variables {
    let mut checker = Checker::default();
    checker.infer(expression);
    checker.variables
}

#[derive(Default)]
struct Checker {
    /// Names bound by `exists` and its relatives, innermost last.
    locals: Vec<(String, Type)>,
    variables: Variables,
    problems: Vec<(u64, String)>,
}

impl Checker {
    fn problem(&mut self, at: &IdedExpr, message: impl Into<String>) {
        self.problems.push((at.id, message.into()));
    }

    fn infer(&mut self, expression: &IdedExpr) -> Type {
        match &expression.expr {
            Expr::Literal(literal) => literal_type(literal),
            Expr::Ident(name) => self.name(expression, name),
            Expr::Select(select) => {
                let of = self.infer(&select.operand);
                let field = self.field(expression, &of, &select.field);
                if select.test { Type::Bool } else { field }
            }
            Expr::List(list) => {
                let elements: Vec<Type> = list.elements.iter().map(|element| self.infer(element)).collect();
                Type::list(common(elements))
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.infer(&entry.key);
                        self.infer(&entry.value);
                    }
                }
                Type::Map(Box::new(Type::Any))
            }
            Expr::Call(call) => self.call(expression, call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) => {
                self.problem(expression, "messages cannot be built in a condition");
                Type::Any
            }
            Expr::Unspecified => {
                self.problem(expression, "the condition is not complete");
                Type::Any
            }
        }
    }

    fn name(&mut self, at: &IdedExpr, name: &str) -> Type {
        if let Some((_, kind)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return kind.clone();
        }
        if let Some(variable) = Variable::named(name) {
            self.variables.insert(variable);
            return variable.kind();
        }
        let names = Variable::ALL.map(Variable::name);
        let expected = match nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected {}", one_of(names)),
        };
        self.problem(at, format!("unknown variable `{name}`; {expected}"));
        Type::Any
    }

    fn field(&mut self, at: &IdedExpr, of: &Type, field: &str) -> Type {
        let known: &[(&str, Type)] = match of {
            Type::Any => return Type::Any,
            Type::Map(value) => return (**value).clone(),
            // Facts are open: which there are depends on the host.
            Type::Identity if field == "claim" => return Type::Map(Box::new(Type::Text(Words::Free))),
            Type::Identity => return Type::Text(Words::Free),
            Type::Relation => &[
                ("schema", Type::Text(Words::Free)),
                ("name", Type::Text(Words::Free)),
                ("access", Type::Text(Words::Access)),
            ],
            Type::Http => &[
                ("method", Type::Text(Words::Free)),
                ("host", Type::Text(Words::Free)),
                ("path", Type::Text(Words::Free)),
                ("template", Type::Text(Words::Free)),
                ("query", Type::Map(Box::new(Type::Text(Words::Free)))),
                ("headers", Type::Map(Box::new(Type::Text(Words::Free)))),
                ("arguments", Type::Map(Box::new(Type::Any))),
            ],
            Type::Result => &[("rows", Type::Int), ("bytes", Type::Int)],
            other => {
                self.problem(at, format!("`.{field}`: {other} has no fields"));
                return Type::Any;
            }
        };
        if let Some((_, kind)) = known.iter().find(|(name, _)| *name == field) {
            return kind.clone();
        }
        let names = one_of(known.iter().map(|(name, _)| *name));
        self.problem(at, format!("{of} has no `{field}`; expected {names}"));
        Type::Any
    }

    fn comprehension(&mut self, it: &ComprehensionExpr) -> Type {
        let element = match self.infer(&it.iter_range) {
            Type::Any => Type::Any,
            Type::List(element) => *element,
            Type::Map(_) | Type::Identity => Type::Text(Words::Free),
            other => {
                self.problem(&it.iter_range, format!("{other} has no elements to go through"));
                Type::Any
            }
        };
        for name in std::iter::once(&it.iter_var).chain(&it.iter_var2) {
            if Variable::named(name).is_some() {
                self.problem(
                    &it.iter_range,
                    format!("`{name}` is a variable already; use another name"),
                );
            }
        }
        let outer = self.locals.len();
        let start = self.infer(&it.accu_init);
        self.locals.push((it.accu_var.clone(), start));
        self.locals.push((it.iter_var.clone(), element));
        self.locals
            .extend(it.iter_var2.iter().map(|name| (name.clone(), Type::Any)));
        self.infer(&it.loop_cond);
        let step = self.infer(&it.loop_step);
        self.locals.truncate(outer);
        self.locals.push((it.accu_var.clone(), step));
        let result = self.infer(&it.result);
        self.locals.truncate(outer);
        result
    }

    /// Reports a text that can never be met, such as an effect that does not exist.
    fn words(&mut self, words: Words, literal: &IdedExpr) {
        let (Expr::Literal(LiteralValue::String(text)), Some(known)) = (&literal.expr, words.known()) else {
            return;
        };
        let text = text.inner();
        if known.contains(&text) {
            return;
        }
        let noun = words.noun();
        let expected = match nearest(text, known.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("expected {}", one_of(known)),
        };
        self.problem(literal, format!("unknown {noun} \"{text}\"; {expected}"));
    }

    /// [`Self::words`] for both sides of a comparison and for the elements of a list.
    fn compare_words(&mut self, kind: &Type, with: &IdedExpr) {
        let words = match kind {
            Type::Text(words) => *words,
            Type::List(of) => match **of {
                Type::Text(words) => words,
                _ => return,
            },
            _ => return,
        };
        if let Expr::List(list) = &with.expr {
            for element in &list.elements {
                self.words(words, element);
            }
        } else {
            self.words(words, with);
        }
    }
}

fn literal_type(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(_) => Type::Bytes,
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(_) => Type::Text(Words::Free),
        LiteralValue::UInt(_) => Type::Uint,
    }
}

/// The one type of all, or none in particular.
fn common(types: impl IntoIterator<Item = Type>) -> Type {
    let mut types = types.into_iter();
    let Some(first) = types.next() else {
        return Type::Any;
    };
    if types.all(|other| other == first) {
        first
    } else {
        Type::Any
    }
}
