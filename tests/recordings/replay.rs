//! The recorded life of one A2A item, asked of the simulator call by call at the recorded times.
//!
//! It begins where the item is Protected: enabling replication is not simulated. Reads of VMs are left out; only answers
//! of Site Recovery are compared. How long the service works is taken from the recording, all else is the simulator's.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::compare::{Differences, Moment};
use super::folder::Exchange;
use super::requests::{self, step_of};
use super::service::{Answer, Service};
use super::states::{self, Seen};
use asr_operator::domain::ids::Step;

/// A recording, and the simulator that replays it.
struct Replay<'a> {
    exchanges: &'a [Exchange],
    service: Service,
    /// Recorded names and the simulator's, longest first.
    names: Vec<(String, String)>,
    clock: Timestamp,
    /// Recorded and simulated job of each call that was made.
    jobs: Vec<(String, String)>,
    /// Recorded and simulated recovery points that were named.
    points: Vec<(String, String)>,
    differences: Differences,
}

/// Replays a recording that shows an item Protected and then failed over; `None` for any other.
pub(crate) async fn replay(exchanges: &[Exchange]) -> Option<Differences> {
    let all = states::seen(exchanges);
    let first = exchanges.iter().position(|exchange| step_of(exchange) == Some(Step::Failover))?;
    let id = requests::item_id(&exchanges[first], Step::Failover)?;
    let start = all.iter().rfind(|seen| seen.at < first && seen.is_a2a() && seen.item.id.eq_ignore_ascii_case(&id))?;
    let times: Vec<Timestamp> = exchanges[start.at..].iter().filter_map(|exchange| exchange.at).collect();
    if !times.is_sorted() {
        println!("{} is not replayed: its exchanges do not stand in the order of their times", exchanges[0].file);
        return None;
    }
    let mut replay = Replay::begin(exchanges, &all, start).await?;
    for (at, exchange) in exchanges.iter().enumerate().skip(start.at) {
        if ends(exchange) {
            break;
        }
        replay.exchange(at, exchange, &start.item.name).await;
    }
    Some(replay.differences)
}

/// Whether a call changes an item in a way that the simulator does not know: remove, purge, update.
fn ends(exchange: &Exchange) -> bool {
    let of_item = |keyword: &str| keyword.eq_ignore_ascii_case("replicationProtectedItems");
    let on_item = if exchange.names_one() { of_item(exchange.keyword()) } else { of_item(exchange.parent_keyword()) };
    exchange.method != "GET" && on_item && step_of(exchange).is_none()
}

impl<'a> Replay<'a> {
    async fn begin(exchanges: &'a [Exchange], all: &[Seen], start: &Seen) -> Option<Self> {
        let clock = exchanges[start.at].at?;
        let service = Service::of(&seed(start, clock)?).await;
        service.control("timings", timings(exchanges, all, start)).await;
        let mut names = names(start)?;
        names.sort_by_key(|(recorded, _)| std::cmp::Reverse(recorded.len()));
        Some(Self {
            exchanges,
            service,
            names,
            clock,
            jobs: Vec::new(),
            points: Vec::new(),
            differences: Differences::default(),
        })
    }

    async fn exchange(&mut self, at: usize, exchange: &Exchange, item: &str) {
        let keyword = exchange.keyword().to_ascii_lowercase();
        match (exchange.method.as_str(), keyword.as_str(), exchange.names_one()) {
            ("GET", "replicationprotecteditems", true) if exchange.path.ends_with(item) => {
                let answer = self.call(exchange, &exchange.path.clone(), None).await;
                self.differences.item(exchange, &answer);
            }
            ("GET", "replicationoperationstatus", true) => self.poll(exchange).await,
            _ => {
                if let Some(step) = step_of(exchange) {
                    self.verb(at, exchange, step).await;
                }
            }
        }
    }

    /// Makes a recorded verb; its body is the recorded one, in the simulator's names.
    async fn verb(&mut self, at: usize, exchange: &Exchange, step: Step) {
        let seconds = duration(&self.exchanges[at..], exchange);
        let field = match step {
            Step::Failover => "failoverSeconds",
            Step::ChangeRecoveryPoint => "changePointSeconds",
            Step::Commit => "commitSeconds",
            Step::Reprotect => "reprotectSeconds",
        };
        if let Some(seconds) = seconds {
            self.service.control("timings", json!({ field: seconds })).await;
        }
        let mut body = self.renamed_value(&exchange.request);
        if step == Step::Reprotect {
            self.own_disks(&mut body).await;
        }
        self.own_point(exchange, &mut body).await;
        let body = Some(body).filter(|body| !body.is_null());
        let answer = self.call(exchange, &exchange.path.clone(), body.as_ref()).await;
        let url = |name: &str| {
            let recorded = exchange.headers.get(name).and_then(|value| value.to_str().ok());
            (name.to_owned(), self.renamed(recorded.unwrap_or_default()))
        };
        let urls = ["azure-asyncoperation", "location"].map(url);
        self.differences.accepted(exchange, &answer, &urls);
        let recorded = asr_operator::asr::job_id(&exchange.headers).map(|job| job.to_string()).unwrap_or_default();
        let simulated = answer.header("x-ms-request-id").rsplit('/').next().unwrap_or_default().to_owned();
        self.jobs.push((recorded, simulated));
    }

