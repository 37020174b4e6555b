use std::fmt::Write as _;
use std::sync::Arc;

use super::*;
use crate::Profile;
use crate::testing::{one, table};

const CLINIC: &str = include_str!("tests/clinic.yaml");

fn clinic() -> Profile {
    Profile::OpenApi(Arc::new(Document::parse(CLINIC, Syntax::Yaml).unwrap()))
}

fn bases(analysis: &Analysis) -> Vec<String> {
    let mut all: Vec<_> = analysis
        .reads
        .iter()
        .map(|reads| format!("{}={}", reads.base, reads.relation))
        .collect();
    all.sort();
    all
}

#[test]
fn operations_are_found_by_method_and_path() {
    table(
        &clinic(),
        &[
            (
                "GET /api/v1/patients?name=x",
                "list_patients read Patient:read Person:read visits:read Diagnosis:read",
            ),
            (
                "GET /api/v2/patients",
                "list_patients read Patient:read Person:read visits:read Diagnosis:read",
            ),
            ("HEAD /api/v1/wards/3", "get_ward read Ward:read Person:read"),
            (
                "POST /api/v1/patients",
                "create_patient write,insert Patient:write Patient:read Person:read visits:read Diagnosis:read",
            ),
            (
                "POST /api/v1/patients/search",
                "search_patients read patients:read Person:read Patient:read visits:read Diagnosis:read",
            ),
            (
                "GET /api/v1/patients/4711",
                "get_patient read Patient:read Person:read visits:read Diagnosis:read Problem:read",
            ),
            (
                "DELETE /api/v1/patients/4711",
                "delete_patient write,delete /patients/{id}:write",
            ),
            (
                "GET /api/v1/patients/4711/chart.pdf",
                "get read /patients/{id}/chart.{format}:read",
            ),
            // None of the document's.
            ("GET /api/v3/patients", "get read /api/v3/patients:read !"),
            ("GET /patients", "get read /patients:read !"),
            (
                "PUT /api/v1/patients/4711",
                "put write,update /api/v1/patients/{id}:write !",
            ),
            (
                "POST /api/v1/patients/4711",
                "post write,insert /api/v1/patients/{id}:write !",
            ),
            (
                "GET /api/v1/patients/4711/",
                "get read /api/v1/patients/{id}:read !",
            ),
            (
                "POST /api/v1/patients/search\nX-HTTP-Method-Override: DELETE",
                "search_patients read patients:read Person:read Patient:read visits:read Diagnosis:read !",
            ),
        ],
    );
}

#[test]
fn answers_are_followed_through_references() {
    let patient = one(&clinic(), "GET /api/v1/patients/4711");
    assert_eq!(
        bases(&patient),
        [
            "$.address=Person",
            "$.visits[*].outcome=Diagnosis",
            "$.visits[*].outcome=visits",
            "$.visits[*]=visits",
            "$=Patient",
            "$=Person",
            "$=Problem",
            "$['next of kin'].*.address=Person",
            "$['next of kin'].*=Person",
            "$['next of kin']=Patient",
        ]
    );
    assert_eq!(patient.template, "/patients/{id}");
    let search = one(&clinic(), "POST /api/v1/patients/search");
    assert!(bases(&search).contains(&"$=patients".to_owned()));
    for named in [
        "$.hits[*]=Patient",
        "$.hits[*]=patients",
        "$.hits[*].visits[*]=visits",
    ] {
        assert!(bases(&search).contains(&named.to_owned()), "{named}");
    }
}

#[test]
fn schemas_that_contain_themselves_are_found_at_any_depth() {
    let found = bases(&one(&clinic(), "GET /api/v1/wards/3"));
    for base in [
        "$=Ward",
        "$.children[*]=Ward",
        "$..children[*]=Ward",
        "$.head=Person",
        "$..head=Person",
        "$..head.address=Person",
    ] {
        assert!(found.iter().any(|found| found == base), "{base} in {found:?}");
    }
}

#[test]
fn arguments_are_named_by_the_document() {
    let analysis = one(
        &clinic(),
        "GET /api/v1/patients?name=x\nX-Tenant: north\nX-Other: y",
    );
    let arguments = [("name", "x"), ("x-tenant", "north")];
    assert_eq!(
        analysis.arguments,
        arguments.map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
    );
    let analysis = one(&clinic(), "GET /api/v1/patients/47%2011/chart.pdf");
    let arguments = [("id", "47 11"), ("format", "pdf")];
    assert_eq!(
        analysis.arguments,
        arguments.map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
    );
}

