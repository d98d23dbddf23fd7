//! `/_sim/`: the hand behind the scenes. Ledger, clock, faults, items, behaviour, and the portal's actor. No credential.
//!
//! Changes the world only through the machine that ARM's verbs use, or by the flags that a seed can set.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::fate::Fate;
use super::super::faults::Fault;
use super::super::item::Item;
use super::super::recipe::RecipeSpec;
use super::super::seed::{ItemSeed, Role, SeedState};
use super::super::vault::Vault;
use super::super::verb::Verb;
use super::super::wire;
use super::answer::{Answer, plain};
use super::{Core, Simulator, actor, resources};

/// What the control interface answers: data, or a status and a text that says what is wrong.
pub(super) type Reply = Result<Value, (u16, String)>;

type Sim = State<Arc<Simulator>>;

pub(super) fn routes() -> Router<Arc<Simulator>> {
    Router::new()
        .route("/ledger", get(async |State(sim): Sim| reply(&sim, |core, _| Ok(json!(core.ledger.entries())))))
        .route("/requests", get(async |State(sim): Sim| reply(&sim, |core, _| Ok(json!(core.ledger.counts())))))
        .route("/actions", get(async |State(sim): Sim| reply(&sim, |core, _| Ok(json!(core.ledger.actions())))))
        .route("/jobs", get(async |State(sim): Sim| reply(&sim, jobs)).post(change_job))
        .route("/items", get(async |State(sim): Sim| reply(&sim, items)).post(change_item))
        .route("/clock", get(read_clock).post(change_clock))
        .route("/faults", get(read_faults).post(install_fault).delete(clear_faults))
        .route("/behaviour", get(read_behaviour).post(change_behaviour))
        .route("/timings", get(read_timings).post(change_timings))
        .route("/actor", post(act))
        .route("/principals", post(change_principal))
        .route("/resources", get(read_resources).post(change_resources))
        .route("/tokens/expire", post(expire_tokens))
}

fn reply(simulator: &Simulator, work: impl FnOnce(&mut Core, Timestamp) -> Reply) -> Response<Body> {
    let mut core = simulator.core();
    let now = core.settled(simulator.uptime());
    let answer = match work(&mut core, now) {
        Ok(body) => Answer::ok(body),
        Err((status, text)) => Answer::with(status, json!({ "error": text })),
    };
    plain(answer, now)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, (u16, String)> {
    serde_json::from_slice(body).map_err(|error| (400, format!("the body is not what this call takes: {error}")))
}

/// `current` with `patch` merged in; null sets a field back to its default.
fn patched<T: Serialize + DeserializeOwned>(current: &T, patch: &Value) -> Result<T, (u16, String)> {
    let mut value = serde_json::to_value(current).map_err(|error| (500, error.to_string()))?;
    wire::merge(&mut value, patch);
    serde_json::from_value(value).map_err(|error| (400, format!("the patch leaves something invalid: {error}")))
}

fn jobs(core: &mut Core, now: Timestamp) -> Reply {
    let behaviour = &core.world.behaviour;
    let of = |vault: &Vault| -> Vec<Value> {
        let there = vault.jobs.iter().filter(|job| job.started <= now);
        there.map(|job| wire::job::full(vault, job, behaviour, now)).collect()
    };
    Ok(json!(core.world.vaults.iter().flat_map(of).collect::<Vec<_>>()))
}

/// What becomes of the newest job of an item; null lets it go on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JobChange {
    item: String,
    vault: Option<String>,
    fate: Option<Fate>,
}

async fn change_job(State(simulator): Sim, body: Bytes) -> Response<Body> {
    reply(&simulator, |core, now| {
        let change: JobChange = parse(&body)?;
        let (vault, index) = find_item(core, change.vault.as_deref(), &change.item)?;
        let vault = &mut core.world.vaults[vault];
        let uid = vault.items[index].uid;
        let newest = vault.jobs.iter_mut().rfind(|job| job.item == uid && job.verb != Verb::EnableDr);
        newest.ok_or_else(|| (404, format!("'{}' has no job", change.item)))?.meets(change.fate, now);
        core.world.settle(now);
        jobs(core, now)
    })
}

