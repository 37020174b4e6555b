//! Approvals and grants, as people reach them over the admin socket.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use interdict_approvals::{Approval, Desk, Person, Refused, Say, Store};
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

use crate::admin::{self, Peer, Refusal, RefusalKind, Request, Response};

/// Characters of a statement in a list; the whole is shown with the one.
const LISTED: usize = 1_000;
/// The longest grant that comes of an approval: more is for those who mint grants.
const LONGEST_GRANT: Duration = Duration::from_hours(24);

/// The desk, the grants, and who may do what.
pub(super) struct Office {
    pub(super) desk: Arc<Desk>,
    pub(super) grants: Arc<Store>,
    grantors: Vec<String>,
}

impl Office {
    pub(super) fn new(desk: Arc<Desk>, grants: Arc<Store>, grantors: &[String]) -> Self {
        Self {
            desk,
            grants,
            grantors: grantors.to_vec(),
        }
    }

    /// What a person must look at.
    pub(super) fn attention(&self) -> Vec<String> {
        self.grants.attention()
    }

    /// Statements that wait for people.
    pub(super) fn pending(&self) -> u64 {
        self.desk.pending() as u64
    }

    /// `programs`: where the kernel's side is on, which knows who runs in a workload.
    pub(super) async fn serve(
        &self,
        peer: &Peer,
        programs: Option<Arc<interdict_kernel::Kernel>>,
        request: Request,
    ) -> Result<Response, Refusal> {
        let person = person(peer, programs).await?;
        match request {
            Request::Approvals { past } => {
                let all = self.desk.list(past).into_iter();
                let approvals = all.filter(|one| may_see(one, &person)).map(shortened);
                Ok(Response::Approvals {
                    approvals: approvals.collect(),
                })
            }
            Request::Approval { id } => {
                let approval = self.desk.find(&id).map_err(|refused| refusal(&refused))?;
                check_sight(&approval, &person)?;
                Ok(answer(approval, &person))
            }
            Request::Decide {
                id,
                approve,
                reason,
                grant_seconds,
            } => {
                // Who may not see it learns no more than that.
                check_sight(
                    &self.desk.find(&id).map_err(|refused| refusal(&refused))?,
                    &person,
                )?;
                let say = Say {
                    approve,
                    reason,
                    grant: grant_seconds.map(Duration::from_secs),
                };
                check_grant(&say)?;
                tracing::info!(%peer, approval = id, approve, "somebody decides");
                let approval = self
                    .desk
                    .say(&id, &person, say)
                    .await
                    .map_err(|refused| refusal(&refused))?;
                Ok(answer((*approval).clone(), &person))
            }
            other => self.grants(&person, other).await,
        }
    }

    async fn grants(&self, person: &Person, request: Request) -> Result<Response, Refusal> {
        if !person.operator && !person.is_named_by(&self.grantors) {
            let what = format!(
                "{} may not see, mint, revoke or review grants: only root, the daemon's own user and those that `admin.grantors` \
                 names may",
                person.name
            );
            return Err(Refusal::new(RefusalKind::NotPermitted, what));
        }
        let grant = match request {
            Request::Grants { all } => {
                let grants = self.grants.list(all).await;
                return Ok(Response::Grants { grants });
            }
            Request::GrantCreate { grant } => self.grants.create(grant, person).await,
            Request::GrantRevoke { id, reason } => self.grants.revoke(&id, person, &reason).await,
            Request::GrantReview { id, reason } => self.grants.review(&id, person, &reason).await,
            other => {
                let what = format!("{} is not about people", other.name());
                return Err(Refusal::new(RefusalKind::Failed, what));
            }
        };
        let grant = Box::new(grant.map_err(|refused| refusal(&refused))?);
        Ok(Response::Grant { grant })
    }
}

/// The longest grant that comes of an approval, or why it is too long.
pub(super) fn check_grant(say: &Say) -> Result<(), Refusal> {
    if say.grant.is_none_or(|grant| grant <= LONGEST_GRANT) {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalKind::Invalid,
        "a grant that comes of an approval lasts a day at most: see `interdict grants create`",
    ))
}

