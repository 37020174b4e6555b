//! The Kubernetes API: verb, resource and namespace as the API server itself resolves a request.

mod answer;
mod effect;
mod request;

use interdict_sql::{Access, Effect};

use crate::analysis::{Analysis, RefusalForm, Stream};
use crate::call::Call;
use crate::{path, plain};
use request::{Request, Resource};

pub(crate) fn analyse(call: &Call<'_>) -> Analysis {
    let mut analysis = Analysis {
        refusal: RefusalForm::KubernetesStatus,
        ..Analysis::default()
    };
    path::check(call.path, &mut analysis);
    plain::overridden(call, &mut analysis);
    if call.header("impersonate-user").is_some() || call.header("impersonate-uid").is_some() {
        analysis.does(&[Effect::RoleChange]);
    }
    match Request::of(call) {
        Request::Resource(resource) => about(call, &resource, &mut analysis),
        Request::NonResource => nonresource(call, &mut analysis),
        Request::Malformed => {
            nonresource(call, &mut analysis);
            analysis.unknown("its path names no resource");
        }
    }
    analysis.query(call);
    analysis
}

fn about(call: &Call<'_>, resource: &Resource<'_>, analysis: &mut Analysis) {
    analysis.kind = match resource.verb {
        "" => call.method.to_ascii_lowercase(),
        verb => verb.to_owned(),
    };
    analysis.template = resource.template();
    for (name, value) in [("namespace", resource.namespace), ("name", resource.name)] {
        if let Some(value) = value {
            analysis.argument(name, Some(value.to_owned()));
        }
    }
    if resource.strange {
        analysis.unknown("its path has empty segments");
    }
    let access = effect::of(call, resource, analysis);
    let name = resource.full_name();
    analysis.relation(resource.namespace, &name, access);
    // Almost every answer to a change shows the object.
    if access == Access::Write && !analysis.flags.contains(&"exec") {
        analysis.relation(resource.namespace, &name, Access::Read);
    }
    if !resource.is_connection() {
        answer::masks(resource, &name, analysis);
        // Logs are text whatever is asked for.
        if resource.subresource != Some("log") {
            analysis.accept = answer::json_only(call.header("accept"));
        }
    }
    if resource.verb == "watch" {
        analysis.stream = Some(Stream::JsonLines);
    }
}

/// Discovery, health, metrics, and the server's own files.
fn nonresource(call: &Call<'_>, analysis: &mut Analysis) {
    analysis.flag("nonresource");
    analysis.kind = call.method.to_ascii_lowercase();
    analysis.template = path::template(call.path).text;
    let first = path::segments(call.path).next().unwrap_or_default();
    let known = [
        "",
        "api",
        "apis",
        "healthz",
        "livez",
        "readyz",
        "metrics",
        "openapi",
        "openid",
        "version",
        ".well-known",
        "statusz",
        "flagz",
    ];
    match (call.method, first) {
        ("GET" | "HEAD", "logs") => analysis.does(&[Effect::Read, Effect::ServerFile, Effect::Admin]),
        ("GET" | "HEAD", "debug") => analysis.does(&[Effect::Read, Effect::Admin]),
        ("GET" | "HEAD", first) if known.contains(&first) => {
            analysis.does(&[Effect::Read]);
            let accept = call.header("accept").unwrap_or_default();
            if accept.contains("protobuf") || accept.contains("cbor") {
                analysis.accept = answer::json_only(Some(accept));
            }
        }
        _ => {
            plain::method(call, analysis);
            analysis.unknown("no resource, and no path of the API server's own");
        }
    }
}

#[cfg(test)]
mod tests;
