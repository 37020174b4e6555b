use std::fmt;
use std::ops::BitOr;

/// The state of the session after a result, as OK and EOF packets tell it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Status(pub u16);

macro_rules! status {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        impl Status {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, stringify!($name))),*];
        }
    };
}

status! {
    /// A transaction is open.
    IN_TRANSACTION = 0x0001;
    /// `autocommit` is on.
    AUTOCOMMIT = 0x0002;
    /// Another result follows.
    MORE_RESULTS = 0x0008;
    /// No good index was used.
    NO_GOOD_INDEX_USED = 0x0010;
    /// No index was used.
    NO_INDEX_USED = 0x0020;
    /// A cursor was opened: rows are to be fetched.
    CURSOR_EXISTS = 0x0040;
    /// The last row of a cursor was sent.
    LAST_ROW_SENT = 0x0080;
    /// A database was dropped.
    DB_DROPPED = 0x0100;
    /// NO_BACKSLASH_ESCAPES is in `sql_mode`.
    NO_BACKSLASH_ESCAPES = 0x0200;
    /// The columns of a prepared statement changed.
    METADATA_CHANGED = 0x0400;
    /// The statement was slow.
    QUERY_WAS_SLOW = 0x0800;
    /// This result holds OUT parameters.
    PS_OUT_PARAMS = 0x1000;
    /// The open transaction is read only.
    IN_READ_ONLY_TRANSACTION = 0x2000;
    /// The OK packet tells what changed in the session.
    SESSION_STATE_CHANGED = 0x4000;
    /// ANSI_QUOTES is in `sql_mode` (MariaDB).
    ANSI_QUOTES = 0x8000;
}

impl Status {
    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// With or without those of `other`.
    #[must_use]
    pub const fn set(self, other: Self, on: bool) -> Self {
        Self(if on { self.0 | other.0 } else { self.0 & !other.0 })
    }
}

impl BitOr for Status {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_set();
        for (flag, name) in Self::NAMES {
            if self.has(*flag) {
                set.entry(&format_args!("{name}"));
            }
        }
        set.finish()
    }
}
