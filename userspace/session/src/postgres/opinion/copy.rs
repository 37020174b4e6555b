//! COPY rows before a second opinion: fields of text and CSV.

use std::sync::Arc;

use bytes::BytesMut;
use interdict_masking::Detection;
use interdict_masking::postgres::copy::{Change, Column, CopyError, Layout, Rewriter, Treatment};
use interdict_sql::{Copy, CopyFormat};

/// The same stream of rows twice: ahead, to learn what to ask, and behind, to show what was answered.
#[derive(Debug)]
pub(in crate::postgres) struct CopyAsked {
    ahead: Rewriter,
    behind: Rewriter,
}

impl CopyAsked {
    /// Of columns without a mask; those of an unknown type are taken for text. A field of more than `limit` bytes ends
    /// the COPY.
    pub(super) fn new(
        layout: &Layout,
        mut columns: Vec<Column>,
        detection: &Arc<Detection>,
        limit: usize,
    ) -> Self {
        for column in &mut columns {
            column.read = false;
            column.treatment = match column.treatment {
                Treatment::Pass | Treatment::Search => Treatment::Search,
                Treatment::Mask(_) | Treatment::Blank => Treatment::Pass,
            };
        }
        let rewriter = || {
            Rewriter::new(
                layout.clone(),
                columns.clone(),
                Some(Arc::clone(detection)),
                limit,
            )
        };
        Self {
            ahead: rewriter(),
            behind: rewriter(),
        }
    }

    pub(super) fn look(&mut self, data: &[u8]) -> Result<(), CopyError> {
        self.ahead.push(data, &mut BytesMut::new(), |_, _| {})
    }

    /// The number of fields that were changed.
    pub(super) fn rewrite(
        &mut self,
        data: &[u8],
        out: &mut BytesMut,
        on_hit: &mut dyn FnMut(&str),
    ) -> Result<u64, CopyError> {
        let mut last = None;
        let mut changed = 0;
        self.behind.push(data, out, |column, change| {
            if last.replace(column) != Some(column) {
                changed += 1;
            }
            if let Change::Detected(name) = change {
                on_hit(name);
            }
        })?;
        Ok(changed)
    }

    pub(super) fn finish(&self) -> Result<(), CopyError> {
        self.behind.finish()
    }
}

/// The form of a COPY's rows; `None` if fields can't be told apart here.
pub(in crate::postgres) fn layout(copy: &Copy) -> Option<Layout> {
    let byte = |name: &str, otherwise: u8| match copy.option(name).map(str::as_bytes) {
        None => Some(otherwise),
        Some([byte]) => Some(*byte),
        Some(_) => None,
    };
    let null = |otherwise: &str| copy.option("null").unwrap_or(otherwise).as_bytes().to_vec();
    let header = match copy.options.iter().find(|(name, _)| name == "header") {
        None => false,
        Some((_, value)) => match value.as_deref() {
            None | Some("true" | "on" | "1") => true,
            Some("false" | "off" | "0") => false,
            Some(_) => return None,
        },
    };
    // In some encodings a byte of ASCII may be part of another character.
    if copy
        .option("encoding")
        .is_some_and(|encoding| !matches!(encoding.to_ascii_lowercase().as_str(), "utf8" | "utf-8"))
    {
        return None;
    }
    match copy.format()? {
        CopyFormat::Text => Some(Layout::Text {
            delimiter: byte("delimiter", b'\t')?,
            null: null("\\N"),
            header,
        }),
        CopyFormat::Csv => {
            let quote = byte("quote", b'"')?;
            Some(Layout::Csv {
                delimiter: byte("delimiter", b',')?,
                quote,
                escape: byte("escape", quote)?,
                null: null(""),
                header,
            })
        }
        CopyFormat::Binary => Some(Layout::Binary),
    }
}
