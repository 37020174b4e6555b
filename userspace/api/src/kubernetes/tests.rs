use crate::testing::{one, table};
use crate::{Profile, RefusalForm, Stream};

#[test]
fn verbs_and_resources_are_those_that_the_server_sees() {
    table(
        &Profile::Kubernetes,
        &[
            ("GET /api/v1/pods", "list read pods:read"),
            ("GET /api/v1/namespaces/web/pods", "list read web.pods:read"),
            ("GET /api/v1/namespaces/web/pods/p", "get read web.pods:read"),
            ("HEAD /api/v1/namespaces/web/pods/p", "get read web.pods:read"),
            (
                "GET /api/v1/namespaces/web/pods?watch=true",
                "watch read web.pods:read",
            ),
            (
                "GET /api/v1/namespaces/web/pods?watch=1",
                "watch read web.pods:read",
            ),
            (
                "GET /api/v1/namespaces/web/pods?watch",
                "watch read web.pods:read",
            ),
            (
                "GET /api/v1/namespaces/web/pods?watch=False",
                "list read web.pods:read",
            ),
            (
                "GET /api/v1/namespaces/web/pods?watch=0&limit=5",
                "list read web.pods:read",
            ),
            (
                "GET /api/v1/namespaces/web/pods/p?watch=true",
                "get read web.pods:read",
            ),
            ("GET /api/v1/watch/pods", "watch read pods:read"),
            (
                "GET /api/v1/watch/namespaces/web/pods/p",
                "watch read web.pods:read",
            ),
            ("GET /api/v1/namespaces", "list read namespaces:read"),
            ("GET /api/v1/namespaces/web", "get read web.namespaces:read"),
            (
                "GET /api/v1/namespaces/web/status",
                "get read web.namespaces/status:read",
            ),
            ("GET /api/v1/nodes/n", "get read nodes:read"),
            (
                "GET /apis/apps/v1/namespaces/web/deployments/d",
                "get read web.apps/deployments:read",
            ),
            (
                "GET /apis/apps/v1/namespaces/web/deployments/d/scale",
                "get read web.apps/deployments/scale:read",
            ),
            (
                "GET /apis/metrics.k8s.io/v1beta1/nodes",
                "list read metrics.k8s.io/nodes:read",
            ),
            (
                "GET /api/v1/namespaces/web/pods/p/log?follow=true",
                "get read web.pods/log:read",
            ),
            (
                "POST /api/v1/namespaces/web/pods",
                "create write,insert web.pods:write web.pods:read",
            ),
            (
                "PUT /api/v1/namespaces/web/configmaps/c",
                "update write,update web.configmaps:write web.configmaps:read",
            ),
            (
                "PATCH /apis/apps/v1/namespaces/web/deployments/d\nContent-Type: application/strategic-merge-patch+json",
                "patch write,update web.apps/deployments:write web.apps/deployments:read",
            ),
            (
                "PATCH /apis/apps/v1/namespaces/web/deployments/d\nContent-Type: application/apply-patch+yaml",
                "patch write,insert,update web.apps/deployments:write web.apps/deployments:read",
            ),
            (
                "DELETE /api/v1/namespaces/web/pods/p",
                "delete write,delete web.pods:write web.pods:read",
            ),
            (
                "DELETE /api/v1/namespaces/web/pods",
                "deletecollection write,delete,delete_without_where web.pods:write web.pods:read",
            ),
            (
                "DELETE /api/v1/namespaces/web/pods?labelSelector=app%3Dx",
                "deletecollection write,delete web.pods:write web.pods:read",
            ),
            (
                "DELETE /api/v1/namespaces/web/pods?labelSelector=app!%3Dx,!y,z%20notin%20(a,b)",
                "deletecollection write,delete,delete_without_where web.pods:write web.pods:read",
            ),
            (
                "DELETE /api/v1/namespaces/web/pods?labelSelector=!y,z%20in%20(a,b)",
                "deletecollection write,delete web.pods:write web.pods:read",
            ),
            (
                "DELETE /api/v1/namespaces/web/pods?fieldSelector=metadata.name!%3Dx",
                "deletecollection write,delete,delete_without_where web.pods:write web.pods:read",
            ),
            ("OPTIONS /api/v1/pods", "options read pods:write pods:read !"),
            ("PROPFIND /api/v1/pods", "propfind write pods:write pods:read !"),
        ],
    );
}

