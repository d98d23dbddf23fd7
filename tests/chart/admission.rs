//! Who may do what: several people on a real API server with the chart's admission policies and ClusterRoles.

use crate::harness::{ControlPlane, KubectlOutput, Options, eventually};
use crate::helm::{CHART, Helm};
use crate::stage::{DEADLINE, NAME};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::OnceCell;

/// The kinds of requests: plural, the verb they need, and what a spec of theirs has beside the common fields.
const REQUESTS: [(&str, &str, &str, &str); 4] = [
    ("FailoverRequest", "failoverrequests", "failover", "direction: PrimaryToRecovery"),
    (
        "ChangeRecoveryPointRequest",
        "changerecoverypointrequests",
        "changepoint",
        "recoveryPoint: {type: LatestProcessed}",
    ),
    ("CommitRequest", "commitrequests", "commit", "priority: 1"),
    (
        "ReprotectRequest",
        "reprotectrequests",
        "reprotect",
        "direction: RecoveryToPrimary, acknowledge: [OldSideIsOverwritten]",
    ),
];

/// A namespace's people, each with a Role of their own.
struct People {
    plane: ControlPlane,
    helm: Helm,
    requests: AtomicU32,
}

static SHARED: OnceCell<People> = OnceCell::const_new();

impl People {
    /// Those of a usual installation; each test has its own persons.
    async fn usual() -> &'static Self {
        SHARED.get_or_init(async || Self::with("replicas=1").await).await
    }

    async fn with(set: &str) -> Self {
        let plane = ControlPlane::start(Options { controller_manager: false, ..Options::default() }).await.unwrap();
        let helm = Helm::on(plane.kubeconfig_path()).await;
        for namespace in ["demo", "other"] {
            plane.create_namespace(namespace).await;
        }
        let install = ["install", NAME, CHART, "--namespace", NAME, "--create-namespace", "--set", set];
        helm.run(&install).await.expect_success();
        let people = Self { plane, helm, requests: AtomicU32::new(0) };
        people.policies_are_in_force().await;
        people
    }

    /// A policy counts a moment after it was made, and one of them after another.
    async fn policies_are_in_force(&self) {
        self.may("creator", "demo", "create", "failoverrequests,requestdecisions", None).await;
        eventually(DEADLINE, "both policies", async || {
            let request = self.ask("creator", "demo", REQUESTS[0], "app01", "").await;
            let decision = self.decide("creator", "Cancel", "nobody").await;
            let told = format!("{}{}", request.stderr, decision.stderr);
            if told.contains("may not failover") && told.contains("write your own name") { Ok(()) } else { Err(told) }
        })
        .await;
    }

    /// Lets somebody do something in a namespace, to everything or to one name.
    async fn may(&self, who: &str, namespace: &str, verbs: &str, resources: &str, name: Option<&str>) {
        let plural = |list: &str, suffix: &str| -> String {
            list.split(',').map(|word| format!("{word}{suffix}")).collect::<Vec<_>>().join(", ")
        };
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let names = name.map_or(String::new(), |name| format!(", resourceNames: [{name}]"));
        let role = format!("r{number}");
        let yaml = format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {role}, namespace: {namespace}}}\nrules:\n- {{apiGroups: [asr-operator.io], resources: [{}], verbs: [{}]{names}}}\n",
            plural(resources, ""),
            plural(verbs, ""),
        );
        self.plane.apply(&yaml).await;
        self.bound(who, namespace, "role", &role).await;
    }

    async fn bound(&self, who: &str, namespace: &str, kind: &str, role: &str) {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let bind = [
            "create",
            "rolebinding",
            &format!("b{number}"),
            &format!("--{kind}={role}"),
            &format!("--user={who}"),
            &format!("--namespace={namespace}"),
        ];
        self.plane.kubectl(&bind, None).await.expect_success();
    }

    /// What somebody is told who asks for an act on this VM; nothing is kept.
    async fn ask(
        &self,
        who: &str,
        namespace: &str,
        kind: (&str, &str, &str, &str),
        vm: &str,
        more: &str,
    ) -> KubectlOutput {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let yaml = format!(
            "apiVersion: asr-operator.io/v1alpha1\nkind: {}\nmetadata: {{name: q{number}, namespace: {namespace}}}\nspec: {{replicatedVmRef: {{name: {vm}}}, validUntil: \"2026-06-02T08:00:00Z\", reason: asked for, {}{more}}}\n",
            kind.0, kind.3
        );
        self.create(who, &yaml).await
    }

    async fn decide(&self, who: &str, decision: &str, requested_by: &str) -> KubectlOutput {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let release = "clientRequestId: 00000000-0000-0000-0000-000000000001, outcome: DidNotHappen, ";
        let more = if decision == "Release" { release } else { "" };
        let yaml = format!(
            "apiVersion: asr-operator.io/v1alpha1\nkind: RequestDecision\nmetadata: {{name: d{number}, namespace: demo}}\nspec: {{requestRef: {{kind: FailoverRequest, name: fo1}}, decision: {decision}, {more}requestedBy: {requested_by}, comment: said so}}\n"
        );
        self.create(who, &yaml).await
    }

    async fn create(&self, who: &str, yaml: &str) -> KubectlOutput {
        self.plane.kubectl(&["create", "--as", who, "--dry-run=server", "-f", "-"], Some(yaml)).await
    }
}

