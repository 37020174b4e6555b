//! Statements that the client prepared by the protocol.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use bytes::Bytes;
use interdict_sql::Analysis;
use interdict_wire::WireError;
use interdict_wire::mysql::Capabilities;
use interdict_wire::mysql::command::{BulkExecute, Execute, Parameter, ParameterValue};
use interdict_wire::mysql::values::{Kind, Value};

use super::result::Plan;
use crate::session::RECORDED_PARAMETER;

/// A prepared statement.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) analysis: Arc<Analysis>,
    pub(super) text: Bytes,
    parameters: u16,
    /// The types that its last execution sent.
    kinds: Vec<Kind>,
    /// What was sent ahead of parameters, as much as is recorded.
    long: HashMap<u16, Vec<u8>, RandomState>,
    /// How the rows of its cursor are shown.
    pub(super) cursor: Option<Arc<Plan>>,
}

impl Prepared {
    pub(super) fn new(analysis: Arc<Analysis>, text: Bytes, parameters: u16) -> Self {
        Self {
            analysis,
            text,
            parameters,
            kinds: Vec::new(),
            long: HashMap::default(),
            cursor: None,
        }
    }

    /// The server says how many parameters it has.
    pub(super) fn with_parameters(self, parameters: u16) -> Self {
        Self { parameters, ..self }
    }

    /// The parameters of an execution as text.
    pub(super) fn parameters(
        &self,
        execute: &Execute<'_>,
        capabilities: Capabilities,
    ) -> Result<(Vec<Kind>, Vec<Option<String>>), WireError> {
        let is_long = |index: usize| u16::try_from(index).is_ok_and(|index| self.long.contains_key(&index));
        let found = execute.parameters(capabilities, self.parameters, &self.kinds, is_long)?;
        let own = found.get(..usize::from(self.parameters)).unwrap_or(&found);
        let kinds = own.iter().map(|parameter| parameter.kind).collect();
        let values = own
            .iter()
            .enumerate()
            .map(|(index, parameter)| self.text(index, parameter))
            .collect();
        Ok((kinds, values))
    }

    /// The parameters of an execution for many rows, one after another.
    pub(super) fn bulk(
        &self,
        execute: &BulkExecute<'_>,
    ) -> Result<(Vec<Kind>, Vec<Option<String>>), WireError> {
        let rows = execute.rows(self.parameters, &self.kinds)?;
        let kinds = rows.kinds().to_vec();
        let mut values = Vec::new();
        for row in rows {
            let row = row?;
            values.extend(row.iter().map(|parameter| self.text(usize::MAX, parameter)));
        }
        Ok((kinds, values))
    }

    fn text(&self, index: usize, parameter: &Parameter<'_>) -> Option<String> {
        match parameter.value {
            ParameterValue::Value(Value::Bytes(bytes)) => Some(clipped(bytes)),
            ParameterValue::Value(value) => {
                let mut text = bytes::BytesMut::new();
                value
                    .write_text(parameter.kind, &mut text)
                    .then(|| clipped(&text))
            }
            ParameterValue::LongData => {
                let index = u16::try_from(index).ok()?;
                self.long.get(&index).map(|bytes| clipped(bytes))
            }
            ParameterValue::Default | ParameterValue::Ignore | ParameterValue::IgnoreRow => None,
        }
    }
}

fn clipped(bytes: &[u8]) -> String {
    String::from_utf8_lossy(
        bytes
            .get(..bytes.len().min(RECORDED_PARAMETER))
            .unwrap_or_default(),
    )
    .into_owned()
}

/// All that a session has prepared.
#[derive(Default)]
pub(super) struct Statements {
    by_number: HashMap<u32, Prepared, RandomState>,
    last: u32,
}

impl Statements {
    pub(super) fn insert(&mut self, number: u32, prepared: Prepared) {
        self.last = number;
        self.by_number.insert(number, prepared);
    }

    /// The statement of that number; MariaDB's clients may mean the last one.
    pub(super) fn get(&self, number: u32) -> Option<&Prepared> {
        self.by_number.get(&self.number(number))
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Prepared> {
        self.by_number.get_mut(&self.number(number))
    }

    const fn number(&self, number: u32) -> u32 {
        if number == Execute::LAST {
            self.last
        } else {
            number
        }
    }

    pub(super) fn remove(&mut self, number: u32) {
        self.by_number.remove(&number);
    }

    pub(super) fn clear(&mut self) {
        self.by_number.clear();
    }

    /// Part of a parameter's value.
    pub(super) fn long_data(&mut self, number: u32, parameter: u16, data: &[u8]) {
        if let Some(prepared) = self.get_mut(number) {
            let kept = prepared.long.entry(parameter).or_default();
            let room = RECORDED_PARAMETER.saturating_sub(kept.len());
            kept.extend_from_slice(data.get(..data.len().min(room)).unwrap_or_default());
        }
    }

    /// Types that an execution sent, which the next need not send; what was sent ahead is used up.
    pub(super) fn executed(&mut self, number: u32, kinds: Vec<Kind>) {
        if let Some(prepared) = self.get_mut(number) {
            prepared.kinds = kinds;
            prepared.long.clear();
        }
    }

    /// What was sent ahead is forgotten, and a cursor closed.
    pub(super) fn reset(&mut self, number: u32) {
        if let Some(prepared) = self.get_mut(number) {
            prepared.long.clear();
            prepared.cursor = None;
        }
    }
}
