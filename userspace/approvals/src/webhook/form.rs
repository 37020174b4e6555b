//! What is sent.

use serde_json::{Value, json};

use super::Form;
use crate::Approval;

/// Slack refuses longer texts of a section.
const LONGEST: usize = 2_500;

/// The body that tells of an approval. `event`: `requested` or `decided`.
pub(super) fn body(form: Form, event: &str, approval: &Approval) -> Value {
    match form {
        Form::Json => json!({ "version": 1, "event": event, "approval": approval }),
        Form::Slack if event == "requested" => requested(approval),
        Form::Slack => json!({ "text": decided(approval) }),
    }
}

fn decided(approval: &Approval) -> String {
    let votes = approval.votes.iter().map(|vote| {
        let said = if vote.approve { "approved" } else { "denied" };
        format!("{} {said} it: {}", vote.person.name, vote.reason)
    });
    let votes: Vec<String> = votes.collect();
    plain(&format!(
        "{} of {} is {}. {}",
        approval.id,
        approval.identity,
        approval.state.as_str(),
        votes.join("; ")
    ))
}

fn requested(approval: &Approval) -> Value {
    let relations: Vec<&str> = approval.relations.iter().map(|(name, _)| &**name).collect();
    let facts = format!(
        "*{}* asks {} ({})\n{}\neffects: {} · relations: {} · rule: {}",
        plain(&approval.identity),
        plain(&approval.service),
        plain(&approval.about.attestation),
        plain(&approval.message),
        plain(&approval.effects.join(", ")),
        plain(&relations.join(", ")),
        plain(approval.rule.as_deref().unwrap_or_default()),
    );
    let statement = format!("```{}```", plain(&approval.statement).replace("```", "'''"));
    let id = approval.id.to_string();
    let button = |action: &str, text: &str, style: &str| {
        json!({
            "type": "button",
            "action_id": action,
            "value": id,
            "style": style,
            "text": { "type": "plain_text", "text": text },
        })
    };
    json!({
        "text": format!("{} asks for approval", plain(&approval.identity)),
        "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "text": facts } },
            { "type": "section", "text": { "type": "mrkdwn", "text": statement } },
            {
                "type": "input",
                "block_id": "reason",
                "label": { "type": "plain_text", "text": "Reason" },
                "element": { "type": "plain_text_input", "action_id": "reason" },
            },
            {
                "type": "actions",
                "elements": [button("approve", "Approve", "primary"), button("deny", "Deny", "danger")],
            },
        ],
    })
}

/// Without what Slack would read as markup of its own, and not too long.
fn plain(text: &str) -> String {
    let mut text: String = text.chars().take(LONGEST).collect();
    for (sign, name) in [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;")] {
        text = text.replace(sign, name);
    }
    text
}
