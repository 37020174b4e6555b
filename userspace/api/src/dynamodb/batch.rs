//! Batches and transactions: one analysis for each table and effect.

use interdict_sql::{Access, Effect, Effects, Gap};

use super::{reads, request, table};
use crate::analysis::Analysis;
use crate::json::Json;
use crate::word::step;

/// How many items of a request are looked at; the service takes 100.
const MOST_ITEMS: usize = 200;
const PUT: &[Effect] = &[Effect::Write, Effect::Insert, Effect::Update];
const DELETE: &[Effect] = &[Effect::Write, Effect::Delete];

/// The analyses of a request, each of another table or effect.
struct Parts<'s> {
    start: &'s Analysis,
    all: Vec<Analysis>,
}

impl<'s> Parts<'s> {
    fn new(start: &'s Analysis) -> Self {
        Self {
            start,
            all: Vec::new(),
        }
    }

    /// The analysis of what does this to this table.
    fn of(&mut self, name: &str, effects: &[Effect], access: Access) -> &mut Analysis {
        let wanted: Effects = effects.iter().copied().collect();
        let same = |part: &Analysis| {
            // Reading what was written is not another statement.
            let without = part.effects.without(Effect::Read.into());
            let reads_only = wanted == Effects::from(Effect::Read);
            let first = part
                .relations
                .first()
                .is_some_and(|first| first.name == table(name));
            first && (part.effects == wanted || (!reads_only && without == wanted))
        };
        let at = self.all.iter().position(same).unwrap_or_else(|| {
            let mut part = self.start.clone();
            part.does(effects);
            part.relation(None, table(name), access);
            self.all.push(part);
            self.all.len() - 1
        });
        #[expect(
            clippy::indexing_slicing,
            reason = "the position was found or made just above"
        )]
        &mut self.all[at]
    }

    /// The members of a list or object, of which not too many are taken.
    fn bounded<'b, T>(&mut self, items: &'b [T]) -> &'b [T] {
        items.get(..MOST_ITEMS).map_or(items, |items| {
            let mut part = self.start.clone();
            part.gap(Gap::TooLarge);
            self.all.push(part);
            items
        })
    }

    /// All of them; at least one, which has a gap.
    fn end(mut self, missing: bool) -> Vec<Analysis> {
        if missing || self.all.iter().all(|part| part.relations.is_empty()) {
            let mut part = self.start.clone();
            part.does(&[Effect::Write, Effect::Delete]);
            part.unknown("no table is named");
            self.all.push(part);
        }
        self.all
    }
}

pub(super) fn get(body: &Json<'_>, start: &Analysis) -> Vec<Analysis> {
    let mut parts = Parts::new(start);
    let tables = body.get("RequestItems").map(Json::members).unwrap_or_default();
    for (name, wanted) in parts.bounded(tables) {
        let part = parts.of(name, &[Effect::Read], Access::Read);
        for key in wanted.get("Keys").map(Json::items).unwrap_or_default() {
            request::key(Some(key), name, part);
        }
        reads(part, format!("$.Responses{}[*]", step(name)), name);
        reads(part, format!("$.UnprocessedKeys{}.Keys[*]", step(name)), name);
    }
    parts.end(false)
}

pub(super) fn write(body: &Json<'_>, start: &Analysis) -> Vec<Analysis> {
    let mut parts = Parts::new(start);
    let mut missing = false;
    let tables = body.get("RequestItems").map(Json::members).unwrap_or_default();
    for (name, changes) in parts.bounded(tables) {
        for change in changes.items() {
            let (put, delete) = (change.get("PutRequest"), change.get("DeleteRequest"));
            let part = match (put, delete) {
                (Some(put), None) => {
                    let part = parts.of(name, PUT, Access::Write);
                    request::item(put.get("Item"), part);
                    part
                }
                (None, Some(delete)) => {
                    let part = parts.of(name, DELETE, Access::Write);
                    request::key(delete.get("Key"), name, part);
                    part
                }
                _ => {
                    missing = true;
                    continue;
                }
            };
            let items = format!("$.UnprocessedItems{}[*]", step(name));
            reads(part, format!("{items}.PutRequest.Item"), name);
            reads(part, format!("{items}.DeleteRequest.Key"), name);
            collections(part, name);
        }
    }
    parts.end(missing)
}

pub(super) fn transact_get(body: &Json<'_>, start: &Analysis) -> Vec<Analysis> {
    let mut parts = Parts::new(start);
    let mut missing = false;
    let items = body.get("TransactItems").map(Json::items).unwrap_or_default();
    for (position, item) in parts.bounded(items).iter().enumerate() {
        let get = item.get("Get");
        match get.and_then(|get| Some((get, get.text_of("TableName")?))) {
            Some((get, name)) => {
                let part = parts.of(name, &[Effect::Read], Access::Read);
                request::get(get, name, &format!("$.Responses[{position}]"), part);
                reads(part, format!("$.CancellationReasons[{position}].Item"), name);
            }
            None => missing = true,
        }
    }
    parts.end(missing)
}

pub(super) fn transact_write(body: &Json<'_>, start: &Analysis) -> Vec<Analysis> {
    let mut parts = Parts::new(start);
    let mut missing = false;
    let items = body.get("TransactItems").map(Json::items).unwrap_or_default();
    for (position, item) in parts.bounded(items).iter().enumerate() {
        let [(action, change)] = item.members() else {
            missing = true;
            continue;
        };
        let Some(name) = change.text_of("TableName") else {
            missing = true;
            continue;
        };
        let part = match action.as_ref() {
            "Put" => {
                let part = parts.of(name, PUT, Access::Write);
                request::put(change, name, part);
                part
            }
            "Update" => {
                let part = parts.of(name, PUT, Access::Write);
                request::change(change, name, part);
                part
            }
            "Delete" => {
                let part = parts.of(name, DELETE, Access::Write);
                request::change(change, name, part);
                part
            }
            "ConditionCheck" => {
                let part = parts.of(name, &[Effect::Read], Access::Read);
                request::key(change.get("Key"), name, part);
                request::conditional(change, name, part);
                part
            }
            _ => {
                missing = true;
                continue;
            }
        };
        reads(part, format!("$.CancellationReasons[{position}].Item"), name);
        collections(part, name);
    }
    parts.end(missing)
}

fn collections(part: &mut Analysis, name: &str) {
    let base = format!("$.ItemCollectionMetrics{}[*].ItemCollectionKey", step(name));
    reads(part, base, name);
}