#[test]
fn json_documents_say_the_same() {
    let text = r##"{"openapi":"3.0.3","paths":{"/p/{id}":{"get":{"operationId":"getP","responses":{"200":{"content":
        {"application/json":{"schema":{"$ref":"#/components/schemas/P"}}}}}}}},"components":{"schemas":{"P":{"type":"object"}}}}"##;
    let document = Document::parse(text, Syntax::Json).unwrap();
    assert_eq!(document.operations(), 1);
    let profile = Profile::OpenApi(Arc::new(document));
    table(&profile, &[("GET /p/1", "get_p read P:read")]);
    let again = Document::parse(text, Syntax::Yaml).unwrap();
    table(
        &Profile::OpenApi(Arc::new(again)),
        &[("GET /p/1", "get_p read P:read")],
    );
}

fn problems(text: &str, syntax: Syntax) -> Vec<String> {
    let problems = Document::parse(text, syntax).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn problems_tell_their_place() {
    assert_eq!(
        problems("swagger: '2.0'\n", Syntax::Yaml),
        ["line 1, column 1: no `openapi` key: expected an OpenAPI document of version 3.0 or 3.1"]
    );
    assert_eq!(
        problems("openapi: 3.2.0\n", Syntax::Yaml),
        ["line 1, column 10: expected OpenAPI 3.0 or 3.1, such as `openapi: 3.1.0`"]
    );
    let text = "openapi: 3.0.0\npaths:\n  /a/{x}:\n    get:\n      operationId: one\n  /a/{y}:\n    get:\n      operationId: one\n  \
                bad:\n    get: {}\n  /b:\n    get:\n      x-interdict: { effects: [raed] }\n  /c:\n    get:\n      responses:\n        \
                200: { $ref: 'other.yaml#/x' }\n  /d:\n    get:\n      responses:\n        200: { $ref: '#/nowhere' }\n";
    assert_eq!(
        problems(text, Syntax::Yaml),
        [
            "line 8, column 7: `GET /a/{y}` means the same requests as another path",
            "line 8, column 7: the operationId `one` is also on line 5",
            "line 10, column 5: `bad` is no path: expected it to begin with `/` and its variables as `{name}`, not touching",
            "line 13, column 32: no effect is called `raed`",
            "line 17, column 14: `other.yaml#/x` is in another file; bundle the document into one",
            "line 21, column 14: `#/nowhere` is not in the document",
        ]
    );
    let json = problems("{\"openapi\": \"3.0.0\",\n \"a\": 1, \"a\": 2}", Syntax::Json);
    assert_eq!(
        json,
        [
            "line 2, column 13: the text can't be read as the server reads it: an object of the JSON has a key twice"
        ]
    );
    assert_eq!(
        problems("openapi: 3.0.0\npaths: {}\n", Syntax::Yaml),
        ["line 2, column 8: no path has an operation"]
    );
    assert!(
        problems("a: [", Syntax::Yaml)
            .first()
            .unwrap()
            .starts_with("line ")
    );
    let relative = "openapi: 3.0.0\nservers:\n  - url: v1\npaths:\n  /a:\n    get: {}\n";
    assert_eq!(
        problems(relative, Syntax::Yaml),
        ["line 3, column 5: the server `v1` is relative to where the document lies; give its path from `/`"]
    );
}

#[test]
fn references_without_end_are_told_and_large_answers_are_bounded() {
    let endless = "openapi: 3.0.0\npaths:\n  /a:\n    get:\n      responses:\n        200: { $ref: '#/components/responses/A' }\n\
                   components:\n  responses:\n    A: { $ref: '#/components/responses/A' }\n";
    assert_eq!(
        problems(endless, Syntax::Yaml),
        ["line 6, column 14: the reference leads to references without end"]
    );
    // Each level has the next one thrice: without a bound, 3^20 places.
    let mut text = "openapi: 3.0.0\npaths:\n  /a:\n    get:\n      responses:\n        200: { content: { application/json: { schema: { $ref: '#/components/schemas/S0' } } } }\n\
                    components:\n  schemas:\n"
        .to_owned();
    for level in 0..20 {
        let next = format!("{{ $ref: '#/components/schemas/S{}' }}", level + 1);
        let _ = writeln!(
            text,
            "    S{level}: {{ type: object, properties: {{ a: {next}, b: {next}, c: {next} }} }}"
        );
    }
    text.push_str("    S20: { type: object }\n");
    let profile = Profile::OpenApi(Arc::new(Document::parse(&text, Syntax::Yaml).unwrap()));
    let found = bases(&one(&profile, "GET /a"));
    assert_eq!(found.len(), 42);
    assert!(found.contains(&"$..*=S20".to_owned()));
}
