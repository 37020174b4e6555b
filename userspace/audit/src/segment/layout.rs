//! How segments are laid out: compression, encodings, row groups, what helps readers skip. Chosen by measurement, see
//! "How it was measured" in `docs/analysts.md`.

use std::path::Path;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::AuditError;
use crate::table::Table;
use crate::value::Kind;

/// What was tried against something else.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Of zstd.
    pub(crate) level: i32,
    /// Bounds of a row group, which is what is held in memory for a file that is being built.
    pub(crate) group_rows: usize,
    pub(crate) group_bytes: usize,
    /// Bytes of a column's dictionary, above which its values are written out.
    pub(crate) dictionary: usize,
    /// Columns with a bloom filter.
    pub(crate) bloom: &'static [&'static str],
    /// Least and greatest values of every page, and where each begins.
    pub(crate) pages: bool,
}

/// Bytes of a row group of `frames`.
const FRAMES: usize = 8 << 20;

impl Default for Layout {
    fn default() -> Self {
        Self {
            level: 3,
            group_rows: 128 * 1024,
            group_bytes: 32 << 20,
            dictionary: 4 << 20,
            bloom: &["session_id", "identity", "fingerprint"],
            pages: true,
        }
    }
}

impl Layout {
    /// Zstd over dictionaries, except where every value differs.
    pub(super) fn properties(&self, table: Table) -> Result<WriterProperties, AuditError> {
        let level =
            ZstdLevel::try_new(self.level).map_err(AuditError::segment("set up", Path::new(table.name())))?;
        let statistics = if self.pages {
            EnabledStatistics::Page
        } else {
            EnabledStatistics::Chunk
        };
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("interdict ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(level))
            .set_max_row_group_row_count(Some(self.group_rows))
            .set_max_row_group_bytes(Some(match table {
                // Nobody looks through what was shown for all sessions at once, and it is what fills memory.
                Table::Frames => self.group_bytes.min(FRAMES),
                _ => self.group_bytes,
            }))
            .set_dictionary_page_size_limit(self.dictionary)
            .set_statistics_enabled(statistics);
        for column in table.columns() {
            let path = ColumnPath::from(column.name);
            properties = match (column.name, &column.kind) {
                ("previous_hash" | "hash", _) => properties
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_statistics_enabled(path, EnabledStatistics::None),
                ("statement_id" | "digest", _) | (_, Kind::Bytes(_)) => {
                    properties.set_column_dictionary_enabled(path, false)
                }
                (_, Kind::Blob) => properties
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_statistics_enabled(path, EnabledStatistics::None),
                ("seq" | "ordinal", _) | (_, Kind::Time) => properties
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
                _ => properties,
            };
            if self.bloom.contains(&column.name) {
                properties = properties.set_column_bloom_filter_enabled(ColumnPath::from(column.name), true);
            }
        }
        Ok(properties.build())
    }
}
