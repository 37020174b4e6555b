//! Several segments of one table and day as one: the same rows, hashes and numbers, in larger row groups.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;

use super::layout::Layout;
use super::{SCHEMA_VERSION, key, read};
use crate::table::Table;
use crate::{AuditError, arrow};

/// Writes the rows of these files, which are in the order of their numbers, to a new file. False, and no file: they can't be one, since
/// another version or another host wrote some of them.
pub(crate) fn merge(table: Table, files: &[PathBuf], to: &Path) -> Result<bool, AuditError> {
    let Some(facts) = facts(files)? else {
        return Ok(false);
    };
    let schema = arrow::schema(table);
    for file in files {
        if read::schema(file)?.fields() != schema.fields() {
            return Ok(false);
        }
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o640)
        .open(to)
        .map_err(AuditError::io("create", to))?;
    let properties = Layout::default().properties(table)?;
    let mut writer =
        ArrowWriter::try_new(file, schema, Some(properties)).map_err(AuditError::segment("create", to))?;
    for path in files {
        for group in 0..read::groups(path)? {
            let mut batches = read::Group::open(path, group)?;
            while let Some(batch) = batches.next()? {
                writer.write(&batch).map_err(AuditError::segment("write", to))?;
            }
        }
    }
    for (name, value) in facts {
        writer.append_key_value_metadata(KeyValue::new(name.to_owned(), value));
    }
    let file = writer.into_inner().map_err(AuditError::segment("finish", to))?;
    file.sync_all().map_err(AuditError::io("make durable", to))?;
    let mut links = Vec::new();
    for path in files {
        links.extend(read::chain(path)?);
    }
    if read::chain(to)? == links {
        return Ok(true);
    }
    let what = ParquetError::General("what was written does not read back".to_owned());
    Err(AuditError::segment("merge into", to)(what))
}

/// What the file will say of itself; `None`: the files don't agree.
fn facts(files: &[PathBuf]) -> Result<Option<Vec<(&'static str, String)>>, AuditError> {
    let mut all = Vec::with_capacity(files.len());
    for path in files {
        all.push(read::metadata(path)?);
    }
    let (Some((first, _)), Some((last, _))) = (all.first(), all.last()) else {
        return Ok(None);
    };
    let fact = |facts: &[(String, String)], name: &str| {
        let found = facts.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone())
    };
    let same = |name: &str| {
        let one = fact(first, name)?;
        all.iter()
            .all(|(facts, _)| fact(facts, name).as_ref() == Some(&one))
            .then_some(one)
    };
    let rows: i64 = all.iter().map(|(_, rows)| rows).sum();
    let found = [
        (
            key::SCHEMA,
            same(key::SCHEMA).filter(|version| version == SCHEMA_VERSION),
        ),
        (key::TABLE, same(key::TABLE)),
        (key::HOST, same(key::HOST)),
        (key::FIRST_SEQ, fact(first, key::FIRST_SEQ)),
        (key::LAST_SEQ, fact(last, key::LAST_SEQ)),
        (key::ROWS, Some(rows.to_string())),
        (key::FIRST_PREVIOUS_HASH, fact(first, key::FIRST_PREVIOUS_HASH)),
        (key::LAST_HASH, fact(last, key::LAST_HASH)),
    ];
    Ok(found
        .into_iter()
        .map(|(name, value)| Some((name, value?)))
        .collect())
}