    /// Polls the operation of a verb that was made before.
    async fn poll(&mut self, exchange: &Exchange) {
        let guid = exchange.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let Some((_, job)) = self.jobs.iter().find(|(recorded, _)| *recorded == guid) else { return };
        let path = format!("{}/{job}", exchange.acted_on());
        let answer = self.call(exchange, &path, None).await;
        self.differences.status(exchange, &answer);
    }

    /// A point of the simulator's own list for the one that the recording names: the newest that stands for no other.
    async fn own_point(&mut self, exchange: &Exchange, body: &mut Value) {
        let at = ["/properties/providerSpecificDetails/recoveryPointId", "/properties/recoveryPointId"];
        let Some(at) = at.into_iter().find(|at| body.pointer(at).is_some_and(Value::is_string)) else { return };
        let recorded = body.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let list = self.renamed(&format!("{}/recoveryPoints", exchange.acted_on()));
        let list = self.service.get(&list).await.body["value"].as_array().cloned().unwrap_or_default();
        let taken = |id: &str| self.points.iter().any(|(_, ours)| ours == id);
        let free = list.iter().rev().filter_map(|point| point["id"].as_str()).find(|id| !taken(id));
        let same = self.points.iter().find(|(theirs, _)| *theirs == recorded).map(|(_, ours)| ours.clone());
        if let Some(ours) = same.or_else(|| free.map(str::to_owned)) {
            self.points.push((recorded, ours.clone()));
            if let Some(id) = body.pointer_mut(at) {
                *id = json!(ours);
            }
        }
    }

    /// The disks of the VM that runs now and the cache beside it, as the simulator has them.
    async fn own_disks(&self, body: &mut Value) {
        let name = body["properties"]["replicationProtectedItemName"].clone();
        let items = self.service.items().await;
        let Some(item) = items.iter().find(|item| item["name"] == name) else { return };
        let primary = item["activeLocation"] == "Primary";
        let runs = if primary == (item["reversed"] == true) { "recoveryVmId" } else { "sourceVmId" };
        let vm = item[runs].as_str().unwrap_or_default();
        let shown = self.service.get(vm).await.body;
        let (group, location) =
            (vm.split("/providers/").next().unwrap_or_default(), shown["location"].as_str().unwrap_or_default());
        let storage = &shown["properties"]["storageProfile"];
        let data = storage["dataDisks"].as_array().cloned().unwrap_or_default();
        let own: Vec<Value> = std::iter::once(storage["osDisk"].clone()).chain(data).collect();
        let disks = body["properties"]["providerSpecificDetails"]["vmManagedDisks"].as_array_mut();
        for (disk, own) in disks.into_iter().flatten().zip(own) {
            disk["diskId"] = own["managedDisk"]["id"].clone();
            let cache = format!("{group}/providers/Microsoft.Storage/storageAccounts/cache{location}");
            disk["primaryStagingAzureStorageAccountId"] = json!(cache);
        }
    }

    /// A call at its recorded time.
    async fn call(&mut self, exchange: &Exchange, path: &str, body: Option<&Value>) -> Answer {
        if let Some(at) = exchange.at {
            let seconds = at.duration_since(self.clock).as_secs_f64();
            if seconds > 0.0 {
                self.service.advance(seconds).await;
                self.clock = at;
            }
        }
        self.service.call(&exchange.method, &self.renamed(path), body).await
    }

    fn renamed(&self, text: &str) -> String {
        let mut segments: Vec<String> = text.split('/').map(str::to_owned).collect();
        for segment in &mut segments {
            if let Some((_, ours)) = self.names.iter().find(|(recorded, _)| recorded.eq_ignore_ascii_case(segment)) {
                segment.clone_from(ours);
            }
        }
        segments.join("/")
    }

    fn renamed_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.renamed(text)),
            Value::Array(all) => all.iter().map(|value| self.renamed_value(value)).collect(),
            Value::Object(all) => all.iter().map(|(name, value)| (name.clone(), self.renamed_value(value))).collect(),
            other => other.clone(),
        }
    }
}

/// The segment after a keyword of an ARM id.
fn named<'a>(id: &'a str, keyword: &str) -> Option<&'a str> {
    let mut segments = id.split('/').skip_while(|segment| !segment.eq_ignore_ascii_case(keyword));
    segments.nth(1)
}

