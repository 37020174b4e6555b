//! What the answers of an operation hold: which schema's members stand where.

use std::collections::{HashMap, HashSet};

use super::Problem;
use super::document::extension;
use super::tree::Node;
use crate::analysis::{Cells, Reads};
use crate::word::step;

/// Where references find schemas.
const SCHEMAS: &str = "#/components/schemas/";
/// How many places are told one by one.
const MOST_READS: usize = 512;
/// How many schemas are looked at to find them.
const MOST_STEPS: usize = 4_000;
/// How deep schemas are followed.
const DEPTH: usize = 48;
/// How long a chain of references can be.
const LONGEST_CHAIN: usize = 16;

/// What an operation answers.
pub(super) struct Answer {
    /// What the operation is about.
    pub(super) relation: String,
    pub(super) reads: Vec<Reads>,
}

/// The document, in which references are found.
#[derive(Clone, Copy)]
pub(super) struct Schemas<'d, 's> {
    root: &'d Node,
    /// The schemas that have names, found without a search.
    named: &'s HashMap<&'d str, &'d Node>,
}

/// The schemas of a document by their names.
pub(super) fn named(root: &Node) -> HashMap<&str, &Node> {
    let components = root.get("components");
    let schemas = components.and_then(|components| components.get("schemas"));
    let members = schemas.map(Node::members).unwrap_or_default().iter();
    members.map(|(name, schema)| (name.as_str(), schema)).collect()
}

impl<'d, 's> Schemas<'d, 's> {
    pub(super) fn new(root: &'d Node, named: &'s HashMap<&'d str, &'d Node>) -> Self {
        Self { root, named }
    }

    /// What a reference points to, in the end.
    pub(super) fn resolve(self, node: &'d Node) -> Result<&'d Node, Problem> {
        let mut found = node;
        for _ in 0..LONGEST_CHAIN {
            match found.text_of("$ref") {
                Some(reference) => found = self.target(found, reference)?,
                None => return Ok(found),
            }
        }
        Err(node.problem("the reference leads to references without end"))
    }

    fn target(self, from: &Node, reference: &str) -> Result<&'d Node, Problem> {
        let name = reference.strip_prefix(SCHEMAS);
        if let Some(found) = name.and_then(|name| self.named.get(name)) {
            return Ok(found);
        }
        let Some(pointer) = reference.strip_prefix('#') else {
            let message = format!("`{reference}` is in another file; bundle the document into one");
            return Err(from.problem(message));
        };
        let missing = || from.problem(format!("`{reference}` is not in the document"));
        let mut found = self.root;
        for part in pointer.split('/').skip(1) {
            let part = part.replace("%7B", "{").replace("%7D", "}");
            let part = part.replace("~1", "/").replace("~0", "~");
            let item = || found.items().get(part.parse::<usize>().ok()?);
            found = found.get(&part).or_else(item).ok_or_else(missing)?;
        }
        Ok(found)
    }
}

/// The answers of an operation. `named` is what the operation itself calls its relation, `path` what it is called without a name.
pub(super) fn of(
    schemas: Schemas<'_, '_>,
    operation: &Node,
    named: Option<&str>,
    path: &str,
) -> Result<Answer, Problem> {
    let mut relation = named.map(str::to_owned);
    let mut roots = Vec::new();
    let responses = operation.get("responses").map(Node::members).unwrap_or_default();
    for (status, response) in responses {
        let response = schemas.resolve(response)?;
        let content = response.get("content").map(Node::members).unwrap_or_default();
        let json = content.iter().filter(|(kind, _)| is_json(kind));
        for schema in json.filter_map(|(_, media)| media.get("schema")) {
            roots.push(schema);
            if relation.is_none() && status.starts_with('2') {
                relation = name(schemas, schema, 0)?;
            }
        }
    }
    let relation = relation.unwrap_or_else(|| path.to_owned());
    let mut walk = Walk {
        schemas,
        forced: named,
        open: Vec::new(),
        cycles: Vec::new(),
        reads: Vec::new(),
        seen: HashSet::new(),
        steps: 0,
        full: false,
    };
    for schema in roots {
        walk.schema(schema, "$", &relation, named.is_some(), 0)?;
    }
    Ok(Answer {
        reads: walk.end(),
        relation,
    })
}

fn is_json(kind: &str) -> bool {
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind.ends_with("/json") || kind.ends_with("+json") || kind == "*/*" || kind == "application/*"
}

/// The name of a schema, or of what a list of them holds.
fn name(schemas: Schemas<'_, '_>, schema: &Node, depth: usize) -> Result<Option<String>, Problem> {
    if depth > LONGEST_CHAIN {
        return Ok(None);
    }
    if let Some(reference) = schema.text_of("$ref") {
        let target = schemas.target(schema, reference)?;
        if let Some(items) = target.get("items") {
            return name(schemas, items, depth + 1);
        }
        return called(target, reference);
    }
    if let Some(relation) = extension(schema)?.relation {
        return Ok(Some(relation));
    }
    match schema.get("items") {
        Some(items) => name(schemas, items, depth + 1),
        None => Ok(None),
    }
}

/// What a schema that is referred to is called.
fn called(target: &Node, reference: &str) -> Result<Option<String>, Problem> {
    if let Some(relation) = extension(target)?.relation {
        return Ok(Some(relation));
    }
    let name = reference.strip_prefix(SCHEMAS);
    Ok(name.filter(|name| !name.contains('/')).map(str::to_owned))
}