/// What a list shows of one: statements can be long, and ten thousand of them longer.
fn shortened(mut approval: Approval) -> Approval {
    if let Some((at, _)) = approval.statement.char_indices().nth(LISTED) {
        approval.statement.truncate(at);
        approval.statement.push('…');
        approval.parameters.clear();
    }
    approval.plan = None;
    approval
}

/// Operators see everything, others what they are named for.
fn may_see(approval: &Approval, person: &Person) -> bool {
    person.operator || person.is_named_by(&approval.approvers)
}

fn check_sight(approval: &Approval, person: &Person) -> Result<(), Refusal> {
    if may_see(approval, person) {
        return Ok(());
    }
    let what = format!("{} is none of those who may decide about it", person.name);
    Err(Refusal::new(RefusalKind::NotPermitted, what))
}

fn answer(approval: Approval, person: &Person) -> Response {
    Response::Approval {
        objection: approval.objection(person),
        approval: Box::new(approval),
    }
}

pub(super) fn refusal(refused: &Refused) -> Refusal {
    let kind = match refused {
        Refused::NotFound(_) => RefusalKind::NotFound,
        Refused::NotPermitted(_) => RefusalKind::NotPermitted,
        Refused::TooLate(_) => RefusalKind::TooLate,
        Refused::Invalid(_) => RefusalKind::Invalid,
        Refused::NotRecorded(_) | Refused::HalfDone(_) => RefusalKind::Failed,
    };
    Refusal::new(kind, refused.to_string())
}

/// Who is at the other end. The name service may ask a directory server, and all of /proc is looked at: not on this thread.
pub(super) async fn person(
    peer: &Peer,
    programs: Option<Arc<interdict_kernel::Kernel>>,
) -> Result<Person, Refusal> {
    let peer = peer.clone();
    let found = tokio::task::spawn_blocking(move || {
        let enforced = programs.is_some();
        let workload = match (peer.pid, programs) {
            (Some(pid), Some(programs)) => {
                let mut members = programs.membership().into_iter();
                members
                    .find(|member| member.pid == pid)
                    .map(|member| member.workload.to_string())
            }
            // Where it runs can't be told, which is so for whoever has a process namespace of their own.
            (None, _) if enforced => Some("in a process namespace of its own".to_owned()),
            _ => None,
        };
        Person {
            name: name(peer.uid),
            uid: Some(peer.uid),
            login_uid: peer.login,
            login: peer.login.map(name),
            groups: groups(&peer),
            via: Person::ADMIN.to_owned(),
            operator: peer.may_act(),
            workload,
            ..Person::default()
        }
    });
    found.await.map_err(|error| {
        tracing::error!(%error, "who calls could not be found out");
        Refusal::new(RefusalKind::Failed, "who calls could not be found out")
    })
}

/// From the file, or from whatever else the host knows users by.
fn name(uid: u32) -> String {
    let asked = || {
        User::from_uid(Uid::from_raw(uid))
            .ok()
            .flatten()
            .map(|user| user.name)
    };
    admin::name(uid)
        .or_else(asked)
        .unwrap_or_else(|| format!("uid:{uid}"))
}

/// The groups of the user by the host's database, not those that the process has: these may be older, or fewer.
fn groups(peer: &Peer) -> Vec<String> {
    let group = |gid: Gid| Group::from_gid(gid).ok().flatten().map(|group| group.name);
    let Ok(name) = CString::new(name(peer.uid)) else {
        return Vec::new();
    };
    let own = User::from_uid(Uid::from_raw(peer.uid)).ok().flatten();
    let own = own.map_or_else(|| Gid::from_raw(peer.gid), |user| user.gid);
    match getgrouplist(&name, own) {
        Ok(gids) => gids.into_iter().filter_map(group).collect(),
        Err(error) => {
            tracing::error!(%error, uid = peer.uid, "the groups of a user can't be told");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests;
