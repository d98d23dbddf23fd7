//! kustomize-controller as a process, with the rights that Flux installs it with, and its Kustomizations.

use crate::harness::{
    ControlPlane, Program, RunDir, Supervised, condition, eventually, flux_definitions, kustomize_controller, objects,
    say,
};
use crate::stage::DEADLINE;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

/// What a user is given, as it is.
const SAMPLE: &str = include_str!("../../deploy/gitops/flux/kustomizations.yaml");
const NAMESPACE: &str = "flux-system";
/// Asks for a reconciliation now, as `flux reconcile` does.
const ASK: &str = "reconcile.fluxcd.io/requestedAt";

/// The two Kustomizations of the sample.
pub const DECLARED: &str = "dr-declared";
pub const REQUESTS: &str = "dr-requests";

/// `flux install` gives its controllers all rights; the Kustomization of the requests goes by an account of its own, which
/// `docs/gitops.md` says to bind to this ClusterRole.
const RIGHTS: &str = r"
apiVersion: v1
kind: ServiceAccount
metadata: {name: kustomize-controller, namespace: flux-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: cluster-reconciler}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: kustomize-controller, namespace: flux-system}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: dr-requests, namespace: flux-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: dr-requests, namespace: demo}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: asr-operator-failover-operator}
subjects: [{kind: ServiceAccount, name: dr-requests, namespace: flux-system}]
";

/// The running controller.
pub struct Flux {
    process: Supervised,
    api: Api<DynamicObject>,
}

impl Flux {
    /// Installs the definitions, and starts it.
    pub async fn start(plane: &ControlPlane) -> Self {
        let program = tokio::task::spawn_blocking(|| kustomize_controller(say)).await.unwrap().unwrap();
        for folder in tokio::task::spawn_blocking(flux_definitions).await.unwrap().unwrap() {
            let folder = folder.to_str().unwrap();
            plane.kubectl(&["apply", "--server-side", "-f", folder], None).await.expect_success();
            plane.kubectl(&["wait", "--for=condition=Established", "-f", folder], None).await.expect_success();
        }
        plane.create_namespace(NAMESPACE).await;
        plane.apply(RIGHTS).await;
        let dir = RunDir::create("kustomize-controller").unwrap();
        // It removes what earlier ones left in the folder for temporary files: that one is its own.
        let temporary = dir.join("tmp");
        std::fs::create_dir_all(&temporary).unwrap();
        let process = Program::new("kustomize-controller", &program, dir.join("kustomize-controller.log"))
            .env("KUBECONFIG", plane.service_account_kubeconfig(NAMESPACE, "kustomize-controller").await)
            .env("RUNTIME_NAMESPACE", NAMESPACE)
            .env("TMPDIR", temporary)
            .args(["--metrics-addr=127.0.0.1:0", "--health-addr=127.0.0.1:0", "--log-encoding=json"])
            // A dependency is asked for again after half a minute otherwise.
            .arg("--requeue-dependency=2s")
            .start()
            .unwrap();
        let resource =
            ApiResource::from_gvk(&GroupVersionKind::gvk("kustomize.toolkit.fluxcd.io", "v1", "Kustomization"));
        Self { process, api: Api::namespaced_with(plane.client().await, NAMESPACE, &resource) }
    }

    /// Applies the Kustomizations of the sample, changed so that they are looked at every ten seconds, health is waited for
    /// as briefly as Flux does, and the requests are asked for by their own account.
    pub async fn kustomizations(&self) {
        for mut object in objects::documents(SAMPLE) {
            let name = object.metadata.name.clone().unwrap();
            object.data["spec"]["interval"] = json!("10s");
            match name.as_str() {
                REQUESTS => object.data["spec"]["serviceAccountName"] = json!("dr-requests"),
                _ => object.data["spec"]["timeout"] = json!("30s"),
            }
            let how = PatchParams::apply("person").force().validation_strict();
            self.api.patch(&name, &how, &Patch::Apply(&object)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    /// Changes the spec of a Kustomization.
    pub async fn set(&self, name: &str, spec: Value) {
        let changed = self.api.patch(name, &PatchParams::default(), &Patch::Merge(json!({"spec": spec}))).await;
        changed.unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Deletes a Kustomization, and waits until it is gone; where it prunes, all that it applied goes with it.
    pub async fn delete(&self, name: &str) {
        self.api.delete(name, &DeleteParams::default()).await.unwrap();
        eventually(DEADLINE, &format!("the end of {name}"), async || match self.api.get_opt(name).await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}; {}", self.process.log_tail())),
        })
        .await;
    }

    /// Waits until a Kustomization's Ready is this, and its message says that.
    pub async fn told(&self, name: &str, ready: &str, says: &str) {
        self.tells(name, "Ready", ready, says).await;
    }

    /// The same of any of its conditions.
    pub async fn tells(&self, name: &str, kind: &str, status: &str, says: &str) {
        eventually(DEADLINE, &format!("{name} {kind}={status} {says}"), async || {
            let object = self.get(name).await?;
            let told = condition(&object, kind).is_some_and(|found| {
                found["status"] == status && found["message"].as_str().is_some_and(|message| message.contains(says))
            });
            if told { Ok(()) } else { Err(format!("{:#}; {}", object["status"], self.process.log_tail())) }
        })
        .await;
    }

    /// Waits until a Kustomization is Ready at this revision.
    pub async fn at(&self, name: &str, revision: &str) {
        self.told(name, "True", revision).await;
    }

    /// Has a Kustomization applied once more, as `flux reconcile kustomization` does, and waits until it was.
    pub async fn again(&self, name: &str) {
        let ask = jiff::Timestamp::now().to_string();
        let annotate = Patch::Merge(json!({"metadata": {"annotations": {ASK: ask}}}));
        self.api.patch(name, &PatchParams::default(), &annotate).await.unwrap();
        eventually(DEADLINE, &format!("{name} applied again"), async || {
            let object = self.get(name).await?;
            let done = object["status"]["lastHandledReconcileAt"] == *ask;
            if done { Ok(()) } else { Err(format!("{:#}; {}", object["status"], self.process.log_tail())) }
        })
        .await;
    }

    /// Waits until a Kustomization was applied again by nothing but its interval.
    pub async fn interval(&self, name: &str) {
        let since = self.last(name).await;
        eventually(DEADLINE, &format!("an interval of {name}"), async || {
            let last = self.last(name).await;
            if last > since { Ok(()) } else { Err(format!("{last}; {}", self.process.log_tail())) }
        })
        .await;
    }

    /// When a Kustomization was applied last, in the form that sorts.
    async fn last(&self, name: &str) -> String {
        let object = self.get(name).await.unwrap_or_default();
        let history = object["status"]["history"].as_array().cloned().unwrap_or_default();
        history.iter().filter_map(|one| one["lastReconciled"].as_str()).max().unwrap_or_default().to_owned()
    }

    async fn get(&self, name: &str) -> Result<Value, String> {
        let object = self.api.get(name).await.map_err(|error| format!("{name}: {error}"))?;
        serde_json::to_value(object).map_err(|error| error.to_string())
    }
}
