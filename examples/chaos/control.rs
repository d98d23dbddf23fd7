//! The control: the same requests under the same storm, by a program as many are. It posts without an intent, retries
//! three times, and notes on the object what came of it. When it dies, it begins again with what is not noted.

use std::sync::Arc;
use std::time::Duration;

use asr_operator::asr::Carrier;
use reqwest::{Method, Request, Url};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::operator::{asked, setup, storm};
use crate::tally::Tally;
use crate::world::azure::{ARM, ENTRA, Way};
use crate::world::crossing::Border;
use crate::world::judge::{Asked, accepted, duplicates};
use crate::world::manifest::{Verb, request};
use crate::world::store::Shapes;
use crate::world::{NAMESPACE, Setup, World, in_virtual_time};

/// Where the program notes that a request is done.
const NOTE: &str = "control/done";

/// Runs one world and counts.
pub fn run(seed: u64, requests: u64, shapes: &Arc<Shapes>, tally: &mut Tally) {
    in_virtual_time(async {
        let setup = Setup { second_while_stopped: false, revives: false, ..setup(seed, requests) };
        let world = World::new(setup, shapes, |time| storm(seed, time));
        let all = asked(requests);
        for asked in &all {
            world.create(0, asked.verb.plural(), request(asked.verb, &asked.name, asked.item));
        }
        while !all.iter().all(|asked| is_done(&world, asked)) && world.time.elapsed() < Duration::from_secs(4 * 3600) {
            let program = tokio::spawn(program(world.border(0), Arc::clone(&world), all.clone()));
            // Its end is that of the process: it died, or it is through.
            program.await.ok();
            sleep(Duration::from_secs(5)).await;
        }
        let ledger = world.azure.told("ledger").await;
        tally.control_duplicates += duplicates(&all, &ledger).len() as u64;
        let made = accepted(&ledger);
        let lost = all.iter().filter(|asked| {
            let call = (format!("item-{}", asked.item), asked.verb.operations()[0].to_owned());
            !made.contains(&call)
        });
        tally.control_lost += lost.count() as u64;
        tally.control_faults += world.trace.faults().values().sum::<u64>();
    });
}

fn is_done(world: &World, asked: &Asked) -> bool {
    let object = world.get(0, asked.verb.plural(), &asked.name);
    object.is_some_and(|object| object["metadata"]["annotations"][NOTE] == "true")
}

/// One life of the program.
async fn program(border: Border, world: Arc<World>, all: Vec<Asked>) {
    let chance = border.chance.clone();
    let way = Way { border, azure: Arc::clone(&world.azure), chance, judged: false };
    let chains = all.chunk_by(|a, b| a.item == b.item).map(|chain| work(&way, &world, chain));
    futures::future::join_all(chains).await;
}

async fn work(way: &Way, world: &World, chain: &[Asked]) {
    for asked in chain {
        if is_done(world, asked) {
            continue;
        }
        for tried in 0..4 {
            if tried > 0 {
                sleep(Duration::from_secs(1 << tried)).await;
            }
            if post(way, world, asked).await {
                break;
            }
        }
        way.border.life.goes_on().await;
        let note = json!({"metadata": {"annotations": {NOTE: "true"}}});
        world.call(0, "PATCH", (asked.verb.plural(), NAMESPACE, &asked.name), false, note);
        // Until the job is over.
        sleep(Duration::from_secs(30)).await;
    }
}

/// One try; whether it need not be repeated.
async fn post(way: &Way, world: &World, asked: &Asked) -> bool {
    let Some(token) = token(way).await else { return false };
    let items = world.azure.told("items").await;
    let named = |item: &&Value| item["name"] == format!("item-{}", asked.item);
    let Some(item) = items.as_array().and_then(|all| all.iter().find(named)) else { return true };
    let Some(id) = item["id"].as_str() else { return true };
    let (path, body) = call(asked.verb, id, item);
    let url = format!("{ARM}{path}?api-version=2025-08-01").parse::<Url>().unwrap();
    let mut request = Request::new(Method::POST, url);
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    *request.body_mut() = Some(body.to_string().into());
    match way.carry(request).await {
        Ok(answer) => !(answer.status().is_server_error() || matches!(answer.status().as_u16(), 408 | 429)),
        Err(_) => false,
    }
}

fn call(verb: Verb, item: &str, seen: &Value) -> (String, Value) {
    let provider = json!({"instanceType": "A2A"});
    let operation = verb.operations()[0];
    let properties = match verb {
        Verb::Failover | Verb::FailoverAndCommit => json!({
            "failoverDirection": "PrimaryToRecovery", "sourceSiteOperations": "NotRequired", "providerSpecificDetails": provider,
        }),
        Verb::ChangePoint => json!({
            "recoveryPointId": seen["latestRecoveryPoint"]["id"], "providerSpecificDetails": provider,
        }),
        Verb::Commit => Value::Null,
        Verb::Reprotect => {
            let container = item.rsplit_once("/replicationProtectedItems").map_or(item, |(container, _)| container);
            let body = json!({"properties": {
                "replicationProtectedItemName": seen["name"],
                "providerSpecificDetails": {"instanceType": "A2A", "vmManagedDisks": []},
            }});
            return (format!("{container}/{operation}"), body);
        }
    };
    (format!("{item}/{operation}"), json!({"properties": properties}))
}

async fn token(way: &Way) -> Option<String> {
    let url = format!("{ENTRA}/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token").parse::<Url>().unwrap();
    let mut request = Request::new(Method::POST, url);
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    let form = format!(
        "grant_type=client_credentials&client_id=22222222-2222-2222-2222-222222222222&client_secret=simulated&scope={ARM}/.default"
    );
    *request.body_mut() = Some(form.into());
    let answer = way.carry(request).await.ok()?;
    let body: Value = answer.json().await.ok()?;
    body["access_token"].as_str().map(str::to_owned)
}
