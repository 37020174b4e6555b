//! Parameters of the extended protocol, as they are judged and recorded.

use interdict_wire::postgres::{Format, format_at, frontend};

use super::names::Portal;
use crate::session::RECORDED_PARAMETER;

/// A portal's parameters as text: text ones as they are, binary ones of the common types decoded, others in hexadecimal.
pub(crate) fn parameters(portal: &Portal) -> Vec<Option<String>> {
    let Ok(frontend::Message::Bind(bind)) = frontend::parse(b'B', &portal.bind) else {
        return Vec::new();
    };
    let count = bind.parameters.len();
    let formats: Vec<Format> = bind.parameter_formats.iter().collect();
    bind.parameters
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let value = value?;
            let value = value
                .get(..value.len().min(RECORDED_PARAMETER))
                .unwrap_or_default();
            if format_at(&formats, index, count).unwrap_or_default() == Format::Text {
                return Some(String::from_utf8_lossy(value).into_owned());
            }
            let oid = portal
                .statement
                .parameter_types
                .get(index)
                .copied()
                .unwrap_or_default();
            Some(binary(oid, value))
        })
        .collect()
}

fn binary(oid: u32, value: &[u8]) -> String {
    match (oid, value.len()) {
        (16, 1) => (value != [0]).to_string(),
        (21, _) => value
            .try_into()
            .map(i16::from_be_bytes)
            .map_or_else(|_| hex(value), |number| number.to_string()),
        (23 | 26, _) => value
            .try_into()
            .map(i32::from_be_bytes)
            .map_or_else(|_| hex(value), |number| number.to_string()),
        (20, _) => value
            .try_into()
            .map(i64::from_be_bytes)
            .map_or_else(|_| hex(value), |number| number.to_string()),
        (25 | 1043 | 1042 | 19 | 114, _) => String::from_utf8_lossy(value).into_owned(),
        _ => hex(value),
    }
}

fn hex(value: &[u8]) -> String {
    format!("\\x{}", hex::encode(value))
}
