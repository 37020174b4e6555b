//! Any HTTP: effects from the method, the relation from the path.

use interdict_sql::{Access, Effect};

use crate::analysis::Analysis;
use crate::call::Call;
use crate::path;

pub(crate) fn analyse(call: &Call<'_>) -> Analysis {
    let mut analysis = Analysis {
        kind: call.method.to_ascii_lowercase(),
        ..Analysis::default()
    };
    path::check(call.path, &mut analysis);
    let template = path::template(call.path);
    let access = method(call, &mut analysis);
    analysis.relation(None, &template.text, access);
    analysis.template = template.text;
    for value in template.values {
        analysis.argument("id", Some(value));
    }
    analysis.query(call);
    if is_graphql(call) {
        analysis.unknown("GraphQL, whose operations are not read");
    }
    analysis
}

/// What a method says by itself, with a gap where that is not all.
pub(crate) fn method(call: &Call<'_>, analysis: &mut Analysis) -> Access {
    overridden(call, analysis);
    let (effects, access): (&[Effect], _) = match call.method {
        "GET" | "HEAD" | "OPTIONS" | "QUERY" => (&[Effect::Read], Access::Read),
        "TRACE" => {
            analysis.unknown("TRACE shows the request's headers as the server got them");
            (&[Effect::Read], Access::Read)
        }
        "POST" => (&[Effect::Write, Effect::Insert], Access::Write),
        "PUT" | "PATCH" => (&[Effect::Write, Effect::Update], Access::Write),
        "DELETE" => (&[Effect::Write, Effect::Delete], Access::Write),
        _ => {
            analysis.unknown("its method");
            (&[Effect::Write], Access::Write)
        }
    };
    analysis.does(effects);
    access
}

/// Makes a gap of another method than the request's own, which many frameworks obey.
pub(crate) fn overridden(call: &Call<'_>, analysis: &mut Analysis) {
    let headers = ["x-http-method-override", "x-http-method", "x-method-override"];
    let by_header = headers.iter().filter_map(|name| call.header(name));
    let by_query = call.parameter("_method");
    for other in by_header.chain(by_query) {
        if !other.eq_ignore_ascii_case(call.method) {
            analysis.unknown("it asks for another method than its own");
        }
    }
}

fn is_graphql(call: &Call<'_>) -> bool {
    let last = path::segments(call.path).last().unwrap_or_default();
    let kind = call.content_type();
    last.eq_ignore_ascii_case("graphql")
        || kind == "application/graphql"
        || kind == "application/graphql+json"
}

#[cfg(test)]
mod tests;
