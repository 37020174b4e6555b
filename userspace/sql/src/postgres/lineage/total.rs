//! Functions of the server that give a result for every value: whether they fail, and how long they take, says nothing.
//!
//! Not among them is what can be made to grow: `replace(column, '8', repeat('x', 500000000))` fails if there are many eights.

use crate::lineage::total::Total;

/// What is known of a function with so many arguments; `None`: it may fail or take its time by a value.
pub(super) fn lookup(name: &str, arguments: usize) -> Option<Total> {
    let first = Some(0);
    Some(match name {
        "count" => Total::Count,
        "min" | "max" | "any_value" | "first_value" | "last_value" | "nth_value" | "lag" | "lead" => {
            Total::Value
        }
        "lower" | "upper" | "initcap" | "text" | "btrim" | "ltrim" | "rtrim" if arguments == 1 => {
            Total::Value
        }
        "btrim" | "ltrim" | "rtrim" | "substr" | "left" | "right" | "reverse" | "lpad" | "rpad"
        | "translate" | "split_part" | "md5" | "ascii" | "initcap" | "length" | "char_length"
        | "character_length" | "octet_length" | "bit_length" | "quote_literal" | "quote_ident"
        | "to_char" | "starts_with" | "strpos" | "sha224" | "sha256" | "sha384" | "sha512" => {
            Total::Strict { subject: first }
        }
        "to_json" | "to_jsonb" | "row_to_json" | "json_build_array" | "jsonb_build_array" | "array_agg"
        | "json_agg" | "jsonb_agg" | "concat" | "concat_ws" | "quote_nullable" | "array_to_json"
        | "num_nulls" | "num_nonnulls" | "json_build_object" | "jsonb_build_object" | "format" => {
            Total::Computed { subject: None }
        }
        "string_agg" | "sum" | "avg" | "bool_and" | "bool_or" | "every" | "substring" | "regexp_match"
        | "position" | "age" => Total::Computed { subject: first },
        "date_part" | "extract" | "date_trunc" => Total::Computed { subject: Some(1) },
        _ => return None,
    })
}
