use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign};

/// What client and server offer each other. The lower 32 bits are those of MySQL; the upper 32 are MariaDB's own, which
/// are sent where MySQL has zeros, and only if [`Capabilities::LONG_PASSWORD`] is not set.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities(u64);

macro_rules! capabilities {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        impl Capabilities {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// All of these.
            const NAMED: Self = Self(0 $(| 1 << $bit)*);

            const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, stringify!($name))),*];
        }
    };
}

capabilities! {
    /// MySQL's side of the family (`CLIENT_MYSQL` in MariaDB): without it the upper bits count.
    LONG_PASSWORD = 0;
    /// Affected rows are the rows found, not the rows changed.
    FOUND_ROWS = 1;
    /// Column flags have two bytes.
    LONG_FLAG = 2;
    /// A database is named in the opening.
    CONNECT_WITH_DB = 3;
    /// `database.table.column` is refused.
    NO_SCHEMA = 4;
    /// Packets compressed with zlib.
    COMPRESS = 5;
    /// Nothing any more.
    ODBC = 6;
    /// The client sends files that LOAD DATA LOCAL names.
    LOCAL_FILES = 7;
    /// Spaces between a function's name and its parenthesis.
    IGNORE_SPACE = 8;
    /// The protocol of 4.1 and later.
    PROTOCOL_41 = 9;
    /// `interactive_timeout` counts.
    INTERACTIVE = 10;
    /// TLS.
    SSL = 11;
    /// Nothing on the wire.
    IGNORE_SIGPIPE = 12;
    /// Status flags tell of transactions.
    TRANSACTIONS = 13;
    /// The authentication of 4.1, by its old name; nothing any more.
    RESERVED = 14;
    /// Authentication data with a length before it.
    SECURE_CONNECTION = 15;
    /// Several statements in a COM_QUERY.
    MULTI_STATEMENTS = 16;
    /// Several results of a COM_QUERY.
    MULTI_RESULTS = 17;
    /// Several results of a COM_STMT_EXECUTE.
    PS_MULTI_RESULTS = 18;
    /// Authentication plugins are named.
    PLUGIN_AUTH = 19;
    /// The client describes itself.
    CONNECT_ATTRS = 20;
    /// Authentication data of more than 255 bytes.
    PLUGIN_AUTH_LENENC_CLIENT_DATA = 21;
    /// The client goes on with an expired password.
    CAN_HANDLE_EXPIRED_PASSWORDS = 22;
    /// OK packets tell what changed in the session.
    SESSION_TRACK = 23;
    /// No EOF packets: none after columns, an OK with their first byte after rows.
    DEPRECATE_EOF = 24;
    /// Results may come without columns (MySQL).
    OPTIONAL_RESULTSET_METADATA = 25;
    /// Packets compressed with Zstandard (MySQL).
    ZSTD_COMPRESSION_ALGORITHM = 26;
    /// Named values with a statement (MySQL).
    QUERY_ATTRIBUTES = 27;
    /// Second and third factors (MySQL).
    MULTI_FACTOR_AUTHENTICATION = 28;
    /// Progress reports by their old bit in MariaDB; reserved in MySQL.
    PROGRESS_OBSOLETE = 29;
    /// Nothing on the wire.
    SSL_VERIFY_SERVER_CERT = 30;
    /// Nothing on the wire.
    REMEMBER_OPTIONS = 31;
    /// Progress reports (MariaDB).
    MARIADB_PROGRESS = 32;
    /// COM_MULTI, which no release has (MariaDB).
    MARIADB_COM_MULTI = 33;
    /// COM_STMT_BULK_EXECUTE (MariaDB).
    MARIADB_STMT_BULK_OPERATIONS = 34;
    /// Column definitions with the name of the true type (MariaDB).
    MARIADB_EXTENDED_METADATA = 35;
    /// Columns are sent again only if they changed (MariaDB).
    MARIADB_CACHE_METADATA = 36;
    /// COM_STMT_BULK_EXECUTE answers with a result set (MariaDB).
    MARIADB_BULK_UNIT_RESULTS = 37;
}

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(0);

    /// What this codec reads: all that has a name here, but for what wraps packets in another way (compression of both
    /// kinds, COM_MULTI). A proxy offers no more than these, so that nothing comes that it cannot read.
    pub const READABLE: Self = Self::NAMED
        .without(Self::COMPRESS)
        .without(Self::ZSTD_COMPRESSION_ALGORITHM)
        .without(Self::MARIADB_COM_MULTI);

    /// From MySQL's word and MariaDB's.
    pub const fn from_words(lower: u32, upper: u32) -> Self {
        Self(lower as u64 | (upper as u64) << 32)
    }

    /// MySQL's word.
    pub const fn lower(self) -> u32 {
        self.0 as u32
    }

    /// MariaDB's word.
    pub const fn upper(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Whether all of `other` are there.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// With those of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// With or without those of `other`.
    #[must_use]
    pub const fn set(self, other: Self, on: bool) -> Self {
        if on { self.with(other) } else { self.without(other) }
    }

    /// Whether the upper word is sent: MariaDB speaks to one that knows it.
    pub const fn extended(self) -> bool {
        !self.has(Self::LONG_PASSWORD)
    }
}

impl BitOr for Capabilities {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl BitOrAssign for Capabilities {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.with(other);
    }
}

impl BitAnd for Capabilities {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_set();
        let mut unnamed = *self;
        for (flag, name) in Self::NAMES {
            if self.has(*flag) {
                set.entry(&format_args!("{name}"));
                unnamed = unnamed.without(*flag);
            }
        }
        if unnamed != Self::NONE {
            set.entry(&format_args!("0x{:x}", unnamed.0));
        }
        set.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Capabilities;

    #[test]
    fn what_is_not_known_is_not_readable() {
        let all = Capabilities::from_words(u32::MAX, u32::MAX);
        let readable = all & Capabilities::READABLE;
        assert!(readable.has(Capabilities::SSL | Capabilities::MARIADB_BULK_UNIT_RESULTS));
        for gone in [
            Capabilities::COMPRESS,
            Capabilities::ZSTD_COMPRESSION_ALGORITHM,
            Capabilities::MARIADB_COM_MULTI,
            Capabilities::from_words(0, 1 << 6),
            Capabilities::from_words(0, 1 << 31),
        ] {
            assert!(!readable.has(gone));
        }
        assert_eq!(
            format!("{:?}", Capabilities::from_words(3, 1 << 31)),
            "{LONG_PASSWORD, FOUND_ROWS, 0x8000000000000000}"
        );
    }
}