struct Walk<'d, 's> {
    schemas: Schemas<'d, 's>,
    /// What the operation calls the outermost schema.
    forced: Option<&'d str>,
    /// The references that are being followed, and where each begins.
    open: Vec<(&'d str, String)>,
    /// Where schemas begin that contain themselves.
    cycles: Vec<String>,
    reads: Vec<Reads>,
    seen: HashSet<Reads>,
    steps: usize,
    /// Whether there was more than can be told.
    full: bool,
}

impl<'d> Walk<'d, '_> {
    /// Follows a schema whose values stand at `base`. With `outermost`, the first schemas with a name have
    /// the operation's own besides.
    fn schema(
        &mut self,
        schema: &'d Node,
        base: &str,
        relation: &str,
        outermost: bool,
        depth: usize,
    ) -> Result<(), Problem> {
        self.steps += 1;
        if depth > DEPTH || self.steps > MOST_STEPS || self.reads.len() > MOST_READS {
            self.full = true;
            return Ok(());
        }
        let relation = extension(schema)?.relation.unwrap_or_else(|| relation.to_owned());
        if let Some(reference) = schema.text_of("$ref") {
            let target = self.schemas.target(schema, reference)?;
            let inside = called(target, reference)?.unwrap_or_else(|| relation.clone());
            if let Some((_, begin)) = self.open.iter().find(|(open, _)| *open == reference) {
                self.cycles.push(begin.clone());
                self.add(base, &inside);
            } else {
                self.open.push((reference, base.to_owned()));
                let is_list = target.get("items").is_some();
                self.schema(target, base, &inside, outermost && is_list, depth + 1)?;
                // What the operation calls it is another name besides its own.
                if let Some(forced) = self.forced
                    && outermost
                    && !is_list
                {
                    self.add(base, forced);
                    self.schema(target, base, forced, false, depth + 1)?;
                }
                self.open.pop();
            }
        }
        for several in ["allOf", "oneOf", "anyOf"] {
            for schema in schema.get(several).map(Node::items).unwrap_or_default() {
                self.schema(schema, base, &relation, outermost, depth + 1)?;
            }
        }
        let dependent = schema
            .get("dependentSchemas")
            .map(Node::members)
            .unwrap_or_default();
        let dependent = dependent.iter().map(|(_, schema)| schema);
        let conditional = ["if", "then", "else"].iter().filter_map(|key| schema.get(key));
        for schema in dependent.chain(conditional) {
            self.schema(schema, base, &relation, outermost, depth + 1)?;
        }
        let is_object = [
            "properties",
            "additionalProperties",
            "patternProperties",
            "allOf",
            "oneOf",
            "anyOf",
        ];
        if schema.text_of("type") == Some("object") || is_object.iter().any(|key| schema.get(key).is_some()) {
            self.add(base, &relation);
        }
        for (name, property) in schema.get("properties").map(Node::members).unwrap_or_default() {
            self.schema(
                property,
                &format!("{base}{}", step(name)),
                &relation,
                outermost,
                depth + 1,
            )?;
        }
        let others = schema
            .get("patternProperties")
            .map(Node::members)
            .unwrap_or_default();
        let others = others.iter().map(|(_, schema)| schema);
        for other in others.chain(schema.get("additionalProperties")) {
            self.schema(other, &format!("{base}.*"), &relation, outermost, depth + 1)?;
        }
        let tuple = schema.get("prefixItems").map(Node::items).unwrap_or_default();
        for items in tuple.iter().chain(schema.get("items")) {
            self.schema(items, &format!("{base}[*]"), &relation, outermost, depth + 1)?;
        }
        Ok(())
    }

    fn add(&mut self, base: &str, relation: &str) {
        let reads = Reads {
            base: base.to_owned(),
            relation: relation.to_owned(),
            cells: Cells::Plain,
        };
        if self.seen.insert(reads.clone()) {
            self.reads.push(reads);
        }
    }

    /// The places, with those that a schema which contains itself has at any depth.
    fn end(mut self) -> Vec<Reads> {
        if self.full {
            // More than can be told one by one: whatever is known anywhere can be everywhere.
            let mut relations: Vec<_> = self.reads.iter().map(|reads| reads.relation.clone()).collect();
            relations.extend(self.all_names());
            relations.sort();
            relations.dedup();
            self.reads.clear();
            self.seen.clear();
            for relation in relations {
                self.add("$", &relation);
                self.add("$..*", &relation);
            }
            return self.reads;
        }
        self.cycles.sort();
        self.cycles.dedup();
        for begin in std::mem::take(&mut self.cycles) {
            let inside: Vec<Reads> = self
                .reads
                .iter()
                .filter(|reads| reads.base.starts_with(&begin))
                .cloned()
                .collect();
            for reads in inside {
                let rest = reads.base.get(begin.len()..).unwrap_or_default();
                // Not another name that begins alike.
                if rest.starts_with(['.', '[']) && !rest.starts_with("..") {
                    let rest = rest.strip_prefix('.').unwrap_or(rest);
                    self.add(&format!("{begin}..{rest}"), &reads.relation);
                }
            }
        }
        self.reads
    }

    /// Every name that a schema of the document can have.
    fn all_names(&self) -> Vec<String> {
        let named = self.schemas.named.iter();
        named
            .flat_map(|(name, schema)| {
                let relation = extension(schema).ok().and_then(|extension| extension.relation);
                [Some((*name).to_owned()), relation]
            })
            .flatten()
            .collect()
    }
}
