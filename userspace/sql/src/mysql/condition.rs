//! Whether a condition narrows which rows a statement meets.

use super::ast::{Expr, Is};

/// Whether a condition is true for every row, or for every row that has a value.
pub(super) fn always(condition: &Expr) -> bool {
    truth(condition) == Some(true)
}

/// What a condition is for every row alike; `None` if that is not known.
fn truth(expression: &Expr) -> Option<bool> {
    match expression {
        Expr::Number(digits) => digits.parse::<f64>().ok().map(|number| number != 0.0),
        Expr::Literal(text) => number(text).map(|number| number != 0.0),
        Expr::Same(inner) | Expr::Cast { operand: inner, .. } => truth(inner),
        Expr::Unary {
            operator: "not" | "!",
            operand,
        } => truth(operand).map(|known| !known),
        Expr::Unary {
            operator: "-",
            operand,
        } => truth(operand),
        Expr::Is {
            operand,
            what,
            negated,
        } => {
            let holds = match what {
                Is::Null => match **operand {
                    Expr::Null => true,
                    Expr::Number(_) | Expr::Literal(_) => false,
                    _ => return None,
                },
                Is::True => truth(operand)?,
                Is::False => !truth(operand)?,
            };
            Some(holds != *negated)
        }
        Expr::In { operand, list } => list.iter().any(|item| same(operand, item)).then_some(true),
        Expr::Between { parts } => {
            let [value, low, high] = &**parts;
            Some(constant(value)? >= constant(low)? && constant(value)? <= constant(high)?)
        }
        Expr::Like {
            operator: "like",
            parts,
        } => match parts.as_slice() {
            // A pattern that everything fits.
            [_, Expr::Literal(pattern)] => {
                (!pattern.is_empty() && pattern.bytes().all(|byte| byte == b'%')).then_some(true)
            }
            _ => None,
        },
        Expr::Chain { first, rest } => chain(first, rest),
        _ => None,
    }
}

fn chain(first: &Expr, rest: &[(&'static str, Expr)]) -> Option<bool> {
    let operator = rest.first()?.0;
    match operator {
        "or" => {
            let mut all = Some(false);
            for part in std::iter::once(first).chain(rest.iter().map(|(_, part)| part)) {
                match truth(part) {
                    Some(true) => return Some(true),
                    Some(false) => {}
                    None => all = None,
                }
            }
            all
        }
        "and" => {
            let mut all = Some(true);
            for part in std::iter::once(first).chain(rest.iter().map(|(_, part)| part)) {
                match truth(part) {
                    Some(false) => return Some(false),
                    Some(true) => {}
                    None => all = None,
                }
            }
            all
        }
        "xor" => rest
            .iter()
            .try_fold(truth(first)?, |sum, (_, part)| Some(sum != truth(part)?)),
        _ => {
            let [(operator, second)] = rest else { return None };
            if same(first, second) && matches!(*operator, "=" | "<=>" | "<=" | ">=") {
                return Some(true);
            }
            let (left, right) = (constant(first)?, constant(second)?);
            Some(match *operator {
                "=" | "<=>" => (left - right).abs() < f64::EPSILON,
                "<>" | "!=" => (left - right).abs() >= f64::EPSILON,
                "<" => left < right,
                "<=" => left <= right,
                ">" => left > right,
                ">=" => left >= right,
                _ => return None,
            })
        }
    }
}

/// Two expressions that are the same column or the same constant.
fn same(left: &Expr, right: &Expr) -> bool {
    match (left, right) {
        (
            Expr::Column {
                table: one,
                name: left,
                ..
            },
            Expr::Column {
                table: other,
                name: right,
                ..
            },
        ) => left == right && (one == other || one.is_none() || other.is_none()),
        (Expr::Literal(left), Expr::Literal(right)) | (Expr::Number(left), Expr::Number(right)) => {
            left == right
        }
        _ => false,
    }
}

fn constant(expression: &Expr) -> Option<f64> {
    match expression {
        Expr::Number(digits) => digits.parse().ok(),
        Expr::Literal(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The number that a string begins with, which is what it is as a condition.
fn number(text: &str) -> Option<f64> {
    if text.starts_with(['x', 'X', 'b', 'B']) || text.starts_with("0x") || text.starts_with("0b") {
        return None;
    }
    let text = text.trim_start();
    let end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || *c == '.' || (*at == 0 && matches!(c, '-' | '+'))))
        .map_or(text.len(), |(at, _)| at);
    Some(
        text.get(..end)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0.0),
    )
}
