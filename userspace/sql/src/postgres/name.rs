//! Names and plain values in the tree.

use pg_query::{NodeEnum as N, protobuf as pb};

/// The text of a `String` node.
pub(super) fn text(node: &pb::Node) -> Option<&str> {
    match node.node.as_ref()? {
        N::String(string) => Some(&string.sval),
        _ => None,
    }
}

/// The parts of a dotted name.
pub(super) fn parts(list: &[pb::Node]) -> Vec<&str> {
    list.iter().filter_map(text).collect()
}

/// Schema and name of a dotted name; a database's name before them adds nothing.
pub(super) fn qualified<'a>(parts: &[&'a str]) -> Option<(Option<&'a str>, &'a str)> {
    match parts {
        [] => None,
        [name] => Some((None, name)),
        [.., schema, name] => Some((Some(schema), name)),
    }
}

/// The schema of a relation as written.
pub(super) fn schema(relation: &pb::RangeVar) -> Option<&str> {
    (!relation.schemaname.is_empty()).then_some(relation.schemaname.as_str())
}

/// The value of an option: a word, a number, a constant, or a list of these joined by commas.
pub(super) fn value(node: &pb::Node) -> Option<String> {
    match node.node.as_ref()? {
        N::String(string) => Some(string.sval.clone()),
        N::Integer(integer) => Some(integer.ival.to_string()),
        N::Float(float) => Some(float.fval.clone()),
        N::Boolean(boolean) => Some(boolean.boolval.to_string()),
        N::AStar(_) => Some("*".to_owned()),
        N::AConst(constant) => self::constant(constant),
        N::TypeCast(cast) => value(cast.arg.as_deref()?),
        N::TypeName(name) => Some(parts(&name.names).join(".")),
        N::List(list) => Some(list.items.iter().filter_map(value).collect::<Vec<_>>().join(",")),
        _ => None,
    }
}

/// The value of a constant; `None` for NULL.
pub(super) fn constant(constant: &pb::AConst) -> Option<String> {
    use pb::a_const::Val;
    if constant.isnull {
        return None;
    }
    Some(match constant.val.as_ref()? {
        Val::Ival(integer) => integer.ival.to_string(),
        Val::Fval(float) => float.fval.clone(),
        Val::Boolval(boolean) => boolean.boolval.to_string(),
        Val::Sval(string) => string.sval.clone(),
        Val::Bsval(bits) => bits.bsval.clone(),
    })
}

/// A string that the text gives as a constant, casts aside.
pub(super) fn literal(node: &pb::Node) -> Option<String> {
    match node.node.as_ref()? {
        N::AConst(constant) => self::constant(constant),
        N::TypeCast(cast) => literal(cast.arg.as_deref()?),
        _ => None,
    }
}

/// The options of a list, by name.
pub(super) fn options(list: &[pb::Node]) -> impl Iterator<Item = &pb::DefElem> {
    list.iter().filter_map(|node| match node.node.as_ref()? {
        N::DefElem(option) => Some(&**option),
        _ => None,
    })
}

/// Whether an option is on: without a value it is; one that can't be told counts as on.
pub(super) fn enabled(option: &pb::DefElem) -> bool {
    let Some(value) = option.arg.as_deref().and_then(value) else {
        return true;
    };
    !["false", "off", "0", "no"].contains(&value.to_ascii_lowercase().as_str())
}
