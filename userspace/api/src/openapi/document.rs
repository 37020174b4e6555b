//! From a document to its operations.

use std::collections::{HashMap, HashSet};

use interdict_sql::{Effect, Effects};

use super::answer::{self, Schemas};
use super::route::{Routes, Template};
use super::tree::{Held, Node};
use super::{Operation, Problem};
use crate::word;

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// How many paths in which servers' bases an operation can have.
const MOST_BASES: usize = 64;

/// What `x-interdict` says.
#[derive(Default)]
pub(super) struct Extension {
    pub(super) effects: Option<Effects>,
    pub(super) relation: Option<String>,
}

/// Reads the operations, and everything that is wrong with them.
pub(super) fn routes(root: &Node) -> Result<Routes<Operation>, Vec<Problem>> {
    let mut reader = Reader {
        root,
        schemas: answer::named(root),
        problems: Vec::new(),
        names: HashMap::new(),
        shapes: HashSet::new(),
        routes: Vec::new(),
    };
    reader.document();
    let Reader {
        mut problems, routes, ..
    } = reader;
    if problems.is_empty() {
        return Ok(Routes::new(routes));
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup();
    Err(problems)
}

struct Reader<'d> {
    root: &'d Node,
    schemas: HashMap<&'d str, &'d Node>,
    problems: Vec<Problem>,
    /// Lines of the operations' ids.
    names: HashMap<&'d str, usize>,
    /// Methods and shapes of paths that there are.
    shapes: HashSet<(String, String)>,
    routes: Vec<(String, Template, Operation)>,
}

impl<'d> Reader<'d> {
    fn document(&mut self) {
        let root = self.root;
        match root.get("openapi").map(|version| (version, version.text())) {
            Some((_, Some(version))) if version.starts_with("3.0.") || version.starts_with("3.1.") => {}
            Some((node, _)) => {
                return self.problem(node, "expected OpenAPI 3.0 or 3.1, such as `openapi: 3.1.0`");
            }
            None => {
                return self.problem(
                    root,
                    "no `openapi` key: expected an OpenAPI document of version 3.0 or 3.1",
                );
            }
        }
        let Some(paths) = root.get("paths").filter(|paths| paths.is_map()) else {
            return self.problem(root, "no `paths`: nothing is described");
        };
        for (path, item) in paths.members() {
            if path.starts_with("x-") {
                continue;
            }
            match self.resolve(item) {
                Ok(item) => self.path(path, item),
                Err(problem) => self.problems.push(problem),
            }
        }
        if self.routes.is_empty() && self.problems.is_empty() {
            self.problem(paths, "no path has an operation");
        }
    }

    fn problem(&mut self, node: &Node, message: impl Into<String>) {
        self.problems.push(node.problem(message));
    }

