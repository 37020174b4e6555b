use crate::testing::{one, table};
use crate::{Profile, RefusalForm};

#[test]
fn operations_of_objects() {
    table(
        &Profile::S3,
        &[
            ("GET /b/a/b.txt", "get_object read b:read"),
            (
                "GET /b/a?versionId=3&response-content-type=text%2Fplain",
                "get_object read b:read",
            ),
            ("GET /b/a?x-id=GetObject", "get_object read b:read"),
            (
                "GET /b/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=c&X-Amz-Date=d&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=s",
                "get_object read b:read",
            ),
            ("HEAD /b/a", "head_object read b:read"),
            ("GET /b/a?attributes", "get_object_attributes read b:read"),
            ("GET /b/a?tagging=", "get_object_tagging read b:read"),
            ("GET /b/a?acl", "get_object_acl read b:define"),
            ("GET /b/a?retention", "get_object_retention read b:define"),
            ("GET /b/a?uploadId=u&max-parts=3", "list_parts read b:read"),
            ("PUT /b/a", "put_object write,insert,update b:write"),
            ("PUT /b/a\nIf-None-Match: *", "put_object write,insert b:write"),
            (
                "PUT /b/a\nx-amz-acl: public-read",
                "put_object write,insert,update,grant b:write",
            ),
            (
                "PUT /b/a\nx-amz-acl: private",
                "put_object write,insert,update b:write",
            ),
            (
                "PUT /b/a?x-amz-acl=public-read&X-Amz-Signature=s",
                "put_object write,insert,update,grant b:write",
            ),
            (
                "PUT /b/a\nx-amz-grant-read: id=1",
                "put_object write,insert,update,grant b:write",
            ),
            (
                "PUT /b/a\nx-amz-copy-source: /src/k%20x?versionId=1",
                "copy_object read,write,insert,update b:write src:read",
            ),
            (
                "PUT /b/a\nx-amz-copy-source: nonsense",
                "copy_object read,write,insert,update b:write !",
            ),
            (
                "PUT /b/a\nx-amz-copy-source: arn:aws:s3:eu-west-1:1:accesspoint/ap/object/k",
                "copy_object read,write,insert,update b:write arn:aws:s3:eu-west-1:1:accesspoint/ap:read",
            ),
            (
                "PUT /b/a?partNumber=1&uploadId=u",
                "upload_part write,insert b:write",
            ),
            (
                "PUT /b/a?partNumber=1&uploadId=u\nx-amz-copy-source: src/k",
                "upload_part_copy read,write,insert b:write src:read",
            ),
            ("PUT /b/a?uploadId=u", "put write,update b:write !"),
            ("PUT /b/a?acl", "put_object_acl grant,admin b:define"),
            ("PUT /b/a?tagging", "put_object_tagging write,update b:write"),
            (
                "PUT /b/a?legal-hold",
                "put_object_legal_hold alter,admin b:define",
            ),
            (
                "PUT /b/a?renameObject\nx-amz-rename-source: /old",
                "rename_object write,insert,update,delete b:write",
            ),
            (
                "POST /b/a?uploads",
                "create_multipart_upload write,insert b:write",
            ),
            (
                "POST /b/a?uploadId=u",
                "complete_multipart_upload write,insert,update b:write",
            ),
            (
                "POST /b/a?restore",
                "restore_object write,update,maintenance b:write",
            ),
            (
                "POST /b/a?select&select-type=2",
                "select_object_content read b:read !",
            ),
            ("DELETE /b/a", "delete_object write,delete b:write"),
            ("DELETE /b/a?versionId=1", "delete_object write,delete b:write"),
            (
                "DELETE /b/a\nx-amz-bypass-governance-retention: true",
                "delete_object write,delete,admin b:write",
            ),
            (
                "DELETE /b/a?uploadId=u",
                "abort_multipart_upload write,delete b:write",
            ),
            (
                "DELETE /b/a?tagging",
                "delete_object_tagging write,update b:write",
            ),
            // Unknown, or two at once.
            ("GET /b/a?lambdaArn=x", "get read b:read !"),
            ("DELETE /b/a?unheard-of", "delete write,delete b:write !"),
            ("PUT /b/a?acl&tagging", "put write,update b:write !"),
            ("PATCH /b/a", "patch write,update b:write !"),
            ("POST /b/a", "post write,insert b:write !"),
        ],
    );
}

