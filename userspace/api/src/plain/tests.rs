use crate::Profile;
use crate::testing::{one, table};

#[test]
fn methods_say_what_is_done() {
    table(
        &Profile::Plain,
        &[
            ("GET /", "get read /:read"),
            ("GET /patients/4711", "get read /patients/{id}:read"),
            ("HEAD /patients/4711", "head read /patients/{id}:read"),
            ("OPTIONS /patients", "options read /patients:read"),
            ("QUERY /patients", "query read /patients:read"),
            ("POST /patients", "post write,insert /patients:write"),
            ("PUT /patients/4711", "put write,update /patients/{id}:write"),
            ("PATCH /patients/4711", "patch write,update /patients/{id}:write"),
            (
                "DELETE /patients/4711",
                "delete write,delete /patients/{id}:write",
            ),
            ("TRACE /", "trace read /:read !"),
            ("CONNECT /", "connect write /:write !"),
            ("get /", "get write /:write !"),
            ("PROPFIND /dav", "propfind write /dav:write !"),
            ("POST /graphql", "post write,insert /graphql:write !"),
            (
                "POST /q\nContent-Type: application/graphql; charset=utf-8",
                "post write,insert /q:write !",
            ),
            (
                "POST /p\nX-HTTP-Method-Override: DELETE",
                "post write,insert /p:write !",
            ),
            (
                "POST /p\nX-HTTP-Method-Override: post",
                "post write,insert /p:write",
            ),
            ("POST /p?_method=delete", "post write,insert /p:write !"),
            ("GET /patients;x=1/7", "get read /patients;x=1/{id}:read !"),
            ("GET /a%252fb", "get read /a%2fb:read !"),
        ],
    );
}

#[test]
fn arguments_are_the_ids_and_the_query_without_credentials() {
    let analysis = one(
        &Profile::Plain,
        "GET /patients/4711/notes/a%40b.org?q=x%20y&access_token=hush&flag",
    );
    let arguments: Vec<_> = analysis
        .arguments
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_deref()))
        .collect();
    assert_eq!(
        arguments,
        [
            ("id", Some("4711")),
            ("id", Some("a@b.org")),
            ("q", Some("x y")),
            ("access_token", None),
            ("flag", Some(""))
        ]
    );
    assert_eq!(analysis.template, "/patients/{id}/notes/{id}");
}

#[test]
fn too_many_arguments_are_a_gap() {
    let query = "a=1&".repeat(2_001);
    let analysis = one(&Profile::Plain, &format!("GET /p?{query}"));
    assert_eq!(analysis.arguments.len(), 2_000);
    assert!(!analysis.complete());
}