#[test]
fn some_resources_are_more_than_data() {
    table(
        &Profile::Kubernetes,
        &[
            (
                "POST /api/v1/namespaces/web/pods/p/exec?command=sh&stdin=true",
                "create program,call web.pods/exec:write",
            ),
            (
                "GET /api/v1/namespaces/web/pods/p/exec?command=sh",
                "get program,call web.pods/exec:write",
            ),
            (
                "POST /api/v1/namespaces/web/pods/p/attach",
                "create program,call web.pods/attach:write",
            ),
            (
                "POST /api/v1/namespaces/web/pods/p/portforward",
                "create program,call web.pods/portforward:write",
            ),
            (
                "GET /api/v1/namespaces/web/services/s/proxy/admin/x",
                "get read,program,call web.services/proxy:read",
            ),
            (
                "DELETE /api/v1/nodes/n/proxy/run",
                "delete write,delete,program,call nodes/proxy:write",
            ),
            (
                "GET /api/v1/proxy/namespaces/web/pods/p/x",
                "proxy read,program,call web.pods:read",
            ),
            (
                "PATCH /api/v1/namespaces/web/pods/p/ephemeralcontainers",
                "patch write,update,program,call web.pods/ephemeralcontainers:write",
            ),
            (
                "POST /api/v1/namespaces/web/pods/p/eviction",
                "create write,delete web.pods/eviction:write web.pods/eviction:read",
            ),
            (
                "POST /api/v1/namespaces/web/pods/p/binding",
                "create write,insert,admin web.pods/binding:write web.pods/binding:read",
            ),
            (
                "PATCH /api/v1/nodes/n",
                "patch write,update,admin nodes:write nodes:read",
            ),
            (
                "POST /api/v1/namespaces",
                "create write,insert,create,admin namespaces:write namespaces:read",
            ),
            (
                "DELETE /api/v1/namespaces/web",
                "delete write,delete,drop,admin web.namespaces:write web.namespaces:read",
            ),
            (
                "DELETE /api/v1/namespaces/web/persistentvolumeclaims/v",
                "delete write,delete,drop web.persistentvolumeclaims:write web.persistentvolumeclaims:read",
            ),
            (
                "POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
                "create write,insert,grant,admin rbac.authorization.k8s.io/clusterrolebindings:write rbac.authorization.k8s.io/clusterrolebindings:read",
            ),
            (
                "PUT /apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval",
                "update write,update,grant,admin certificates.k8s.io/certificatesigningrequests/approval:write certificates.k8s.io/certificatesigningrequests/approval:read",
            ),
            (
                "POST /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
                "create write,insert,program,admin admissionregistration.k8s.io/mutatingwebhookconfigurations:write admissionregistration.k8s.io/mutatingwebhookconfigurations:read",
            ),
            (
                "DELETE /apis/apiextensions.k8s.io/v1/customresourcedefinitions/c",
                "delete write,delete,drop,admin apiextensions.k8s.io/customresourcedefinitions:write apiextensions.k8s.io/customresourcedefinitions:read",
            ),
            (
                "POST /api/v1/namespaces/web/serviceaccounts/s/token",
                "create grant web.serviceaccounts/token:define",
            ),
            (
                "POST /apis/authentication.k8s.io/v1/tokenreviews",
                "create read authentication.k8s.io/tokenreviews:read",
            ),
            (
                "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                "create read authorization.k8s.io/selfsubjectaccessreviews:read",
            ),
            (
                "GET /api/v1/pods\nImpersonate-User: root",
                "list read,role_change pods:read",
            ),
        ],
    );
}

