//! How the API server reads verb and resource from method, path and query (`RequestInfoFactory` of k8s.io/apiserver).

use crate::call::Call;

/// What a path is about.
pub(super) enum Request<'a> {
    Resource(Resource<'a>),
    NonResource,
    Malformed,
}

/// A request about a resource.
pub(super) struct Resource<'a> {
    /// The verb that authorisation sees; empty if the method has none.
    pub(super) verb: &'static str,
    /// The group, empty for the core group.
    pub(super) group: &'a str,
    pub(super) version: &'a str,
    pub(super) namespace: Option<&'a str>,
    /// The resource's name, `pods`.
    pub(super) plural: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) subresource: Option<&'a str>,
    /// Whether more follows the subresource, as with proxies.
    pub(super) more: bool,
    /// Whether the path begins with `watch` or `proxy` in the place of a resource.
    pub(super) prefix: Option<&'static str>,
    /// Whether the path has empty segments, which not every reader takes alike.
    pub(super) strange: bool,
}

impl<'a> Request<'a> {
    pub(super) fn of(call: &Call<'a>) -> Self {
        let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
        let strange = parts.iter().any(|part| part.is_empty()) || call.path.starts_with("//");
        let (group, rest) = match parts.as_slice() {
            ["api", rest @ ..] => ("", rest),
            ["apis", group, rest @ ..] => (*group, rest),
            _ => return Self::NonResource,
        };
        let [version, rest @ ..] = rest else {
            return Self::NonResource;
        };
        let (prefix, rest) = match rest {
            [] => return Self::NonResource,
            ["watch" | "proxy"] => return Self::Malformed,
            ["watch", rest @ ..] => (Some("watch"), rest),
            ["proxy", rest @ ..] => (Some("proxy"), rest),
            rest => (None, rest),
        };
        let mut verb = prefix.unwrap_or(match call.method {
            "POST" => "create",
            "GET" | "HEAD" => "get",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => "delete",
            _ => "",
        });
        let (namespace, rest) = match rest {
            ["namespaces", namespace] | ["namespaces", namespace, "status" | "finalize", ..] => {
                (Some(*namespace), rest)
            }
            ["namespaces", namespace, rest @ ..] => (Some(*namespace), rest),
            rest => (None, rest),
        };
        let Some((plural, rest)) = rest.split_first() else {
            return Self::Malformed;
        };
        let name = rest.first().copied().filter(|name| !name.is_empty());
        let (subresource, more) = match rest {
            [_, _, ..] if verb == "proxy" => (None, true),
            [_, subresource, more @ ..] => (Some(*subresource), !more.is_empty()),
            _ => (None, false),
        };
        if name.is_none() {
            verb = match verb {
                "get" if watches(call) => "watch",
                "get" => "list",
                "delete" => "deletecollection",
                verb => verb,
            };
        }
        Self::Resource(Resource {
            verb,
            group,
            version,
            namespace: namespace.filter(|namespace| !namespace.is_empty()),
            plural,
            name,
            subresource,
            more,
            prefix,
            strange,
        })
    }
}

/// Whether `watch` is anything but absent, `false` or `0`.
fn watches(call: &Call<'_>) -> bool {
    call.parameter("watch")
        .is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "false" | "0"))
}

impl Resource<'_> {
    /// `group/resource/subresource`, without the group if it is the core group.
    pub(super) fn full_name(&self) -> String {
        let mut name = String::new();
        if !self.group.is_empty() {
            name.push_str(self.group);
            name.push('/');
        }
        name.push_str(self.plural);
        if let Some(subresource) = self.subresource {
            name.push('/');
            name.push_str(subresource);
        }
        name
    }

    /// Whether the request opens a way to something else than the API server.
    pub(super) fn is_connection(&self) -> bool {
        // The last two are of virtual machines.
        let connections = ["exec", "attach", "portforward", "proxy", "console", "vnc"];
        self.verb == "proxy" || self.subresource.is_some_and(|sub| connections.contains(&sub))
    }

    pub(super) fn template(&self) -> String {
        let mut out = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if let Some(prefix) = self.prefix {
            out.push('/');
            out.push_str(prefix);
        }
        if self.namespace.is_some() && self.plural != "namespaces" {
            out.push_str("/namespaces/{namespace}");
        }
        out.push('/');
        out.push_str(self.plural);
        if self.name.is_some() {
            out.push_str("/{name}");
        }
        if let Some(subresource) = self.subresource {
            out.push('/');
            out.push_str(subresource);
        }
        if self.more {
            out.push_str("/{path}");
        }
        out
    }
}
