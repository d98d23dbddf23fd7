//! I23: what is unknown, missing or no date never makes the operator send what it did not send before, and never makes
//! a request a success.

use asr_operator::asr::Job;
use asr_operator::asr::model::{self, ProtectedItem};
use asr_operator::controller::translate::{observed_item, observed_job};
use asr_operator::domain::Reason;
use asr_operator::domain::backoff::Class;
use asr_operator::domain::item::{Item, Obstacle};
use asr_operator::domain::observed::{Reading, Unreadable};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{corpus, mutate, scene};

/// A field whose absence says that there is no such thing, so that taking it away is another item and no odd one.
const ABSENCE_SPEAKS: [&str; 4] = [
    "/properties/currentScenario",
    "/properties/currentScenario/jobId",
    "/properties/currentScenario/scenarioName",
    "/properties/providerSpecificDetails/protectionClusterId",
];

fn read<T: DeserializeOwned, D>(wire: &Value, observed: impl FnOnce(&T) -> D) -> Reading<D> {
    match model::resource::<T>(wire.to_string().as_bytes()) {
        Ok(read) => Reading::Known(observed(&read)),
        Err(why) => Reading::Unreadable(Unreadable {
            class: Class::Bug,
            obstacle: Obstacle::new(Reason::VaultUnreachable, why),
            retry_after: None,
        }),
    }
}

fn item(wire: &Value) -> Reading<Item> {
    read::<ProtectedItem, _>(wire, observed_item)
}

/// A recorded item, and what keeps it from being touched.
fn items() -> Vec<(String, Value)> {
    let recorded: Vec<(String, Value)> = corpus::seeds()
        .into_iter()
        .filter(|seed| {
            seed.target == "item" && seed.body["properties"]["providerSpecificDetails"]["instanceType"] == "A2A"
        })
        .map(|seed| (seed.place, seed.body))
        .collect();
    let failed_over = json!({"properties": {"activeLocation": "Recovery", "allowedOperations":
        ["CompleteMigration", "Commit", "DisableProtection", "ChangePit"]}});
    let running = json!({"properties": {"currentScenario": {"scenarioName": "UnplannedFailover",
        "jobId": "/v/replicationJobs/bcc070e1-0012-4350-89a0-c2d99fe3e361", "startTime": "2029-12-31T23:00:00Z"}}});
    let group = json!({"properties": {"providerSpecificDetails": {"multiVmGroupCreateOption": "UserSpecified", "multiVmGroupName": "web"}}});
    let cluster = json!({"properties": {"providerSpecificDetails": {"protectionClusterId": "/x/cluster1"}}});
    // One of each state: what is offered, and where the VM runs.
    let mut states = std::collections::BTreeSet::new();
    let state =
        |wire: &Value| format!("{} {}", wire["properties"]["allowedOperations"], wire["properties"]["activeLocation"]);
    let mut all: Vec<_> = recorded.iter().filter(|(_, wire)| states.insert(state(wire))).cloned().collect();
    let (place, protected) = recorded.iter().find(|(_, wire)| scene_sends(wire).contains(&true)).unwrap();
    for (name, change) in [("failed over", failed_over), ("running", running), ("group", group), ("cluster", cluster)] {
        let mut wire = protected.clone();
        merge(&mut wire, &change);
        all.push((format!("{place}, {name}"), wire));
    }
    all
}

fn merge(target: &mut Value, change: &Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            change.iter().for_each(|(name, value)| merge(target.entry(name).or_insert(Value::Null), value));
        }
        (target, change) => *target = change.clone(),
    }
}

fn scene_sends(wire: &Value) -> Vec<bool> {
    let Reading::Known(known) = item(wire) else { return vec![] };
    let points = [scene::usual_point(&known)];
    scene::sent(&known, &Reading::Known(known.clone()), &points, &[])
}

/// What is sent beyond what was sent for the item as it was, when it now reads as `odd`.
fn beyond(wire: &Value, before: &[bool], odd: &Value) -> Option<String> {
    let Reading::Known(known) = item(wire) else { return None };
    let fresh = item(odd);
    fresh.known()?;
    let after = scene::sent(&known, &fresh, &[scene::usual_point(&known)], &[]);
    (before.iter().zip(&after).any(|(before, after)| *after && !before)).then(|| format!("{before:?} {after:?}"))
}

/// Places of the item itself and of its details, without the lists below them.
fn shallow(wire: &Value) -> Vec<String> {
    let depth = |place: &String| place.matches('/').count() <= 3 && !place.contains("healthErrors/");
    mutate::places(wire).into_iter().filter(depth).collect()
}