#[track_caller]
fn refused(output: &KubectlOutput, told: &str) {
    assert!(!output.succeeded(), "taken: {}", output.stdout);
    assert!(output.stderr.contains(told), "{}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_takes_its_verb_on_the_vm_that_it_names() {
    let people = People::usual().await;
    for kind in REQUESTS {
        people.may("creator", "demo", "create", kind.1, None).await;
        people.may(kind.2, "demo", "create", kind.1, None).await;
        people.may(kind.2, "demo", kind.2, "replicatedvms", Some("app01")).await;
    }
    for kind in REQUESTS {
        let words = format!("{} ReplicatedVm app01: nothing was requested", kind.2);
        refused(&people.ask("creator", "demo", kind, "app01", "").await, &words);
        people.ask(kind.2, "demo", kind, "app01", "").await.expect_success();
        refused(&people.ask(kind.2, "demo", kind, "app02", "").await, "ReplicatedVm app02");
        for other in REQUESTS.iter().filter(|other| other.2 != kind.2) {
            people.may(other.2, "demo", "create", kind.1, None).await;
            refused(&people.ask(other.2, "demo", kind, "app01", "").await, &words);
        }
    }
    people.may("failover", "other", "create", "failoverrequests", None).await;
    refused(&people.ask("failover", "other", REQUESTS[0], "app01", "").await, "in namespace other");
    let automatic = people.ask("failover", "demo", REQUESTS[0], "app01", ", commitPolicy: Automatic").await;
    refused(&automatic, "commitPolicy Automatic is refused");
    people.may("failover", "demo", "commit", "replicatedvms", Some("app01")).await;
    people.ask("failover", "demo", REQUESTS[0], "app01", ", commitPolicy: Automatic").await.expect_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_asked_for_in_nobody_elses_name() {
    let people = People::usual().await;
    for kind in REQUESTS {
        people.may("carol", "demo", "create", kind.1, None).await;
        people.may("carol", "demo", kind.2, "replicatedvms", Some("app01")).await;
        let by = async |who: &str| people.ask("carol", "demo", kind, "app01", &format!(", requestedBy: {who}")).await;
        refused(&by("dave").await, "spec.requestedBy is dave, but this is carol");
        refused(&by("Carol").await, "spec.requestedBy is Carol, but this is carol");
        by("carol").await.expect_success();
        people.ask("carol", "demo", kind, "app01", "").await.expect_success();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_roles_do_what_their_names_say() {
    let people = People::usual().await;
    let roles = ["viewer", "drill-operator", "failover-operator", "approver", "admin"];
    for role in roles {
        people.bound(role, "demo", "clusterrole", &format!("{NAME}-{role}")).await;
        let get = ["auth", "can-i", "list", "replicatedvms.asr-operator.io", "--as", role, "--namespace", "demo"];
        people.plane.kubectl(&get, None).await.expect_success();
        let elsewhere =
            ["auth", "can-i", "list", "replicatedvms.asr-operator.io", "--as", role, "--namespace", "other"];
        assert!(!people.plane.kubectl(&elsewhere, None).await.succeeded(), "{role} sees another namespace");
        for own in ["itemrecords", "requestclaims"] {
            let look = ["auth", "can-i", "get", &format!("{own}.asr-operator.io"), "--as", role, "--namespace", NAME];
            assert!(!people.plane.kubectl(&look, None).await.succeeded(), "{role} may get {own}");
        }
        let acts = people.ask(role, "demo", REQUESTS[0], "app01", ", commitPolicy: Automatic").await;
        assert_eq!(acts.succeeded(), role == "failover-operator", "{role}: {}", acts.stderr);
        for decision in ["Cancel", "Release"] {
            let says = people.decide(role, decision, role).await;
            assert_eq!(says.succeeded(), role == "approver", "{role} {decision}: {}", says.stderr);
        }
        let drill =
            ["auth", "can-i", "testfailover", "replicatedvms.asr-operator.io", "--as", role, "--namespace", "demo"];
        assert_eq!(people.plane.kubectl(&drill, None).await.succeeded(), role == "drill-operator", "{role}");
        let declare =
            ["auth", "can-i", "create", "recoveryvaults.asr-operator.io", "--as", role, "--namespace", "demo"];
        assert_eq!(people.plane.kubectl(&declare, None).await.succeeded(), role == "admin", "{role}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runbooks_decision_is_taken_as_it_stands() {
    let people = People::usual().await;
    let jane = "jane@example.com";
    let approver = format!("{NAME}-approver");
    people.bound(jane, "demo", "clusterrole", &approver).await;
    let written =
        include_str!("../../docs/runbooks.md").split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let strictly = ["create", "--as", jane, "--dry-run=server", "--validate=strict", "-f", "-"];
    people.plane.kubectl(&strictly, Some(written)).await.expect_success();
    let without = written.replace("Happened", "DidNotHappen");
    let without: String =
        without.lines().filter(|line| !line.contains("jobId")).map(|line| format!("{line}\n")).collect();
    people.plane.kubectl(&strictly, Some(&without)).await.expect_success();
}

/// Another installation may serve the other namespaces.
#[tokio::test(flavor = "multi_thread")]
async fn a_drill_only_installation_for_some_namespaces_leaves_the_others_alone() {
    let people = People::with("policies.drillOnly=true,namespaces={other}").await;
    let ask = async |namespace: &str| {
        people.may("frank", namespace, "create", "failoverrequests", None).await;
        people.may("frank", namespace, "failover", "replicatedvms", None).await;
        people.ask("frank", namespace, REQUESTS[0], "app01", "").await
    };
    eventually(DEADLINE, "the policy", async || {
        let told = ask("other").await.stderr;
        if told.contains("this installation is drill-only") { Ok(()) } else { Err(told) }
    })
    .await;
    ask("demo").await.expect_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_is_its_own_persons_and_about_a_request_that_is_theirs_to_decide() {
    let people = People::usual().await;
    for who in ["alice", "bob"] {
        people.may(who, "demo", "create", "requestdecisions", None).await;
    }
    people.may("alice", "demo", "cancel", "failoverrequests", Some("fo1")).await;
    people.decide("alice", "Cancel", "alice").await.expect_success();
    refused(&people.decide("alice", "Cancel", "bob").await, "spec.requestedBy is bob, but this is alice");
    refused(&people.decide("alice", "Release", "alice").await, "alice may not release FailoverRequest fo1");
    refused(&people.decide("bob", "Cancel", "bob").await, "bob may not cancel FailoverRequest fo1");
    people.may("bob", "demo", "release", "failoverrequests", Some("fo1")).await;
    people.decide("bob", "Release", "bob").await.expect_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_only_installation_refuses_everybody() {
    let people = People::with("policies.drillOnly=false").await;
    for kind in REQUESTS {
        people.plane.kubectl(&["create", "--dry-run=server", "-f", "-"], Some(&live(kind))).await.expect_success();
    }
    let upgrade = ["upgrade", NAME, CHART, "--namespace", NAME, "--set", "policies.drillOnly=true"];
    people.helm.run(&upgrade).await.expect_success();
    for kind in REQUESTS {
        eventually(DEADLINE, "a refusal of the administrator", async || {
            let output = people.plane.kubectl(&["create", "--dry-run=server", "-f", "-"], Some(&live(kind))).await;
            let told = format!("{}{}", output.stdout, output.stderr);
            if told.contains("this installation is drill-only") { Ok(()) } else { Err(told) }
        })
        .await;
    }
}

fn live(kind: (&str, &str, &str, &str)) -> String {
    format!(
        "apiVersion: asr-operator.io/v1alpha1\nkind: {}\nmetadata: {{name: live, namespace: demo}}\nspec: {{replicatedVmRef: {{name: app01}}, validUntil: \"2026-06-02T08:00:00Z\", reason: asked for, {}}}\n",
        kind.0, kind.3
    )
}
