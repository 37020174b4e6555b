//! Requests about the items of one table, alone or inside a batch.

use interdict_sql::{Access, Effect, Gap};

use super::expression::{self, Placeholders, Test};
use super::{reads, table, value};
use crate::analysis::{Analysis, Condition};
use crate::json::Json;

/// `GetItem`, or the `Get` of a transaction, whose answer is at `base`.
pub(super) fn get(body: &Json<'_>, name: &str, base: &str, analysis: &mut Analysis) {
    key(body.get("Key"), name, analysis);
    reads(analysis, format!("{base}.Item"), name);
}

/// `Query` and `Scan`.
pub(super) fn search(body: &Json<'_>, name: &str, analysis: &mut Analysis) {
    if let Some(index) = body.text_of("IndexName") {
        analysis.argument("IndexName", Some(index.to_owned()));
    }
    for member in ["KeyConditionExpression", "FilterExpression"] {
        expressed(body, member, name, analysis);
    }
    for member in ["KeyConditions", "QueryFilter", "ScanFilter"] {
        legacy(body.get(member), name, analysis);
    }
    // The client can begin anywhere, so where it begins is a comparison.
    if let Some(start) = body.get("ExclusiveStartKey") {
        for (column, _) in start.members() {
            condition(analysis, name, column, false, Vec::new());
        }
    }
    reads(analysis, "$.Items[*]".to_owned(), name);
    reads(analysis, "$.LastEvaluatedKey".to_owned(), name);
}

/// `PutItem`, or the `Put` of a transaction.
pub(super) fn put(body: &Json<'_>, name: &str, analysis: &mut Analysis) {
    item(body.get("Item"), analysis);
    conditional(body, name, analysis);
    returns(body, name, analysis);
}

/// `UpdateItem` and `DeleteItem`, or those of a transaction.
pub(super) fn change(body: &Json<'_>, name: &str, analysis: &mut Analysis) {
    key(body.get("Key"), name, analysis);
    conditional(body, name, analysis);
    if let Some(text) = body.text_of("UpdateExpression") {
        found(expression::update(text, placeholders(body)), name, analysis);
    }
    returns(body, name, analysis);
}

/// The condition of a write.
pub(super) fn conditional(body: &Json<'_>, name: &str, analysis: &mut Analysis) {
    expressed(body, "ConditionExpression", name, analysis);
    legacy(body.get("Expected"), name, analysis);
}

/// The attributes of an item that is written, as arguments.
pub(super) fn item(item: Option<&Json<'_>>, analysis: &mut Analysis) {
    for (column, held) in item.map(Json::members).unwrap_or_default() {
        analysis.argument(column, value::argument(held));
    }
}

/// The attributes of a key: arguments, and conditions by equality.
pub(super) fn key(key: Option<&Json<'_>>, name: &str, analysis: &mut Analysis) {
    let Some(key) = key.filter(|key| key.is_object()) else {
        return analysis.unknown("no key is given");
    };
    for (column, held) in key.members() {
        condition(analysis, name, column, true, value::texts(held));
    }
    item(Some(key), analysis);
}

/// What a write shows of the item: before, after, or as it stands against the condition.
fn returns(body: &Json<'_>, name: &str, analysis: &mut Analysis) {
    let asks = |member: &str| body.text_of(member).is_some_and(|value| value != "NONE");
    if asks("ReturnValues") || asks("ReturnValuesOnConditionCheckFailure") {
        analysis.does(&[Effect::Read]);
        analysis.relation(None, table(name), Access::Read);
        reads(analysis, "$.Attributes".to_owned(), name);
        reads(analysis, "$.Item".to_owned(), name);
    }
    reads(
        analysis,
        "$.ItemCollectionMetrics.ItemCollectionKey".to_owned(),
        name,
    );
}

fn placeholders<'j>(body: &'j Json<'j>) -> Placeholders<'j> {
    Placeholders {
        names: body.get("ExpressionAttributeNames"),
        values: body.get("ExpressionAttributeValues"),
    }
}

fn expressed(body: &Json<'_>, member: &str, name: &str, analysis: &mut Analysis) {
    match body.get(member).map(|text| text.text()) {
        None => {}
        Some(Some(text)) => found(expression::condition(text, placeholders(body)), name, analysis),
        Some(None) => analysis.gap(Gap::Unreadable("an expression of DynamoDB")),
    }
}

fn found(tests: Result<Vec<Test>, Gap>, name: &str, analysis: &mut Analysis) {
    match tests {
        Ok(tests) => {
            for test in tests {
                for value in &test.values {
                    analysis.argument(&test.column, Some(value.clone()));
                }
                condition(analysis, name, &test.column, test.equality, test.values);
            }
        }
        Err(gap) => analysis.gap(gap),
    }
}

/// Conditions as they were written before there were expressions: attribute, operator and list of values.
fn legacy(conditions: Option<&Json<'_>>, name: &str, analysis: &mut Analysis) {
    for (column, test) in conditions.map(Json::members).unwrap_or_default() {
        let operator = test.text_of("ComparisonOperator");
        if let Some("NULL" | "NOT_NULL") = operator {
            continue;
        }
        let listed = test
            .get("AttributeValueList")
            .map(Json::items)
            .unwrap_or_default();
        let held: Vec<&Json<'_>> = listed.iter().chain(test.get("Value")).collect();
        if operator.is_none() && held.is_empty() {
            continue;
        }
        let equality = matches!(operator, None | Some("EQ" | "IN"));
        let values = held.iter().flat_map(|held| value::texts(held)).collect();
        condition(analysis, name, column, equality, values);
    }
}

pub(super) fn condition(
    analysis: &mut Analysis,
    name: &str,
    column: &str,
    equality: bool,
    values: Vec<String>,
) {
    let condition = Condition {
        relation: table(name).to_owned(),
        column: column.to_owned(),
        equality,
        values,
    };
    analysis.conditions.push(condition);
}