#[test]
fn operations_of_buckets() {
    table(
        &Profile::S3,
        &[
            ("GET /", "list_buckets read"),
            ("GET /?max-buckets=10", "list_buckets read"),
            ("POST /", "post write,insert !"),
            ("GET /b", "list_objects read b:read"),
            ("GET /b/?prefix=p%2F&delimiter=%2F", "list_objects read b:read"),
            (
                "GET /b?list-type=2&prefix=p&continuation-token=t",
                "list_objects_v2 read b:read",
            ),
            ("GET /b?list-type=3", "get read b:read !"),
            ("GET /b?versions", "list_object_versions read b:read"),
            ("GET /b?uploads", "list_multipart_uploads read b:read"),
            ("GET /b?location", "get_bucket_location read b:define"),
            ("GET /b?policy", "get_bucket_policy read b:define"),
            (
                "GET /b?lifecycle",
                "get_bucket_lifecycle_configuration read b:define",
            ),
            ("GET /b?session", "create_session session b:define"),
            ("HEAD /b", "head_bucket read b:define"),
            ("PUT /b", "create_bucket create b:define"),
            (
                "PUT /b\nx-amz-acl: public-read-write",
                "create_bucket create,grant b:define",
            ),
            ("PUT /b?acl", "put_bucket_acl grant,admin b:define"),
            ("PUT /b?policy", "put_bucket_policy grant,admin b:define"),
            (
                "PUT /b?publicAccessBlock",
                "put_public_access_block grant,admin b:define",
            ),
            (
                "PUT /b?ownershipControls",
                "put_bucket_ownership_controls grant,admin b:define",
            ),
            ("PUT /b?versioning", "put_bucket_versioning alter,admin b:define"),
            ("PUT /b?tagging", "put_bucket_tagging alter,admin b:define"),
            (
                "PUT /b?lifecycle",
                "put_bucket_lifecycle_configuration delete,alter,admin b:define",
            ),
            (
                "PUT /b?replication",
                "put_bucket_replication alter,replication,copy_out,admin b:define",
            ),
            (
                "PUT /b?notification",
                "put_bucket_notification_configuration alter,program,admin b:define",
            ),
            (
                "PUT /b?inventory&id=1",
                "put_bucket_inventory_configuration alter,copy_out,admin b:define",
            ),
            ("DELETE /b", "delete_bucket drop b:define"),
            ("DELETE /b?policy", "delete_bucket_policy grant,admin b:define"),
            ("DELETE /b?website", "delete_bucket_website alter,admin b:define"),
            (
                "DELETE /b?lifecycle",
                "delete_bucket_lifecycle alter,admin b:define",
            ),
            (
                "POST /b\nContent-Type: multipart/form-data; boundary=x",
                "post_object write,insert b:write !",
            ),
            ("PUT /b?unheard-of", "put write,update b:write !"),
            ("GET //key", "list_buckets read !"),
        ],
    );
}

#[test]
fn buckets_stand_in_amazons_hosts_or_in_the_path() {
    table(
        &Profile::S3,
        &[
            ("GET /k\nHost: b.s3.amazonaws.com", "get_object read b:read"),
            (
                "GET /k\nHost: my.b.s3.eu-west-1.amazonaws.com:443",
                "get_object read my.b:read",
            ),
            (
                "GET /k\nHost: my.s3.b.s3-eu-west-1.amazonaws.com",
                "get_object read my.s3.b:read",
            ),
            (
                "GET /k\nHost: b.s3.dualstack.us-west-2.amazonaws.com.",
                "get_object read b:read",
            ),
            (
                "GET /k\nHost: b.s3-accelerate.amazonaws.com",
                "get_object read b:read",
            ),
            (
                "GET /k\nHost: b.s3.cn-north-1.amazonaws.com.cn",
                "get_object read b:read",
            ),
            (
                "GET /k\nHost: ap-1.s3-accesspoint.us-east-1.amazonaws.com",
                "get_object read ap-1:read",
            ),
            ("GET /b/k\nHost: S3.amazonaws.com", "get_object read b:read"),
            ("GET /\nHost: b.s3.amazonaws.com", "list_objects read b:read"),
            (
                "DELETE /\nHost: b.s3.amazonaws.com",
                "delete_bucket drop b:define",
            ),
            (
                "GET /b/k\nHost: bucket.vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com",
                "get_object read b:read",
            ),
            (
                "GET /k\nHost: b.bucket.vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com",
                "get_object read b:read",
            ),
            ("GET /b/k\nHost: 127.0.0.1:9000", "get_object read b:read"),
            ("GET /b/k\nHost: [::1]:9000", "get_object read b:read"),
            (
                "GET /b/k\nHost: minio.s3.svc.cluster.local",
                "get_object read b:read",
            ),
            // Not certain.
            ("GET /minio/admin/v3/info", "get_object read minio:read !"),
            ("GET /b/k\nHost: b.s3.example.org", "get_object read b:read !"),
            (
                "GET /b/k\nHost: 1.s3-control.us-east-1.amazonaws.com",
                "get_object read b:read !",
            ),
            (
                "GET /b/k\nHost: ec2.us-east-1.amazonaws.com",
                "get_object read b:read !",
            ),
            (
                "GET /b/k\nHost: b.s3-website-us-east-1.amazonaws.com",
                "get_object read b:read !",
            ),
        ],
    );
}

