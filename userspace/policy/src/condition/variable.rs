//! The variables that a condition may use.

use std::fmt;

use interdict_sql::Effect;

/// A variable of the condition language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Variable {
    Application,
    Complete,
    Database,
    Effects,
    Http,
    Identity,
    Kind,
    MaskedColumns,
    Parameters,
    Protocol,
    Relations,
    Result,
    Service,
    Statement,
    Tables,
    User,
}

impl Variable {
    pub(crate) const ALL: [Self; 16] = [
        Self::Application,
        Self::Complete,
        Self::Database,
        Self::Effects,
        Self::Http,
        Self::Identity,
        Self::Kind,
        Self::MaskedColumns,
        Self::Parameters,
        Self::Protocol,
        Self::Relations,
        Self::Result,
        Self::Service,
        Self::Statement,
        Self::Tables,
        Self::User,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Complete => "complete",
            Self::Database => "database",
            Self::Effects => "effects",
            Self::Http => "http",
            Self::Identity => "identity",
            Self::Kind => "kind",
            Self::MaskedColumns => "masked_columns",
            Self::Parameters => "parameters",
            Self::Protocol => "protocol",
            Self::Relations => "relations",
            Self::Result => "result",
            Self::Service => "service",
            Self::Statement => "statement",
            Self::Tables => "tables",
            Self::User => "user",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variable| variable.name() == name)
    }

    pub(super) fn kind(self) -> Type {
        match self {
            Self::Application
            | Self::Database
            | Self::Kind
            | Self::Protocol
            | Self::Service
            | Self::Statement
            | Self::User => Type::Text(Words::Free),
            Self::Complete => Type::Bool,
            Self::Effects => Type::list(Type::Text(Words::Effect)),
            Self::Http => Type::Http,
            Self::Identity => Type::Identity,
            Self::MaskedColumns | Self::Tables => Type::list(Type::Text(Words::Free)),
            // Text or null.
            Self::Parameters => Type::list(Type::Any),
            Self::Relations => Type::list(Type::Relation),
            Self::Result => Type::Result,
        }
    }
}

/// A set of variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variables(u16);

impl Variables {
    pub(crate) fn insert(&mut self, variable: Variable) {
        self.0 |= 1 << variable as u16;
    }

    pub(crate) fn contains(self, variable: Variable) -> bool {
        self.0 & (1 << variable as u16) != 0
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Variable> {
        Variable::ALL
            .into_iter()
            .filter(move |variable| self.contains(*variable))
    }
}

/// What is known of a sub-expression before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Not known until it runs.
    Any,
    Bool,
    Bytes,
    Double,
    Http,
    Identity,
    Int,
    List(Box<Type>),
    Map(Box<Type>),
    Null,
    Relation,
    Result,
    Text(Words),
    Uint,
}

/// Which texts a text can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Access,
    Effect,
    Free,
}

impl Words {
    pub(super) fn known(self) -> Option<Vec<&'static str>> {
        match self {
            Self::Access => Some(vec!["read", "write", "define"]),
            Self::Effect => Some(Effect::ALL.iter().map(|effect| effect.as_str()).collect()),
            Self::Free => None,
        }
    }

    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Effect => "effect",
            Self::Free => "text",
        }
    }
}

impl Type {
    pub(super) fn list(of: Self) -> Self {
        Self::List(Box::new(of))
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Any | Self::Double | Self::Int | Self::Uint)
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Any | Self::Text(_))
    }

    /// Whether a value of this type can equal one of the other.
    pub(super) fn comparable(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) | (Self::Text(_), Self::Text(_)) => true,
            (Self::List(a), Self::List(b)) | (Self::Map(a), Self::Map(b)) => a.comparable(b),
            (a, b) => a == b || (a.is_number() && b.is_number()),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "a value of any type",
            Self::Bool => "a boolean",
            Self::Bytes => "bytes",
            Self::Double | Self::Int | Self::Uint => "a number",
            Self::Http => "the HTTP request",
            Self::Identity => "the identity",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Null => "null",
            Self::Relation => "a relation",
            Self::Result => "the result's counts",
            Self::Text(_) => "a string",
        })
    }
}
