//! DynamoDB's operations by name.

use interdict_sql::{Access, Effect};

/// What an operation does as a whole, and how its request is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) effects: &'static [Effect],
    pub(super) access: Access,
    pub(super) form: Form,
}

/// Where a request has its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `Key`, and an answer with `Item`.
    Get,
    /// `Item`.
    Put,
    /// `Key`, and expressions.
    Change,
    /// Expressions, and an answer with `Items`.
    Search,
    BatchGet,
    BatchWrite,
    TransactGet,
    TransactWrite,
    /// A statement of PartiQL.
    Statement,
    /// `Statements` or `TransactStatements`.
    Statements,
    /// One table by name or ARN.
    Table,
    /// Reads one table and makes another.
    Restore,
    /// Makes the table of `TableCreationParameters`.
    Import,
    /// The service as a whole, or nothing that is a table's.
    Service,
    /// The records of a stream.
    Records,
}

const READ: &[Effect] = &[Effect::Read];
const PUT: &[Effect] = &[Effect::Write, Effect::Insert, Effect::Update];
const DELETE: &[Effect] = &[Effect::Write, Effect::Delete];
const ADMIN: &[Effect] = &[Effect::Admin];
const CONFIGURE: &[Effect] = &[Effect::Alter, Effect::Admin];
const STREAM_OUT: &[Effect] = &[
    Effect::Read,
    Effect::CopyOut,
    Effect::Program,
    Effect::Alter,
    Effect::Admin,
];
const REPLICATE: &[Effect] = &[Effect::Alter, Effect::Replication, Effect::Admin];

type Row = (&'static str, &'static [Effect], Access, Form);

