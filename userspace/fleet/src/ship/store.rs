//! The object store: S3, or what speaks as it does.

use std::path::PathBuf;

use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::path::Path as Key;
use object_store::{Certificate, ClientOptions};

use crate::error::FleetError;
use crate::stream::Token;

/// Where segments go.
#[derive(Clone, Debug)]
pub struct ShipSettings {
    /// `s3://BUCKET/PREFIX`.
    pub to: String,
    /// Of a store that is not Amazon's.
    pub endpoint: Option<String>,
    /// Such as `eu-central-1`.
    pub region: Option<String>,
    /// `None`: what the environment gives (variables, web identity, the instance's role).
    pub keys: Option<Keys>,
    /// Roots to verify it with, instead of the system's.
    pub ca: Option<PathBuf>,
}

/// An access key.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Its name.
    pub access_key_id: String,
    /// The secret, read when the daemon starts.
    pub secret_access_key: Token,
}

pub(super) struct Store {
    pub(super) s3: AmazonS3,
    bucket: String,
    prefix: String,
}

impl Store {
    pub(super) fn new(settings: &ShipSettings) -> Result<Self, FleetError> {
        let wrong = || FleetError::Settings(format!("{}: expected s3://BUCKET/PREFIX", settings.to));
        let place = settings.to.strip_prefix("s3://").ok_or_else(wrong)?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() {
            return Err(wrong());
        }
        let mut options = ClientOptions::new();
        if let Some(ca) = &settings.ca {
            let pem = std::fs::read(ca).map_err(FleetError::io("read", ca))?;
            let roots = Certificate::from_pem_bundle(&pem).map_err(|error| {
                FleetError::Settings(format!("{} has no certificates: {error}", ca.display()))
            })?;
            for root in roots {
                options = options.with_root_certificate(root);
            }
        }
        let mut builder = match &settings.keys {
            None => AmazonS3Builder::from_env(),
            Some(keys) => AmazonS3Builder::new()
                .with_access_key_id(&keys.access_key_id)
                .with_secret_access_key(keys.secret_access_key.read()?),
        };
        builder = builder
            .with_bucket_name(bucket)
            .with_checksum_algorithm(Checksum::SHA256);
        if let Some(region) = &settings.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &settings.endpoint {
            options = options.with_allow_http(endpoint.starts_with("http://"));
            builder = builder.with_endpoint(endpoint);
        }
        let s3 = builder
            .with_client_options(options)
            .with_http_connector(super::digest::Digesting)
            .build()
            .map_err(|error| FleetError::Settings(format!("{}: {error}", settings.to)))?;
        Ok(Self {
            s3,
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
        })
    }

    pub(super) fn key(&self, inside: &str) -> Key {
        // Not encoded once more: `date=2026-03-01` stays what readers look for.
        let whole = format!("{}/{inside}", self.prefix);
        Key::parse(whole.trim_start_matches('/')).unwrap_or_else(|_| Key::from(whole))
    }

    pub(super) fn url(&self, key: &Key) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}
