use std::borrow::Cow;
use std::fmt;

use super::HttpError;
use super::escape::unescape;
use crate::hidden::Hidden;

/// Names and values of a query. See [`query_pairs`]. Its `Debug` tells the size only.
#[derive(Clone)]
pub struct QueryPairs<'a>(Option<&'a str>);

/// The pairs of a query, or of a body in `application/x-www-form-urlencoded`: separated by `&`, decoded, `+` a space. A
/// name without `=` has an empty value; nothing between two `&` is no pair.
pub const fn query_pairs(query: &str) -> QueryPairs<'_> {
    QueryPairs(Some(query))
}

impl fmt::Debug for QueryPairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueryPairs")
            .field(&Hidden(self.0.unwrap_or_default().as_bytes()))
            .finish()
    }
}

impl<'a> Iterator for QueryPairs<'a> {
    /// The decoded name and value; [`HttpError::Escape`], [`HttpError::EscapeNotUtf8`].
    type Item = Result<(Cow<'a, str>, Cow<'a, str>), HttpError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.0?;
            let (pair, rest) = match rest.split_once('&') {
                Some((pair, rest)) => (pair, Some(rest)),
                None => (rest, None),
            };
            self.0 = rest;
            if !pair.is_empty() {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                return Some(unescape(name, true).and_then(|name| Ok((name, unescape(value, true)?))));
            }
        }
    }
}
