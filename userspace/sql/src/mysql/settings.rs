//! What the reading of a text depends on besides the text.

/// Whose dialect is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// Oracle's MySQL, and what is built from it.
    Mysql,
    /// MariaDB.
    Mariadb,
}

/// The parts of `sql_mode` that change what a text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SqlMode {
    /// `"…"` is a name.
    pub ansi_quotes: bool,
    /// A backslash in a string is an ordinary character.
    pub no_backslash_escapes: bool,
    /// `||` concatenates.
    pub pipes_as_concat: bool,
    /// Space may stand between a function's name and its parenthesis.
    pub ignore_space: bool,
    /// `NOT` binds as tightly as `!`.
    pub high_not_precedence: bool,
    /// MariaDB speaks Oracle's dialect, which is not read here.
    pub oracle: bool,
}

impl SqlMode {
    /// Reads a value of `sql_mode`: names with commas between them, or the number that stands for them.
    pub fn parse(value: &str) -> Self {
        let mut mode = Self::default();
        if let Ok(bits) = value.trim().parse::<u64>() {
            let set = |bit: u32| bits & (1 << bit) != 0;
            // The combinations name their parts too when they are read back, but not when they are set.
            let combined = [8, 9, 10, 11, 12, 18].into_iter().any(set);
            mode.pipes_as_concat = set(1) || combined;
            mode.ansi_quotes = set(2) || combined;
            mode.ignore_space = set(3) || combined;
            mode.oracle = set(9);
            mode.high_not_precedence = set(16) || set(17) || set(29);
            mode.no_backslash_escapes = set(20);
            return mode;
        }
        for word in value.split(',') {
            match word.trim().to_ascii_uppercase().as_str() {
                "ANSI_QUOTES" => mode.ansi_quotes = true,
                "NO_BACKSLASH_ESCAPES" => mode.no_backslash_escapes = true,
                "PIPES_AS_CONCAT" => mode.pipes_as_concat = true,
                "IGNORE_SPACE" => mode.ignore_space = true,
                "HIGH_NOT_PRECEDENCE" | "MYSQL323" | "MYSQL40" => mode.high_not_precedence = true,
                name @ ("ANSI" | "DB2" | "MAXDB" | "MSSQL" | "ORACLE" | "POSTGRESQL") => {
                    mode.ansi_quotes = true;
                    mode.pipes_as_concat = true;
                    mode.ignore_space = true;
                    mode.oracle |= name == "ORACLE";
                }
                _ => {}
            }
        }
        mode
    }
}

/// How the client's bytes are to be read (`character_set_client`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Charset {
    /// UTF-8 of three or four bytes, or plain ASCII.
    Utf8,
    /// A character set in which bytes of ASCII are always themselves (latin1, binary, euckr …).
    Superset,
    /// A character set in which a byte of ASCII may be part of another character (sjis, cp932, big5, gbk, gb18030), or
    /// one that is not known. Texts with bytes beyond ASCII or with a backslash are not read.
    Unsafe,
}

impl Charset {
    /// The character set of that name.
    pub fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "utf8" | "utf8mb3" | "utf8mb4" | "ascii" => Self::Utf8,
            "latin1" | "latin2" | "latin5" | "latin7" | "cp850" | "cp852" | "cp866" | "cp1250" | "cp1251"
            | "cp1256" | "cp1257" | "koi8r" | "koi8u" | "greek" | "hebrew" | "tis620" | "macce"
            | "macroman" | "dec8" | "hp8" | "keybcs2" | "armscii8" | "geostd8" | "binary" | "euckr"
            | "ujis" | "eucjpms" | "gb2312" => Self::Superset,
            _ => Self::Unsafe,
        }
    }
}

/// What the server's parser takes into account beside the text. The default database is not among it: a [`Relation`] without
/// a schema is of the database that is in use when its statement runs.
///
/// [`Relation`]: crate::Relation
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MysqlSettings {
    /// Whose dialect.
    pub flavour: Flavour,
    /// The server's version: major, minor and patch level with two digits each (`90704`, `101119`).
    pub version: u32,
    /// The session's `sql_mode`.
    pub mode: SqlMode,
    /// The session's `character_set_client`.
    pub charset: Charset,
    /// Whether a text may hold several statements (`CLIENT_MULTI_STATEMENTS`). Where it may not, the server refuses such a text as a whole.
    pub multi_statements: bool,
    /// Whether `?` is a parameter: the text is prepared.
    pub parameters: bool,
    /// Whether names of databases and tables are compared without regard to case (`lower_case_table_names` is not 0). Then
    /// they are given in lower case.
    pub lower_case_tables: bool,
}

impl Default for MysqlSettings {
    fn default() -> Self {
        Self {
            flavour: Flavour::Mysql,
            version: 80_400,
            mode: SqlMode::default(),
            charset: Charset::Utf8,
            multi_statements: true,
            parameters: true,
            lower_case_tables: false,
        }
    }
}

impl MysqlSettings {
    /// Flavour and version as the server's greeting names them (`8.4.3`, `5.5.5-10.11.6-MariaDB-1`). `None` if there is no version in it.
    pub fn server(greeting: &str) -> Option<(Flavour, u32)> {
        let maria = greeting.to_ascii_lowercase().contains("mariadb");
        // MariaDB puts a version before its own that old replicas can bear.
        let own = greeting
            .strip_prefix("5.5.5-")
            .filter(|_| maria)
            .unwrap_or(greeting);
        let mut parts = own.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        let mut next = || parts.next()?.ok().filter(|part| *part < 100);
        let version = next()? * 10_000 + next()? * 100 + next()?;
        Some((if maria { Flavour::Mariadb } else { Flavour::Mysql }, version))
    }

    pub(super) fn maria(self) -> bool {
        self.flavour == Flavour::Mariadb
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_name_flavour_and_version() {
        let server = MysqlSettings::server;
        assert_eq!(server("9.7.4-2"), Some((Flavour::Mysql, 90_704)));
        assert_eq!(
            server("5.5.5-10.11.19-MariaDB-0+deb12u1"),
            Some((Flavour::Mariadb, 101_119))
        );
        assert_eq!(server("11.8.6-MariaDB-log"), Some((Flavour::Mariadb, 110_806)));
        assert_eq!(server("unknown"), None);
    }

    #[test]
    fn modes_are_read_by_name_and_by_number() {
        let mode = SqlMode::parse("strict_trans_tables, ANSI_QUOTES,NO_BACKSLASH_ESCAPES");
        assert!(mode.ansi_quotes && mode.no_backslash_escapes && !mode.pipes_as_concat);
        assert_eq!(SqlMode::parse("1048580"), mode);
        assert!(SqlMode::parse("ORACLE").oracle && SqlMode::parse("512").oracle);
        assert!(SqlMode::parse("ansi").pipes_as_concat);
    }
}