fn items(core: &mut Core, now: Timestamp) -> Reply {
    let of = |vault: &Vault| -> Vec<Value> { vault.items.iter().map(|item| overview(vault, item, now)).collect() };
    Ok(json!(core.world.vaults.iter().flat_map(of).collect::<Vec<_>>()))
}

fn overview(vault: &Vault, item: &Item, now: Timestamp) -> Value {
    let stage = item.stage(now);
    json!({
        "vault": vault.name,
        "name": item.name,
        "vmName": item.placements[0].vm_name,
        "id": vault.item_id(item),
        "sourceVmId": item.placements[0].vm_id(),
        "recoveryVmId": item.placements[1].vm_id(),
        "protectionState": stage.protection,
        "activeLocation": stage.active,
        "allowedOperations": item.allowed_operations(now),
        "runningJobs": item.course.running,
        "reversed": item.course.reversed,
        "lifecycleId": item.lifecycle,
        "failoverRecoveryPoint": item.course.failover_point,
        "recoveryPoints": item.points(now).len(),
        "latestRecoveryPoint": item.latest_point(now).map(|point| json!({ "id": vault.point_id(item, &point), "time": point.time })),
        "flags": item.flags,
    })
}

/// A change of an item; fields beside these are its flags.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemChange {
    /// Name of the item or its VM; not needed with `create`.
    #[serde(default)]
    name: String,
    vault: Option<String>,
    #[serde(default)]
    remove: bool,
    /// Enabled anew under the same name, in this state.
    recreate: Option<SeedState>,
    /// With `recreate`: from the recovery side, so that what was the target is the initial location.
    #[serde(default)]
    from_recovery: bool,
    create: Option<ItemSeed>,
    #[serde(flatten)]
    flags: Map<String, Value>,
}

async fn change_item(State(simulator): Sim, body: Bytes) -> Response<Body> {
    reply(&simulator, |core, now| {
        let change: ItemChange = parse(&body)?;
        if let Some(seed) = &change.create {
            let vault = find_vault(core, change.vault.as_deref())?;
            core.world.add_item(vault, seed, now);
            return items(core, now);
        }
        let (vault, index) = find_item(core, change.vault.as_deref(), &change.name)?;
        if change.remove {
            core.world.vaults[vault].items.remove(index);
            return items(core, now);
        }
        if let Some(state) = change.recreate {
            core.world.recreate_item(vault, index, state, change.from_recovery, now);
        } else if change.from_recovery {
            return Err((400, "fromRecovery goes with recreate".to_owned()));
        }
        let item = &mut core.world.vaults[vault].items[index];
        known_fields(&item.flags, &change.flags)?;
        let flags = patched(&item.flags, &Value::Object(change.flags))?;
        known_recipe(flags.fail_next.as_ref())?;
        item.flags = flags;
        let vault = &core.world.vaults[vault];
        Ok(overview(vault, &vault.items[index], now))
    })
}

/// Refuses a patch with a field that `current` does not have.
fn known_fields<T: Serialize>(current: &T, patch: &Map<String, Value>) -> Result<(), (u16, String)> {
    let known = serde_json::to_value(current).map_err(|error| (500, error.to_string()))?;
    match patch.keys().find(|name| known.get(name.as_str()).is_none()) {
        Some(name) => Err((400, format!("an item has no '{name}'"))),
        None => Ok(()),
    }
}

fn known_recipe(recipe: Option<&RecipeSpec>) -> Result<(), (u16, String)> {
    match recipe {
        Some(spec) if spec.resolve().is_none() => Err((400, "failNext names no known recipe".to_owned())),
        _ => Ok(()),
    }
}

/// Position of the vault with this name; of the first when none is named.
pub(super) fn find_vault(core: &Core, name: Option<&str>) -> Result<usize, (u16, String)> {
    let Some(name) = name else { return Ok(0) };
    let found = core.world.vaults.iter().position(|vault| vault.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| (404, format!("there is no vault '{name}'")))
}