    fn resolve(&self, node: &'d Node) -> Result<&'d Node, Problem> {
        Schemas::new(self.root, &self.schemas).resolve(node)
    }

    fn path(&mut self, path: &str, item: &'d Node) {
        if Template::parse(path).is_none() {
            return self.problem(
                item,
                format!("`{path}` is no path: expected it to begin with `/` and its variables as `{{name}}`, not touching"),
            );
        }
        for method in METHODS {
            let Some(operation) = item.get(method) else {
                continue;
            };
            let servers = [operation, item, self.root]
                .into_iter()
                .find_map(|node| node.get("servers"));
            let bases = self.bases(servers);
            for base in bases {
                if let Some(described) = self.operation(method, path, item, operation) {
                    let full = format!("{}{path}", base.trim_end_matches('/'));
                    self.route(method, &full, operation, described);
                }
            }
            if let Some(name) = operation.text_of("operationId")
                && let Some(line) = self.names.insert(name, operation.line)
            {
                self.problem(
                    operation,
                    format!("the operationId `{name}` is also on line {line}"),
                );
            }
        }
    }

    fn route(&mut self, method: &str, full: &str, at: &Node, operation: Operation) {
        let Some(template) = Template::parse(full) else {
            return self.problem(
                at,
                format!("with its server's path it is `{full}`, which is no path"),
            );
        };
        let method = method.to_ascii_uppercase();
        if self.shapes.insert((method.clone(), template.shape())) {
            self.routes.push((method, template, operation));
        } else {
            self.problem(
                at,
                format!("`{method} {full}` means the same requests as another path"),
            );
        }
    }

    fn operation(&mut self, method: &str, path: &str, item: &'d Node, node: &'d Node) -> Option<Operation> {
        let extension = match extension(node) {
            Ok(extension) => extension,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        let schemas = Schemas::new(self.root, &self.schemas);
        let answer = match answer::of(schemas, node, extension.relation.as_deref(), path) {
            Ok(answer) => answer,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        let mut headers = Vec::new();
        for parameters in [item, node].into_iter().filter_map(|node| node.get("parameters")) {
            for parameter in parameters.items() {
                match self.resolve(parameter) {
                    Ok(parameter) if parameter.text_of("in") == Some("header") => {
                        let name = parameter.text_of("name").unwrap_or_default();
                        let name = name.to_ascii_lowercase();
                        if name != "authorization" && name != "cookie" && !headers.contains(&name) {
                            headers.push(name);
                        }
                    }
                    Ok(_) => {}
                    Err(problem) => self.problems.push(problem),
                }
            }
        }
        let kind = node.text_of("operationId").map(word::snake);
        Some(Operation {
            kind: kind
                .filter(|kind| !kind.is_empty())
                .unwrap_or_else(|| method.to_owned()),
            effects: extension.effects,
            relation: answer.relation,
            template: path.to_owned(),
            headers,
            reads: answer.reads,
        })
    }

    /// The paths below which the servers have the API, their variables as variables of the path or, where the document lists
    /// what they can be, as each of that.
    fn bases(&mut self, servers: Option<&'d Node>) -> Vec<String> {
        let mut bases: Vec<String> = Vec::new();
        for server in servers.map(Node::items).unwrap_or_default() {
            let url = server.text_of("url").unwrap_or("/");
            let after_host = url.split_once("://").map_or(url, |(_, rest)| {
                rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
            });
            let path = after_host.split(['?', '#']).next().unwrap_or_default();
            if !path.is_empty() && !path.starts_with('/') {
                self.problem(
                    server,
                    format!(
                        "the server `{url}` is relative to where the document lies; give its path from `/`"
                    ),
                );
                continue;
            }
            let mut all = vec![path.to_owned()];
            let variables = server.get("variables").map(Node::members).unwrap_or_default();
            for (name, variable) in variables {
                let sign = format!("{{{name}}}");
                let listed: Vec<&str> = variable
                    .get("enum")
                    .map(Node::items)
                    .unwrap_or_default()
                    .iter()
                    .filter_map(Node::text)
                    .collect();
                if path.contains(&sign) && !listed.is_empty() {
                    all = all
                        .iter()
                        .flat_map(|base| listed.iter().map(|value| base.replace(&sign, value)))
                        .take(MOST_BASES + 1)
                        .collect();
                }
            }
            bases.extend(all);
        }
        if bases.len() > MOST_BASES
            && let Some(servers) = servers
        {
            self.problem(servers, format!("more than {MOST_BASES} servers"));
            bases.truncate(MOST_BASES);
        }
        if bases.is_empty() {
            bases.push("/".to_owned());
        }
        for base in &mut bases {
            base.truncate(base.trim_end_matches('/').len());
        }
        bases.sort();
        bases.dedup();
        bases
    }
}

/// Reads `x-interdict` of an operation or a schema.
pub(super) fn extension(node: &Node) -> Result<Extension, Problem> {
    let mut extension = Extension::default();
    let Some(found) = node.get("x-interdict") else {
        return Ok(extension);
    };
    if !found.is_map() {
        return Err(found.problem("`x-interdict` has the keys `effects` and `relation`"));
    }
    for (key, value) in found.members() {
        match (key.as_str(), &value.held) {
            ("effects", Held::List(names)) => {
                let mut effects = Effects::NONE;
                for name in names {
                    let text = name.text().unwrap_or_default();
                    match text.parse::<Effect>() {
                        Ok(effect) => effects.insert(effect),
                        Err(error) => return Err(name.problem(error.to_string())),
                    }
                }
                extension.effects = Some(effects);
            }
            ("effects", _) => return Err(value.problem("expected a list of effects, such as `[read]`")),
            ("relation", Held::Text(name)) if !name.is_empty() => extension.relation = Some(name.clone()),
            ("relation", _) => return Err(value.problem("expected the relation's name")),
            (other, _) => {
                let message = format!("unknown key `{other}`; expected `effects` or `relation`");
                return Err(value.problem(message));
            }
        }
    }
    Ok(extension)
}
