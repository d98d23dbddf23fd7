//! Every change of a request that a tool which waits could see, judged by the rules of kstatus: never Current while
//! something runs, never anything else after that, and Failed only where it failed.

use crate::harness::asr_resource;
use futures::{StreamExt, TryStreamExt};
use kube::api::{Api, DynamicObject, WatchEvent, WatchParams};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const REQUESTS: [&str; 4] = ["FailoverRequest", "ChangeRecoveryPointRequest", "CommitRequest", "ReprotectRequest"];

/// What kstatus makes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    InProgress,
    Failed,
    Current,
}

/// All that was seen of each request, in order.
pub struct Watch(Arc<Mutex<BTreeMap<String, Vec<Value>>>>);

impl Watch {
    /// Looks at all requests of all namespaces from now on.
    pub fn start(client: &kube::Client) -> Self {
        let seen = Self(Arc::default());
        for kind in REQUESTS {
            let api = Api::<DynamicObject>::all_with(client.clone(), &asr_resource(kind));
            tokio::spawn(follow(kind, api, Arc::clone(&seen.0)));
        }
        seen
    }

    /// Judges what was seen, when this many requests ended well and none otherwise.
    pub fn judge(&self, ended_well: usize) {
        let seen = self.0.lock().unwrap();
        assert_eq!(seen.len(), ended_well, "{:?}", seen.keys());
        for (name, states) in seen.iter() {
            let judged: Vec<Judgement> = states.iter().map(judgement).collect();
            assert!(states.len() > 3, "{name} was seen {} times", states.len());
            assert!(!judged.contains(&Judgement::Failed), "{name} failed: {judged:?}");
            let end =
                judged.iter().position(|j| *j == Judgement::Current).unwrap_or_else(|| panic!("{name}: {judged:?}"));
            let after = &judged[end..];
            assert!(after.iter().all(|j| *j == Judgement::Current), "{name} was Current and then not: {judged:?}");
            let operations = states[end]["status"]["operations"].as_array().unwrap();
            let open = operations.iter().find(|operation| operation["endedAt"].is_null());
            assert!(
                open.is_none() && !operations.is_empty(),
                "{name} is Current and runs: {:#}",
                states[end]["status"]
            );
        }
    }
}

async fn follow(kind: &str, api: Api<DynamicObject>, seen: Arc<Mutex<BTreeMap<String, Vec<Value>>>>) {
    let Ok(events) = api.watch(&WatchParams::default(), "0").await else { return };
    let mut events = events.boxed();
    while let Ok(Some(event)) = events.try_next().await {
        if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event {
            let name = format!("{kind} {}", object.metadata.name.clone().unwrap_or_default());
            seen.lock().unwrap().entry(name).or_default().push(serde_json::to_value(object).unwrap());
        }
    }
}

/// The generic rules, in their order.
fn judgement(object: &Value) -> Judgement {
    let status = &object["status"];
    let holds = |kind: &str| {
        let conditions = status["conditions"].as_array().into_iter().flatten();
        conditions.filter(|c| c["type"] == kind).map(|c| c["status"].as_str().unwrap_or_default().to_owned()).next()
    };
    let told = |kind: &str, value: &str| holds(kind).as_deref() == Some(value);
    match () {
        () if status["observedGeneration"] != object["metadata"]["generation"] => Judgement::InProgress,
        () if told("Stalled", "True") => Judgement::Failed,
        () if told("Reconciling", "True") => Judgement::InProgress,
        () if told("Ready", "False") || told("Ready", "Unknown") => Judgement::InProgress,
        () => Judgement::Current,
    }
}
