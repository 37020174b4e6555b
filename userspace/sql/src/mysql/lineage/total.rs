//! Functions of the server that give a result for every value, without an error or a warning that depends on it.
//!
//! Not among them is what can be made to grow beyond `max_allowed_packet`: `replace`, `repeat`, `insert`.

use crate::lineage::total::Total;

/// What is known of a function with so many arguments; `None`: it may fail, warn or take its time by a value.
pub(super) fn lookup(name: &str, arguments: usize) -> Option<Total> {
    let first = Some(0);
    Some(match name {
        "count" => Total::Count,
        "min" | "max" | "any_value" | "first_value" | "last_value" | "nth_value" | "lag" | "lead" => {
            Total::Value
        }
        "lower" | "upper" | "lcase" | "ucase" => Total::Value,
        "trim" | "ltrim" | "rtrim" if arguments == 1 => Total::Value,
        "coalesce" | "ifnull" | "nvl" => Total::FirstOf,
        "concat" => Total::Strict { subject: None },
        "trim" | "ltrim" | "rtrim" | "substr" | "substring" | "mid" | "left" | "right" | "reverse"
        | "lpad" | "rpad" | "md5" | "sha" | "sha1" | "sha2" | "ascii" | "ord" | "length" | "char_length"
        | "character_length" | "octet_length" | "bit_length" | "hex" | "to_base64" | "crc32" | "soundex"
        | "instr" | "substring_index" => Total::Strict { subject: first },
        "locate" | "position" => Total::Strict { subject: Some(1) },
        "quote" | "concat_ws" | "json_object" | "json_array" | "json_arrayagg" | "json_quote" | "field"
        | "group_concat" | "greatest" | "least" | "strcmp" | "isnull" => Total::Computed { subject: None },
        "year" | "month" | "day" | "dayofmonth" | "dayofweek" | "dayofyear" | "weekday" | "week"
        | "quarter" | "hour" | "minute" | "second" | "dayname" | "monthname" | "date_format"
        | "time_format" | "date" | "time" | "to_days" | "last_day" | "yearweek" | "extract"
        | "unix_timestamp" => Total::OfDate { subject: 0 },
        _ => return None,
    })
}