/// Positions of vault and item; the item by its own name or its VM's, in any vault unless one is named.
pub(super) fn find_item(core: &Core, vault: Option<&str>, name: &str) -> Result<(usize, usize), (u16, String)> {
    let wanted =
        |item: &Item| item.name.eq_ignore_ascii_case(name) || item.placements[0].vm_name.eq_ignore_ascii_case(name);
    let vaults = core.world.vaults.iter().enumerate();
    let mut found = vaults
        .filter(|(_, candidate)| vault.is_none_or(|name| candidate.name.eq_ignore_ascii_case(name)))
        .filter_map(|(index, candidate)| candidate.items.iter().position(wanted).map(|item| (index, item)));
    found.next().ok_or_else(|| (404, format!("there is no item '{name}'")))
}

async fn read_clock(State(simulator): Sim) -> Response<Body> {
    reply(&simulator, |core, _| Ok(json!(core.clock.reading(simulator.uptime()))))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClockChange {
    rate: Option<f64>,
    advance_seconds: Option<f64>,
}

async fn change_clock(State(simulator): Sim, body: Bytes) -> Response<Body> {
    reply(&simulator, |core, _| {
        let change: ClockChange = parse(&body)?;
        let uptime = simulator.uptime();
        if let Some(rate) = change.rate {
            core.clock.set_rate(rate, uptime);
        }
        core.clock.advance(change.advance_seconds.unwrap_or_default());
        core.settled(uptime);
        Ok(json!(core.clock.reading(uptime)))
    })
}

async fn read_faults(State(simulator): Sim) -> Response<Body> {
    reply(&simulator, |core, _| Ok(json!(core.faults.all())))
}

/// Takes one fault or a list of them.
async fn install_fault(State(simulator): Sim, body: Bytes) -> Response<Body> {
    reply(&simulator, |core, _| {
        let value: Value = parse(&body)?;
        let faults: Vec<Fault> = match value {
            Value::Array(_) => parse(&body)?,
            _ => vec![parse(&body)?],
        };
        faults.into_iter().for_each(|fault| core.faults.install(fault));
        Ok(json!(core.faults.all()))
    })
}

/// Removes all faults and lets held answers go.
async fn clear_faults(State(simulator): Sim) -> Response<Body> {
    simulator.releases.send_modify(|release| *release += 1);
    reply(&simulator, |core, _| {
        core.faults.clear();
        Ok(json!([]))
    })
}

async fn read_behaviour(State(simulator): Sim) -> Response<Body> {
    reply(&simulator, |core, _| Ok(json!(core.world.behaviour)))
}

async fn change_behaviour(State(simulator): Sim, body: Bytes) -> Response<Body> {
    reply(&simulator, |core, _| {
        core.world.behaviour = patched(&core.world.behaviour, &parse(&body)?)?;
        Ok(json!(core.world.behaviour))
    })
}

async fn read_timings(State(simulator): Sim) -> Response<Body> {
    reply(&simulator, |core, _| Ok(json!(core.world.timings)))
}

async fn change_timings(State(simulator): Sim, body: Bytes) -> Response<Body> {
    reply(&simulator, |core, _| {
        core.world.timings = patched(&core.world.timings, &parse(&body)?)?;
        Ok(json!(core.world.timings))
    })
}

async fn read_resources(State(simulator): Sim) -> Response<Body> {
    reply(&simulator, |core, _| Ok(resources::all(core)))
}

async fn change_resources(State(simulator): Sim, body: Bytes) -> Response<Body> {
    reply(&simulator, |core, _| resources::change(core, parse(&body)?))
}

async fn act(State(simulator): Sim, body: Bytes) -> Response<Body> {
    let correlation = Uuid::new_v4();
    reply(&simulator, |core, now| actor::act(core, &parse(&body)?, correlation, now))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PrincipalChange {
    name: String,
    role: Role,
}

async fn change_principal(State(simulator): Sim, body: Bytes) -> Response<Body> {
    reply(&simulator, |core, _| {
        let change: PrincipalChange = parse(&body)?;
        if core.directory.set_role(&change.name, change.role) {
            return Ok(json!({}));
        }
        Err((404, format!("there is no principal '{}'", change.name)))
    })
}

async fn expire_tokens(State(simulator): Sim) -> Response<Body> {
    reply(&simulator, |core, _| {
        core.directory.expire_tokens();
        Ok(json!({}))
    })
}
