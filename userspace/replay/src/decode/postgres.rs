//! PostgreSQL's messages to a client.

mod binary;

use std::fmt::Write as _;

use interdict_wire::postgres::backend::{Message, RowDescription, parse};
use interdict_wire::postgres::{Format, Header};

use super::{Shown, Table, cell};

#[derive(Clone, Debug)]
struct Column {
    label: String,
    type_oid: u32,
    /// What the description says; before a Bind it can't know.
    format: Format,
}

#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
    /// A message has come: before that, single bytes answer requests for encryption.
    spoken: bool,
    /// What is told of the rows that come.
    columns: Option<Vec<Column>>,
    /// All that were described, for statements that are executed again without.
    described: Vec<Vec<Column>>,
    labels: Vec<String>,
    table: Option<Table>,
    shown: Vec<Shown>,
}

impl Decoder {
    pub(super) fn begin(&mut self, labels: Vec<String>) {
        self.labels = labels;
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        if !self.spoken {
            while matches!(self.buffer.first(), Some(b'N' | b'S')) {
                let answer = self.buffer.remove(0);
                let what = if answer == b'S' {
                    "accepted"
                } else {
                    "not accepted"
                };
                self.shown
                    .push(Shown::Note(format!("request for encryption {what}")));
            }
            self.spoken = !self.buffer.is_empty();
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut at = 0;
        while let Ok(Some(header)) = Header::peek(buffer.get(at..).unwrap_or_default()) {
            let Some(message) = buffer.get(at..at.saturating_add(header.total())) else {
                break;
            };
            at += header.total();
            let body = message.get(Header::SIZE..).unwrap_or_default();
            match parse(header.tag, body) {
                Ok(message) => self.message(message),
                Err(_) => self.shown.push(Shown::Bytes(header.total() as u64)),
            }
        }
        buffer.drain(..at);
        self.buffer = buffer;
    }

    fn message(&mut self, message: Message<'_>) {
        match message {
            Message::RowDescription(description) => self.describe(description),
            Message::DataRow(row) => {
                if self
                    .columns
                    .as_ref()
                    .is_none_or(|columns| columns.len() != row.len())
                {
                    self.columns = Some(self.guess(row.len()));
                }
                let columns = self.columns.as_deref().unwrap_or_default();
                let cells = row
                    .into_iter()
                    .zip(columns)
                    .map(|(value, column)| value.map(|value| text(value, column)))
                    .collect();
                let labels = || columns.iter().map(|column| column.label.clone()).collect();
                self.table
                    .get_or_insert_with(|| Table {
                        columns: labels(),
                        ..Table::default()
                    })
                    .push(cells);
            }
            Message::CommandComplete(tag) => {
                // A result without rows is one all the same.
                if self.table.is_none() && tag.starts_with(b"SELECT") {
                    let labels = self.columns.iter().flatten().map(|column| column.label.clone());
                    self.table = Some(Table {
                        columns: labels.collect(),
                        ..Table::default()
                    });
                }
                self.end_table();
                self.columns = None;
                self.shown.push(Shown::Done(cell(tag)));
            }
            Message::PortalSuspended => {
                self.end_table();
                self.shown
                    .push(Shown::Done("portal suspended: more rows to fetch".to_owned()));
            }
            Message::CopyData(data) => self
                .table
                .get_or_insert_with(|| Table {
                    columns: vec!["COPY".to_owned()],
                    ..Table::default()
                })
                .push(vec![Some(cell(data.strip_suffix(b"\n").unwrap_or(data)))]),
            Message::CopyDone => self.end_table(),
            Message::ErrorResponse(fields) => {
                self.end_table();
                self.shown.push(Shown::Error(said(
                    fields.severity(),
                    fields.code(),
                    fields.message(),
                    fields.get(b'D'),
                    fields.get(b'H'),
                )));
            }
            Message::NoticeResponse(fields) => self.shown.push(Shown::Note(said(
                fields.severity(),
                fields.code(),
                fields.message(),
                fields.get(b'D'),
                fields.get(b'H'),
            ))),
            Message::NotificationResponse { channel, payload, .. } => self.shown.push(Shown::Note(format!(
                "notification on {}: {}",
                cell(channel),
                cell(payload)
            ))),
            Message::EmptyQueryResponse => self.shown.push(Shown::Done("empty query".to_owned())),
            Message::FunctionCallResponse(value) => {
                let value = value.map_or_else(|| "NULL".to_owned(), cell);
                self.shown.push(Shown::Done(format!("function call: {value}")));
            }
            // The small change of the protocol, and logins: nothing that a person would have seen.
            _ => {}
        }
    }

    fn describe(&mut self, description: RowDescription<'_>) {
        let columns: Vec<Column> = description
            .iter()
            .map(|field| Column {
                label: cell(field.name),
                type_oid: field.type_oid,
                format: field.format,
            })
            .collect();
        let labels = |columns: &[Column]| {
            columns
                .iter()
                .map(|column| column.label.clone())
                .collect::<Vec<_>>()
        };
        let new = labels(&columns);
        self.described.retain(|known| labels(known) != new);
        self.described.push(columns.clone());
        self.columns = Some(columns);
    }

    /// What rows are that nothing was said of just now: those of the same names as the statement's, described earlier.
    fn guess(&self, count: usize) -> Vec<Column> {
        let named = |columns: &&Vec<Column>| {
            columns.len() == count && columns.iter().map(|column| &column.label).eq(&self.labels)
        };
        if let Some(known) = self.described.iter().rev().find(named) {
            return known.clone();
        }
        (0..count)
            .map(|index| Column {
                label: self
                    .labels
                    .get(index)
                    .cloned()
                    .unwrap_or_else(|| format!("column {}", index + 1)),
                type_oid: 0,
                format: Format::Text,
            })
            .collect()
    }

    fn end_table(&mut self) {
        if let Some(table) = self.table.take() {
            self.shown.push(Shown::Table(table));
        }
    }

    pub(super) fn missing(&mut self, missing: Shown) {
        self.end_table();
        self.buffer.clear();
        self.columns = None;
        self.shown.push(missing);
    }

    pub(super) fn shown(&mut self) -> Vec<Shown> {
        self.end_table();
        std::mem::take(&mut self.shown)
    }
}

/// A cell as text. What is described before a Bind says text of what comes in binary.
fn text(value: &[u8], column: &Column) -> String {
    if column.format == Format::Binary {
        return binary::text(column.type_oid, value).unwrap_or_else(|| cell(value));
    }
    let readable = std::str::from_utf8(value).is_ok_and(|text| {
        !text
            .chars()
            .any(|letter| letter.is_control() && !letter.is_whitespace())
    });
    if readable {
        return cell(value);
    }
    binary::text(column.type_oid, value).unwrap_or_else(|| cell(value))
}

fn said(
    severity: Option<&[u8]>,
    code: Option<&[u8]>,
    message: Option<&[u8]>,
    detail: Option<&[u8]>,
    hint: Option<&[u8]>,
) -> String {
    let word = |value: Option<&[u8]>| value.map(cell).unwrap_or_default();
    let mut text = format!("{} {}: {}", word(severity), word(code), word(message));
    for (name, value) in [("detail", detail), ("hint", hint)] {
        if let Some(value) = value {
            let _ = write!(text, "\n{name}: {}", cell(value));
        }
    }
    text
}