#[test]
fn other_paths_are_the_servers_own() {
    table(
        &Profile::Kubernetes,
        &[
            ("GET /", "get read"),
            ("GET /version", "get read"),
            ("GET /api", "get read"),
            ("GET /api/v1", "get read"),
            ("GET /apis/apps/v1", "get read"),
            ("GET /openapi/v3/apis/apps/v1", "get read"),
            ("GET /healthz/etcd", "get read"),
            ("GET /logs/kube-apiserver.log", "get read,server_file,admin"),
            ("GET /debug/pprof/heap", "get read,admin"),
            ("POST /healthz", "post write,insert !"),
            ("GET /unheard/of", "get read !"),
            ("GET /api/v1/watch", "get read !"),
            ("GET /api/v1/namespaces//secrets", "list read secrets:read !"),
        ],
    );
    assert_eq!(one(&Profile::Kubernetes, "GET /version").flags, ["nonresource"]);
}

#[test]
fn secrets_are_masked_wherever_an_answer_has_them() {
    let list = one(&Profile::Kubernetes, "GET /api/v1/namespaces/web/secrets");
    for selector in [
        "$.data.*",
        "$.stringData.*",
        "$.items[*].data.*",
        "$.object.data.*",
        "$.rows[*].object.data.*",
        "$.items[*].metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']",
    ] {
        assert!(list.secrets.iter().any(|secret| secret == selector), "{selector}");
    }
    for path in [
        "PATCH /api/v1/namespaces/web/secrets/s",
        "GET /api/v1/watch/secrets",
        "GET /api/v1/configmaps",
    ] {
        assert!(
            one(&Profile::Kubernetes, path)
                .secrets
                .contains(&"$.data.*".to_owned()),
            "{path}"
        );
    }
    let token = one(
        &Profile::Kubernetes,
        "POST /api/v1/namespaces/web/serviceaccounts/s/token",
    );
    assert_eq!(token.secrets, ["$.status.token"]);
    assert!(
        one(&Profile::Kubernetes, "GET /api/v1/namespaces/web/pods")
            .secrets
            .is_empty()
    );
    assert!(
        list.reads
            .iter()
            .any(|reads| reads.base == "$.items[*]" && reads.relation == "secrets")
    );
}

#[test]
fn answers_come_as_json() {
    let accept = |accept: &str| {
        one(
            &Profile::Kubernetes,
            &format!("GET /api/v1/secrets\nAccept: {accept}"),
        )
        .accept
    };
    assert_eq!(accept("application/json"), None);
    assert_eq!(accept("application/json, */*"), None);
    assert_eq!(
        accept("application/vnd.kubernetes.protobuf").as_deref(),
        Some("application/json")
    );
    assert_eq!(
        accept("application/vnd.kubernetes.protobuf;stream=watch, application/json;stream=watch").as_deref(),
        Some("application/json;stream=watch")
    );
    assert_eq!(
        accept("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
        None
    );
    assert_eq!(accept("application/yaml").as_deref(), Some("application/json"));
    assert_eq!(
        accept("application/cbor, */*").as_deref(),
        Some("application/json")
    );
    assert_eq!(one(&Profile::Kubernetes, "GET /api/v1/secrets").accept, None);
    let log = "GET /api/v1/namespaces/web/pods/p/log\nAccept: text/plain";
    assert_eq!(one(&Profile::Kubernetes, log).accept, None);
}

#[test]
fn connections_are_told_with_their_arguments() {
    let exec = one(
        &Profile::Kubernetes,
        "POST /api/v1/namespaces/web/pods/p/exec?command=cat&command=%2Fetc%2Fshadow",
    );
    assert_eq!(exec.flags, ["exec"]);
    let arguments = [
        ("namespace", "web"),
        ("name", "p"),
        ("command", "cat"),
        ("command", "/etc/shadow"),
    ];
    let arguments = arguments.map(|(name, value)| (name.to_owned(), Some(value.to_owned())));
    assert_eq!(exec.arguments, arguments);
    assert_eq!(exec.template, "/api/v1/namespaces/{namespace}/pods/{name}/exec");
    assert_eq!(exec.refusal, RefusalForm::KubernetesStatus);
    let watch = one(&Profile::Kubernetes, "GET /apis/apps/v1/deployments?watch=1");
    assert_eq!(watch.stream, Some(Stream::JsonLines));
    assert_eq!(watch.template, "/apis/apps/v1/deployments");
}
