//! What the chart renders: taken by the API server as it stands, refused where a value makes no sense, and the same as
//! `deploy/install.yaml` and `deploy/kustomize`.

use crate::harness::{Binaries, ControlPlane, say};
use crate::helm::{CHART, Helm, find, objects};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const INSTALL: &str = "deploy/kustomize/install.yaml";
const HEADER: &str = "# generated from charts/asr-operator by `BLESS=1 cargo test --test chart`\n";
const NAMESPACE: &str = "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: asr-operator\n  labels:\n    pod-security.kubernetes.io/enforce: restricted\n  annotations:\n    kustomize.toolkit.fluxcd.io/prune: disabled\n    argocd.argoproj.io/sync-options: Prune=false,Delete=false\n";

/// Every switch on, and every list with something in it.
const ALL_ON: &str = include_str!("all-on.yaml");

/// Kinds that the Prometheus operator brings, without their schemas.
const FOREIGN: &str = include_str!("foreign-kinds.yaml");

#[tokio::test]
async fn the_chart_passes_lint_and_packages_with_all_definitions() {
    let helm = Helm::offline().await;
    helm.run(&["lint", "--strict", CHART]).await.expect_success();
    let dir = crate::harness::RunDir::create("package").unwrap();
    helm.run(&["package", CHART, "--destination", dir.path().to_str().unwrap()]).await.expect_success();
    // The chart and the program are released together.
    let package = dir.join(&format!("asr-operator-{}.tgz", env!("CARGO_PKG_VERSION")));
    let from_package = ["template", "asr-operator", package.to_str().unwrap(), "--namespace", "asr-operator"];
    assert_eq!(helm.run(&from_package).await.expect_success(), helm.template(&[]).await);
    let rendered = objects(&helm.template(&[]).await);
    let container = &find(&rendered, "Deployment", "asr-operator")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], concat!("asr-operator:", env!("CARGO_PKG_VERSION")));
    let crds = rendered.iter().filter(|object| object["kind"] == "CustomResourceDefinition");
    let mut seen = BTreeSet::new();
    for crd in crds {
        let plural = crd["spec"]["names"]["plural"].as_str().unwrap();
        let text = std::fs::read_to_string(format!("{ROOT}/crds/{plural}.yaml")).unwrap();
        let committed: Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(plain(&crd["spec"]), plain(&committed["spec"]), "{plural}");
        assert_eq!(crd["metadata"]["annotations"]["helm.sh/resource-policy"], "keep", "{plural}");
        seen.insert(format!("{plural}.yaml"));
    }
    let files = std::fs::read_dir(format!("{ROOT}/crds")).unwrap();
    let files: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(seen, files);
    let without = objects(&helm.template(&["--set", "crds.install=false"]).await);
    assert!(without.iter().all(|object| object["kind"] != "CustomResourceDefinition"));
    assert_eq!(without.len() + files.len(), rendered.len());
}

#[tokio::test]
async fn values_that_make_no_sense_are_refused_by_name() {
    let helm = Helm::offline().await;
    for (set, told) in [
        ("replica=3", "replica"),
        ("replicas=0", "/replicas"),
        ("azure.cloud=AzureMoon", "/azure/cloud"),
        ("azure.armEndpoint=https://arm.example.com", "/azure"),
        ("azure.armEndpoint=http://arm.example.com,azure.authorityHost=https://login.example.com", "/azure"),
        ("image.digest=latest", "/image/digest"),
        ("namespaces={Not_A_Name}", "/namespaces/0"),
        ("tenants[0].namespace=demo", "/tenants/0"),
        ("safety.newRecordQuarantineSeconds=-1", "/safety/newRecordQuarantineSeconds"),
        ("safety.retryUnknown=maybe", "/safety/retryUnknown"),
        ("networkPolicy.egressCidr=everywhere", "/networkPolicy/egressCidr"),
    ] {
        let output = helm.run(&["template", "asr-operator", CHART, "--set", set]).await;
        assert!(!output.succeeded, "{set} is taken");
        assert!(output.stderr.contains(told), "{set}: {}", output.stderr);
    }
}