/// A world with the recorded vault and the one item, Protected.
fn seed(start: &Seen, clock: Timestamp) -> Option<String> {
    let id = &start.item.id;
    let (primary, recovery) = start.declared();
    let recovery_group = named(start.item.recovery_resource_group_id.as_deref()?, "resourceGroups")?;
    Some(format!(
        "date: '{clock}'
subscription: {subscription}
principals: [{{name: operator, clientId: 22222222-2222-2222-2222-222222222222, clientSecret: s3cret}}]
vaults:
  - name: {vault}
    resourceGroup: {group}
    primaryRegion: {primary}
    recoveryRegion: {recovery}
    policy: {{name: {policy}}}
    items:
      - {{name: {name}, vmName: {vm}, resourceGroup: {source}, recoveryResourceGroup: {recovery_group}, osType: {os}}}
",
        subscription = named(id, "subscriptions")?,
        vault = named(id, "vaults")?,
        group = named(id, "resourceGroups")?,
        policy = start.text("policyFriendlyName"),
        name = start.item.name,
        vm = start.item.friendly_name,
        source = named(&start.item.source_vm_id, "resourceGroups")?,
        os = start.detail("osType"),
    ))
}

/// Fabrics and containers: the recording's names and the simulator's.
fn names(start: &Seen) -> Option<Vec<(String, String)>> {
    let (primary, recovery) = start.declared();
    let other = start.item.recovery_container_id.as_deref()?;
    let of = |id: &str, region: &str| {
        let fabric = format!("asr-a2a-default-{region}");
        let container = format!("{fabric}-container");
        let own = (named(id, "replicationFabrics")?, named(id, "replicationProtectionContainers")?);
        Some([(own.0.to_owned(), fabric), (own.1.to_owned(), container)])
    };
    Some([of(&start.item.id, primary)?, of(other, recovery)?].concat())
}

/// How long a recorded operation took, by its last poll.
fn duration(later: &[Exchange], exchange: &Exchange) -> Option<f64> {
    let job = asr_operator::asr::job_id(&exchange.headers)?;
    let times = |poll: &Exchange| {
        let from = if poll.response["endTime"].is_string() { &poll.response } else { &poll.response["properties"] };
        let time = |field: &str| from[field].as_str()?.parse::<Timestamp>().ok();
        Some(time("endTime")?.duration_since(time("startTime")?).as_secs_f64())
    };
    later.iter().filter(|poll| poll.path.to_ascii_lowercase().ends_with(job.as_str())).find_map(times)
}

/// How long the copy after a reprotect took: each change of state lies between two reads.
fn timings(exchanges: &[Exchange], all: &[Seen], start: &Seen) -> Value {
    copy(exchanges, all, start).map_or_else(
        || json!({}),
        |(copied, protected)| json!({"reverseCopySeconds": copied, "firstPointSeconds": protected - copied}),
    )
}

/// Seconds from the end of the first reprotect until the data was over, and until the item was Protected.
fn copy(exchanges: &[Exchange], all: &[Seen], start: &Seen) -> Option<(f64, f64)> {
    let began = exchanges.iter().position(|exchange| step_of(exchange) == Some(Step::Reprotect))?;
    let own = asr_operator::asr::job_id(&exchanges[began].headers)?;
    let ended = exchanges[began..].iter().find(|exchange| {
        exchange.path.to_ascii_lowercase().ends_with(own.as_str()) && exchange.response["endTime"].is_string()
    })?;
    let end: Timestamp = ended.response["endTime"].as_str()?.parse().ok()?;
    let copies: Vec<&Seen> = all.iter().filter(|s| s.item.name == start.item.name && s.at > began).collect();
    let between = |one: usize| {
        let (one, other) = (exchanges[copies.get(one)?.at].at?, exchanges[copies.get(one + 1)?.at].at?);
        Some((one.duration_since(end) + other.duration_since(end)).as_secs_f64() / 2.0)
    };
    let protected = copies.iter().position(|seen| seen.offers("UnplannedFailover"))?;
    let copying = |seen: &&Seen| seen.text("protectionState") == "InitialReplicationInProgress";
    let copied = copies[..protected].iter().rposition(copying).unwrap_or_default();
    let (copied, protected) = (between(copied)?, between(protected.checked_sub(1)?)?);
    Some((copied.min(protected - 1.0), protected))
}

/// Replays every recording of `folder` that can be; gives its name and what was found.
pub(crate) async fn all(folder: &Path) -> Vec<(String, Differences)> {
    let mut replayed = Vec::new();
    for exchanges in super::folder::read(folder).unwrap() {
        if let Some(differences) = replay(&exchanges).await {
            replayed.push((exchanges[0].file.clone(), differences));
        }
    }
    replayed
}

/// The moment of an item's read, for the name of a difference.
pub(crate) fn moment(exchange: &Exchange) -> Moment {
    Moment(exchange.response["properties"]["protectionState"].as_str().unwrap_or("no state").to_owned())
}
