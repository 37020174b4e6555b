use crate::testing::{analyse, one, table};
use crate::{Analysis, Cells, Profile, RefusalForm};

fn request(operation: &str, body: &str) -> String {
    format!(
        "POST /\nX-Amz-Target: DynamoDB_20120810.{operation}\nContent-Type: application/x-amz-json-1.0\n\n{body}"
    )
}

fn single(operation: &str, body: &str) -> Analysis {
    one(&Profile::DynamoDb, &request(operation, body))
}

fn check(rows: &[(&str, &str, &str)]) {
    let requests: Vec<_> = rows
        .iter()
        .map(|(operation, body, _)| request(operation, body))
        .collect();
    let rows: Vec<_> = requests
        .iter()
        .map(String::as_str)
        .zip(rows.iter().map(|(_, _, expected)| *expected))
        .collect();
    table(&Profile::DynamoDb, &rows);
}

#[test]
fn operations_on_items() {
    check(&[
        (
            "GetItem",
            r#"{"TableName":"P","Key":{"id":{"S":"1"}}}"#,
            "get_item read P:read",
        ),
        (
            "GetItem",
            r#"{"TableName":"arn:aws:dynamodb:eu-west-1:1:table/P","Key":{"id":{"S":"1"}}}"#,
            "get_item read P:read",
        ),
        ("GetItem", r#"{"TableName":"P"}"#, "get_item read P:read !"),
        ("GetItem", r#"{"Key":{}}"#, "get_item read !"),
        (
            "Query",
            r#"{"TableName":"P","IndexName":"by_ssn","KeyConditionExpression":"ssn = :s","ExpressionAttributeValues":{":s":{"S":"1"}}}"#,
            "query read P:read",
        ),
        (
            "Query",
            r#"{"TableName":"P","KeyConditionExpression":"ssn = :missing"}"#,
            "query read P:read !",
        ),
        (
            "Query",
            r#"{"TableName":"P","KeyConditionExpression":7}"#,
            "query read P:read !",
        ),
        ("Scan", r#"{"TableName":"P"}"#, "scan read P:read"),
        (
            "Scan",
            r#"{"TableName":"P","FilterExpression":"no grammar"}"#,
            "scan read P:read !",
        ),
        (
            "PutItem",
            r#"{"TableName":"P","Item":{"id":{"S":"1"}}}"#,
            "put_item write,insert,update P:write",
        ),
        (
            "PutItem",
            r#"{"TableName":"P","Item":{"id":{"S":"1"}},"ReturnValues":"ALL_OLD"}"#,
            "put_item read,write,insert,update P:write P:read",
        ),
        (
            "PutItem",
            r#"{"TableName":"P","Item":{},"ReturnValues":"NONE"}"#,
            "put_item write,insert,update P:write",
        ),
        (
            "UpdateItem",
            r#"{"TableName":"P","Key":{"id":{"S":"1"}},"UpdateExpression":"SET a = :v","ExpressionAttributeValues":{":v":{"N":"1"}}}"#,
            "update_item write,insert,update P:write",
        ),
        (
            "UpdateItem",
            r#"{"TableName":"P","Key":{"id":{"S":"1"}},"UpdateExpression":"SET a ="}"#,
            "update_item write,insert,update P:write !",
        ),
        (
            "DeleteItem",
            r#"{"TableName":"P","Key":{"id":{"S":"1"}}}"#,
            "delete_item write,delete P:write",
        ),
        (
            "DeleteItem",
            r#"{"TableName":"P","Key":{"id":{"S":"1"}},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}"#,
            "delete_item read,write,delete P:write P:read",
        ),
    ]);
}

#[test]
fn batches_are_an_analysis_for_each_table_and_effect() {
    check(&[
        (
            "BatchGetItem",
            r#"{"RequestItems":{"P":{"Keys":[{"id":{"S":"1"}},{"id":{"S":"2"}}]},"V":{"Keys":[{"id":{"S":"1"}}]}}}"#,
            "batch_get_item read P:read | batch_get_item read V:read",
        ),
        (
            "BatchGetItem",
            r#"{"RequestItems":{}}"#,
            "batch_get_item write,delete !",
        ),
        (
            "BatchWriteItem",
            r#"{"RequestItems":{"P":[{"PutRequest":{"Item":{"id":{"S":"1"}}}},{"DeleteRequest":{"Key":{"id":{"S":"2"}}}},{"PutRequest":{"Item":{}}}]}}"#,
            "batch_write_item write,insert,update P:write | batch_write_item write,delete P:write",
        ),
        (
            "BatchWriteItem",
            r#"{"RequestItems":{"P":[{"Other":{}}]}}"#,
            "batch_write_item write,delete !",
        ),
        (
            "TransactGetItems",
            r#"{"TransactItems":[{"Get":{"TableName":"P","Key":{"id":{"S":"1"}}}},{"Get":{"TableName":"V","Key":{"id":{"S":"1"}}}}]}"#,
            "transact_get_items read P:read | transact_get_items read V:read",
        ),
        (
            "TransactGetItems",
            r#"{"TransactItems":[{"Put":{"TableName":"P"}}]}"#,
            "transact_get_items write,delete !",
        ),
        (
            "TransactWriteItems",
            r#"{"TransactItems":[{"Put":{"TableName":"P","Item":{}}},{"Update":{"TableName":"P","Key":{"id":{"S":"1"}},"UpdateExpression":"REMOVE a"}},{"Delete":{"TableName":"P","Key":{"id":{"S":"1"}}}},{"ConditionCheck":{"TableName":"V","Key":{"id":{"S":"1"}},"ConditionExpression":"attribute_exists(id)"}}]}"#,
            "transact_write_items write,insert,update P:write | transact_write_items write,delete P:write | transact_write_items read V:read",
        ),
        (
            "TransactWriteItems",
            r#"{"TransactItems":[{"Put":{"TableName":"P"},"Delete":{"TableName":"P"}}]}"#,
            "transact_write_items write,delete !",
        ),
    ]);
    let many = r#"{"Get":{"TableName":"P","Key":{"id":{"S":"1"}}}},"#.repeat(1_001);
    let all = analyse(
        &Profile::DynamoDb,
        &request(
            "TransactGetItems",
            &format!(r#"{{"TransactItems":[{}]}}"#, many.trim_end_matches(',')),
        ),
    );
    assert!(all.iter().any(|analysis| !analysis.complete()));
}

#[test]
fn operations_on_tables_and_the_service() {
    check(&[
        (
            "CreateTable",
            r#"{"TableName":"P"}"#,
            "create_table create P:define",
        ),
        (
            "CreateTable",
            r#"{"TableName":"P","ResourcePolicy":"{}"}"#,
            "create_table create,grant P:define",
        ),
        (
            "UpdateTable",
            r#"{"TableName":"P"}"#,
            "update_table alter P:define",
        ),
        (
            "UpdateTable",
            r#"{"TableName":"P","ReplicaUpdates":[]}"#,
            "update_table alter,replication P:define",
        ),
        (
            "DeleteTable",
            r#"{"TableName":"P"}"#,
            "delete_table drop P:define",
        ),
        (
            "DescribeTable",
            r#"{"TableName":"P"}"#,
            "describe_table read P:define",
        ),
        ("ListTables", "{}", "list_tables read"),
        ("DescribeLimits", "{}", "describe_limits read"),
        ("DescribeEndpoints", "{}", "describe_endpoints read"),
        (
            "UpdateTimeToLive",
            r#"{"TableName":"P"}"#,
            "update_time_to_live delete,alter,admin P:define",
        ),
        (
            "DescribeTimeToLive",
            r#"{"TableName":"P"}"#,
            "describe_time_to_live read P:define",
        ),
        (
            "CreateBackup",
            r#"{"TableName":"P","BackupName":"b"}"#,
            "create_backup admin P:define",
        ),
        (
            "DeleteBackup",
            r#"{"BackupArn":"arn:aws:dynamodb:e:1:table/P/backup/01"}"#,
            "delete_backup drop,admin P:define",
        ),
        (
            "ListBackups",
            r#"{"TableName":"P"}"#,
            "list_backups read P:define",
        ),
        (
            "RestoreTableFromBackup",
            r#"{"TargetTableName":"Q","BackupArn":"arn:aws:dynamodb:e:1:table/P/backup/01"}"#,
            "restore_table_from_backup read,write,insert,create,admin P:read Q:write",
        ),
        (
            "RestoreTableToPointInTime",
            r#"{"TargetTableName":"Q","SourceTableName":"P"}"#,
            "restore_table_to_point_in_time read,write,insert,create,admin P:read Q:write",
        ),
        (
            "RestoreTableToPointInTime",
            r#"{"TargetTableName":"Q"}"#,
            "restore_table_to_point_in_time read,write,insert,create,admin !",
        ),
        (
            "UpdateContinuousBackups",
            r#"{"TableName":"P"}"#,
            "update_continuous_backups alter,admin P:define",
        ),
        (
            "ExportTableToPointInTime",
            r#"{"TableArn":"arn:aws:dynamodb:e:1:table/P","S3Bucket":"x"}"#,
            "export_table_to_point_in_time read,program,copy_out,admin P:read",
        ),
        (
            "ImportTable",
            r#"{"TableCreationParameters":{"TableName":"P"}}"#,
            "import_table write,insert,create,program,copy_in,admin P:write",
        ),
        (
            "CreateGlobalTable",
            r#"{"GlobalTableName":"P"}"#,
            "create_global_table create,replication,admin P:define",
        ),
        (
            "UpdateGlobalTable",
            r#"{"GlobalTableName":"P"}"#,
            "update_global_table alter,replication,admin P:define",
        ),
        (
            "PutResourcePolicy",
            r#"{"ResourceArn":"arn:aws:dynamodb:e:1:table/P"}"#,
            "put_resource_policy grant,admin P:define",
        ),
        (
            "TagResource",
            r#"{"ResourceArn":"arn:aws:dynamodb:e:1:table/P"}"#,
            "tag_resource alter,admin P:define",
        ),
        (
            "EnableKinesisStreamingDestination",
            r#"{"TableName":"P"}"#,
            "enable_kinesis_streaming_destination read,alter,program,copy_out,admin P:read",
        ),
        ("DeleteTable", "{}", "delete_table drop !"),
    ]);
}

#[test]
fn what_is_not_known_for_certain_is_a_gap() {
    check(&[
        ("DropEverything", "{}", "post write !"),
        (
            "DeleteTable",
            r#"{"TableName":""}"#,
            "delete_table drop :define !",
        ),
        (
            "GetItem",
            r#"{"TableName":"P","TableName":"Q","Key":{}}"#,
            "get_item read !",
        ),
        ("GetItem", "", "get_item read !"),
        ("GetItem", "[]", "get_item read !"),
        (
            "BatchWriteItem",
            "nonsense",
            "batch_write_item write,insert,update,delete !",
        ),
    ]);
    table(
        &Profile::DynamoDb,
        &[
            ("GET /", "get write !"),
            (
                "POST /\nX-Amz-Target: DynamoDB_20111205.GetItem\n\n{}",
                "post write !",
            ),
            (
                "POST /\nX-Amz-Target: DynamoDB_20120810.ListTables, DynamoDB_20120810.Scan\n\n{}",
                "post write !",
            ),
            (
                "POST /x\nX-Amz-Target: DynamoDB_20120810.ListTables\n\n{}",
                "list_tables read !",
            ),
        ],
    );
}

#[test]
fn streams_tell_their_table() {
    table(
        &Profile::DynamoDb,
        &[
            (
                "POST /\nX-Amz-Target: DynamoDBStreams_20120810.ListStreams\n\n{\"TableName\":\"P\"}",
                "list_streams read P:define",
            ),
            (
                "POST /\nX-Amz-Target: DynamoDBStreams_20120810.DescribeStream\n\n{\"StreamArn\":\"arn:aws:dynamodb:e:1:table/P/stream/2026\"}",
                "describe_stream read P:define",
            ),
            (
                "POST /\nX-Amz-Target: DynamoDBStreams_20120810.GetRecords\n\n{\"ShardIterator\":\"arn:aws:dynamodb:e:1:table/P/stream/2026|1|AAAA\"}",
                "get_records read P:read",
            ),
            (
                "POST /\nX-Amz-Target: DynamoDBStreams_20120810.GetRecords\n\n{\"ShardIterator\":\"AAAA\"}",
                "get_records read !",
            ),
        ],
    );
}

#[test]
fn partiql_is_read_where_it_is_a_plain_query() {
    check(&[
        (
            "ExecuteStatement",
            r#"{"Statement":"SELECT * FROM \"P\" WHERE ssn = ? AND age > 7","Parameters":[{"S":"1"}]}"#,
            "execute_statement read P:read",
        ),
        (
            "ExecuteStatement",
            r#"{"Statement":"select id, \"name\" from P.by_name where name='x'"}"#,
            "execute_statement read P:read",
        ),
        (
            "ExecuteStatement",
            r#"{"Statement":"SELECT * FROM P WHERE id = ?"}"#,
            "execute_statement read,write !",
        ),
        (
            "ExecuteStatement",
            r#"{"Statement":"SELECT a.b FROM P"}"#,
            "execute_statement read,write !",
        ),
        (
            "ExecuteStatement",
            r#"{"Statement":"SELECT ssn AS x FROM P"}"#,
            "execute_statement read,write !",
        ),
        (
            "ExecuteStatement",
            r#"{"Statement":"SELECT * FROM P WHERE a = 'it''s'"}"#,
            "execute_statement read,write !",
        ),
        (
            "ExecuteStatement",
            r#"{"Statement":"SELECT * FROM P -- x"}"#,
            "execute_statement read,write !",
        ),
        (
            "ExecuteStatement",
            r#"{"Statement":"DELETE FROM \"P\" WHERE id = '1'"}"#,
            "execute_statement read,write !",
        ),
        (
            "BatchExecuteStatement",
            r#"{"Statements":[{"Statement":"SELECT * FROM P WHERE id='1'"},{"Statement":"INSERT INTO P VALUE {}"}]}"#,
            "batch_execute_statement read P:read | batch_execute_statement read,write !",
        ),
        (
            "ExecuteTransaction",
            r#"{"TransactStatements":[{"Statement":"SELECT id FROM P WHERE id='1'"}]}"#,
            "execute_transaction read P:read",
        ),
        (
            "ExecuteTransaction",
            r#"{"TransactStatements":[]}"#,
            "execute_transaction read,write !",
        ),
    ]);
}

fn bases(analysis: &Analysis) -> Vec<String> {
    analysis
        .reads
        .iter()
        .map(|reads| {
            assert_eq!(reads.cells, Cells::AttributeValue);
            format!("{}={}", reads.base, reads.relation)
        })
        .collect()
}

fn conditions(analysis: &Analysis) -> Vec<String> {
    let show = |condition: &crate::Condition| {
        let sign = if condition.equality { "=" } else { "~" };
        format!(
            "{}.{}{sign}{}",
            condition.relation,
            condition.column,
            condition.values.join("|")
        )
    };
    analysis.conditions.iter().map(show).collect()
}

#[test]
fn answers_are_found_wherever_they_stand() {
    assert_eq!(
        bases(&single("Scan", r#"{"TableName":"P"}"#)),
        ["$.Items[*]=P", "$.LastEvaluatedKey=P"]
    );
    assert_eq!(
        bases(&single("GetItem", r#"{"TableName":"P","Key":{"id":{"S":"1"}}}"#)),
        ["$.Item=P"]
    );
    let arn = "arn:aws:dynamodb:e:1:table/P";
    let batch = single(
        "BatchGetItem",
        &format!(r#"{{"RequestItems":{{"{arn}":{{"Keys":[{{"id":{{"S":"1"}}}}]}}}}}}"#),
    );
    assert_eq!(
        bases(&batch),
        [
            format!("$.Responses['{arn}'][*]=P"),
            format!("$.UnprocessedKeys['{arn}'].Keys[*]=P")
        ]
    );
    let transaction = r#"{"TransactItems":[{"Get":{"TableName":"P","Key":{"id":{"S":"1"}}}},{"Get":{"TableName":"V","Key":{"id":{"S":"1"}}}}]}"#;
    let all = analyse(&Profile::DynamoDb, &request("TransactGetItems", transaction));
    assert_eq!(
        bases(&all[1]),
        ["$.Responses[1].Item=V", "$.CancellationReasons[1].Item=V"]
    );
    let put = single(
        "PutItem",
        r#"{"TableName":"P","Item":{},"ReturnValues":"ALL_OLD"}"#,
    );
    assert_eq!(
        bases(&put),
        [
            "$.Attributes=P",
            "$.Item=P",
            "$.ItemCollectionMetrics.ItemCollectionKey=P"
        ]
    );
    let statement = single("ExecuteStatement", r#"{"Statement":"SELECT * FROM P"}"#);
    assert_eq!(bases(&statement), ["$.Items[*]=P", "$.LastEvaluatedKey=P"]);
    assert_eq!(statement.refusal, RefusalForm::DynamoDb);
}

#[test]
fn conditions_name_attributes_and_values() {
    let query = single(
        "Query",
        r##"{"TableName":"P","KeyConditionExpression":"#k = :k AND visit BETWEEN :a AND :b","FilterExpression":"contains(notes, :n)",
            "ExpressionAttributeNames":{"#k":"ssn"},"ExpressionAttributeValues":{":k":{"S":"123"},":a":{"N":"1"},":b":{"N":"2"},":n":{"S":"hiv"}},
            "ExclusiveStartKey":{"ssn":{"S":"1"}}}"##,
    );
    assert_eq!(
        conditions(&query),
        ["P.ssn=123", "P.visit~1|2", "P.notes~hiv", "P.ssn~"]
    );
    assert!(query.complete());
    let get = single(
        "GetItem",
        r#"{"TableName":"P","Key":{"ssn":{"S":"123"},"n":{"N":"7"}}}"#,
    );
    assert_eq!(conditions(&get), ["P.ssn=123", "P.n=7"]);
    assert_eq!(
        get.arguments,
        [
            ("ssn".to_owned(), Some("123".to_owned())),
            ("n".to_owned(), Some("7".to_owned()))
        ]
    );
    let copy = single(
        "UpdateItem",
        r#"{"TableName":"P","Key":{"id":{"S":"1"}},"UpdateExpression":"SET nick = ssn"}"#,
    );
    assert_eq!(conditions(&copy), ["P.id=1", "P.ssn~"]);
    let old = single(
        "Scan",
        r#"{"TableName":"P","ScanFilter":{"ssn":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"1"}]},"a":{"ComparisonOperator":"BEGINS_WITH","AttributeValueList":[{"S":"x"}]},"b":{"ComparisonOperator":"NOT_NULL"}}}"#,
    );
    assert_eq!(conditions(&old), ["P.ssn=1", "P.a~x"]);
    let expected = single(
        "PutItem",
        r#"{"TableName":"P","Item":{},"Expected":{"ssn":{"Value":{"S":"1"}},"x":{"Exists":false}}}"#,
    );
    assert_eq!(conditions(&expected), ["P.ssn=1"]);
}
