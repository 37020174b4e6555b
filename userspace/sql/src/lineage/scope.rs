//! What names stand for at one place of a query, in any dialect.

use super::{Flow, How, OutputColumn};

/// A column in sight, or a run of columns that are not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name; `None` if it could be any.
    pub(crate) name: Option<String>,
    pub(crate) flow: Flow,
    /// Any number of columns.
    pub(crate) many: bool,
}

impl Column {
    pub(crate) fn named(name: &str, flow: Flow) -> Self {
        Self {
            name: Some(name.to_owned()),
            flow,
            many: false,
        }
    }

    /// Columns of which nothing is known but what they can show.
    pub(crate) fn many(flow: Flow) -> Self {
        Self {
            name: None,
            flow,
            many: true,
        }
    }

    pub(crate) fn may_be(&self, name: &str) -> bool {
        self.name.as_deref().is_none_or(|own| own == name)
    }
}

/// Rows that have a name of their own: `name.column`, `name.*`, `name`.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
}

/// What a `FROM` item brings into sight.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub(crate) rows: Vec<Rows>,
    /// Its columns as `*` lists them.
    pub(crate) columns: Vec<Column>,
}

impl Source {
    /// Rows under one name.
    pub(crate) fn of(name: Option<&str>, columns: Vec<Column>) -> Self {
        let rows = name
            .map(|name| Rows {
                name: name.to_owned(),
                columns: columns.clone(),
            })
            .into_iter()
            .collect();
        Self { rows, columns }
    }
}

/// The scope of one query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Level {
    pub(crate) sources: Vec<Source>,
    /// Output columns that can be named too, where the dialect lets them.
    pub(crate) aliases: Vec<Column>,
    /// Whether they can be named at the place at hand, and not only in queries inside it.
    pub(crate) open: bool,
}

impl Level {
    pub(crate) fn of(sources: Vec<Source>) -> Self {
        Self {
            sources,
            ..Self::default()
        }
    }
}

/// Everything that a list of columns shows, as one value made of them.
pub(crate) fn whole(columns: &[Column]) -> Flow {
    let all: Flow = columns.iter().map(|column| column.flow.clone()).collect();
    all.through(How::Computed)
}

impl Column {
    pub(crate) fn output(self) -> OutputColumn {
        OutputColumn {
            name: self.name,
            flow: self.flow,
            many: self.many,
        }
    }
}

/// What columns show together, each as it does.
pub(crate) fn whole_of(columns: &[Column]) -> Flow {
    columns.iter().map(|column| column.flow.clone()).collect()
}

/// The value of one of several branches. Where the client's own values mix with a column's, what is made of the mixture
/// (which are equal, how many) is made of a comparison.
pub(crate) fn blend(flows: impl IntoIterator<Item = Flow>) -> Flow {
    let flows: Vec<_> = flows.into_iter().collect();
    let mixed = flows.iter().any(Flow::shows) && flows.iter().any(|flow| !flow.shows());
    let all: Flow = flows.into_iter().collect();
    if mixed { all.through(How::Computed) } else { all }
}
