//! The one driver: an Azure that is otherwise, the loop by its samples, and how that must end.

use crate::harness::eventually;
use crate::world::{DEADLINE, Setup, World, identity, message, reads, sample};
use serde_json::{Value, json};

/// The requests of one round, and the calls that each makes. The way home commits by itself, so that the commit after it
/// finds nothing to do.
const REQUESTS: [(&str, &[&str]); 7] = [
    ("failover", &["unplannedFailover"]),
    ("change-point", &["applyRecoveryPoint"]),
    ("commit", &["failoverCommit"]),
    ("reprotect", &["switchprotection"]),
    ("failback", &["unplannedFailover", "failoverCommit"]),
    ("commit-home", &[]),
    ("reprotect-home", &["switchprotection"]),
];

/// Virtual seconds in a real one: a failover takes under a second.
const RATE: u32 = 200;

/// A way in which Azure is not what is assumed, and what becomes of the loop then.
pub struct Otherwise {
    /// What the simulator's behaviour is changed to.
    pub switch: Value,
    /// What happens before the loop begins, as posts to the simulator's control paths.
    pub before: Vec<(&'static str, Value)>,
    /// How it ends.
    pub ends: Ends,
}

/// How the loop ends.
pub enum Ends {
    /// All seven requests succeed by one call each.
    Well,
    /// One request stops so; it is asked for again under another name, and then the loop goes on to its end.
    AtTheSecondAsking(Stop),
    /// One request stops so, and with it the loop.
    Here(Stop),
    /// One request fails, and the one in its place stops so.
    HereAtTheSecondAsking(Stop, Stop),
}

/// A request that does not go on, for a named reason.
#[derive(Clone, Copy)]
pub struct Stop {
    /// Its sample.
    pub request: &'static str,
    /// The condition that tells it: Stalled when it ended, Reconciling when it waits, else Ready.
    pub condition: &'static str,
    /// Its reason.
    pub reason: &'static str,
    /// What the message says, for the person on call.
    pub says: &'static str,
    /// Whether Azure accepted its call.
    pub called: bool,
}

/// A request that has ended badly.
pub const fn stalls(request: &'static str, reason: &'static str, says: &'static str) -> Stop {
    Stop { request, condition: "Stalled", reason, says, called: false }
}

/// A request that waits.
pub const fn waits(request: &'static str, reason: &'static str, says: &'static str) -> Stop {
    Stop { request, condition: "Reconciling", reason, says, called: false }
}

/// A request that ends badly or waits, by what Azure shows first.
pub const fn ends_or_waits(request: &'static str, reason: &'static str, says: &'static str) -> Stop {
    Stop { request, condition: "Ready", reason, says, called: false }
}

impl Stop {
    /// Azure accepted its call.
    pub const fn called(self) -> Self {
        Self { called: true, ..self }
    }
}

/// One test for each row.
macro_rules! otherwise {
    ($($(#[$doc:meta])* $name:ident: $row:expr,)+) => {
        $(
            $(#[$doc])*
            #[ignore = "a whole loop; .ci/run runs all of them"]
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                crate::driver::run($row).await;
            }
        )+
    };
}
pub(crate) use otherwise;

/// A row that ends well with this behaviour.
pub fn well(switch: Value) -> Otherwise {
    Otherwise { switch, before: vec![], ends: Ends::Well }
}

/// A row that stops with this behaviour.
pub fn here(switch: Value, stop: Stop) -> Otherwise {
    Otherwise { switch, before: vec![], ends: Ends::Here(stop) }
}

impl Otherwise {
    /// The same after a post to the simulator.
    pub fn after(mut self, path: &'static str, body: Value) -> Self {
        self.before.push((path, body));
        self
    }
}

/// Runs the loop in an Azure that is otherwise.
pub async fn run(row: Otherwise) {
    let world = World::with(Setup { clock_rate: RATE, with_vm: false, ..Setup::default() }).await;
    let told = world.sim.post("behaviour", row.switch.clone()).await;
    assert!(includes(&told, &row.switch), "{told:#}");
    for (path, body) in &row.before {
        world.sim.post(path, body.clone()).await;
    }
    world.apply(format!("{}---\n{}", sample("vault"), sample("vm"))).await;
    let mut wanted = Vec::new();
    for (name, calls) in REQUESTS {
        let mut manifest = manifest(name);
        let stops = row.ends.stops(name);
        for stop in &stops {
            stopped(&world, &manifest, *stop).await;
            wanted.extend(calls.iter().filter(|_| stop.called).take(1));
            manifest = again(&manifest);
        }
        if !stops.is_empty() && row.ends.for_good() {
            return judge(&world, &wanted).await;
        }
        succeeds(&world, name, &manifest).await;
        wanted.extend(calls);
        if name.starts_with("reprotect") {
            protected(&world).await;
        }
    }
    world.wait("ReplicatedVm", "app01", ("Protected", "True", None)).await;
    judge(&world, &wanted).await;
}

impl Ends {
    /// Where the requests of that sample stop, one after the other.
    fn stops(&self, name: &str) -> Vec<Stop> {
        let all = match self {
            Self::Well => vec![],
            Self::AtTheSecondAsking(stop) | Self::Here(stop) => vec![*stop],
            Self::HereAtTheSecondAsking(first, second) => vec![*first, *second],
        };
        all.into_iter().filter(|stop| stop.request == name).collect()
    }

    /// Whether the loop goes no further.
    fn for_good(&self) -> bool {
        matches!(self, Self::Here(_) | Self::HereAtTheSecondAsking(..))
    }
}

/// Whether every field of `part` is so in `whole`.
fn includes(whole: &Value, part: &Value) -> bool {
    match part {
        Value::Object(fields) => fields.iter().all(|(name, value)| includes(&whole[name], value)),
        other => whole == other,
    }
}

/// The sample, but at any loss of data: an unseen failover makes no points, and how much of the simulated time passes meanwhile
/// is the machine's doing.
fn manifest(name: &str) -> String {
    let commits = if name == "failback" { "  commitPolicy: Automatic\n" } else { "" };
    format!("{}{commits}", sample(name).replace("maxDataLoss: 15m", "maxDataLoss: 12h"))
}

/// The same act under another name.
fn again(manifest: &str) -> String {
    manifest.replacen("name: app01-", "name: again-", 1)
}

async fn succeeds(world: &World, sample: &str, manifest: &str) {
    world.apply(manifest).await;
    let (kind, name) = identity(manifest);
    let done = world.wait(&kind, &name, ("Ready", "True", None)).await;
    let reason = reads(&done, "Ready").1;
    let fits = match sample {
        "commit-home" => reason == "NothingToDo",
        _ => matches!(reason, "Succeeded" | "SucceededWithWarning"),
    };
    assert!(fits, "{sample} ended {reason}: {done:#}");
}

async fn stopped(world: &World, manifest: &str, stop: Stop) {
    world.apply(manifest).await;
    let (kind, name) = identity(manifest);
    let truth = if stop.condition == "Ready" { "False" } else { "True" };
    let object = world.wait(&kind, &name, (stop.condition, truth, Some(stop.reason))).await;
    let said = message(&object, stop.condition);
    assert!(said.contains(stop.says), "{}: {said}", stop.says);
    assert_ne!(reads(&object, "Ready").0, "True", "{object:#}");
}

/// Lets the service's time go on until the copy is over.
async fn protected(world: &World) {
    world.sim.clock(json!({"advanceSeconds": 3600})).await;
    eventually(DEADLINE, "app01 protected in Azure", async || {
        let item = world.item().await;
        if item["protectionState"] == "Protected" { Ok(()) } else { Err(format!("{item:#}")) }
    })
    .await;
}

/// Each act was called for once, in its order, each under an id of its own, and the operator is alive.
async fn judge(world: &World, wanted: &[&str]) {
    assert_eq!(world.accepted().await, wanted, "{}", world.operator.log());
    let mut ids: Vec<_> = world.sim.accepted().await.iter().map(|call| call["clientRequestId"].to_string()).collect();
    let calls = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), calls);
    let log = world.operator.log();
    assert!(!log.contains("panicked"), "{log}");
}
