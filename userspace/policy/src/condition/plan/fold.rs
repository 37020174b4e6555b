//! `exists` and `all` over effects and relations.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};
use interdict_sql::Effects;

use super::{Plan, RelationTest, select};
use crate::condition::literal;
use crate::condition::variable::Variable;

/// The native form of a fold, if all that it asks of an element is about constants.
pub(super) fn native(over: &ComprehensionExpr) -> Option<Plan> {
    let (all, test) = shape(over)?;
    // All are so: none is not so.
    Some(match Variable::named(literal::name(&over.iter_range)?)? {
        Variable::Effects => {
            let effects = satisfying(test, &over.iter_var)?;
            if all {
                Plan::Not(Box::new(Plan::AnyEffect(select(|effect| {
                    !effects.contains(effect)
                }))))
            } else {
                Plan::AnyEffect(effects)
            }
        }
        Variable::Relations => {
            let test = RelationTest::of(test, &over.iter_var)?;
            if all {
                Plan::Not(Box::new(Plan::AnyRelation(RelationTest::Not(Box::new(test)))))
            } else {
                Plan::AnyRelation(test)
            }
        }
        _ => return None,
    })
}

/// Whether it is an `all` (else an `exists`), and what is asked of each element.
fn shape(over: &ComprehensionExpr) -> Option<(bool, &IdedExpr)> {
    let accumulator = Some(over.accu_var.as_str());
    let Expr::Call(step) = &over.loop_step.expr else {
        return None;
    };
    let [so_far, test] = step.args.as_slice() else {
        return None;
    };
    let Expr::Literal(LiteralValue::Boolean(start)) = &over.accu_init.expr else {
        return None;
    };
    let plain = over.iter_var2.is_none()
        && literal::name(&over.result) == accumulator
        && literal::name(so_far) == accumulator;
    match step.func_name.as_str() {
        operators::LOGICAL_OR if plain && !*start.inner() => Some((false, test)),
        operators::LOGICAL_AND if plain && *start.inner() => Some((true, test)),
        _ => None,
    }
}

/// The effects for which a test of one effect is true.
fn satisfying(test: &IdedExpr, variable: &str) -> Option<Effects> {
    let Expr::Call(CallExpr {
        func_name,
        target: None,
        args,
    }) = &test.expr
    else {
        return None;
    };
    match (func_name.as_str(), args.as_slice()) {
        (operators::IN, [e, list]) if literal::name(e) == Some(variable) => {
            let words = literal::texts(list)?;
            Some(select(|effect| words.contains(&effect.as_str())))
        }
        (operators::EQUALS | operators::NOT_EQUALS, [a, b]) => {
            let word = match (literal::name(a), literal::name(b)) {
                (Some(name), _) if name == variable => literal::text(b)?,
                (_, Some(name)) if name == variable => literal::text(a)?,
                _ => return None,
            };
            let equal = func_name == operators::EQUALS;
            Some(select(|effect| (effect.as_str() == word) == equal))
        }
        (operators::LOGICAL_OR | operators::LOGICAL_AND, [a, b]) => {
            let (a, b) = (satisfying(a, variable)?, satisfying(b, variable)?);
            let either = func_name == operators::LOGICAL_OR;
            Some(select(|effect| match (a.contains(effect), b.contains(effect)) {
                (true, true) => true,
                (one, other) => either && (one || other),
            }))
        }
        (operators::LOGICAL_NOT, [inner]) => {
            let inner = satisfying(inner, variable)?;
            Some(select(|effect| !inner.contains(effect)))
        }
        _ => None,
    }
}
