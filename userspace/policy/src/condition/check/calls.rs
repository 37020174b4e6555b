//! Operators and functions.

use super::{CallExpr, Checker, IdedExpr, Type, Words, common, one_of, operators};

/// The functions there are, for the message about one that is not.
const FUNCTIONS: [&str; 10] = [
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "lowerAscii",
    "size",
    "string",
    "int",
    "double",
    "exists",
];

impl Checker {
    pub(super) fn call(&mut self, at: &IdedExpr, call: &CallExpr) -> Type {
        let on = call.target.as_deref().map(|target| self.infer(target));
        let types: Vec<Type> = call.args.iter().map(|argument| self.infer(argument)).collect();
        match (call.args.as_slice(), types.as_slice()) {
            ([a, b], [left, right]) if call.target.is_none() => {
                self.binary(at, call.func_name.as_str(), (a, left), (b, right))
            }
            _ => None,
        }
        .or_else(|| self.operator(call, &types))
        .unwrap_or_else(|| self.function(at, call, on.as_ref(), &types))
    }

    fn binary(
        &mut self,
        at: &IdedExpr,
        operator: &str,
        (a, left): (&IdedExpr, &Type),
        (b, right): (&IdedExpr, &Type),
    ) -> Option<Type> {
        Some(match operator {
            operators::LOGICAL_AND | operators::LOGICAL_OR => {
                self.boolean(a, left);
                self.boolean(b, right);
                Type::Bool
            }
            operators::EQUALS | operators::NOT_EQUALS => {
                if !left.comparable(right) {
                    self.problem(at, format!("{left} never equals {right}"));
                }
                self.compare_words(left, b);
                self.compare_words(right, a);
                Type::Bool
            }
            operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS => {
                let ordered = (left.is_number() && right.is_number()) || (left.is_text() && right.is_text());
                if !ordered {
                    self.problem(at, format!("{left} and {right} have no order"));
                }
                Type::Bool
            }
            operators::IN => {
                match right {
                    Type::Any | Type::Map(_) | Type::Identity => {}
                    Type::List(element) if left.comparable(element) => {
                        self.compare_words(left, b);
                        self.compare_words(right, a);
                    }
                    Type::List(element) => {
                        self.problem(
                            at,
                            format!("{left} is never in a list whose elements are {element}"),
                        );
                    }
                    other => self.problem(b, format!("`in` needs a list on its right; this is {other}")),
                }
                Type::Bool
            }
            operators::ADD => match (left, right) {
                (Type::Text(_), Type::Text(_)) => Type::Text(Words::Free),
                (Type::List(a), Type::List(b)) => Type::list(common([(**a).clone(), (**b).clone()])),
                (Type::Any, _) | (_, Type::Any) => Type::Any,
                _ => self.arithmetic(at, left, right),
            },
            operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO => {
                self.arithmetic(at, left, right)
            }
            operators::INDEX => match left {
                Type::List(element) => {
                    if !right.is_number() {
                        self.problem(b, format!("a list is indexed by a number; this is {right}"));
                    }
                    (**element).clone()
                }
                Type::Map(value) => (**value).clone(),
                Type::Identity => Type::Text(Words::Free),
                Type::Any => Type::Any,
                other => {
                    self.problem(a, format!("{other} cannot be indexed"));
                    Type::Any
                }
            },
            _ => return None,
        })
    }

    fn operator(&mut self, call: &CallExpr, types: &[Type]) -> Option<Type> {
        Some(match (call.func_name.as_str(), call.args.as_slice(), types) {
            (operators::LOGICAL_NOT, [a], [kind]) => {
                self.boolean(a, kind);
                Type::Bool
            }
            (operators::NEGATE, [a], [kind]) => {
                if !kind.is_number() {
                    self.problem(a, format!("{kind} cannot be negated"));
                }
                kind.clone()
            }
            (operators::NOT_STRICTLY_FALSE, _, _) => Type::Bool,
            (operators::CONDITIONAL, [condition, ..], [kind, yes, no]) => {
                self.boolean(condition, kind);
                common([yes.clone(), no.clone()])
            }
            _ => return None,
        })
    }

    fn function(&mut self, at: &IdedExpr, call: &CallExpr, on: Option<&Type>, types: &[Type]) -> Type {
        let name = call.func_name.as_str();
        let (result, fits) = match (name, on, types) {
            ("contains" | "startsWith" | "endsWith" | "matches", Some(on), [argument]) => {
                (Type::Bool, on.is_text() && argument.is_text())
            }
            ("matches", None, [text, pattern]) => (Type::Bool, text.is_text() && pattern.is_text()),
            ("lowerAscii", Some(on), []) => (Type::Text(Words::Free), on.is_text()),
            ("size", Some(of), []) | ("size", None, [of]) => {
                let sized = matches!(
                    of,
                    Type::Any | Type::Text(_) | Type::Bytes | Type::List(_) | Type::Map(_)
                );
                (Type::Int, sized)
            }
            ("string", None, [_]) => (Type::Text(Words::Free), true),
            ("int", None, [of]) => (Type::Int, of.is_number() || of.is_text()),
            ("double", None, [of]) => (Type::Double, of.is_number() || of.is_text()),
            (name, _, _) if FUNCTIONS.contains(&name) => (Type::Any, false),
            _ => {
                let expected = one_of(FUNCTIONS.iter().filter(|name| **name != "exists"));
                self.problem(at, format!("unknown function `{name}`; expected {expected}, or a macro: has, all, exists, exists_one, map or filter"));
                return Type::Any;
            }
        };
        if !fits {
            let of: Vec<String> = on.into_iter().chain(types).map(ToString::to_string).collect();
            let of = if of.is_empty() {
                "nothing".to_owned()
            } else {
                of.join(" and ")
            };
            self.problem(at, format!("`{name}` does not work on {of}"));
        }
        if name == "matches"
            && let Some(pattern) = call.args.last()
        {
            self.pattern(pattern);
        }
        result
    }

    /// A regular expression that is written out must be one.
    fn pattern(&mut self, pattern: &IdedExpr) {
        if let Some(text) = super::super::literal::text(pattern)
            && regex::Regex::new(text).is_err()
        {
            self.problem(pattern, "not a regular expression that can be used here");
        }
    }

    fn boolean(&mut self, at: &IdedExpr, kind: &Type) {
        if !matches!(kind, Type::Any | Type::Bool) {
            self.problem(at, format!("expected true or false; this is {kind}"));
        }
    }

    fn arithmetic(&mut self, at: &IdedExpr, left: &Type, right: &Type) -> Type {
        if !(left.is_number() && right.is_number()) {
            self.problem(at, format!("{left} and {right} cannot be calculated with"));
            return Type::Any;
        }
        if left == right {
            return left.clone();
        }
        if *left != Type::Any && *right != Type::Any {
            self.problem(at, "integers and fractions are not mixed: use int() or double()");
        }
        Type::Any
    }
}