const OPERATIONS: &[Row] = &[
    ("BatchExecuteStatement", READ, Access::Read, Form::Statements),
    ("BatchGetItem", READ, Access::Read, Form::BatchGet),
    ("BatchWriteItem", PUT, Access::Write, Form::BatchWrite),
    ("CreateBackup", ADMIN, Access::Define, Form::Table),
    (
        "CreateGlobalTable",
        &[Effect::Create, Effect::Replication, Effect::Admin],
        Access::Define,
        Form::Table,
    ),
    ("CreateTable", &[Effect::Create], Access::Define, Form::Table),
    (
        "DeleteBackup",
        &[Effect::Drop, Effect::Admin],
        Access::Define,
        Form::Table,
    ),
    ("DeleteItem", DELETE, Access::Write, Form::Change),
    (
        "DeleteResourcePolicy",
        &[Effect::Grant, Effect::Admin],
        Access::Define,
        Form::Table,
    ),
    ("DeleteTable", &[Effect::Drop], Access::Define, Form::Table),
    ("DescribeBackup", READ, Access::Define, Form::Table),
    ("DescribeContinuousBackups", READ, Access::Define, Form::Table),
    // Shows which keys are asked for most.
    ("DescribeContributorInsights", READ, Access::Define, Form::Table),
    ("DescribeEndpoints", READ, Access::Define, Form::Service),
    ("DescribeExport", READ, Access::Define, Form::Service),
    ("DescribeGlobalTable", READ, Access::Define, Form::Table),
    ("DescribeGlobalTableSettings", READ, Access::Define, Form::Table),
    ("DescribeImport", READ, Access::Define, Form::Service),
    (
        "DescribeKinesisStreamingDestination",
        READ,
        Access::Define,
        Form::Table,
    ),
    ("DescribeLimits", READ, Access::Define, Form::Service),
    ("DescribeTable", READ, Access::Define, Form::Table),
    (
        "DescribeTableReplicaAutoScaling",
        READ,
        Access::Define,
        Form::Table,
    ),
    ("DescribeTimeToLive", READ, Access::Define, Form::Table),
    (
        "DisableKinesisStreamingDestination",
        CONFIGURE,
        Access::Define,
        Form::Table,
    ),
    (
        "EnableKinesisStreamingDestination",
        STREAM_OUT,
        Access::Read,
        Form::Table,
    ),
    ("ExecuteStatement", READ, Access::Read, Form::Statement),
    ("ExecuteTransaction", READ, Access::Read, Form::Statements),
    (
        "ExportTableToPointInTime",
        &[Effect::Read, Effect::CopyOut, Effect::Program, Effect::Admin],
        Access::Read,
        Form::Table,
    ),
    ("GetItem", READ, Access::Read, Form::Get),
    ("GetResourcePolicy", READ, Access::Define, Form::Table),
    (
        "ImportTable",
        &[
            Effect::Create,
            Effect::Write,
            Effect::Insert,
            Effect::CopyIn,
            Effect::Program,
            Effect::Admin,
        ],
        Access::Write,
        Form::Import,
    ),
    ("ListBackups", READ, Access::Define, Form::Service),
    ("ListContributorInsights", READ, Access::Define, Form::Service),
    ("ListExports", READ, Access::Define, Form::Service),
    ("ListGlobalTables", READ, Access::Define, Form::Service),
    ("ListImports", READ, Access::Define, Form::Service),
    ("ListTables", READ, Access::Define, Form::Service),
    ("ListTagsOfResource", READ, Access::Define, Form::Table),
    ("PutItem", PUT, Access::Write, Form::Put),
    (
        "PutResourcePolicy",
        &[Effect::Grant, Effect::Admin],
        Access::Define,
        Form::Table,
    ),
    ("Query", READ, Access::Read, Form::Search),
    (
        "RestoreTableFromBackup",
        &[
            Effect::Read,
            Effect::Create,
            Effect::Write,
            Effect::Insert,
            Effect::Admin,
        ],
        Access::Write,
        Form::Restore,
    ),
    (
        "RestoreTableToPointInTime",
        &[
            Effect::Read,
            Effect::Create,
            Effect::Write,
            Effect::Insert,
            Effect::Admin,
        ],
        Access::Write,
        Form::Restore,
    ),
    ("Scan", READ, Access::Read, Form::Search),
    ("TagResource", CONFIGURE, Access::Define, Form::Table),
    ("TransactGetItems", READ, Access::Read, Form::TransactGet),
    ("TransactWriteItems", PUT, Access::Write, Form::TransactWrite),
    ("UntagResource", CONFIGURE, Access::Define, Form::Table),
    ("UpdateContinuousBackups", CONFIGURE, Access::Define, Form::Table),
    (
        "UpdateContributorInsights",
        CONFIGURE,
        Access::Define,
        Form::Table,
    ),
    ("UpdateGlobalTable", REPLICATE, Access::Define, Form::Table),
    (
        "UpdateGlobalTableSettings",
        REPLICATE,
        Access::Define,
        Form::Table,
    ),
    ("UpdateItem", PUT, Access::Write, Form::Change),
    (
        "UpdateKinesisStreamingDestination",
        STREAM_OUT,
        Access::Read,
        Form::Table,
    ),
    ("UpdateTable", &[Effect::Alter], Access::Define, Form::Table),
    (
        "UpdateTableReplicaAutoScaling",
        CONFIGURE,
        Access::Define,
        Form::Table,
    ),
    // Items are removed later by what it sets.
    (
        "UpdateTimeToLive",
        &[Effect::Alter, Effect::Delete, Effect::Admin],
        Access::Define,
        Form::Table,
    ),
];

const STREAMS: &[Row] = &[
    ("DescribeStream", READ, Access::Define, Form::Table),
    ("GetRecords", READ, Access::Read, Form::Records),
    ("GetShardIterator", READ, Access::Define, Form::Table),
    ("ListStreams", READ, Access::Define, Form::Service),
];

/// The operation of a target (`DynamoDB_20120810.GetItem`) and its name.
pub(super) fn of(target: &str) -> Option<(&'static str, Operation)> {
    let (api, name) = target.split_once('.')?;
    let table = match api {
        "DynamoDB_20120810" => OPERATIONS,
        "DynamoDBStreams_20120810" => STREAMS,
        _ => return None,
    };
    let (name, effects, access, form) = table.iter().find(|(known, ..)| *known == name)?;
    Some((
        name,
        Operation {
            effects,
            access: *access,
            form: *form,
        },
    ))
}