#[tokio::test]
async fn what_is_rendered_is_taken_strictly_by_the_api_server() {
    let plane = ControlPlane::shared().await;
    plane.apply(FOREIGN).await;
    let wait = ["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"];
    plane.kubectl(&wait, None).await.expect_success();
    for namespace in ["asr-operator", "demo", "other"] {
        plane.create_namespace(namespace).await;
    }
    let all_on = crate::harness::RunDir::create("values").unwrap().write("all-on.yaml", ALL_ON).unwrap();
    let helm = Helm::offline().await;
    let install = std::fs::read_to_string(format!("{ROOT}/{INSTALL}")).unwrap();
    for yaml in [helm.template(&[]).await, helm.template(&["-f", all_on.to_str().unwrap()]).await, install] {
        let apply = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
        let output = plane.kubectl(&apply, Some(&yaml)).await;
        assert!(!output.stderr.contains("Warning"), "{}", output.stderr);
        let told = output.expect_success();
        assert_eq!(told.lines().count(), objects(&yaml).len(), "{told}");
    }
    let kinds: BTreeSet<String> =
        objects(&helm.template(&["-f", all_on.to_str().unwrap()]).await).iter().map(|o| text(&o["kind"])).collect();
    for kind in ["PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "PrometheusRule", "ConfigMap", "Pod"] {
        assert!(kinds.contains(kind), "{kind} is not rendered with all on: {kinds:?}");
    }
}

#[tokio::test]
async fn the_network_lets_out_to_the_ports_that_are_named_and_no_others() {
    let helm = Helm::offline().await;
    let own = "azure.armEndpoint=https://arm.example.com:8443/,azure.authorityHost=https://login.example.com";
    for (set, ports) in [
        ("replicas=2", vec!["443"]),
        ("networkPolicy.egressPorts={3128}", vec!["3128"]),
        (&*format!("{own},networkPolicy.egressPorts=null"), vec!["8443", "443"]),
    ] {
        let rendered = objects(&helm.template(&["--set", set]).await);
        let rules = find(&rendered, "NetworkPolicy", "asr-operator")["spec"]["egress"].clone();
        let azure = rules[2]["ports"].as_array().unwrap().iter().map(|rule| rule["port"].to_string());
        assert_eq!(azure.collect::<Vec<_>>(), ports, "{set}: {rules:#}");
    }
}

#[tokio::test]
async fn the_network_lets_in_to_the_metrics_alone_and_out_to_instance_metadata_for_managed_identities_alone() {
    let helm = Helm::offline().await;
    for (set, wanted) in [
        ("traces.endpoint=http://collector.example.com:4318", vec![]),
        ("credentials.managedIdentityNamespaces={demo}", vec!["169.254.169.254/32"]),
    ] {
        let policy =
            find(&objects(&helm.template(&["--set", set]).await), "NetworkPolicy", "asr-operator")["spec"].clone();
        assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
        let ingress = policy["ingress"].as_array().unwrap();
        assert_eq!(
            (ingress.len(), &ingress[0]["ports"]),
            (1, &json!([{"port": "metrics", "protocol": "TCP"}])),
            "{policy:#}"
        );
        let blocks = policy["egress"].as_array().unwrap().iter().flat_map(|rule| rule["to"].as_array().unwrap());
        let blocks: Vec<&Value> = blocks.map(|to| &to["ipBlock"]).filter(|block| !block.is_null()).collect();
        // 169.254.20.10 is where many clusters ask for names, on the node.
        let cidrs = blocks.iter().map(|block| block["cidr"].as_str().unwrap());
        let metadata = cidrs.filter(|cidr| cidr.starts_with("169.254.") && *cidr != "169.254.20.10/32");
        assert_eq!(metadata.collect::<Vec<_>>(), wanted, "{set}: {policy:#}");
        let api_server = 1;
        let anywhere = blocks.iter().filter(|block| block["cidr"] == "0.0.0.0/0").skip(api_server);
        let kept_back = |block: &&&Value| block["except"] == json!(["169.254.0.0/16"]);
        assert!(anywhere.clone().count() > 0 && anywhere.clone().all(|block| kept_back(&block)), "{set}: {policy:#}");
    }
}

