//! Fields of every kind, changed under an object that is there, its status too, since a restore may bring back any one that
//! the API server takes. Of a status every change is tried, of a spec every third, since `fields` creates an object with each
//! of them. Each change is taken or refused in words that name the field, nothing of a request's spec is ever another one, and a
//! watch by the operator's own type comes to the last change.

use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::DeserializeGuard;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::immutability::IMMUTABLE;
use super::manifests::whole;
use super::objects::example;
use super::tries::{AT_ONCE, Tally, Try, judged, objects, of_kind, schema, tries};
use super::{fields, records};
use crate::harness::ControlPlane;

/// What is said of a record as a whole that would come to be of another item.
const STAYS: &str = "a record stays with its item";

/// The label of the last change of all.
const LAST: &str = "last";

/// What a watch of one kind could not do.
type Watched = JoinHandle<Option<String>>;

/// Watches as the operator does until the last change.
async fn watch<K>(own: Api<DeserializeGuard<K>>, begun: oneshot::Sender<()>) -> Option<String>
where
    K: kube::Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut begun = Some(begun);
    let mut events = pin!(watcher(own, watcher::Config::default()));
    loop {
        match events.next().await {
            Some(Ok(Event::InitDone)) => drop(begun.take().map(|begun| begun.send(()))),
            Some(Ok(Event::Apply(object) | Event::InitApply(object))) if object.labels().contains_key(LAST) => {
                return None;
            }
            // A busy API server may end a watch as too old: the stream lists anew by itself, as the operator's does.
            Some(Err(watcher::Error::WatchError(status))) if status.code == 410 => {}
            Some(Ok(_)) => {}
            Some(Err(error)) => return Some(format!("its watch stopped: {error}")),
            None => return Some("its watch ended".to_owned()),
        }
    }
}

/// A watch by the operator's own type, once it has seen all there is.
async fn watching(client: &Client, namespace: &str, kind: &str) -> Watched {
    let (begun, begins) = oneshot::channel();
    let watched = of_kind!(kind, K => tokio::spawn(watch::<K>(Api::namespaced(client.clone(), namespace), begun)));
    begins.await.ok();
    watched
}

/// An object that is changed, one change after the other.
struct Changed {
    own: Api<DynamicObject>,
    name: String,
    part: &'static str,
    base: Value,
}

impl Changed {
    /// Makes it; what the API server has of it.
    async fn begin(&self) -> Value {
        let mut object = self.base.clone();
        object["metadata"] = json!({"name": self.name});
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let made = self.own.create(&PostParams::default(), &object).await.unwrap();
        if self.part == "status" { self.change(&self.base).await.unwrap() } else { serde_json::to_value(made).unwrap() }
    }

    /// Puts the part of `object` in the place of its own.
    async fn change(&self, object: &Value) -> Result<Value, String> {
        let whole = json!([{"op": "add", "path": format!("/{}", self.part), "value": object[self.part]}]);
        let (patch, usual) = (Patch::Json::<()>(serde_json::from_value(whole).unwrap()), PatchParams::default());
        let answer = match self.part {
            "status" => self.own.patch_status(&self.name, &usual, &patch).await,
            _ => self.own.patch(&self.name, &usual, &patch).await,
        };
        judged(&self.name, answer)
    }

    /// Every change, each from the base on.
    async fn by_each(&self, all: &[Try]) -> Vec<(Result<Value, String>, bool)> {
        let first = self.begin().await;
        let mut answers = Vec::new();
        for try_ in all {
            let answer = self.change(&try_.object).await;
            let same = answer.as_ref().is_ok_and(|object| object["spec"] == first["spec"]);
            // Some changes can be made and not be taken back.
            if answer.is_ok() && !same && self.change(&self.base).await.is_err() {
                self.own.delete(&self.name, &DeleteParams::default()).await.unwrap();
                self.begin().await;
            }
            answers.push((answer, same));
        }
        answers
    }
}

/// Every odd change of a part of a kind's objects, under some objects at once.
async fn changes(plane: &ControlPlane, base: &Value, (kind, part): (&'static str, &'static str), tally: &mut Tally) {
    let (client, namespace) = (plane.client().await, plane.namespace("changes").await);
    let own = objects(&client, &namespace, kind);
    let watched = watching(&client, &namespace, kind).await;
    // What is very long is refused when it is created already.
    let all = tries(kind, part, base, |_, value| value.as_ref().is_none_or(|value| value.to_string().len() < 9_000));
    // Every value was tried in every place of a spec when it was created: here each is met in some of them.
    let all: Vec<Try> = all.into_iter().step_by(if part == "spec" { 3 } else { 1 }).collect();
    let words = IMMUTABLE.iter().find(|(own, _)| *own == kind).map(|(_, words)| *words);
    let shares = all.chunks(all.len().div_ceil(AT_ONCE));
    let changed = |number| Changed { own: own.clone(), name: format!("sample-{number}"), part, base: base.clone() };
    let all_changed: Vec<Changed> = (0..shares.len()).map(changed).collect();
    let answers = join_all(all_changed.iter().zip(shares.clone()).map(|(changed, share)| changed.by_each(share))).await;
    for (try_, (answer, same)) in shares.flatten().zip(answers.into_iter().flatten()) {
        tally.note(try_, &answer, words.or(Some(STAYS)).filter(|_| part == "spec"));
        if words.is_some() && answer.is_ok() && !same {
            tally.wrong(format!("{}: what cannot be edited is another one now", try_.what));
        }
    }
    let last = Patch::Merge(json!({"metadata": {"labels": {LAST: "yes"}}}));
    own.patch("sample-0", &PatchParams::default(), &last).await.unwrap();
    match tokio::time::timeout(Duration::from_secs(30), watched).await {
        Ok(watched) => watched.unwrap().into_iter().for_each(|wrong| tally.wrong(format!("{kind}: {wrong}"))),
        Err(_) => tally.wrong(format!("{kind}: its watch does not come to the last change")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_odd_change_of_a_spec_is_taken_or_refused_and_can_be_read() {
    let plane = ControlPlane::shared().await;
    plane.install_crds().await;
    let public = fields::KINDS.map(|kind| (kind, fields::of_nobody(whole(kind))));
    let internal = records::KINDS.map(|kind| (kind, records::complete(kind)));
    let mut tally = Tally::default();
    for (kind, base) in public.into_iter().chain(internal) {
        changes(plane, &base, (kind, "spec"), &mut tally).await;
    }
    tally.holds();
    assert!(tally.counts.values().all(|count| count.refused > 0), "{:?}", tally.counts);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_odd_change_of_a_status_is_taken_or_refused_and_can_be_read() {
    let plane = ControlPlane::shared().await;
    plane.install_crds().await;
    let mut tally = Tally::default();
    // The kinds of requests have one status between them.
    for kind in ["RecoveryVault", "ReplicatedVm", "FailoverRequest", "RequestDecision"] {
        let mut base = whole(kind);
        base["status"] = example(&schema(kind, "status"));
        changes(plane, &base, (kind, "status"), &mut tally).await;
    }
    tally.holds();
    assert!(tally.counts.values().all(|count| count.accepted > 0 && count.refused > 0), "{:?}", tally.counts);
}
