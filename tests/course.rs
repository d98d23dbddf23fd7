//! The course of a VM, walked on the simulator's real state machine with the real decisions: from every state that can be
//! reached, legal requests lead home; the table of `domain` and the README's diagram say the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

use asr_operator::asr::{ItemPath, model};
use asr_operator::controller::translate::{observed_item, observed_machine, observed_mappings, request_of};
use asr_operator::domain::around::{Around, Resource};
use asr_operator::domain::change_point::ChangePoint;
use asr_operator::domain::commit::Commit;
use asr_operator::domain::course::{Station, TRANSITIONS, Transition};
use asr_operator::domain::failover::Failover;
use asr_operator::domain::ids::Kind;
use asr_operator::domain::item::{Direction, Item, Naming, Side, Sides, active_side};
use asr_operator::domain::observed::{Reading, Vm};
use asr_operator::domain::point::{PointChoice, PointKind, PointType};
use asr_operator::domain::record::PointRef;
use asr_operator::domain::reprotect::{Overrides, Reprotect};
use asr_operator::domain::verb::{Call, Check, Scene, Verb};
use asr_operator::simulator::router::{Simulator, router};
use asr_operator::simulator::seed::Seed;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tower::ServiceExt;

const GROUPS: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups";
const VAULT: &str = "rg-dr/providers/Microsoft.RecoveryServices/vaults/vault-dr";
const STATES: [&str; 5] = ["Protected", "Copying", "CommitPending", "Committed", "FailoverFailed"];

/// A state of the service: what it calls it, and the side on which the VM runs.
type State = (String, &'static str);

/// A request that a person could write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Act {
    kind: Kind,
    outward: bool,
}

impl Act {
    /// Every kind, in each direction where it has one.
    fn all() -> Vec<Self> {
        Kind::ALL.into_iter().flat_map(|kind| [true, false].map(|outward| Self { kind, outward })).collect()
    }

    fn verb(self) -> Box<dyn Verb> {
        let direction = if self.outward { Direction::PrimaryToRecovery } else { Direction::RecoveryToPrimary };
        let listed = PointChoice { point_type: PointType::LatestProcessed, ..PointChoice::LATEST };
        match self.kind {
            Kind::FailoverRequest => {
                Box::new(Failover { direction, point: PointChoice::LATEST, shutdown_source: true, commit: false })
            }
            Kind::ChangeRecoveryPointRequest => Box::new(ChangePoint { point: listed }),
            Kind::CommitRequest => Box::new(Commit { recovery_point: None }),
            Kind::ReprotectRequest => Box::new(Reprotect { direction, settings: Overrides::default() }),
        }
    }
}

/// A simulated vault with one item, and a client that is signed in.
struct Azure {
    router: Router,
    token: String,
}

impl Azure {
    async fn new(state: &str, reversed: bool) -> Self {
        let seed = format!(
            "principals: [{{clientId: 22222222-2222-2222-2222-222222222222, clientSecret: s3cret}}]\nvaults: [{{items: [{{name: app01, vmName: app01, state: {state}, reversed: {reversed}}}]}}]"
        );
        let simulator = Simulator::new(Seed::from_yaml(&seed).unwrap(), "https://arm.test", 0.0, vec![]).unwrap();
        let mut azure = Self { router: router(simulator), token: String::new() };
        let form = "grant_type=client_credentials&scope=https%3A%2F%2Fmanagement.azure.com%2F.default&client_id=22222222-2222-2222-2222-222222222222&client_secret=s3cret";
        let path = "/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token";
        let (_, body) = azure.ask("POST", path, form.into(), "application/x-www-form-urlencoded").await;
        azure.token = body["access_token"].as_str().unwrap().to_owned();
        azure
    }

