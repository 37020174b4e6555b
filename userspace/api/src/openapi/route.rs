//! Which operation a path belongs to.

use std::cmp::Reverse;
use std::collections::HashMap;

/// Operations by method and path.
#[derive(Debug)]
pub(super) struct Routes<T> {
    /// By how many segments the path has, the most specific first.
    by_length: HashMap<usize, Vec<Route<T>>>,
}

#[derive(Debug)]
struct Route<T> {
    method: String,
    template: Template,
    operation: T,
}

/// A path with variables, cut at its slashes.
#[derive(Clone, Debug)]
pub(super) struct Template {
    segments: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Variable(String),
}

impl Template {
    /// Reads a path; nothing if its braces don't match or two variables touch.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let segments = path.strip_prefix('/')?.split('/').map(pieces);
        Some(Self {
            segments: segments.collect::<Option<_>>()?,
        })
    }

    /// How closely it describes a path: the greater, the closer.
    fn rank(&self) -> Vec<usize> {
        let rank = |pieces: &Vec<Piece>| {
            let literal: usize = pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Literal(text) => text.len(),
                    Piece::Variable(_) => 0,
                })
                .sum();
            let variables = pieces.iter().any(|piece| matches!(piece, Piece::Variable(_)));
            if variables { literal } else { usize::MAX }
        };
        self.segments.iter().map(rank).collect()
    }

    /// The template without the names of its variables.
    pub(super) fn shape(&self) -> String {
        let mut out = String::new();
        for segment in &self.segments {
            out.push('/');
            for piece in segment {
                match piece {
                    Piece::Literal(text) => out.push_str(text),
                    Piece::Variable(_) => out.push_str("{}"),
                }
            }
        }
        out
    }

    fn values<'t, 'p>(&'t self, segments: &[&'p str]) -> Option<Vec<(&'t str, &'p str)>> {
        let mut values = Vec::new();
        for (pieces, segment) in self.segments.iter().zip(segments) {
            matches(pieces, segment, &mut values)?;
        }
        Some(values)
    }
}

fn pieces(segment: &str) -> Option<Vec<Piece>> {
    let (mut pieces, mut rest) = (Vec::new(), segment);
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        let touches = literal.is_empty() && !pieces.is_empty();
        if touches || literal.contains('}') || name.is_empty() || name.contains('{') {
            return None;
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        pieces.push(Piece::Variable(name.to_owned()));
        rest = after;
    }
    if rest.contains('}') {
        return None;
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    Some(pieces)
}

/// Cuts a segment at the literals. A variable takes as little as it can, and at least a character.
fn matches<'t, 'p>(
    pieces: &'t [Piece],
    segment: &'p str,
    values: &mut Vec<(&'t str, &'p str)>,
) -> Option<()> {
    let mut rest = segment;
    let mut pieces = pieces.iter().peekable();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Literal(text) => rest = rest.strip_prefix(text.as_str())?,
            Piece::Variable(name) => {
                let next = pieces.next_if(|next| matches!(next, Piece::Literal(_)));
                let (value, after) = match next {
                    Some(Piece::Literal(text)) if pieces.peek().is_none() => {
                        (rest.strip_suffix(text.as_str())?, "")
                    }
                    Some(Piece::Literal(text)) => rest.split_once(text.as_str())?,
                    _ => (rest, ""),
                };
                if value.is_empty() {
                    return None;
                }
                values.push((name, value));
                rest = after;
            }
        }
    }
    rest.is_empty().then_some(())
}

impl<T> Routes<T> {
    pub(super) fn new(all: Vec<(String, Template, T)>) -> Self {
        let mut by_length: HashMap<_, Vec<_>> = HashMap::new();
        for (method, template, operation) in all {
            let routes = by_length.entry(template.segments.len()).or_default();
            routes.push(Route {
                method,
                template,
                operation,
            });
        }
        for routes in by_length.values_mut() {
            routes.sort_by_cached_key(|route| Reverse(route.template.rank()));
        }
        Self { by_length }
    }

    pub(super) fn len(&self) -> usize {
        self.by_length.values().map(Vec::len).sum()
    }

    /// The closest operation and the values of its path's variables.
    pub(super) fn find<'r, 'p>(
        &'r self,
        method: &str,
        path: &'p str,
    ) -> Option<(&'r T, Vec<(&'r str, &'p str)>)> {
        let segments: Vec<_> = path.strip_prefix('/')?.split('/').collect();
        let routes = self.by_length.get(&segments.len())?;
        let mut of_method = routes.iter().filter(|route| route.method == method);
        of_method.find_map(|route| Some((&route.operation, route.template.values(&segments)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(templates: &[&str], path: &str) -> Option<String> {
        let all = templates
            .iter()
            .map(|text| {
                (
                    "GET".to_owned(),
                    Template::parse(text).unwrap(),
                    (*text).to_owned(),
                )
            })
            .collect();
        let routes = Routes::new(all);
        let (found, values) = routes.find("GET", path)?;
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Some(format!("{found} {}", values.join(" ")))
    }

    #[test]
    fn the_closest_template_wins() {
        let templates = [
            "/p/{id}",
            "/p/mine",
            "/{any}/mine",
            "/p/{id}.json",
            "/p/v-{a}-{b}",
            "/",
        ];
        for (path, expected) in [
            ("/p/mine", Some("/p/mine ")),
            ("/p/7", Some("/p/{id} id=7")),
            ("/q/mine", Some("/{any}/mine any=q")),
            ("/p/7.json", Some("/p/{id}.json id=7")),
            ("/p/v-1-2-3", Some("/p/v-{a}-{b} a=1 b=2-3")),
            ("/", Some("/ ")),
            ("/p/", None),
            ("/p/7/", None),
            ("/p", None),
            ("/q/7", None),
        ] {
            assert_eq!(find(&templates, path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn broken_templates_are_told() {
        for text in ["p", "/{", "/}", "/{}", "/{a}{b}", "/{a{b}}"] {
            assert!(Template::parse(text).is_none(), "{text}");
        }
    }
}
