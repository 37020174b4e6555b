//! Amazon S3: the operation from method, path, query and headers.

mod address;
mod delete;
mod operation;

use interdict_sql::{Access, Effect, Gap};

use crate::analysis::{Analysis, RefusalForm};
use crate::call::Call;
use crate::plain;
use address::Address;
use operation::{Level, Operation};

/// Headers that give rights.
const GRANTS: [&str; 5] = [
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
];

pub(crate) fn needs_body(call: &Call<'_>) -> bool {
    call.method == "POST" && call.parameter("delete").is_some()
}

pub(crate) fn analyse(call: &Call<'_>) -> Analysis {
    let mut analysis = Analysis::default();
    let Address { bucket, key } = address::of(call, &mut analysis);
    plain::overridden(call, &mut analysis);
    let level = match (&bucket, &key) {
        (None, _) => Level::Service,
        (Some(_), None) => Level::Bucket,
        (Some(_), Some(_)) => Level::Object,
    };
    let template = match level {
        Level::Service => "/",
        Level::Bucket => "/{bucket}",
        Level::Object => "/{bucket}/{key}",
    };
    template.clone_into(&mut analysis.template);
    for (name, value) in [("bucket", &bucket), ("key", &key)] {
        if value.is_some() {
            analysis.argument(name, value.clone());
        }
    }
    let name = bucket.clone().unwrap_or_default();
    match operation::of(call, level, &mut analysis) {
        Some(operation) => {
            operation.kind.clone_into(&mut analysis.kind);
            analysis.does(operation.effects);
            if level != Level::Service {
                analysis.relation(None, &name, operation.access);
            }
            details(call, &operation, &mut analysis);
        }
        None => unknown(call, level, &name, &mut analysis),
    }
    analysis.query(call);
    analysis.refusal = RefusalForm::S3Xml { bucket, key };
    analysis
}

/// What an operation does that its name doesn't tell.
fn details(call: &Call<'_>, operation: &Operation, analysis: &mut Analysis) {
    match operation.kind {
        // Without this condition an object that is there already is replaced.
        "put_object" | "copy_object" | "complete_multipart_upload"
            if field(call, "if-none-match").as_deref() != Some("*") =>
        {
            analysis.does(&[Effect::Update]);
        }
        "delete_objects" => match call.body.map(delete::keys) {
            Some(Ok(keys)) => {
                for key in keys {
                    analysis.argument("key", Some(key));
                }
            }
            Some(Err(gap)) => analysis.gap(gap),
            None => analysis.unknown("the list of what to delete is not there"),
        },
        "post_object" => analysis.unknown("the form of a browser's upload is not read"),
        "select_object_content" => analysis.gap(Gap::SqlAsText("select_object_content".to_owned())),
        _ => {}
    }
    let source = match operation.kind {
        "copy_object" | "upload_part_copy" => field(call, "x-amz-copy-source"),
        "rename_object" => field(call, "x-amz-rename-source"),
        _ => None,
    };
    if let Some(source) = source {
        match address::source(&source) {
            Some((bucket, key)) => {
                analysis.relation(None, &bucket, Access::Read);
                analysis.argument("source_bucket", Some(bucket));
                analysis.argument("source_key", Some(key));
            }
            None if operation.kind == "rename_object" => analysis.argument("source_key", Some(source)),
            None => analysis.unknown("the source of the copy"),
        }
    }
    let writes = analysis.effects.contains(Effect::Write) || analysis.effects.contains(Effect::Create);
    let acl = field(call, "x-amz-acl").is_some_and(|acl| acl != "private");
    if writes && (acl || GRANTS.iter().any(|name| field(call, name).is_some())) {
        analysis.does(&[Effect::Grant]);
    }
    let bypass = field(call, "x-amz-bypass-governance-retention");
    if bypass.is_some_and(|bypass| bypass.eq_ignore_ascii_case("true")) {
        analysis.does(&[Effect::Admin]);
    }
}

/// What can be said of an operation that is not known: what its method says.
fn unknown(call: &Call<'_>, level: Level, bucket: &str, analysis: &mut Analysis) {
    analysis.kind = call.method.to_ascii_lowercase();
    analysis.unknown("no operation of S3 has this method, path and query");
    let access = plain::method(call, analysis);
    if level != Level::Service {
        analysis.relation(None, bucket, access);
    }
}

/// A header, or what a presigned URL has in its place.
fn field(call: &Call<'_>, name: &str) -> Option<String> {
    let header = call.header(name).map(str::to_owned);
    header.or_else(|| {
        let mut found = call
            .query
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.clone())
    })
}

#[cfg(test)]
mod tests;
