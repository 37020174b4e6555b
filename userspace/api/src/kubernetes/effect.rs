//! What a verb does to a resource.

use interdict_sql::{Access, Effect};

use super::request::Resource;
use crate::analysis::Analysis;
use crate::call::Call;
use crate::plain;

/// Tells the effects, and how the resource is used.
pub(super) fn of(call: &Call<'_>, resource: &Resource<'_>, analysis: &mut Analysis) -> Access {
    if resource.is_connection() {
        analysis.flag("exec");
        analysis.does(&[Effect::Call, Effect::Program]);
        if resource.verb == "proxy" || resource.subresource == Some("proxy") {
            // What is behind the proxy gets the method.
            return plain::method(call, analysis);
        }
        return Access::Write;
    }
    let access = match resource.verb {
        "get" | "list" | "watch" => {
            analysis.does(&[Effect::Read]);
            return Access::Read;
        }
        "create" | "update" | "patch" | "delete" | "deletecollection" => Access::Write,
        _ => {
            plain::method(call, analysis);
            analysis.unknown("its method is no verb of the API");
            return Access::Write;
        }
    };
    if asks(resource) {
        analysis.does(&[Effect::Read]);
        return Access::Read;
    }
    if let ("", "serviceaccounts", Some("token")) = (resource.group, resource.plural, resource.subresource) {
        analysis.does(&[Effect::Grant]);
        return Access::Define;
    }
    changes(call, resource, analysis);
    special(resource, analysis);
    access
}

/// Reviews are created to be answered; nothing is stored.
fn asks(resource: &Resource<'_>) -> bool {
    let group = matches!(resource.group, "authentication.k8s.io" | "authorization.k8s.io");
    group && resource.verb == "create" && resource.plural.ends_with("reviews")
}

fn changes(call: &Call<'_>, resource: &Resource<'_>, analysis: &mut Analysis) {
    match resource.verb {
        "create" => analysis.does(&[Effect::Write, Effect::Insert]),
        "update" => analysis.does(&[Effect::Write, Effect::Update]),
        "patch" => {
            analysis.does(&[Effect::Write, Effect::Update]);
            // Server-side apply makes what is not there.
            if call.content_type().starts_with("application/apply-patch") {
                analysis.does(&[Effect::Insert]);
            }
        }
        _ => {
            analysis.does(&[Effect::Write, Effect::Delete]);
            let narrows = |name| call.parameter(name).is_some_and(narrows);
            if resource.verb == "deletecollection" && !narrows("labelSelector") && !narrows("fieldSelector") {
                analysis.does(&[Effect::DeleteWithoutWhere]);
            }
        }
    }
}

/// Whether a selector has a term that asks for something rather than against it.
fn narrows(selector: &str) -> bool {
    let mut inside = false;
    let outside_parentheses = |c: char| {
        inside = (inside || c == '(') && c != ')';
        c == ',' && !inside
    };
    let terms = selector.split(outside_parentheses).map(str::trim);
    terms
        .filter(|term| !term.is_empty())
        .any(|term| !term.starts_with('!') && !term.contains("!=") && !term.contains(" notin"))
}

/// What a change of certain resources does besides.
fn special(resource: &Resource<'_>, analysis: &mut Analysis) {
    let removes = matches!(resource.verb, "delete" | "deletecollection");
    match (resource.group, resource.plural, resource.subresource) {
        ("", "pods", Some("eviction")) => {
            analysis.effects = analysis.effects.without(Effect::Insert.into());
            analysis.does(&[Effect::Delete]);
        }
        ("", "pods", Some("ephemeralcontainers")) => {
            analysis.flag("exec");
            analysis.does(&[Effect::Call, Effect::Program]);
        }
        ("", "pods", Some("binding")) | ("", "bindings" | "nodes" | "resourcequotas" | "limitranges", _) => {
            analysis.does(&[Effect::Admin]);
        }
        ("", "namespaces", subresource) => {
            analysis.does(&[Effect::Admin]);
            match (resource.verb, subresource) {
                ("create", _) => analysis.does(&[Effect::Create]),
                _ if removes => analysis.does(&[Effect::Drop]),
                _ => {}
            }
        }
        ("", "persistentvolumes" | "persistentvolumeclaims", None) if removes => {
            analysis.does(&[Effect::Drop]);
        }
        ("rbac.authorization.k8s.io", ..)
        | ("certificates.k8s.io", "certificatesigningrequests", Some("approval" | "status")) => {
            analysis.does(&[Effect::Grant, Effect::Admin]);
        }
        ("authentication.k8s.io" | "authorization.k8s.io", ..) => analysis.does(&[Effect::Grant]),
        // The API server calls what these name.
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", ..) => {
            analysis.does(&[Effect::Admin, Effect::Program]);
        }
        ("apiextensions.k8s.io", ..) => {
            analysis.does(&[Effect::Admin]);
            analysis.does(match resource.verb {
                "create" => &[Effect::Create],
                _ if removes => &[Effect::Drop],
                _ => &[Effect::Alter],
            });
        }
        (
            "flowcontrol.apiserver.k8s.io"
            | "node.k8s.io"
            | "scheduling.k8s.io"
            | "storage.k8s.io"
            | "internal.apiserver.k8s.io",
            ..,
        )
        | ("networking.k8s.io", "networkpolicies", _) => analysis.does(&[Effect::Admin]),
        _ => {}
    }
}
