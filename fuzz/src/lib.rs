//! What several targets use: visiting everything that a message offers.

use std::sync::{Arc, LazyLock};

use bytes::BytesMut;
use interdict_masking::body::{Body, BodyError, BodyPlan, Kind, Limits, Tally};
use interdict_masking::{Detection, Detector, Mask};
use interdict_wire::postgres::{Values, backend, frontend};

/// Reads every field of a frontend message.
pub fn visit_frontend(message: frontend::Message<'_>) {
    use frontend::Message;
    match message {
        Message::Parse(parse) => {
            assert_eq!(parse.parameter_types.iter().count(), parse.parameter_types.len())
        }
        Message::Bind(bind) => {
            visit_values(bind.parameters);
            assert_eq!(
                bind.parameter_formats.iter().count(),
                bind.parameter_formats.len()
            );
            assert_eq!(bind.result_formats.iter().count(), bind.result_formats.len());
        }
        Message::FunctionCall(call) => visit_values(call.arguments),
        Message::Password(password) => {
            let _ = (password.password(), password.sasl_initial());
        }
        _ => {}
    }
}

/// Reads every field of a backend message.
pub fn visit_backend(message: backend::Message<'_>) {
    use backend::{Authentication, Message};
    match message {
        Message::Authentication(Authentication::Sasl(mechanisms)) => {
            assert!(mechanisms.iter().all(|name| !name.is_empty()));
        }
        Message::RowDescription(columns) => assert_eq!(columns.iter().count(), columns.len()),
        Message::DataRow(row) => {
            assert_eq!(row.iter().count(), row.len());
            let end = row.located().fold(0, |end, cell| {
                assert_eq!(cell.range.start, end);
                assert_eq!(cell.range.len(), 4 + cell.value.map_or(0, <[u8]>::len));
                cell.range.end
            });
            assert_eq!(end, row.encoded().len());
        }
        Message::CommandComplete(tag) => {
            let _ = backend::affected_rows(tag);
        }
        Message::ErrorResponse(fields) | Message::NoticeResponse(fields) => {
            assert!(
                fields
                    .iter()
                    .all(|(code, value)| code != 0 && !value.contains(&0))
            );
        }
        Message::ParameterDescription(types) => assert_eq!(types.iter().count(), types.len()),
        Message::NegotiateProtocolVersion(negotiate) => {
            assert_eq!(negotiate.options.iter().count(), negotiate.options.len());
        }
        _ => {}
    }
}

fn visit_values(values: Values<'_>) {
    assert_eq!(values.iter().count(), values.len());
    assert_eq!(
        values.located().last().map_or(0, |value| value.range.end),
        values.encoded().len()
    );
}

/// Two pieces of a body as one.
pub fn joined(data: &bytes::Bytes, more: &bytes::Bytes) -> bytes::Bytes {
    [&data[..], &more[..]].concat().into()
}

static DETECTION: LazyLock<Arc<Detection>> = LazyLock::new(|| {
    let detectors = [
        Detector::UsSsn,
        Detector::Email,
        Detector::CreditCard,
        Detector::Url,
    ];
    Arc::new(Detection::new(&detectors.map(|detector| (detector.into(), Mask::Redact))).unwrap())
});

/// A plan of these masks, and detectors.
pub fn plan(masks: &[(&str, Mask)], detects: bool) -> Arc<BodyPlan> {
    let mut plan = BodyPlan::builder();
    for (selector, mask) in masks {
        plan = plan.mask(selector, mask.clone(), *selector).unwrap();
    }
    if detects {
        plan = plan.detect(Arc::clone(&DETECTION));
    }
    Arc::new(plan.build())
}

/// What goes on of a body in pieces of so many bytes, or in one.
pub fn body(kind: &Kind, plan: &Arc<BodyPlan>, bytes: &[u8], size: u8) -> Result<Vec<u8>, BodyError> {
    let limits = Limits {
        value: 200,
        depth: 32,
        line: 300,
        window: 64,
    };
    let mut body = Body::new(kind.clone(), Arc::clone(plan), limits);
    let (mut out, mut tally) = (BytesMut::new(), Tally::default());
    let size = if size == 0 {
        bytes.len().max(1)
    } else {
        usize::from(size)
    };
    for piece in bytes.chunks(size) {
        body.push(piece, &mut out, &mut tally)?;
    }
    body.finish(&mut out, &mut tally)?;
    Ok(out.to_vec())
}
