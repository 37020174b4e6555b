//! Amazon DynamoDB: the operation from `X-Amz-Target`, tables and attributes from the body.

mod batch;
mod expression;
mod operation;
mod partiql;
mod request;
mod value;

use interdict_sql::{Access, Effect, Gap};

use crate::analysis::{Analysis, Cells, Reads, RefusalForm};
use crate::call::Call;
use crate::json::{self, Json};
use crate::{plain, word};
use operation::{Form, Operation};

/// The members of a request that name a table, a backup or a stream of one, by name or ARN.
const TABLES: [&str; 7] = [
    "TableName",
    "TableArn",
    "ResourceArn",
    "BackupArn",
    "StreamArn",
    "GlobalTableName",
    "SourceTableName",
];

pub(crate) fn analyse(call: &Call<'_>) -> Vec<Analysis> {
    let mut start = Analysis {
        template: "/".to_owned(),
        refusal: RefusalForm::DynamoDb,
        ..Analysis::default()
    };
    plain::overridden(call, &mut start);
    if call.method != "POST" || call.path != "/" {
        start.unknown("DynamoDB's requests are `POST /`");
    }
    let target = call.header("x-amz-target").unwrap_or_default();
    let Some((name, operation)) = operation::of(target) else {
        start.kind = call.method.to_ascii_lowercase();
        start.does(&[Effect::Write]);
        start.unknown("`X-Amz-Target` names no operation of DynamoDB");
        return vec![start];
    };
    start.kind = word::snake(name);
    let body = match call.body.map(json::parse) {
        Some(Ok(body)) if body.is_object() => body,
        Some(Err(gap)) => return vec![blind(start, &operation, gap)],
        Some(Ok(_)) | None => {
            let gap = Gap::UnknownRequest("its body is no JSON object".to_owned());
            return vec![blind(start, &operation, gap)];
        }
    };
    match operation.form {
        Form::BatchGet => batch::get(&body, &start),
        Form::BatchWrite => batch::write(&body, &start),
        Form::TransactGet => batch::transact_get(&body, &start),
        Form::TransactWrite => batch::transact_write(&body, &start),
        Form::Statement => vec![partiql::one(&body, start)],
        Form::Statements => partiql::several(&body, &start),
        _ => vec![single(&body, &operation, start)],
    }
}

/// What is known of an operation without its body.
fn blind(mut analysis: Analysis, operation: &Operation, gap: Gap) -> Analysis {
    analysis.does(operation.effects);
    match operation.form {
        Form::BatchWrite | Form::TransactWrite => analysis.does(&[Effect::Delete]),
        Form::Statement | Form::Statements => analysis.does(&[Effect::Write]),
        _ => {}
    }
    analysis.gap(gap);
    analysis
}

/// An operation on one table, or on the service.
fn single(body: &Json<'_>, operation: &Operation, mut analysis: Analysis) -> Analysis {
    analysis.does(operation.effects);
    let named: Vec<&str> = TABLES.iter().filter_map(|name| body.text_of(name)).collect();
    match operation.form {
        Form::Restore => restore(body, &mut analysis),
        Form::Import => {
            let parameters = body.get("TableCreationParameters");
            match parameters.and_then(|parameters| parameters.text_of("TableName")) {
                Some(name) => analysis.relation(None, table(name), Access::Write),
                None => analysis.unknown("no table is named"),
            }
        }
        Form::Records => records(body, &mut analysis),
        Form::Service => {
            for name in named {
                analysis.relation(None, table(name), operation.access);
            }
        }
        Form::Table => {
            if named.is_empty() {
                analysis.unknown("no table is named");
            }
            for name in named {
                analysis.relation(None, table(name), operation.access);
            }
            if body.get("ResourcePolicy").is_some() {
                analysis.does(&[Effect::Grant]);
            }
            if body.get("ReplicaUpdates").is_some() || body.get("GlobalTableWitnessUpdates").is_some() {
                analysis.does(&[Effect::Replication]);
            }
        }
        _ => match body.text_of("TableName") {
            Some(name) => {
                analysis.relation(None, table(name), operation.access);
                match operation.form {
                    Form::Get => request::get(body, name, "$", &mut analysis),
                    Form::Put => request::put(body, name, &mut analysis),
                    Form::Search => request::search(body, name, &mut analysis),
                    _ => request::change(body, name, &mut analysis),
                }
            }
            None => analysis.unknown("no table is named"),
        },
    }
    analysis
}

fn restore(body: &Json<'_>, analysis: &mut Analysis) {
    let source = ["SourceTableName", "SourceTableArn", "BackupArn"]
        .iter()
        .find_map(|name| body.text_of(name));
    match (source, body.text_of("TargetTableName")) {
        (Some(source), Some(target)) => {
            analysis.relation(None, table(source), Access::Read);
            analysis.relation(None, table(target), Access::Write);
        }
        _ => analysis.unknown("no table is named"),
    }
}

/// Amazon's iterators begin with the stream's ARN; others tell nothing.
fn records(body: &Json<'_>, analysis: &mut Analysis) {
    let iterator = body.text_of("ShardIterator").unwrap_or_default();
    let stream = iterator.split_once('|').map(|(stream, _)| stream);
    match stream.filter(|stream| stream.starts_with("arn:") && stream.contains("/stream/")) {
        Some(stream) => {
            let name = table(stream);
            analysis.relation(None, name, Access::Read);
            for image in ["Keys", "NewImage", "OldImage"] {
                reads(analysis, format!("$.Records[*].dynamodb.{image}"), name);
            }
        }
        None => analysis.unknown("the iterator does not tell the table"),
    }
}

/// The table of a name or of an ARN.
fn table(name: &str) -> &str {
    if !name.starts_with("arn:") {
        return name;
    }
    let resource = name
        .split_once(":table/")
        .or_else(|| name.split_once(":global-table/"));
    let (_, resource) = resource.unwrap_or(("", name));
    resource.split_once('/').map_or(resource, |(table, _)| table)
}

fn reads(analysis: &mut Analysis, base: String, name: &str) {
    let reads = Reads {
        base,
        relation: table(name).to_owned(),
        cells: Cells::AttributeValue,
    };
    if !analysis.reads.contains(&reads) {
        analysis.reads.push(reads);
    }
}

#[cfg(test)]
mod tests;