#[test]
fn i23_no_single_odd_field_of_an_item_lets_anything_be_sent() {
    let (mut tried, mut wrong, mut sent) = (0, Vec::new(), 0);
    for (place, wire) in items() {
        let before = scene_sends(&wire);
        sent += before.iter().filter(|sent| **sent).count();
        for at in shallow(&wire) {
            let speaks = ABSENCE_SPEAKS.contains(&at.as_str());
            let values = mutate::odd().into_iter().filter(|value| !speaks || (value.is_string() && *value != ""));
            let lacking = (!speaks).then(|| mutate::without(&wire, &at));
            for odd in values.map(|value| mutate::with(&wire, &at, &value)).chain(lacking) {
                tried += 1;
                wrong.extend(
                    beyond(&wire, &before, &odd).map(|how| format!("{place} {at} = {:?}: {how}", odd.pointer(&at))),
                );
            }
        }
    }
    println!(
        "{tried} items with one odd field, none sent that was not sent before; {sent} verbs are sent on the items as they are"
    );
    assert!(sent >= 4, "the items as they are let verbs be sent: {sent}");
    assert!(tried > 1500 && wrong.is_empty(), "{tried}\n{}", wrong.join("\n"));
}

/// Without the word that a field holds there is nothing to go by: none of these is enough alone.
#[test]
fn i23_an_item_without_what_decides_is_not_touched() {
    for (place, wire) in items() {
        for at in ["/properties/allowedOperations", "/properties/activeLocation", "/properties/providerSpecificDetails"]
        {
            let none = scene_sends(&wire).iter().map(|_| false).collect::<Vec<_>>();
            let Reading::Known(known) = item(&wire) else { panic!("{place}") };
            let lacking = item(&mutate::without(&wire, at));
            let sent = scene::sent(&known, &lacking, &[scene::usual_point(&known)], &[]);
            assert_eq!(sent, none, "{place} without {at}");
        }
    }
}

#[test]
fn i23_no_odd_fields_of_an_item_let_anything_be_sent() {
    const CASES: u32 = 400;
    let odd = select(items()).prop_flat_map(|(place, wire)| {
        let kept = wire.clone();
        (Just(place), Just(wire), mutate::changes(kept))
    });
    let mut runner =
        TestRunner::new(Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() });
    let run = runner.run(&odd, |(place, wire, odd)| {
        let gone = |at: &str| wire.pointer(at).is_some() && odd.pointer(at) != wire.pointer(at);
        if ABSENCE_SPEAKS.iter().any(|at| gone(at)) {
            return Ok(());
        }
        // Whose group it is stands in two fields: without both there is none.
        let group =
            ["Name", "CreateOption"].map(|name| format!("/properties/providerSpecificDetails/multiVmGroup{name}"));
        if group.iter().all(|at| odd.pointer(at) != wire.pointer(at)) {
            return Ok(());
        }
        prop_assert_eq!(beyond(&wire, &scene_sends(&wire), &odd), None, "{}: {}", place, odd);
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    println!("{CASES} items with some odd fields, none sent that was not sent before");
}

/// A job that runs, failed, or was cancelled.
fn jobs() -> Vec<Value> {
    let mut base = corpus::seeds()
        .into_iter()
        .find(|seed| seed.target == "job" && seed.body["properties"]["tasks"].is_array())
        .unwrap()
        .body;
    merge(
        &mut base,
        &json!({"properties": {"scenarioName": "UnplannedFailover", "activityId": format!("{} ActivityId: x", scene::CALL)}}),
    );
    let state = |word: &str| {
        let mut job = base.clone();
        merge(&mut job, &json!({"properties": {"state": word, "stateDescription": word}}));
        job
    };
    ["InProgress", "Failed", "Cancelled", "Suspended", "NotStarted", "Pondering"].map(state).to_vec()
}

#[test]
fn i16_no_odd_field_of_a_job_makes_a_success_of_it() {
    let (_, wire) = items().into_iter().find(|(place, _)| place.ends_with("failed over")).unwrap();
    let Reading::Known(failed_over) = item(&wire) else { panic!("{wire}") };
    let succeeds = |job: &Value| scene::succeeds(&failed_over, &read::<Job, _>(job, |job| observed_job(job, true)));
    let mut well = jobs().remove(0);
    merge(&mut well, &json!({"properties": {"state": "Succeeded", "stateDescription": "Completed"}}));
    assert!(succeeds(&well), "the job as it should be is a success");
    let mut tried = 0;
    for job in jobs() {
        for at in mutate::places(&job).iter().filter(|at| at.matches('/').count() <= 4) {
            let odd = mutate::odd().into_iter().map(|value| mutate::with(&job, at, &value));
            for odd in odd.chain([mutate::without(&job, at)]) {
                tried += 1;
                assert!(!succeeds(&odd), "{at}: {odd:#}");
            }
        }
    }
    println!("{tried} jobs with one odd field, no success");
    assert!(tried > 500, "{tried}");
}
