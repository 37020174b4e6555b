//! What other sessions notify: no statement of this session says where it comes from, so only what detectors find is masked.

use bytes::BytesMut;
use interdict_wire::postgres::backend::Message;

use super::Show;
use crate::output::Output;
use crate::postgres::Engine;

impl Engine {
    pub(super) fn notification(
        &mut self,
        process_id: u32,
        channel: &[u8],
        payload: &[u8],
        out: &mut Output,
    ) -> Show {
        let Some(detection) = self.session.effective.detection() else {
            return Show::Pass;
        };
        let mut found = 0;
        let mut shown = BytesMut::new();
        if !detection.redact(payload, &mut shown, |_| found += 1) {
            return Show::Pass;
        }
        self.session.totals.masked_cells += found;
        let message = Message::NotificationResponse {
            process_id,
            channel,
            payload: &shown,
        };
        if let Err(error) = message.write(&mut out.to_client) {
            self.desynchronised("proxy", &error, out);
        }
        Show::Hide
    }
}
