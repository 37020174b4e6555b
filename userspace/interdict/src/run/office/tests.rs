use std::collections::BTreeMap;

use interdict_approvals::{About, Bounds, NewGrant, State, Until};
use interdict_audit::{Audit, Config};
use interdict_policy::{HoldMode, HoldSpec, Petition};

use super::*;

struct Kit {
    _directory: tempfile::TempDir,
    desk: Arc<Desk>,
    office: Office,
}

impl Kit {
    async fn new(grantors: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let audit = Arc::new(Audit::open(Config::new(directory.path().join("audit"), "h", "b")).unwrap());
        let grants = Arc::new(Store::open(Arc::clone(&audit), |_| {}).await.unwrap());
        let runtime = tokio::runtime::Handle::current();
        let desk = Arc::new(Desk::new(
            audit,
            Arc::clone(&grants),
            runtime,
            Bounds::default(),
            None,
        ));
        let grantors: Vec<String> = grantors.iter().map(|name| (*name).to_owned()).collect();
        Self {
            office: Office::new(Arc::clone(&desk), grants, &grantors),
            desk,
            _directory: directory,
        }
    }

    async fn serve(&self, peer: &Peer, request: Request) -> Result<Response, RefusalKind> {
        let answer = self.office.serve(peer, None, request).await;
        answer.map_err(|refusal| refusal.kind)
    }

    async fn list(&self, peer: &Peer) -> Vec<Approval> {
        match self.serve(peer, Request::Approvals { past: false }).await {
            Ok(Response::Approvals { approvals }) => approvals,
            other => panic!("{other:?}"),
        }
    }

    /// Asks, and waits until people see it.
    async fn hold(&self, approvers: &[&str]) -> (interdict_approvals::Asking, String) {
        let approvers = approvers.iter().map(|name| (*name).to_owned()).collect();
        let before = self.desk.list(false).len();
        let asking = self.desk.ask(petition(approvers), About::default());
        let mut changes = self.desk.changes();
        while self.desk.list(false).len() == before {
            changes.changed().await.unwrap();
        }
        let id = self.desk.list(false).last().unwrap().id.to_string();
        (asking, id)
    }
}

fn petition(approvers: Vec<String>) -> Petition {
    Petition {
        statement_id: None,
        session_id: uuid::Uuid::now_v7(),
        at: crate::record::now(),
        service: "clinic".to_owned(),
        protocol: "postgres".to_owned(),
        identity: "unit:agent.service".to_owned(),
        facts: BTreeMap::new(),
        database: String::new(),
        db_user: String::new(),
        application: String::new(),
        kind: "select".to_owned(),
        statement: "x".repeat(5_000),
        parameters: vec![None],
        fingerprint: None,
        digest: "sha256:1".to_owned(),
        effects: Vec::new(),
        relations: Vec::new(),
        result: None,
        plan: Some("Seq Scan".to_owned()),
        policy: None,
        rule: None,
        message: String::new(),
        terms: Arc::new(HoldSpec {
            approvers,
            timeout: Duration::from_secs(20),
            mode: HoldMode::Wait,
            quorum: 1,
            plan: true,
        }),
    }
}

/// Of the host's own database: `daemon` and `bin` are on every Linux, each with a group of its name.
fn peer(name: &str) -> Peer {
    let user = User::from_name(name).unwrap().unwrap();
    Peer {
        pid: Some(1),
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        name: Some(user.name),
        login: None,
    }
}

fn approve(id: &str) -> Request {
    Request::Decide {
        id: id.to_owned(),
        approve: true,
        reason: "fine".to_owned(),
        grant_seconds: None,
    }
}

fn operator() -> Peer {
    Peer {
        pid: Some(1),
        uid: nix::unistd::geteuid().as_raw(),
        gid: 0,
        name: None,
        login: None,
    }
}

#[tokio::test]
async fn people_see_and_decide_what_they_are_named_for() {
    let kit = Kit::new(&[]).await;
    let (asking, id) = kit.hold(&["group:daemon"]).await;
    let (_other, others) = kit.hold(&["user:bin"]).await;
    let (daemon, bin) = (peer("daemon"), peer("bin"));
    let seen = kit.list(&daemon).await;
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].id.to_string(), id);
    assert_eq!((seen[0].statement.chars().count(), &seen[0].plan), (1_001, &None));
    let show = |id: &str| Request::Approval { id: id.to_owned() };
    match kit.serve(&daemon, show(&id)).await {
        Ok(Response::Approval {
            approval,
            objection: None,
        }) => assert_eq!(approval.statement.len(), 5_000),
        other => panic!("{other:?}"),
    }
    for request in [show(&others), approve(&others)] {
        let refused = kit.serve(&daemon, request).await;
        assert_eq!(refused.unwrap_err(), RefusalKind::NotPermitted);
    }
    assert_eq!(
        kit.serve(&bin, approve(&id)).await.unwrap_err(),
        RefusalKind::NotPermitted
    );
    // Who may do everything else sees all, and decides where nobody is named only.
    assert_eq!(kit.list(&operator()).await.len(), 2);
    assert_eq!(
        kit.serve(&operator(), approve(&others)).await.unwrap_err(),
        RefusalKind::NotPermitted
    );
    match kit.serve(&daemon, approve(&id)).await {
        Ok(Response::Approval { approval, .. }) => assert_eq!(approval.state, State::Approved),
        other => panic!("{other:?}"),
    }
    assert!(matches!(asking.await, interdict_policy::Ruling::Approved { .. }));
    assert_eq!(
        kit.serve(&daemon, approve(&id)).await.unwrap_err(),
        RefusalKind::TooLate
    );
    assert_eq!(
        kit.serve(&daemon, approve("ffffffff")).await.unwrap_err(),
        RefusalKind::NotFound
    );
}

#[tokio::test]
async fn grants_are_for_operators_and_grantors() {
    let kit = Kit::new(&["group:daemon"]).await;
    let create = || Request::GrantCreate {
        grant: NewGrant {
            identities: vec!["unit:agent*".to_owned()],
            services: vec!["clinic".to_owned()],
            until: Until::Seconds(60),
            reason: "a test".to_owned(),
            ..NewGrant::default()
        },
    };
    for (who, may) in [(operator(), true), (peer("daemon"), true), (peer("bin"), false)] {
        for request in [create(), Request::Grants { all: true }] {
            let answer = kit.serve(&who, request).await;
            assert_eq!(answer.is_ok(), may, "{who}: {answer:?}");
            if !may {
                assert_eq!(answer.unwrap_err(), RefusalKind::NotPermitted);
            }
        }
    }
    let Ok(Response::Grants { grants }) = kit.serve(&operator(), Request::Grants { all: false }).await else {
        panic!()
    };
    assert_eq!(grants.len(), 2);
    let revoke = Request::GrantRevoke {
        id: grants[0].grant.id.to_string(),
        reason: "over".to_owned(),
    };
    match kit.serve(&peer("daemon"), revoke).await {
        Ok(Response::Grant { grant }) => assert_eq!(grant.state, "revoked"),
        other => panic!("{other:?}"),
    }
}
