//! A request as it will reach the server.

/// A request without its connection.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The method as it was sent; methods are told apart by case.
    pub method: &'a str,
    /// The host that is meant (`Host`, `:authority`), with or without a port.
    pub host: &'a str,
    /// The path, beginning with `/`, percent-decoded once, without dot segments.
    pub path: &'a str,
    /// The query's names and values in order, decoded. A name without `=` has an empty value.
    pub query: &'a [(String, String)],
    /// The header fields.
    pub headers: &'a dyn Headers,
    /// The whole body, content-decoded; `None` if there is none or [`Profile::needs_body`] did not ask for it.
    ///
    /// [`Profile::needs_body`]: crate::Profile::needs_body
    pub body: Option<&'a [u8]>,
}

/// Header fields by name.
pub trait Headers {
    /// The value of the field of this name, given in lower case. Fields of one name that come several times are one value
    /// here, joined by `, `.
    fn get(&self, name: &str) -> Option<&str>;
}

impl<const N: usize> Headers for [(&str, &str); N] {
    fn get(&self, name: &str) -> Option<&str> {
        find(self, name)
    }
}

impl Headers for Vec<(&str, &str)> {
    fn get(&self, name: &str) -> Option<&str> {
        find(self, name)
    }
}

fn find<'h>(fields: &[(&str, &'h str)], name: &str) -> Option<&'h str> {
    let mut found = fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| *value)
}

impl<'a> Call<'a> {
    /// The first value of a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        let mut found = self.query.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// A header's value, without space around it; `None` if it is empty.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let headers: &'a dyn Headers = self.headers;
        headers.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// The media type of the body in lower case, without parameters.
    pub(crate) fn content_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        let kind = value.split_once(';').map_or(value, |(kind, _)| kind);
        kind.trim().to_ascii_lowercase()
    }
}
