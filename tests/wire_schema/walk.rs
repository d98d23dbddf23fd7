//! A walk through the loop: at every stop every endpoint is read, and every answer held against the closed form.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::schema::{Difference, Schema};
use super::service::{Answer, SUBSCRIPTION, Service, container, fabric, item, vault};

const REGIONS: [&str; 2] = ["westeurope", "northeurope"];

/// What a walk found.
#[derive(Default)]
pub(crate) struct Findings {
    /// Differences, by operation.
    pub(crate) found: BTreeSet<(String, Difference)>,
    /// Answers checked, by operation and status.
    pub(crate) checked: BTreeMap<String, usize>,
    /// One body of each shape with the definition that it was held against.
    pub(crate) bodies: BTreeMap<String, (String, Value)>,
}

/// Somebody who walks.
pub(crate) struct Walk {
    pub(crate) service: Service,
    schema: Schema,
    pub(crate) findings: Findings,
}

impl Walk {
    pub(crate) async fn start() -> Self {
        Self { service: Service::start().await, schema: Schema::closed(), findings: Findings::default() }
    }

    /// One call, its answer checked.
    pub(crate) async fn call(&mut self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let answer = self.service.call(method, path, body).await;
        let name = match (self.schema.operation(method, path), answer.status) {
            (Some(operation), 200..300) => {
                assert!(operation.codes.contains(&answer.status), "{} answered {}", operation.name, answer.status);
                if answer.status == 200 {
                    let reference =
                        operation.response.clone().unwrap_or_else(|| panic!("{} has no answer", operation.name));
                    self.hold(&operation.name, &reference, &answer.body);
                } else {
                    assert!(answer.body.is_null(), "{}: a body in a {}", operation.name, answer.status);
                }
                operation.name
            }
            (operation, 400..) => {
                let name = operation.map_or_else(|| "no operation of Site Recovery".to_owned(), |o| o.name);
                let reference = self.schema.error_reference();
                self.hold(&format!("{name} (error)"), &reference, &answer.body);
                name
            }
            (None, _) => "no operation of Site Recovery".to_owned(),
            (Some(operation), status) => panic!("{} answered {status}", operation.name),
        };
        *self.findings.checked.entry(format!("{name} {}", answer.status)).or_default() += 1;
        answer
    }

    fn hold(&mut self, name: &str, reference: &str, body: &Value) {
        for difference in self.schema.differences(reference, body) {
            self.findings.found.insert((name.to_owned(), difference));
        }
        let shape = format!("{reference} {}", shape(body));
        self.findings.bodies.entry(shape).or_insert_with(|| (reference.to_owned(), body.clone()));
    }

    /// A verb, which is accepted.
    pub(crate) async fn verb(&mut self, path: &str, body: Option<&Value>) -> String {
        self.call("POST", path, body).await.job()
    }

    /// Reads every endpoint there is.
    pub(crate) async fn look(&mut self) {
        let v = vault();
        for list in [
            "replicationFabrics",
            "replicationProtectionContainers",
            "replicationProtectionContainerMappings",
            "replicationPolicies",
            "replicationRecoveryPlans",
            "replicationProtectedItems",
        ] {
            self.call("GET", &format!("{v}/{list}"), None).await;
        }
        self.call("GET", &format!("{v}/replicationPolicies/24-hour-retention-policy"), None).await;
        self.call("GET", &format!("{v}/replicationPolicies/none"), None).await;
        for region in REGIONS {
            self.look_at(region).await;
        }
        self.look_at_jobs().await;
    }

    async fn look_at(&mut self, region: &str) {
        let (f, c) = (fabric(region), container(region));
        for path in [f.clone(), format!("{f}/replicationProtectionContainers"), c.clone()] {
            self.call("GET", &path, None).await;
        }
        let mappings = format!("{c}/replicationProtectionContainerMappings");
        for mapping in self.ids(&mappings).await {
            self.call("GET", &mapping, None).await;
        }
        self.call("GET", &format!("{c}/replicationProtectedItems"), None).await;
        for name in ["app01", "db01"] {
            let id = item(region, name);
            self.call("GET", &id, None).await;
            if let Some(point) = self.ids(&format!("{id}/recoveryPoints")).await.last() {
                self.call("GET", point, None).await;
            }
        }
    }

