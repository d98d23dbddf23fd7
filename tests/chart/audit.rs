//! Grants and their use: what the operator's roles allow, and what the API server wrote down that it did.

use crate::stage::{NAME, Stage};
use serde_json::Value;
use std::collections::BTreeSet;

/// One thing that may be done, to one resource or by one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Everywhere, or in this namespace.
    pub namespace: Option<String>,
    pub group: String,
    pub resource: String,
    pub verb: String,
    /// Any, or this one.
    pub name: Option<String>,
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    pub namespace: String,
    pub group: String,
    pub resource: String,
    pub verb: String,
    pub name: String,
    pub allowed: bool,
}

impl Grant {
    /// Whether this allows that.
    pub fn covers(&self, used: &Use) -> bool {
        let within = self.namespace.as_ref().is_none_or(|namespace| *namespace == used.namespace);
        let named = self.name.as_ref().is_none_or(|name| *name == used.name);
        within && named && (&self.group, &self.resource, &self.verb) == (&used.group, &used.resource, &used.verb)
    }
}

/// What the roles among these objects that are bound to a ServiceAccount allow it.
pub fn grants(objects: &[Value], namespace: &str, account: &str) -> BTreeSet<Grant> {
    let is_account = |s: &Value| s["kind"] == "ServiceAccount" && s["name"] == account && s["namespace"] == namespace;
    let bindings = objects.iter().filter(|o| words(&o["kind"]).ends_with("RoleBinding"));
    let bindings = bindings.filter(|b| b["subjects"].as_array().is_some_and(|all| all.iter().any(is_account)));
    bindings.flat_map(|binding| granted(objects, binding)).collect()
}

fn granted(objects: &[Value], binding: &Value) -> Vec<Grant> {
    let scope = binding["metadata"]["namespace"].as_str().map(str::to_owned);
    let role = objects.iter().find(|object| {
        let same =
            object["kind"] == binding["roleRef"]["kind"] && object["metadata"]["name"] == binding["roleRef"]["name"];
        same && (object["kind"] == "ClusterRole" || object["metadata"]["namespace"] == binding["metadata"]["namespace"])
    });
    let rules = role.unwrap_or_else(|| panic!("no role of {binding:#}"))["rules"].as_array().unwrap();
    let mut all = Vec::new();
    for rule in rules {
        let mut names: Vec<Option<String>> = list(&rule["resourceNames"]).into_iter().map(Some).collect();
        if names.is_empty() {
            names.push(None);
        }
        for group in list(&rule["apiGroups"]) {
            for resource in list(&rule["resources"]) {
                for verb in list(&rule["verbs"]) {
                    let one = |name: &Option<String>| Grant {
                        namespace: scope.clone(),
                        group: group.clone(),
                        resource: resource.clone(),
                        verb: verb.clone(),
                        name: name.clone(),
                    };
                    all.extend(names.iter().map(one));
                }
            }
        }
    }
    all
}

/// What a ServiceAccount did to resources, by the audit log.
pub fn uses(log: &[Value], namespace: &str, account: &str) -> BTreeSet<Use> {
    let user = format!("system:serviceaccount:{namespace}:{account}");
    let own = log.iter().filter(|event| event["user"]["username"] == user && event["objectRef"].is_object());
    own.map(used).collect()
}

fn used(event: &Value) -> Use {
    let object = &event["objectRef"];
    let sub = words(&object["subresource"]);
    let resource = words(&object["resource"]);
    Use {
        namespace: words(&object["namespace"]),
        group: words(&object["apiGroup"]),
        resource: if sub.is_empty() { resource } else { format!("{resource}/{sub}") },
        verb: words(&event["verb"]),
        name: words(&object["name"]),
        allowed: event["annotations"]["authorization.k8s.io/decision"] == "allow",
    }
}

/// What the roles give and a run does not need, with the reason why they give it.
fn unused_for_a_reason(grant: &Grant) -> Option<&'static str> {
    match (grant.resource.as_str(), grant.verb.as_str()) {
        ("events", "patch") => Some("an event that happens again within minutes is counted, not repeated"),
        _ => None,
    }
}

/// That all that the operator did was allowed, by the chart's roles, and that these allow nothing else.
pub async fn grants_are_what_is_used(stage: &Stage) {
    let grants = grants(&stage.rendered().await, NAME, NAME);
    let used = uses(&stage.plane.audit(), NAME, NAME);
    assert!(grants.len() > 30 && used.len() > 30, "{grants:#?} {used:#?}");
    let denied: Vec<_> = used.iter().filter(|used| !used.allowed).collect();
    assert!(denied.is_empty(), "the chart's roles lack: {denied:#?}");
    let foreign: Vec<_> = used.iter().filter(|used| !grants.iter().any(|grant| grant.covers(used))).collect();
    assert!(foreign.is_empty(), "done by other rights than the chart's: {foreign:#?}");
    let idle = grants.iter().filter(|grant| !used.iter().any(|used| grant.covers(used)));
    let idle: Vec<_> = idle.filter(|grant| unused_for_a_reason(grant).is_none()).collect();
    assert!(idle.is_empty(), "granted and never used: {idle:#?}");
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(words).collect()
}

fn words(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
