use crate::testing::{analyse, one, table};
use crate::{Profile, RefusalForm};

fn post(body: &str) -> String {
    format!(
        "POST /mcp\nContent-Type: application/json\nAccept: application/json, text/event-stream\n\n{body}"
    )
}

fn check(rows: &[(&str, &str)]) {
    let requests: Vec<_> = rows.iter().map(|(body, _)| post(body)).collect();
    let rows: Vec<_> = requests
        .iter()
        .map(String::as_str)
        .zip(rows.iter().map(|(_, expected)| *expected))
        .collect();
    table(&Profile::Mcp, &rows);
}

#[test]
fn messages_say_what_is_done() {
    check(&[
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#,
            "initialize session",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            "notifications_initialized notify",
        ),
        (r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#, "ping session"),
        (
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#,
            "tools_list read tools:define",
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"method":"resources/templates/list"}"#,
            "resources_templates_list read resources:define",
        ),
        (
            r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"lookup","arguments":{}}}"#,
            "tools_call call lookup:read lookup:write",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"lookup"}}"#,
            "tools_call call lookup:read lookup:write",
        ),
        (
            r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"arguments":{}}}"#,
            "tools_call call !",
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}"#,
            "resources_read read file:///etc/passwd:read",
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"method":"resources/read","params":[]}"#,
            "resources_read read !",
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"method":"resources/subscribe","params":{"uri":"db://x"}}"#,
            "resources_subscribe listen db://x:define",
        ),
        (
            r#"{"jsonrpc":"2.0","id":5,"method":"prompts/get","params":{"name":"p","arguments":{"a":"1"}}}"#,
            "prompts_get read p:read",
        ),
        (
            r#"{"jsonrpc":"2.0","id":6,"method":"completion/complete","params":{}}"#,
            "completion_complete read",
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"logging/setLevel","params":{"level":"debug"}}"#,
            "logging_set_level settings",
        ),
        (
            r#"{"jsonrpc":"2.0","id":8,"method":"sampling/createMessage","params":{}}"#,
            "sampling_create_message call sampling/createMessage:read sampling/createMessage:write",
        ),
        (
            r#"{"jsonrpc":"2.0","id":8,"method":"vendor/x"}"#,
            "vendor_x call vendor/x:read vendor/x:write",
        ),
        (
            r#"{"jsonrpc":"2.0","id":8,"method":"vendor/x","params":"text"}"#,
            "vendor_x call vendor/x:read vendor/x:write !",
        ),
        (
            r#"{"jsonrpc":"2.0","id":9,"result":{"roots":[]}}"#,
            "response notify",
        ),
        (
            r#"{"jsonrpc":"2.0","id":9,"error":{"code":1,"message":"no"}}"#,
            "response notify",
        ),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t"}}]"#,
            "ping session | tools_call call t:read t:write",
        ),
    ]);
    table(
        &Profile::Mcp,
        &[
            ("GET /mcp\nAccept: text/event-stream", "get read,listen"),
            ("DELETE /mcp\nMcp-Session-Id: 1", "delete session"),
            ("PUT /mcp", "put write,update !"),
            ("POST /mcp", "post call !"),
        ],
    );
}

#[test]
fn what_servers_read_differently_is_a_gap() {
    check(&[
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
            "post call !",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#,
            "ping session !",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","paramſ":{}}"#,
            "ping session !",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","NAME":"b"}}"#,
            "tools_call call a:read a:write !",
        ),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, "ping session !"),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, "ping session !"),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, "ping session !"),
        (r#"{"id":1,"method":"ping"}"#, "ping session !"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            "post call !",
        ),
        (r#"{"jsonrpc":"2.0","id":1}"#, "post call !"),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, "post call !"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":""}}"#,
            "tools_call call :read :write !",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":""}"#,
            "unknown call :read :write !",
        ),
        ("[]", "post call !"),
        ("[7]", "post call !"),
        ("7", "post call !"),
        ("{} {}", "post call !"),
    ]);
    let many = format!(
        "[{}]",
        vec![r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#; 101].join(",")
    );
    let all = analyse(&Profile::Mcp, &post(&many));
    assert_eq!(all.iter().filter(|analysis| !analysis.complete()).count(), 1);
}

#[test]
fn refusals_carry_the_requests_own_id() {
    let id = |id: &str| match one(
        &Profile::Mcp,
        &post(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)),
    )
    .refusal
    {
        RefusalForm::JsonRpc { id } => id,
        other => panic!("{other:?}"),
    };
    assert_eq!(id("12345678901234567890123"), "12345678901234567890123");
    assert_eq!(id(r#""a\u0041""#), r#""a\u0041""#);
    assert_eq!(id("null"), "null");
    let notification = one(
        &Profile::Mcp,
        &post(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t"}}"#),
    );
    assert_eq!(
        notification.refusal,
        RefusalForm::JsonRpc {
            id: "null".to_owned()
        }
    );
    assert_eq!(notification.flags, ["notification"]);
}

#[test]
fn arguments_are_named_by_their_path() {
    let call = one(
        &Profile::Mcp,
        &post(
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"patient":{"id":7,"ssn":null},"tags":["a",true],"a.b":"x"}}}"#,
        ),
    );
    let arguments: Vec<_> = call
        .arguments
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    assert_eq!(
        arguments,
        [
            r#"patient.id=Some("7")"#,
            "patient.ssn=None",
            r#"tags[0]=Some("a")"#,
            r#"tags[1]=Some("true")"#,
            r#"['a.b']=Some("x")"#
        ]
    );
    assert_eq!(call.reads[0].base, "$.result.structuredContent");
    let batch = one(
        &Profile::Mcp,
        &post(r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}]"#),
    );
    assert_eq!(batch.reads[0].base, "$[*].result.structuredContent");
}
