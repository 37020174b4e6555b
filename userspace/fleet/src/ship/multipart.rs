//! Large files in parts. What the store has of one is kept in a file, so that a daemon that was stopped goes on with the
//! next part.

use std::path::Path;

use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path as Key;
use object_store::{Error as StoreError, ObjectStoreExt as _, PutPayload};
use serde::{Deserialize, Serialize};

use super::local::Local;
use super::store::Store;
use super::{FailedPut, away};
use crate::stream::replace;

#[derive(Serialize, Deserialize)]
struct Upload {
    id: String,
    /// Of the whole file: another one of that name starts over.
    sha256: String,
    parts: Vec<String>,
}

pub(super) async fn send(store: &Store, key: &Key, local: &Local, state: &Path) -> Result<(), FailedPut> {
    // Completing an upload takes no condition everywhere: what is there is met before.
    match store.s3.head(key).await {
        Ok(_) => return Err(FailedPut::There),
        Err(StoreError::NotFound { .. }) => {}
        Err(error) => return Err(FailedPut::Other(away(error))),
    }
    let known = std::fs::read(state).ok();
    let known: Option<Upload> = known.and_then(|text| serde_json::from_slice(&text).ok());
    let mut upload = match known.filter(|upload| upload.sha256 == local.sha256) {
        Some(upload) => upload,
        None => Upload {
            id: store.s3.create_multipart(key).await?,
            sha256: local.sha256.clone(),
            parts: Vec::new(),
        },
    };
    let outcome = finish(store, key, local, state, &mut upload).await;
    if matches!(outcome, Err(FailedPut::Gone)) {
        // The store has forgotten the upload: the next try starts over.
        let _ = std::fs::remove_file(state);
    }
    outcome
}

async fn finish(
    store: &Store,
    key: &Key,
    local: &Local,
    state: &Path,
    upload: &mut Upload,
) -> Result<(), FailedPut> {
    for index in upload.parts.len()..local.parts() {
        let part = local.part(index).await.map_err(FailedPut::Other)?;
        let part = store
            .s3
            .put_part(key, &upload.id, index, PutPayload::from(part))
            .await?;
        upload.parts.push(part.content_id);
        let text = serde_json::to_vec(upload).unwrap_or_default();
        replace(state, &text).map_err(FailedPut::Other)?;
    }
    let parts = upload.parts.iter().map(|content_id| PartId {
        content_id: content_id.clone(),
    });
    store
        .s3
        .complete_multipart(key, &upload.id, parts.collect())
        .await?;
    let _ = std::fs::remove_file(state);
    Ok(())
}
