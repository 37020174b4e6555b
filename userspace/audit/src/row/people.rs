//! Rows of what people decide: approvals and grants.

use interdict_record::{ApprovalEvent, ApprovalShown, GrantEvent, RelationAccess};

use super::accesses;
use crate::grants::GrantUse;
use crate::value::Value;

/// `shown` is null but where people were shown it.
pub(crate) fn approval(host: &str, event: ApprovalEvent) -> Vec<Value> {
    let ApprovalEvent {
        at,
        event,
        approval_id,
        session_id,
        statement_id,
        service,
        identity,
        digest,
        fingerprint,
        policy,
        rule,
        mode,
        expires_at,
        shown,
        vote,
        people,
        uid,
        login_uid,
        via,
        reason,
        grant_id,
    } = event;
    let mut cells = vec![
        host.to_owned().into(),
        Value::Time(at),
        event.into(),
        approval_id.into(),
        session_id.into(),
        statement_id.into(),
        service.into(),
        identity.into(),
        digest.into(),
        fingerprint.into(),
        policy.into(),
        rule.into(),
        mode.into(),
        Value::time(expires_at),
    ];
    cells.extend(shown.map_or([const { Value::Null }; 23], |shown| shown_cells(*shown)));
    cells.extend([
        vote.into(),
        people.into(),
        uid.into(),
        login_uid.into(),
        via.into(),
        reason.into(),
        grant_id.into(),
    ]);
    cells
}

fn shown_cells(shown: ApprovalShown) -> [Value; 23] {
    let ApprovalShown {
        protocol,
        attestation,
        claims,
        workload,
        pid,
        process_uid,
        executable,
        command,
        ancestry,
        database,
        db_user,
        application,
        kind,
        statement,
        parameters,
        effects,
        relations,
        rows,
        bytes,
        plan,
        message,
        approvers,
        quorum,
    } = shown;
    [
        protocol.into(),
        attestation.into(),
        claims.into(),
        workload.into(),
        pid.into(),
        process_uid.into(),
        executable.into(),
        command.into(),
        ancestry.into(),
        database.into(),
        db_user.into(),
        application.into(),
        kind.into(),
        statement.into(),
        parameters.into(),
        effects.into(),
        accesses(relations),
        rows.into(),
        bytes.into(),
        plan.into(),
        message.into(),
        approvers.into(),
        quorum.into(),
    ]
}

/// `used`: where the grant has ended.
pub(crate) fn grant(host: &str, event: GrantEvent, used: Option<GrantUse>) -> Vec<Value> {
    let GrantEvent {
        at,
        event,
        grant_id,
        person,
        uid,
        login_uid,
        via,
        reason,
        ticket,
        identities,
        services,
        effects,
        relations,
        columns,
        row_limit,
        starts_at,
        ends_at,
        approval_id,
        break_glass,
    } = event;
    let mut cells = vec![
        host.to_owned().into(),
        Value::Time(at),
        event.into(),
        grant_id.into(),
        person.into(),
        uid.into(),
        login_uid.into(),
        via.into(),
        reason.into(),
        ticket.into(),
        identities.into(),
        services.into(),
        effects.into(),
        relations.into(),
        columns.into(),
        row_limit.into(),
        Value::Time(starts_at),
        Value::Time(ends_at),
        approval_id.into(),
        break_glass.into(),
    ];
    cells.extend(used.map_or([const { Value::Null }; 9], |used| {
        let GrantUse {
            statements,
            rows,
            bytes,
            first,
            last,
            effects,
            relations,
            columns,
            more,
        } = used;
        let relations = relations
            .into_iter()
            .map(|(name, access)| RelationAccess { name, access })
            .collect();
        [
            statements.into(),
            rows.into(),
            bytes.into(),
            Value::time(first),
            Value::time(last),
            effects.into_iter().collect::<Vec<_>>().into(),
            accesses(relations),
            columns.into_iter().collect::<Vec<_>>().into(),
            more.into(),
        ]
    }));
    cells
}
