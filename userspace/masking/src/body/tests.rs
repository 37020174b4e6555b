//! What goes on of bodies in every cut.

use bytes::BytesMut;

use super::*;
use crate::{Detection, Detector, fixtures};

mod csv;
mod event_stream;
mod form;
mod json;
mod memory;
mod multipart;
mod properties;
mod text;
mod xml;

pub(super) fn last_four() -> Mask {
    Mask::Partial {
        keep_first: 0,
        keep_last: 4,
    }
}

/// Detectors as a policy for clinical data would name them.
pub(super) fn detection() -> Arc<Detection> {
    let detectors = [
        Detector::UsSsn,
        Detector::Email,
        Detector::Phone,
        Detector::CreditCard,
        Detector::Mrn,
        Detector::Url,
    ];
    Arc::new(Detection::new(&detectors.map(|detector| (detector.into(), Mask::Redact))).unwrap())
}

pub(super) fn detecting() -> Arc<BodyPlan> {
    Arc::new(BodyPlan::builder().detect(detection()).build())
}

pub(super) fn masking(masks: &[(&str, Mask)]) -> Arc<BodyPlan> {
    let builder = masks
        .iter()
        .fold(BodyPlan::builder(), |builder, (selector, mask)| {
            builder.mask(selector, mask.clone(), *selector).unwrap()
        });
    Arc::new(builder.build())
}

/// Masks and detectors.
pub(super) fn both(masks: &[(&str, Mask)]) -> Arc<BodyPlan> {
    let builder = BodyPlan::builder().detect(detection());
    let builder = masks.iter().fold(builder, |builder, (selector, mask)| {
        builder.mask(selector, mask.clone(), *selector).unwrap()
    });
    Arc::new(builder.build())
}

pub(super) fn everything() -> Arc<BodyPlan> {
    Arc::new(BodyPlan::builder().everything(true).build())
}

pub(super) fn in_pieces<'a>(
    kind: &Kind,
    plan: &Arc<BodyPlan>,
    limits: Limits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Vec<u8>, Tally), BodyError> {
    let mut body = Body::new(kind.clone(), Arc::clone(plan), limits);
    let (mut out, mut tally) = (BytesMut::new(), Tally::default());
    for piece in pieces {
        body.push(piece, &mut out, &mut tally)?;
    }
    body.finish(&mut out, &mut tally)?;
    Ok((out.to_vec(), tally))
}

/// In one piece, and the same in every cut into two, into three if it is short, and byte by byte.
pub(super) fn masked(
    kind: &Kind,
    plan: &Arc<BodyPlan>,
    limits: Limits,
    body: &[u8],
) -> Result<String, String> {
    let show = |result: Result<(Vec<u8>, Tally), BodyError>| {
        result
            .map(|(out, tally)| (String::from_utf8_lossy(&out).into_owned(), tally))
            // Where a fault is seen depends on the cut.
            .map_err(|error| match error {
                BodyError::Malformed { what, .. } => what.to_owned(),
                other => other.to_string(),
            })
    };
    let whole = show(in_pieces(kind, plan, limits, [body]));
    for first in 0..=body.len() {
        let seconds = if body.len() <= 130 {
            first..=body.len()
        } else {
            first..=first
        };
        for second in seconds {
            let pieces = [&body[..first], &body[first..second], &body[second..]];
            let cut = show(in_pieces(kind, plan, limits, pieces));
            assert_eq!(cut, whole, "cut at {first} and {second}");
        }
    }
    let bytes = show(in_pieces(kind, plan, limits, body.chunks(1)));
    assert_eq!(bytes, whole, "byte by byte");
    whole.map(|(out, _)| out)
}

pub(super) fn shown(kind: &Kind, plan: &Arc<BodyPlan>, body: &str) -> String {
    masked(kind, plan, Limits::default(), body.as_bytes()).unwrap()
}

pub(super) fn refused(kind: &Kind, plan: &Arc<BodyPlan>, body: &[u8]) -> String {
    masked(kind, plan, Limits::default(), body).unwrap_err()
}

#[test]
fn a_plan_that_does_nothing_lets_everything_pass() {
    let plan = Arc::new(BodyPlan::builder().detect(Arc::default()).build());
    assert!(plan.is_empty());
    for kind in [Kind::Json, Kind::EventStream, Kind::Csv { delimiter: None }] {
        assert_eq!(shown(&kind, &plan, "{\"a\": nonsense\r"), "{\"a\": nonsense\r");
    }
    assert!(plan.accepts(Some("utf-16")));
    assert!(!detecting().accepts(Some("utf-16")));
    assert!(detecting().accepts(Some("UTF-8")) && detecting().accepts(None));
}

#[test]
fn utf_16_is_refused() {
    for kind in [Kind::Text, Kind::Xml] {
        let error = refused(&kind, &detecting(), b"\xff\xfes\0s\0n\0");
        assert_eq!(error, BodyError::Charset.to_string());
    }
}
