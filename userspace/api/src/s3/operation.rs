//! S3's operations by method, level and subresource.

use interdict_sql::{Access, Effect};

use super::field;
use crate::analysis::Analysis;
use crate::call::Call;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Service,
    Bucket,
    Object,
}

/// What is known of an operation.
pub(super) struct Operation {
    pub(super) kind: &'static str,
    pub(super) effects: &'static [Effect],
    pub(super) access: Access,
}

type Does = (&'static [Effect], Access);

/// Reads objects or lists them.
const READ: Does = (&[Effect::Read], Access::Read);
/// Reads settings.
const LOOK: Does = (&[Effect::Read], Access::Define);
const INSERT: Does = (&[Effect::Write, Effect::Insert], Access::Write);
const UPDATE: Does = (&[Effect::Write, Effect::Update], Access::Write);
const DELETE: Does = (&[Effect::Write, Effect::Delete], Access::Write);
/// Takes a name from an object and gives it another.
const RENAME: Does = (
    &[Effect::Write, Effect::Insert, Effect::Update, Effect::Delete],
    Access::Write,
);
const RESTORE: Does = (
    &[Effect::Write, Effect::Update, Effect::Maintenance],
    Access::Write,
);
const CREATE: Does = (&[Effect::Create], Access::Define);
const DROP: Does = (&[Effect::Drop], Access::Define);
/// Changes settings.
const CONFIGURE: Does = (&[Effect::Alter, Effect::Admin], Access::Define);
/// Changes settings by which objects are removed later.
const EXPIRE: Does = (&[Effect::Alter, Effect::Admin, Effect::Delete], Access::Define);
const GRANT: Does = (&[Effect::Grant, Effect::Admin], Access::Define);
/// Makes the service write what it knows of the bucket into another.
const EXPORT: Does = (&[Effect::Alter, Effect::Admin, Effect::CopyOut], Access::Define);
const REPLICATE: Does = (
    &[Effect::Alter, Effect::Admin, Effect::CopyOut, Effect::Replication],
    Access::Define,
);
/// Makes the service call others.
const NOTIFY: Does = (&[Effect::Alter, Effect::Admin, Effect::Program], Access::Define);
/// Gives credentials for a time.
const SESSION: Does = (&[Effect::Session], Access::Define);

/// Method, subresource, operation. `HEAD` of an object or a bucket stands in [`of`].
const SERVICE: &[(&str, &str, &str, Does)] = &[("GET", "", "list_buckets", READ)];

const BUCKET: &[(&str, &str, &str, Does)] = &[
    ("DELETE", "", "delete_bucket", DROP),
    (
        "DELETE",
        "analytics",
        "delete_bucket_analytics_configuration",
        CONFIGURE,
    ),
    ("DELETE", "cors", "delete_bucket_cors", CONFIGURE),
    ("DELETE", "encryption", "delete_bucket_encryption", CONFIGURE),
    (
        "DELETE",
        "intelligent-tiering",
        "delete_bucket_intelligent_tiering_configuration",
        CONFIGURE,
    ),
    (
        "DELETE",
        "inventory",
        "delete_bucket_inventory_configuration",
        CONFIGURE,
    ),
    ("DELETE", "lifecycle", "delete_bucket_lifecycle", CONFIGURE),
    (
        "DELETE",
        "metadataConfiguration",
        "delete_bucket_metadata_configuration",
        CONFIGURE,
    ),
    (
        "DELETE",
        "metadataTable",
        "delete_bucket_metadata_table_configuration",
        CONFIGURE,
    ),
    (
        "DELETE",
        "metrics",
        "delete_bucket_metrics_configuration",
        CONFIGURE,
    ),
    (
        "DELETE",
        "ownershipControls",
        "delete_bucket_ownership_controls",
        GRANT,
    ),
    ("DELETE", "policy", "delete_bucket_policy", GRANT),
    ("DELETE", "publicAccessBlock", "delete_public_access_block", GRANT),
    ("DELETE", "replication", "delete_bucket_replication", CONFIGURE),
    ("DELETE", "tagging", "delete_bucket_tagging", CONFIGURE),
    ("DELETE", "website", "delete_bucket_website", CONFIGURE),
    ("GET", "", "list_objects", READ),
    ("GET", "accelerate", "get_bucket_accelerate_configuration", LOOK),
    ("GET", "acl", "get_bucket_acl", LOOK),
    ("GET", "analytics", "get_bucket_analytics_configuration", LOOK),
    ("GET", "cors", "get_bucket_cors", LOOK),
    ("GET", "encryption", "get_bucket_encryption", LOOK),
    (
        "GET",
        "intelligent-tiering",
        "get_bucket_intelligent_tiering_configuration",
        LOOK,
    ),
    ("GET", "inventory", "get_bucket_inventory_configuration", LOOK),
    ("GET", "lifecycle", "get_bucket_lifecycle_configuration", LOOK),
    ("GET", "list-type", "list_objects_v2", READ),
    ("GET", "location", "get_bucket_location", LOOK),
    ("GET", "logging", "get_bucket_logging", LOOK),
    (
        "GET",
        "metadataConfiguration",
        "get_bucket_metadata_configuration",
        LOOK,
    ),
    (
        "GET",
        "metadataTable",
        "get_bucket_metadata_table_configuration",
        LOOK,
    ),
    ("GET", "metrics", "get_bucket_metrics_configuration", LOOK),
    (
        "GET",
        "notification",
        "get_bucket_notification_configuration",
        LOOK,
    ),
    ("GET", "object-lock", "get_object_lock_configuration", LOOK),
    ("GET", "ownershipControls", "get_bucket_ownership_controls", LOOK),
    ("GET", "policy", "get_bucket_policy", LOOK),
    ("GET", "policyStatus", "get_bucket_policy_status", LOOK),
    ("GET", "publicAccessBlock", "get_public_access_block", LOOK),
    ("GET", "replication", "get_bucket_replication", LOOK),
    ("GET", "requestPayment", "get_bucket_request_payment", LOOK),
    ("GET", "session", "create_session", SESSION),
    ("GET", "tagging", "get_bucket_tagging", LOOK),
    ("GET", "uploads", "list_multipart_uploads", READ),
    ("GET", "versioning", "get_bucket_versioning", LOOK),
    ("GET", "versions", "list_object_versions", READ),
    ("GET", "website", "get_bucket_website", LOOK),
    ("HEAD", "", "head_bucket", LOOK),
    ("POST", "", "post_object", INSERT),
    ("POST", "delete", "delete_objects", DELETE),
    (
        "POST",
        "metadataConfiguration",
        "create_bucket_metadata_configuration",
        EXPORT,
    ),
    (
        "POST",
        "metadataTable",
        "create_bucket_metadata_table_configuration",
        EXPORT,
    ),
    ("PUT", "", "create_bucket", CREATE),
    (
        "PUT",
        "accelerate",
        "put_bucket_accelerate_configuration",
        CONFIGURE,
    ),
    ("PUT", "acl", "put_bucket_acl", GRANT),
    ("PUT", "analytics", "put_bucket_analytics_configuration", EXPORT),
    ("PUT", "cors", "put_bucket_cors", GRANT),
    ("PUT", "encryption", "put_bucket_encryption", CONFIGURE),
    (
        "PUT",
        "intelligent-tiering",
        "put_bucket_intelligent_tiering_configuration",
        CONFIGURE,
    ),
    ("PUT", "inventory", "put_bucket_inventory_configuration", EXPORT),
    ("PUT", "lifecycle", "put_bucket_lifecycle_configuration", EXPIRE),
    ("PUT", "logging", "put_bucket_logging", EXPORT),
    (
        "PUT",
        "metadataInventoryTable",
        "update_bucket_metadata_inventory_table_configuration",
        EXPORT,
    ),
    (
        "PUT",
        "metadataJournalTable",
        "update_bucket_metadata_journal_table_configuration",
        EXPORT,
    ),
    ("PUT", "metrics", "put_bucket_metrics_configuration", CONFIGURE),
    (
        "PUT",
        "notification",
        "put_bucket_notification_configuration",
        NOTIFY,
    ),
    ("PUT", "object-lock", "put_object_lock_configuration", CONFIGURE),
    ("PUT", "ownershipControls", "put_bucket_ownership_controls", GRANT),
    ("PUT", "policy", "put_bucket_policy", GRANT),
    ("PUT", "publicAccessBlock", "put_public_access_block", GRANT),
    ("PUT", "replication", "put_bucket_replication", REPLICATE),
    ("PUT", "requestPayment", "put_bucket_request_payment", CONFIGURE),
    ("PUT", "tagging", "put_bucket_tagging", CONFIGURE),
    ("PUT", "versioning", "put_bucket_versioning", CONFIGURE),
    ("PUT", "website", "put_bucket_website", CONFIGURE),
];

const OBJECT: &[(&str, &str, &str, Does)] = &[
    ("DELETE", "", "delete_object", DELETE),
    ("DELETE", "tagging", "delete_object_tagging", UPDATE),
    ("DELETE", "uploadId", "abort_multipart_upload", DELETE),
    ("GET", "", "get_object", READ),
    ("GET", "acl", "get_object_acl", LOOK),
    ("GET", "attributes", "get_object_attributes", READ),
    ("GET", "legal-hold", "get_object_legal_hold", LOOK),
    ("GET", "retention", "get_object_retention", LOOK),
    ("GET", "tagging", "get_object_tagging", READ),
    ("GET", "torrent", "get_object_torrent", READ),
    ("GET", "uploadId", "list_parts", READ),
    ("HEAD", "", "head_object", READ),
    ("POST", "restore", "restore_object", RESTORE),
    ("POST", "select", "select_object_content", READ),
    ("POST", "uploadId", "complete_multipart_upload", INSERT),
    ("POST", "uploads", "create_multipart_upload", INSERT),
    ("PUT", "", "put_object", INSERT),
    ("PUT", "acl", "put_object_acl", GRANT),
    ("PUT", "legal-hold", "put_object_legal_hold", CONFIGURE),
    ("PUT", "renameObject", "rename_object", RENAME),
    ("PUT", "retention", "put_object_retention", CONFIGURE),
    ("PUT", "tagging", "put_object_tagging", UPDATE),
    ("PUT", "uploadId", "upload_part", INSERT),
];

/// Query parameters that choose no operation.
const PARAMETERS: [&str; 35] = [
    "AWSAccessKeyId",
    "Expires",
    "Signature",
    "bucket-region",
    "continuation-token",
    "delimiter",
    "encoding-type",
    "expected-bucket-owner",
    "fetch-owner",
    "id",
    "key-marker",
    "marker",
    "max-buckets",
    "max-directory-buckets",
    "max-keys",
    "max-parts",
    "max-uploads",
    "optional-object-attributes",
    "part-number-marker",
    "partNumber",
    "prefix",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "select-type",
    "start-after",
    "upload-id-marker",
    "version-id-marker",
    "versionId",
    "x-id",
    "allow-unordered",
    "metadata",
];

/// The operation, if the request is one for certain.
pub(super) fn of(call: &Call<'_>, level: Level, analysis: &mut Analysis) -> Option<Operation> {
    let table = match level {
        Level::Service => SERVICE,
        Level::Bucket => BUCKET,
        Level::Object => OBJECT,
    };
    let mut subresource = "";
    for (name, _) in call.query {
        let name = name.as_str();
        // A presigned URL has its headers among the parameters.
        if PARAMETERS.contains(&name) || is_header(name) {
            continue;
        }
        let mut subresources = BUCKET.iter().chain(OBJECT).map(|(_, known, _, _)| *known);
        if !subresources.any(|known| known == name) {
            analysis.unknown("a parameter that is none of S3's");
            return None;
        }
        if !subresource.is_empty() && subresource != name {
            analysis.unknown("parameters that stand for two operations");
            return None;
        }
        subresource = name;
    }
    let row = table
        .iter()
        .find(|(method, sub, _, _)| *method == call.method && *sub == subresource)?;
    let (_, _, kind, (effects, access)) = *row;
    if kind == "list_objects_v2" && call.parameter("list-type") != Some("2") {
        return None;
    }
    if kind == "upload_part" && call.parameter("partNumber").is_none() {
        return None;
    }
    let copies = field(call, "x-amz-copy-source").is_some();
    Some(match kind {
        "put_object" if copies => Operation {
            kind: "copy_object",
            effects: &[Effect::Read, Effect::Write, Effect::Insert],
            access,
        },
        "upload_part" if copies => Operation {
            kind: "upload_part_copy",
            effects: &[Effect::Read, Effect::Write, Effect::Insert],
            access,
        },
        _ => Operation {
            kind,
            effects,
            access,
        },
    })
}

fn is_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("x-amz-")
        || name == "if-none-match"
        || name == "if-match"
        || name.starts_with("content-")
}