    async fn ask(&self, method: &str, path: &str, body: Vec<u8>, content: &str) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", content)
            .body(Body::from(body))
            .unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), 4 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) =
            self.ask("GET", &format!("{path}?api-version=2025-08-01"), vec![], "application/json").await;
        assert_eq!(status, 200, "{path}: {body:#}");
        body
    }

    async fn passes(&self, seconds: u32) {
        let advance = json!({"advanceSeconds": seconds}).to_string().into_bytes();
        self.ask("POST", "/_sim/clock", advance, "application/json").await;
    }

    async fn item(&self) -> Item {
        let list = self.get(&format!("{GROUPS}/{VAULT}/replicationProtectedItems")).await;
        let id = list["value"][0]["id"].as_str().unwrap();
        let body = serde_json::to_vec(&self.get(id).await).unwrap();
        observed_item(&model::resource(&body).unwrap())
    }

    async fn decoded<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        model::resource(&serde_json::to_vec(&self.get(path).await).unwrap()).unwrap()
    }

    /// What a reprotect asks for, where a VM was recovered.
    async fn around(&self, item: &Item) -> Option<Around> {
        let running = self.decoded(item.recovered_vm_id.as_ref()?).await;
        let path = format!("{}/replicationProtectionContainerMappings", item.recovery_container_id.as_ref()?);
        let list = self.get(&path).await["value"].as_array().unwrap().clone();
        let (mappings, _) = model::elements(list);
        let mappings = observed_mappings(mappings);
        let there = |region: &str| Some(Reading::Known(Resource { id: "/x".into(), location: Some(region.into()) }));
        Some(Around {
            running_vm: Some(Reading::Known(observed_machine(running))),
            policies: Some(Reading::Known(mappings.iter().map(|m| m.policy_id.clone()).collect())),
            mappings: Some(Reading::Known(mappings)),
            resource_group: there("anywhere"),
            locks: Some(Reading::Known(vec![])),
            cache_account: there(item.active_region().unwrap()),
            ..Around::default()
        })
    }

    /// A point that the VM does not stand at.
    async fn other_point(&self, item: &Item) -> Option<PointRef> {
        let list = self.get(&format!("{}/recoveryPoints", item.id)).await;
        let ids = list["value"].as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap().to_owned());
        let id = ids.into_iter().find(|id| !item.stands_at(id))?;
        Some(PointRef { id, time: None, kind: Some(PointKind::Other) })
    }

    /// The call that the real verb makes of the item as it is, or none.
    async fn decides(&self, act: Act) -> Option<Call> {
        let item = self.item().await;
        let around = self.around(&item).await;
        let vm = vm(&item);
        let side = active_side(&item, &vm.sides).unwrap();
        let scene = Scene { item: &item, side, vm: &vm, around: around.as_ref() };
        let verb = act.verb();
        let step = verb.steps()[0];
        if verb.check(step, &scene) != Check::Go || verb.preconditions(&scene).iter().any(|p| p.stops()) {
            return None;
        }
        let point = match verb.point_choice(step) {
            Some(choice) if choice.needs_list() => Some(self.other_point(&item).await?),
            _ => None,
        };
        verb.call(step, point.as_ref(), &scene)
    }

    /// Makes the call, and lets its job end but no copy.
    async fn makes(&self, call: &Call) {
        let item = self.item().await;
        let mutation = request_of(call, ItemPath::parse(&item.id).unwrap());
        let path = format!("{}?api-version=2025-08-01", mutation.path());
        let (status, body) = self.ask("POST", &path, mutation.body(), "application/json").await;
        assert_eq!(status, 202, "{call:?}: {body:#}");
        self.passes(900).await;
    }
}

fn vm(item: &Item) -> Vm {
    let side = |group: &str| asr_operator::domain::around::SideSettings {
        resource_group_id: Some(format!("{GROUPS}/{group}")),
        cache_account_id: Some(format!(
            "{GROUPS}/{group}/providers/Microsoft.Storage/storageAccounts/cache{}",
            if group == "rg-app" { "westeurope" } else { "northeurope" }
        )),
        ..Default::default()
    };
    Vm {
        uid: None,
        suspended: None,
        nobody_acts: None,
        sides: Sides { primary_region: "westeurope".into(), recovery_region: "northeurope".into() },
        naming: Naming::ItemName("app01".into()),
        vault_id: format!("{GROUPS}/{VAULT}"),
        item: item.clone(),
        primary: side("rg-app"),
        recovery: side("rg-app-dr"),
    }
}

async fn state(azure: &Azure) -> (State, Option<Station>) {
    let item = azure.item().await;
    let side = active_side(&item, &vm(&item).sides).unwrap();
    ((item.protection_state.clone(), side.as_str()), Station::of(&item))
}

/// Every state that a vault can be in, with what each legal act makes of it; time is an act too.
#[derive(Default)]
struct Walk {
    arrows: BTreeMap<State, BTreeMap<Option<Act>, State>>,
    stations: BTreeMap<State, Option<Station>>,
    legal: BTreeMap<Act, BTreeSet<State>>,
}

