//! Items as they were recorded, and what their state allows: judged here from the wire alone, by `allowedOperations`,
//! `activeLocation` and the regions, without the code that is tested.

use asr_operator::asr::{ProtectedItem, model};
use asr_operator::controller::translate::observed_item;
use asr_operator::domain::item::{Direction, Item, Side};
use asr_operator::domain::verb::Call;
use serde_json::Value;

use super::folder::Exchange;
use super::report::{Report, STATES};

/// One item in one answer.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Position of the exchange in its recording.
    pub(crate) at: usize,
    pub(crate) wire: Value,
    pub(crate) item: Item,
}

/// Whether two spellings name one region: `eastus`, `East US`.
fn same_place(one: &str, other: &str) -> bool {
    let letters = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    letters(one) == letters(other)
}

/// Every item that a recording shows, by GET or in a list, in its order.
pub(crate) fn seen(exchanges: &[Exchange]) -> Vec<Seen> {
    let mut all = Vec::new();
    for (at, exchange) in exchanges.iter().enumerate() {
        let of_items = exchange.keyword().eq_ignore_ascii_case("replicationProtectedItems");
        if exchange.method != "GET" || exchange.status != 200 || !of_items {
            continue;
        }
        let elements = match exchange.response["value"].as_array() {
            Some(elements) if !exchange.names_one() => elements.as_slice(),
            _ => std::slice::from_ref(&exchange.response),
        };
        for wire in elements {
            if let Ok(decoded) = model::resource::<ProtectedItem>(wire.to_string().as_bytes()) {
                all.push(Seen { at, wire: wire.clone(), item: observed_item(&decoded) });
            }
        }
    }
    all
}

impl Seen {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.wire["properties"][field].as_str().unwrap_or_default()
    }

    pub(crate) fn detail(&self, field: &str) -> &str {
        self.wire["properties"]["providerSpecificDetails"][field].as_str().unwrap_or_default()
    }

    /// The state in words.
    pub(crate) fn state(&self) -> String {
        let offered = &self.wire["properties"]["allowedOperations"];
        format!("{}, active at {}, offering {offered}", self.text("protectionState"), self.text("activeLocation"))
    }

    pub(crate) fn is_a2a(&self) -> bool {
        self.detail("instanceType") == "A2A"
    }

    /// Whether `allowedOperations` has the word.
    pub(crate) fn offers(&self, operation: &str) -> bool {
        let offered = self.wire["properties"]["allowedOperations"].as_array();
        offered.into_iter().flatten().any(|word| word.as_str() == Some(operation))
    }

    /// The regions of the two declared sides: those from which and to which replication was enabled.
    pub(crate) fn declared(&self) -> (&str, &str) {
        let initial = (self.detail("initialPrimaryFabricLocation"), self.detail("initialRecoveryFabricLocation"));
        let present = (self.detail("primaryFabricLocation"), self.detail("recoveryFabricLocation"));
        if initial.0.is_empty() || initial.1.is_empty() { present } else { initial }
    }

    /// The direction of a verb on an item that replicates as this one does now.
    pub(crate) fn direction(&self) -> Direction {
        match same_place(self.detail("primaryFabricLocation"), self.declared().0) {
            true => Direction::PrimaryToRecovery,
            false => Direction::RecoveryToPrimary,
        }
    }

    /// The side on which the VM runs, by its region.
    fn side(&self) -> Option<Side> {
        let region = match self.text("activeLocation") {
            "Primary" => self.detail("primaryFabricLocation"),
            "Recovery" => self.detail("recoveryFabricLocation"),
            _ => return None,
        };
        let (primary, recovery) = self.declared();
        match region {
            here if same_place(here, primary) => Some(Side::Primary),
            here if same_place(here, recovery) => Some(Side::Recovery),
            _ => None,
        }
    }

    /// Why the operator touches no such item, whatever its state.
    pub(crate) fn out_of_bounds(&self) -> Option<&'static str> {
        let (primary, recovery) = self.declared();
        if !self.is_a2a() {
            Some("an item of another provider")
        } else if primary.is_empty() || same_place(primary, recovery) {
            Some("both sides are one region, or none is named")
        } else if self.detail("multiVmGroupCreateOption") == "UserSpecified" {
            Some("a member of a user-made group")
        } else if !self.detail("protectionClusterId").is_empty() {
            Some("a member of a cluster")
        } else {
            None
        }
    }

    fn is_idle(&self) -> bool {
        let scenario = &self.wire["properties"]["currentScenario"];
        let name = scenario["scenarioName"].as_str().unwrap_or_default();
        let job = scenario["jobId"].as_str().and_then(|id| id.rsplit('/').next()).unwrap_or_default();
        (name.is_empty() || name == "None") && uuid::Uuid::try_parse(job).is_err()
    }

    /// Whether the state allows `call` in `direction` (the direction of replication afterwards, for a reprotect).
    pub(crate) fn allows(&self, call: &Call, direction: Direction) -> bool {
        let (active, offers) = (self.text("activeLocation"), |word| self.offers(word));
        let begins = self.side() == Some(direction.start());
        let fits = match call {
            Call::UnplannedFailover { .. } => active == "Primary" && begins && offers("UnplannedFailover"),
            Call::ApplyRecoveryPoint { .. } => active == "Recovery" && offers("Commit") && offers("ChangePit"),
            Call::FailoverCommit => active == "Recovery" && offers("Commit"),
            Call::SwitchProtection(_) => {
                // Without the container that it replicates to, nobody knows by which mapping it goes back.
                let named = !self.text("recoveryContainerId").is_empty();
                active == "Recovery" && begins && offers("SwitchProtection") && !offers("Commit") && named
            }
        };
        fits && self.is_idle() && self.out_of_bounds().is_none() && self.side().is_some()
    }

    /// Known states of an A2A item and the verbs that none of them offers (asr-api.md 4.1). An unknown state is not judged.
    fn contradiction(&self) -> Option<String> {
        let (state, active) = (self.text("protectionState"), self.text("activeLocation"));
        let (place, never): (&str, &[&str]) = match state {
            "Protected" => ("Primary", &["Commit", "ChangePit", "SwitchProtection"]),
            "InitialReplicationInProgress" | "InitialReplicationRecoveryCompletionPending" => {
                ("Primary", &["UnplannedFailover", "TestFailover", "Commit", "ChangePit", "SwitchProtection"])
            }
            "UnplannedFailoverCommitPendingStatesBegin" => ("Recovery", &["UnplannedFailover", "TestFailover"]),
            "UnplannedFailoverCommitted" => ("Recovery", &["UnplannedFailover", "TestFailover", "Commit", "ChangePit"]),
            _ => return None,
        };
        let wrong: Vec<&str> = never.iter().copied().filter(|word| self.offers(word)).collect();
        if !wrong.is_empty() {
            return Some(format!("the state {state} offers {}", wrong.join(", ")));
        }
        (!active.is_empty() && active != place).then(|| format!("the state {state} with activeLocation {active}"))
    }
}

