//! What a statement can do, as a set of named effects.

use std::fmt;
use std::str::FromStr;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One thing that a statement can do. Policies name these in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Effect {
    /// Evaluates a query or reads the rows of a relation.
    Read,
    /// Changes stored rows (every insert, update, delete, merge, truncate, `COPY FROM`, `CREATE TABLE AS`, refresh).
    Write,
    /// Adds rows.
    Insert,
    /// Changes rows in place.
    Update,
    /// Changes rows, and no condition narrows which ones (absent, or true whatever the row).
    UpdateWithoutWhere,
    /// Removes rows.
    Delete,
    /// Removes rows, and no condition narrows which ones (absent, or true whatever the row).
    DeleteWithoutWhere,
    /// Empties relations.
    Truncate,
    /// Removes an object.
    Drop,
    /// Changes an object's definition, owner, comment or configuration.
    Alter,
    /// Makes an object.
    Create,
    /// Gives or takes privileges or ownership.
    Grant,
    /// Changes who the session acts as, or which roles exist and what they belong to.
    RoleChange,
    /// Reads, writes or lists files of the server's host.
    ServerFile,
    /// Makes the server act outside the database: runs a program, loads a library, or opens a connection of its own
    /// (`dblink`, foreign servers, subscriptions).
    Program,
    /// Changes settings, of the session or beyond.
    Settings,
    /// Touches replication: slots, origins, publications, subscriptions, promotion, backup.
    Replication,
    /// Takes explicit locks (`LOCK`, `FOR UPDATE`, advisory locks).
    Lock,
    /// Runs a routine that is not one of the server's own harmless functions; what it does is not visible here.
    Call,
    /// Runs or stores procedural code: `DO`, functions, triggers, rules, extensions, libraries.
    Code,
    /// `COPY … FROM`.
    CopyIn,
    /// `COPY … TO`.
    CopyOut,
    /// Controls a transaction or its properties.
    Transaction,
    /// Declares, reads, moves or closes a cursor.
    Cursor,
    /// Names a statement for later, or forgets such a name.
    Prepare,
    /// Runs a statement that was prepared by name.
    Execute,
    /// Sends a notification.
    Notify,
    /// Starts or stops receiving notifications.
    Listen,
    /// Vacuum, analyze, cluster, reindex, refresh, checkpoint, and their function forms.
    Maintenance,
    /// Shows a plan.
    Explain,
    /// Uses large objects.
    LargeObject,
    /// Acts on sessions: `DISCARD`, cancelling or terminating a backend.
    Session,
    /// Acts on the service or on who may use it rather than on data: its configuration, backups, quotas. Of APIs.
    Admin,
}

impl Effect {
    /// Every effect, in declared order.
    pub const ALL: [Self; 33] = [
        Self::Read,
        Self::Write,
        Self::Insert,
        Self::Update,
        Self::UpdateWithoutWhere,
        Self::Delete,
        Self::DeleteWithoutWhere,
        Self::Truncate,
        Self::Drop,
        Self::Alter,
        Self::Create,
        Self::Grant,
        Self::RoleChange,
        Self::ServerFile,
        Self::Program,
        Self::Settings,
        Self::Replication,
        Self::Lock,
        Self::Call,
        Self::Code,
        Self::CopyIn,
        Self::CopyOut,
        Self::Transaction,
        Self::Cursor,
        Self::Prepare,
        Self::Execute,
        Self::Notify,
        Self::Listen,
        Self::Maintenance,
        Self::Explain,
        Self::LargeObject,
        Self::Session,
        Self::Admin,
    ];

    /// The name that policies and the audit use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::UpdateWithoutWhere => "update_without_where",
            Self::Delete => "delete",
            Self::DeleteWithoutWhere => "delete_without_where",
            Self::Truncate => "truncate",
            Self::Drop => "drop",
            Self::Alter => "alter",
            Self::Create => "create",
            Self::Grant => "grant",
            Self::RoleChange => "role_change",
            Self::ServerFile => "server_file",
            Self::Program => "program",
            Self::Settings => "settings",
            Self::Replication => "replication",
            Self::Lock => "lock",
            Self::Call => "call",
            Self::Code => "code",
            Self::CopyIn => "copy_in",
            Self::CopyOut => "copy_out",
            Self::Transaction => "transaction",
            Self::Cursor => "cursor",
            Self::Prepare => "prepare",
            Self::Execute => "execute",
            Self::Notify => "notify",
            Self::Listen => "listen",
            Self::Maintenance => "maintenance",
            Self::Explain => "explain",
            Self::LargeObject => "large_object",
            Self::Session => "session",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u64 {
        1 << self as u8
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no effect is called `{0}`")]
pub struct UnknownEffect(pub String);

impl FromStr for Effect {
    type Err = UnknownEffect;

    fn from_str(name: &str) -> Result<Self, UnknownEffect> {
        let found = Self::ALL.into_iter().find(|effect| effect.as_str() == name);
        found.ok_or_else(|| UnknownEffect(name.to_owned()))
    }
}

/// A set of effects.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Effects(u64);

impl Effects {
    /// No effect.
    pub const NONE: Self = Self(0);

    /// The set of these.
    pub const fn of(effects: &[Effect]) -> Self {
        let mut bits = 0;
        let mut rest = effects;
        while let [first, tail @ ..] = rest {
            bits |= first.bit();
            rest = tail;
        }
        Self(bits)
    }

    /// Adds one.
    pub fn insert(&mut self, effect: Effect) {
        self.0 |= effect.bit();
    }

    /// Whether it is in the set.
    pub const fn contains(self, effect: Effect) -> bool {
        self.0 & effect.bit() != 0
    }

    /// Whether the two sets share an effect.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without the other's members.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many effects are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The members, in declared order.
    pub fn iter(self) -> impl Iterator<Item = Effect> {
        Effect::ALL
            .into_iter()
            .filter(move |effect| self.contains(*effect))
    }
}

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl From<Effect> for Effects {
    fn from(effect: Effect) -> Self {
        Self(effect.bit())
    }
}

impl FromIterator<Effect> for Effects {
    fn from_iter<I: IntoIterator<Item = Effect>>(effects: I) -> Self {
        let mut set = Self::NONE;
        set.extend(effects);
        set
    }
}

impl Extend<Effect> for Effects {
    fn extend<I: IntoIterator<Item = Effect>>(&mut self, effects: I) {
        for effect in effects {
            self.insert(effect);
        }
    }
}

impl Serialize for Effects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for effect in self.iter() {
            list.serialize_element(&effect)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Effects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Effects;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of effects")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Effects, A::Error> {
                let mut set = Effects::NONE;
                while let Some(effect) = list.next_element()? {
                    set.insert(effect);
                }
                Ok(set)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_cover_every_effect_once() {
        for (position, effect) in Effect::ALL.into_iter().enumerate() {
            assert_eq!(effect as usize, position, "ALL is in declared order");
            assert_eq!(effect.as_str().parse(), Ok(effect));
        }
        assert!("Read".parse::<Effect>().is_err());
    }

    #[test]
    fn sets_list_their_members_in_declared_order() {
        let set = Effects::of(&[Effect::Session, Effect::Read, Effect::Call]);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Effect::Read, Effect::Call, Effect::Session]
        );
        assert_eq!(set.len(), 3);
        assert_eq!(
            set.without(Effect::Call.into()),
            Effects::of(&[Effect::Read, Effect::Session])
        );
        assert!(!set.contains(Effect::Write));
    }
}