async fn walk() -> Walk {
    let mut walk = Walk::default();
    let mut open = VecDeque::new();
    for state in STATES {
        for reversed in [false, true] {
            open.push_back((state, reversed, Vec::<Option<Act>>::new()));
        }
    }
    while let Some((seeded, reversed, trail)) = open.pop_front() {
        let azure = after(seeded, reversed, &trail).await;
        let (from, station) = state(&azure).await;
        if walk.stations.insert(from.clone(), station).is_some() {
            continue;
        }
        let mut acts = vec![None];
        for act in Act::all() {
            if azure.decides(act).await.is_some() {
                walk.legal.entry(act).or_default().insert(from.clone());
                acts.push(Some(act));
            }
        }
        for act in acts {
            let longer: Vec<_> = trail.iter().copied().chain([act]).collect();
            let (to, _) = state(&after(seeded, reversed, &longer).await).await;
            walk.arrows.entry(from.clone()).or_default().insert(act, to);
            open.push_back((seeded, reversed, longer));
        }
    }
    walk
}

/// A fresh vault in the seeded state, after these acts.
async fn after(seeded: &str, reversed: bool, trail: &[Option<Act>]) -> Azure {
    let azure = Azure::new(seeded, reversed).await;
    for act in trail {
        match act {
            Some(act) => azure.makes(&azure.decides(*act).await.unwrap()).await,
            None => azure.passes(7200).await,
        }
    }
    azure
}

fn home() -> State {
    ("Protected".to_owned(), Side::Primary.as_str())
}

#[tokio::test]
async fn from_every_state_legal_requests_lead_home() {
    let walk = walk().await;
    assert!(walk.arrows.len() >= 10, "both sides of each state: {:#?}", walk.arrows.keys());
    for start in walk.arrows.keys() {
        let mut seen = BTreeSet::from([start.clone()]);
        let mut open = vec![start.clone()];
        while let Some(state) = open.pop() {
            for next in walk.arrows.get(&state).into_iter().flat_map(BTreeMap::values) {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        assert!(seen.contains(&home()), "no way home from {start:?}: {seen:?}");
    }
}

#[tokio::test]
async fn no_request_is_legal_in_two_contradictory_states() {
    let walk = walk().await;
    for (act, states) in &walk.legal {
        let stations: BTreeSet<_> = states.iter().map(|s| walk.stations[s]).collect();
        let sides: BTreeSet<_> = states.iter().map(|s| s.1).collect();
        assert_eq!(stations.len(), 1, "{act:?} is legal in {states:?}");
        let directed = matches!(act.kind, Kind::FailoverRequest | Kind::ReprotectRequest);
        assert!(!directed || sides.len() == 1, "{act:?} is legal on both sides: {states:?}");
    }
    assert_eq!(walk.legal.keys().map(|a| a.kind).collect::<BTreeSet<_>>().len(), Kind::ALL.len());
}

#[tokio::test]
async fn the_table_is_what_service_and_decisions_come_to() {
    let walk = walk().await;
    let mut seen: Vec<Transition> = Vec::new();
    for (from, arrows) in &walk.arrows {
        for (act, to) in arrows {
            let (Some(start), Some(end)) = (walk.stations[from], walk.stations[to]) else { continue };
            let found = Transition { from: start, act: act.map(|a| a.kind), to: end, crosses: from.1 != to.1 };
            let stays = act.is_none() && from == to;
            if !stays && !seen.contains(&found) {
                seen.push(found);
            }
        }
    }
    let sorted = |mut all: Vec<Transition>| {
        all.sort_by_key(|t| format!("{t:?}"));
        all
    };
    assert_eq!(sorted(seen), sorted(TRANSITIONS.to_vec()));
}

#[test]
fn the_readme_draws_the_table() {
    let readme = include_str!("../README.md");
    let diagram = readme.split("```mermaid\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a diagram");
    let mut drawn: Vec<&str> = diagram.lines().map(str::trim).filter(|line| line.contains("-->")).collect();
    let mut table: Vec<String> = TRANSITIONS
        .iter()
        .map(|t| {
            let by = t.act.map_or("data is copied", Kind::as_str);
            let crosses = if t.crosses { " (to the other side)" } else { "" };
            format!("{} --> {}: {by}{crosses}", t.from.as_str(), t.to.as_str())
        })
        .collect();
    drawn.sort_unstable();
    table.sort_unstable();
    assert_eq!(drawn, table);
}