#[tokio::test]
async fn with_a_list_of_namespaces_no_right_reaches_beyond_them() {
    let helm = Helm::offline().await;
    let rendered = objects(&helm.template(&["--set", "namespaces={demo,other}"]).await);
    let bound = rendered.iter().filter(|object| object["kind"] == "ClusterRoleBinding");
    let roles: Vec<String> = bound.map(|binding| text(&binding["roleRef"]["name"])).collect();
    assert_eq!(roles, ["asr-operator-definitions"]);
    let spaces = rendered.iter().filter(|o| o["kind"] == "Role" && o["metadata"]["name"] == "asr-operator");
    assert_eq!(spaces.map(|role| text(&role["metadata"]["namespace"])).collect::<Vec<_>>(), ["demo", "other"]);
    let container = &find(&rendered, "Deployment", "asr-operator")["spec"]["template"]["spec"]["containers"][0];
    let args = container["args"].to_string();
    assert!(args.contains("--namespace=demo") && args.contains("--namespace=other"), "{args}");
}

/// Without `tenants`, nobody's credentials can be used; with `credentials.unrestricted`, what `deploy/operator/rbac.yaml` says.
#[tokio::test]
async fn credentials_are_reached_only_where_the_installer_says_so() {
    let helm = Helm::offline().await;
    let touching = |rendered: &[Value]| -> Vec<String> {
        let rules = rendered.iter().filter(|o| o["kind"].as_str().is_some_and(|kind| kind.ends_with("Role")));
        let rules = rules.flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default());
        let rules = rules.filter(|rule| {
            let resources = rule["resources"].to_string();
            resources.contains("secrets") || resources.contains("serviceaccounts")
        });
        rules.map(|rule| format!("{} {}", rule["resources"], rule["resourceNames"])).collect()
    };
    let set = "tenants[0].namespace=demo,tenants[0].serviceAccounts={asr},tenants[0].secrets={client}";
    assert_eq!(touching(&objects(&helm.template(&[]).await)), Vec::<String>::new());
    let named = [r#"["serviceaccounts/token"] ["asr"]"#, r#"["secrets"] ["client"]"#];
    assert_eq!(touching(&objects(&helm.template(&["--set", set]).await)), named);
    let open = objects(&helm.template(&["--set", "credentials.unrestricted=true"]).await);
    let raw = std::fs::read_to_string(format!("{ROOT}/deploy/operator/rbac.yaml")).unwrap();
    let chart = crate::audit::grants(&open, "asr-operator", "asr-operator");
    let plain = crate::audit::grants(&objects(&raw), "asr-operator", "asr-operator");
    assert!(plain.len() > 20, "{plain:?}");
    let reading = |grant: &&crate::audit::Grant| grant.resource != "customresourcedefinitions";
    let beyond: Vec<_> = plain.difference(&chart).filter(reading).collect();
    assert!(beyond.is_empty(), "deploy/operator/rbac.yaml grants what the chart does not: {beyond:?}");
}

#[tokio::test]
async fn install_yaml_and_kustomize_are_the_chart() {
    let rendered = Helm::offline().await.template(&["--skip-tests"]).await;
    let lines = rendered.lines().filter(|line| {
        let kept = !line.starts_with("# Source:") && !line.contains("app.kubernetes.io/managed-by");
        kept && !line.is_empty()
    });
    let generated = format!("{HEADER}{NAMESPACE}{}\n", lines.collect::<Vec<_>>().join("\n"));
    let path = Path::new(ROOT).join(INSTALL);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "{INSTALL} has drifted: run BLESS=1 cargo test --test chart and look at the diff");
    let linked = std::fs::read_to_string(Path::new(ROOT).join("deploy/install.yaml")).unwrap();
    assert!(linked == committed, "deploy/install.yaml is another file");
    let kubectl = tokio::task::spawn_blocking(|| Binaries::locate_or_build(say)).await.unwrap().unwrap().kubectl;
    let built = std::process::Command::new(kubectl)
        .args(["kustomize", "deploy/kustomize"])
        .current_dir(ROOT)
        .output()
        .expect("kubectl starts");
    let built = String::from_utf8_lossy(&built.stdout).into_owned();
    assert_eq!(by_name(&objects(&built)), by_name(&objects(&committed)));
}

fn by_name(objects: &[Value]) -> BTreeMap<String, Value> {
    let name = |o: &Value| format!("{} {}/{}", o["kind"], o["metadata"]["namespace"], o["metadata"]["name"]);
    objects.iter().map(|object| (name(object), object.clone())).collect()
}

/// The value with `1` for `1.0`: Helm writes numbers its own way.
fn plain(value: &Value) -> Value {
    match value {
        Value::Array(all) => all.iter().map(plain).collect(),
        Value::Object(all) => all.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        Value::Number(number) => number.as_f64().map(Value::from).unwrap_or_default(),
        other => other.clone(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