/// Counts the states, and fails those that contradict themselves or the rest of their recording.
pub(crate) fn check(exchanges: &[Exchange], all: &[Seen], report: &mut Report) {
    for seen in all {
        let exchange = &exchanges[seen.at];
        let offered = seen.wire["properties"]["allowedOperations"].as_array().map_or(0, Vec::len);
        let provider = if seen.is_a2a() { "A2A" } else { "another provider" };
        let (state, active) = (seen.text("protectionState"), seen.text("activeLocation"));
        report.count(STATES, format!("{provider}: {state}, active at {active}, {offered} operations offered"));
        if !seen.is_a2a() {
            continue;
        }
        if exchange.names_one() && !seen.item.id.eq_ignore_ascii_case(&exchange.path) {
            report.fail(exchange, format!("the item answered is {}, asked was {}", seen.item.id, exchange.path));
        }
        if let Some(what) = seen.contradiction() {
            report.fail(exchange, format!("an item that contradicts itself: {what}"));
        }
        if let Some(location) = location_of_fabric(exchanges, &seen.item.id)
            && !same_place(location, seen.detail("primaryFabricLocation"))
        {
            let from = seen.detail("primaryFabricLocation");
            report.fail(exchange, format!("the item lies in a fabric of {location} and replicates from {from}"));
        }
    }
}

/// The region of the fabric in an item's id, where the recording shows that fabric.
fn location_of_fabric<'a>(exchanges: &'a [Exchange], item_id: &str) -> Option<&'a str> {
    let lower = item_id.to_ascii_lowercase();
    let fabric = lower.split("/replicationprotectioncontainers/").next()?;
    let shown = exchanges.iter().find(|exchange| {
        exchange.method == "GET" && exchange.status == 200 && exchange.path.eq_ignore_ascii_case(fabric)
    })?;
    shown.response["properties"]["customDetails"]["location"].as_str()
}
