//! Words: which are reserved, what the first of a statement says, which are values.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::settings::Flavour;
use crate::effect::{Effect, Effects};

/// `information_schema.KEYWORDS` of MySQL 9.7, as far as they are reserved.
static MYSQL: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("reserved_mysql.txt").lines().collect());

/// What MariaDB 10.11 takes for no alias.
static MARIADB: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("reserved_mariadb.txt").lines().collect());

/// Whether a word without quotes can't be a name.
pub(super) fn is_reserved(word: &[u8], flavour: Flavour) -> bool {
    /// The longest reserved word has fewer letters.
    const LONGEST: usize = 40;
    if word.len() > LONGEST || !word.is_ascii() {
        return false;
    }
    let lower = word.to_ascii_lowercase();
    let Ok(word) = str::from_utf8(&lower) else {
        return false;
    };
    match flavour {
        Flavour::Mysql => MYSQL.contains(word),
        Flavour::Mariadb => MARIADB.contains(word),
    }
}

/// The kind and effects of a statement that begins with a word; what it is at the least.
pub(super) fn verb(word: &str) -> Option<(&'static str, Effects)> {
    use Effect as E;
    let (kind, effects): (_, &[Effect]) = match word {
        "select" | "values" => ("select", &[E::Read]),
        "insert" => ("insert", &[E::Write, E::Insert]),
        "replace" => ("replace", &[E::Write, E::Insert, E::Delete]),
        "update" => ("update", &[E::Write, E::Update]),
        "delete" => ("delete", &[E::Write, E::Delete]),
        "truncate" => ("truncate", &[E::Truncate, E::Write]),
        "load" => ("load", &[E::Write, E::Insert, E::CopyIn]),
        "create" => ("create", &[E::Create]),
        "alter" => ("alter", &[E::Alter]),
        "drop" => ("drop", &[E::Drop]),
        "rename" => ("rename", &[E::Alter]),
        "grant" => ("grant", &[E::Grant]),
        "revoke" => ("revoke", &[E::Grant]),
        "call" => ("call", &[E::Call]),
        "handler" => ("handler", &[E::Read, E::Cursor]),
        "prepare" => ("prepare", &[E::Prepare]),
        "execute" => ("execute", &[E::Execute]),
        "set" => ("set", &[E::Settings]),
        "lock" => ("lock", &[E::Lock]),
        "kill" => ("kill", &[E::Session]),
        "install" => ("install", &[E::Program, E::Code, E::Alter]),
        "outfile" | "dumpfile" | "infile" | "load_file" => ("unknown", &[E::ServerFile]),
        "purge" | "binlog" | "clone" => ("unknown", &[E::Replication]),
        "shutdown" => ("shutdown", &[E::Session, E::Maintenance]),
        _ => return None,
    };
    Some((kind, Effects::of(effects)))
}

/// Functions that are keywords only where their parenthesis touches them; otherwise the name is a stored function's.
pub(super) fn must_touch(name: &str) -> bool {
    matches!(
        name,
        "adddate"
            | "bit_and"
            | "bit_or"
            | "bit_xor"
            | "cast"
            | "count"
            | "curdate"
            | "curtime"
            | "date_add"
            | "date_sub"
            | "extract"
            | "group_concat"
            | "json_arrayagg"
            | "json_objectagg"
            | "max"
            | "mid"
            | "min"
            | "now"
            | "position"
            | "session_user"
            | "st_collect"
            | "std"
            | "stddev"
            | "stddev_pop"
            | "stddev_samp"
            | "subdate"
            | "substr"
            | "substring"
            | "sum"
            | "sysdate"
            | "system_user"
            | "trim"
            | "variance"
            | "var_pop"
            | "var_samp"
            | "avg"
    )
}

/// Words that are values without parentheses.
pub(super) fn is_value(word: &str) -> bool {
    matches!(
        word,
        "current_date"
            | "current_time"
            | "current_timestamp"
            | "current_user"
            | "current_role"
            | "localtime"
            | "localtimestamp"
            | "utc_date"
            | "utc_time"
            | "utc_timestamp"
    )
}

/// Units of an interval.
pub(super) fn is_unit(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let parts: Vec<_> = word.split('_').collect();
    let known = |part: &&str| {
        matches!(
            *part,
            "microsecond" | "second" | "minute" | "hour" | "day" | "week" | "month" | "quarter" | "year"
        )
    };
    (1..=2).contains(&parts.len()) && parts.iter().all(known)
}

/// Character sets that an introducer may name.
pub(super) fn is_charset(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    super::settings::Charset::named(&name) != super::settings::Charset::Unsafe
        || matches!(
            name.as_str(),
            "big5" | "sjis" | "cp932" | "gbk" | "gb18030" | "swe7" | "ucs2" | "utf16" | "utf16le" | "utf32"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_differ_by_flavour() {
        assert!(is_reserved(b"SELECT", Flavour::Mysql) && is_reserved(b"select", Flavour::Mariadb));
        assert!(is_reserved(b"lateral", Flavour::Mysql) && !is_reserved(b"lateral", Flavour::Mariadb));
        assert!(is_reserved(b"returning", Flavour::Mariadb) && !is_reserved(b"returning", Flavour::Mysql));
        assert!(!is_reserved(b"ssn", Flavour::Mysql));
    }

    #[test]
    fn units_may_be_of_two_parts() {
        assert!(is_unit("DAY") && is_unit("hour_second") && is_unit("DAY_MICROSECOND"));
        assert!(!is_unit("ssn") && !is_unit("day_hour_minute"));
    }
}