const LIST: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n \
    <Object><Key>a&amp;b/&#x63;.txt</Key><VersionId>1</VersionId></Object><Object><Key>d</Key></Object><Quiet>true</Quiet></Delete>";

#[test]
fn a_list_of_what_to_delete_is_read() {
    let analysis = one(&Profile::S3, &format!("POST /b?delete\n\n{LIST}"));
    let keys: Vec<_> = analysis
        .arguments
        .iter()
        .filter(|(name, _)| name == "key")
        .map(|(_, key)| key.as_deref().unwrap())
        .collect();
    assert_eq!(keys, ["a&b/c.txt", "d"]);
    table(
        &Profile::S3,
        &[
            (
                &format!("POST /b?delete\n\n{LIST}"),
                "delete_objects write,delete b:write",
            ),
            ("POST /b?delete", "delete_objects write,delete b:write !"),
        ],
    );
}

#[test]
fn a_list_that_can_be_read_in_two_ways_is_a_gap() {
    for list in [
        "<Delete/>",
        "<Delete></Delete>",
        "<Delete><Object><Key>a</Key></Object>",
        "<Delete><Object><Key>a<!-- b --></Key></Object></Delete>",
        "<Delete><Object><Key><![CDATA[a]]></Key></Object></Delete>",
        "<!DOCTYPE x [<!ENTITY e \"b\">]><Delete><Object><Key>&e;</Key></Object></Delete>",
        "<Delete><Object><Key>&e;</Key></Object></Delete>",
        "<Delete><Object><Other>a</Other></Object></Delete>",
        "<Delete><Object>a</Object></Delete>",
        "<Delete><Object><Key a='b'>a</Key></Object></Delete>",
        "<Delete><Object><Key>a</Object></Key></Delete>",
        "<Delete><Object><Key>a</Key></Object></Delete><Delete/>",
        "<?xml version='1.0' encoding='utf-16'?><Delete><Object><Key>a</Key></Object></Delete>",
        "{}",
    ] {
        assert!(super::delete::keys(list.as_bytes()).is_err(), "{list}");
    }
    let many = format!(
        "<Delete>{}</Delete>",
        "<Object><Key>a</Key></Object>".repeat(1_001)
    );
    assert!(super::delete::keys(many.as_bytes()).is_err());
}

#[test]
fn refusals_and_arguments_name_bucket_and_key() {
    let analysis = one(
        &Profile::S3,
        "GET /b/ward%207/x.pdf?versionId=1&X-Amz-Signature=hush",
    );
    assert_eq!(
        analysis.refusal,
        RefusalForm::S3Xml {
            bucket: Some("b".to_owned()),
            key: Some("ward 7/x.pdf".to_owned())
        }
    );
    let arguments = [
        ("bucket", Some("b")),
        ("key", Some("ward 7/x.pdf")),
        ("versionId", Some("1")),
        ("X-Amz-Signature", None),
    ];
    let arguments = arguments.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
    assert_eq!(analysis.arguments, arguments);
    assert_eq!(analysis.template, "/{bucket}/{key}");
}
