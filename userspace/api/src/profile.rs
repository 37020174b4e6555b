//! Which API a service speaks.

use std::str::FromStr;
use std::sync::Arc;

use crate::analysis::Analysis;
use crate::call::Call;
use crate::{dynamodb, kubernetes, mcp, openapi, plain, s3};

/// An API whose requests are understood.
#[derive(Clone, Debug, Default)]
pub enum Profile {
    /// Any HTTP: what the method says.
    #[default]
    Plain,
    /// Amazon S3 and what speaks like it (`aws-s3`).
    S3,
    /// Amazon DynamoDB and what speaks like it (`aws-dynamodb`).
    DynamoDb,
    /// The Kubernetes API (`kubernetes`).
    Kubernetes,
    /// Model Context Protocol over streamable HTTP (`mcp`).
    Mcp,
    /// An API that a document of the operator's describes (`openapi`).
    OpenApi(Arc<openapi::Document>),
}

/// A name that gives no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownProfile {
    /// There is none of this name.
    #[error(
        "no profile is called `{0}`; there are `plain`, `aws-s3`, `aws-dynamodb`, `kubernetes`, `mcp` and `openapi`"
    )]
    Name(String),
    /// It takes more than the name.
    #[error("the profile `openapi` needs the document that describes the API")]
    Document,
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        match name {
            "plain" => Ok(Self::Plain),
            "aws-s3" => Ok(Self::S3),
            "aws-dynamodb" => Ok(Self::DynamoDb),
            "kubernetes" => Ok(Self::Kubernetes),
            "mcp" => Ok(Self::Mcp),
            "openapi" => Err(UnknownProfile::Document),
            other => Err(UnknownProfile::Name(other.to_owned())),
        }
    }
}

impl Profile {
    /// The name that settings and the audit use.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::S3 => "aws-s3",
            Self::DynamoDb => "aws-dynamodb",
            Self::Kubernetes => "kubernetes",
            Self::Mcp => "mcp",
            Self::OpenApi(_) => "openapi",
        }
    }

    /// Whether the analysis needs the request's body. Asked before the body is read: [`Call::body`] is not looked at.
    /// Without a body that it needs, the analysis has a gap.
    pub fn needs_body(&self, call: &Call<'_>) -> bool {
        match self {
            Self::Plain | Self::Kubernetes | Self::OpenApi(_) => false,
            Self::S3 => s3::needs_body(call),
            Self::DynamoDb => true,
            Self::Mcp => mcp::needs_body(call),
        }
    }

    /// What the request does: at least one analysis.
    pub fn analyse(&self, call: &Call<'_>) -> Vec<Analysis> {
        match self {
            Self::Plain => vec![plain::analyse(call)],
            Self::S3 => vec![s3::analyse(call)],
            Self::DynamoDb => dynamodb::analyse(call),
            Self::Kubernetes => vec![kubernetes::analyse(call)],
            Self::Mcp => mcp::analyse(call),
            Self::OpenApi(document) => vec![document.analyse(call)],
        }
    }
}