    async fn look_at_jobs(&mut self) {
        let v = vault();
        for job in self.ids(&format!("{v}/replicationJobs")).await {
            let guid = job.rsplit('/').next().unwrap().to_owned();
            self.call("GET", &format!("{v}/replicationOperationStatus/{guid}"), None).await;
            self.call("GET", &job, None).await;
            self.call("GET", &job, None).await;
        }
        self.call("GET", &format!("{v}/replicationJobs/{}", uuid::Uuid::nil()), None).await;
    }

    /// The ids of a list, over its pages.
    async fn ids(&mut self, list: &str) -> Vec<String> {
        let (mut ids, mut next) = (Vec::new(), Some(list.to_owned()));
        while let Some(path) = next {
            let page = self.call("GET", &path, None).await.body;
            let elements = page["value"].as_array().cloned().unwrap_or_default();
            ids.extend(elements.iter().filter_map(|element| element["id"].as_str().map(str::to_owned)));
            next = page["nextLink"].as_str().map(str::to_owned);
        }
        ids
    }

    /// Looks at an item's job as it begins, runs and ends, as long as it takes.
    pub(crate) async fn follow(&mut self, seconds: f64) {
        self.look().await;
        self.service.advance(seconds / 2.0).await;
        self.look().await;
        self.service.advance(seconds / 2.0 + 1.0).await;
        self.look().await;
    }

    /// The points of an item.
    pub(crate) async fn points(&mut self, id: &str) -> Vec<String> {
        self.ids(&format!("{id}/recoveryPoints")).await
    }

    /// The body of a reprotect of an item that was failed over from `from`.
    pub(crate) async fn reprotect_body(&mut self, from: &str, name: &str) -> Value {
        let to = REGIONS.into_iter().find(|region| *region != from).unwrap();
        let shown = self.call("GET", &item(from, name), None).await.body;
        let vm = shown["properties"]["providerSpecificDetails"]["recoveryFabricObjectId"].as_str().unwrap().to_owned();
        let storage = self.service.get(&vm).await.body["properties"]["storageProfile"].clone();
        let group = |region: &str| {
            let name = if region == "westeurope" { "rg-app" } else { "rg-app-dr" };
            format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}")
        };
        let cache = format!("{}/providers/Microsoft.Storage/storageAccounts/cache{to}", group(to));
        let disks: Vec<Value> = std::iter::once(&storage["osDisk"])
            .chain(storage["dataDisks"].as_array().into_iter().flatten())
            .map(|disk| {
                json!({
                    "diskId": disk["managedDisk"]["id"],
                    "primaryStagingAzureStorageAccountId": cache,
                    "recoveryResourceGroupId": group(from),
                })
            })
            .collect();
        let details = json!({
            "instanceType": "A2A",
            "recoveryContainerId": container(from),
            "policyId": format!("{}/replicationPolicies/24-hour-retention-policy", vault()),
            "recoveryResourceGroupId": group(from),
            "vmManagedDisks": disks,
        });
        json!({"properties": {"replicationProtectedItemName": name, "providerSpecificDetails": details}})
    }
}

/// What tells two bodies of one definition apart: state words and names of fields.
fn shape(body: &Value) -> String {
    let properties = &body["properties"];
    let words =
        ["scenarioName", "state", "protectionState", "testFailoverState"].map(|field| properties[field].as_str());
    let names = properties.as_object().map_or(0, serde_json::Map::len);
    let tasks = properties["tasks"].as_array().map_or(0, Vec::len);
    let errors = properties["errors"].as_array().map_or(0, Vec::len);
    let elements = body["value"].as_array().map_or(0, Vec::len).min(1);
    format!("{words:?} {names} {tasks} {errors} {elements} {}", body["status"])
}
