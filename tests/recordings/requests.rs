//! Every A2A request that the client can send, made again from the values in the recording.

use asr_operator::asr::{ItemPath, Mutation, SwitchProtection};
use asr_operator::domain::ids::Step;
use serde_json::Value;

use super::folder::Exchange;
use super::report::{LEFT_OUT, REBUILT, Report};

/// Fields that asr-api.md 2.5 and 2.6 lists as optional, which the client leaves to the service: by name, and whether the
/// recording may give them a value. Null and an empty list or text are no value.
const OPTIONAL: &[(&str, bool)] = &[
    ("vmDisks", false),
    ("recoveryAvailabilitySetId", false),
    ("recoveryAvailabilityZone", false),
    ("recoveryProximityPlacementGroupId", false),
    ("recoveryBootDiagStorageAccountId", false),
    ("recoveryVirtualMachineScaleSetId", false),
    ("recoveryCapacityReservationGroupId", false),
    ("platformFaultDomain", false),
    ("diskEncryptionInfo", false),
    ("recoveryCloudServiceId", false),
    ("recoveryDiskEncryptionSetId", false),
    ("cloudServiceCreationOption", false),
    ("recoveryReplicaDiskAccountType", true),
    ("recoveryTargetDiskAccountType", true),
];

/// The step whose call an exchange is, on a single item.
pub(crate) fn step_of(exchange: &Exchange) -> Option<Step> {
    if exchange.method != "POST" || exchange.names_one() {
        return None;
    }
    let keyword = exchange.keyword().to_ascii_lowercase();
    match (exchange.parent_keyword().to_ascii_lowercase().as_str(), keyword.as_str()) {
        ("replicationprotecteditems", "unplannedfailover") => Some(Step::Failover),
        ("replicationprotecteditems", "failovercommit") => Some(Step::Commit),
        ("replicationprotecteditems", "applyrecoverypoint") => Some(Step::ChangeRecoveryPoint),
        ("replicationprotectioncontainers", "switchprotection") => Some(Step::Reprotect),
        _ => None,
    }
}

/// The provider that the request names.
pub(crate) fn provider(exchange: &Exchange) -> Option<&str> {
    exchange.request["properties"]["providerSpecificDetails"]["instanceType"].as_str()
}

/// The ARM id of the item that a verb acts on.
pub(crate) fn item_id(exchange: &Exchange, step: Step) -> Option<String> {
    if step != Step::Reprotect {
        return Some(exchange.acted_on().to_owned());
    }
    let name = exchange.request["properties"]["replicationProtectedItemName"].as_str()?;
    Some(format!("{}/replicationProtectedItems/{name}", exchange.acted_on()))
}

/// The client's own request with the recorded values.
///
/// # Errors
/// When a value that the client needs is not in the recording.
pub(crate) fn rebuilt(exchange: &Exchange, step: Step) -> Result<Mutation, String> {
    let id = item_id(exchange, step).ok_or("the request names no item")?;
    let item = ItemPath::parse(&id).map_err(|error| error.to_string())?;
    let properties = &exchange.request["properties"];
    let point = [&properties["providerSpecificDetails"]["recoveryPointId"], &properties["recoveryPointId"]];
    let point = point.iter().find_map(|value| value.as_str()).map(str::to_owned);
    Ok(match step {
        Step::Failover => Mutation::UnplannedFailover {
            item,
            recovery_point_id: point,
            shutdown_source: properties["sourceSiteOperations"] == "Required",
        },
        Step::Commit => Mutation::FailoverCommit { item },
        Step::ChangeRecoveryPoint => {
            let recovery_point_id = point.ok_or("the request names no recovery point")?;
            Mutation::ApplyRecoveryPoint { item, recovery_point_id }
        }
        Step::Reprotect => {
            let input = Box::new(switch_input(&properties["providerSpecificDetails"])?);
            Mutation::SwitchProtection { item, input }
        }
    })
}

/// The values of a recorded `switchprotection` that the client takes from elsewhere.
pub(crate) struct Switched {
    pub(crate) container: String,
    pub(crate) policy: String,
    pub(crate) resource_group: String,
    pub(crate) cache_account: String,
    pub(crate) disks: Vec<String>,
}

impl Switched {
    /// Reads them.
    ///
    /// # Errors
    /// When one is missing.
    pub(crate) fn read(details: &Value) -> Result<Self, String> {
        let disks = details["vmManagedDisks"].as_array().ok_or("the request names no managed disks")?;
        let first = disks.first().ok_or("the request has an empty list of managed disks")?;
        let of = |from: &Value, field: &str| from[field].as_str().map(str::to_owned).ok_or(format!("no {field}"));
        Ok(Self {
            container: of(details, "recoveryContainerId")?,
            policy: of(details, "policyId")?,
            resource_group: of(details, "recoveryResourceGroupId")?,
            cache_account: of(first, "primaryStagingAzureStorageAccountId")?,
            disks: disks.iter().map(|disk| of(disk, "diskId")).collect::<Result<_, _>>()?,
        })
    }
}

fn switch_input(details: &Value) -> Result<SwitchProtection, String> {
    let Switched { container, policy, resource_group, cache_account, disks } = Switched::read(details)?;
    let given = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let encryption = given(&details["vmManagedDisks"][0]["recoveryDiskEncryptionSetId"]);
    let mut input =
        SwitchProtection::new(container, policy, resource_group, &disks, &cache_account, encryption.as_deref());
    input.recovery_availability_set_id = given(&details["recoveryAvailabilitySetId"]);
    input.recovery_availability_zone = given(&details["recoveryAvailabilityZone"]);
    input.recovery_proximity_placement_group_id = given(&details["recoveryProximityPlacementGroupId"]);
    Ok(input)
}

/// Holds what the client would send against what was recorded.
pub(crate) fn check(exchange: &Exchange, step: Step, report: &mut Report) {
    match rebuilt(exchange, step) {
        Ok(mutation) => {
            let differences = differences(exchange, &mutation, report);
            if differences.is_empty() {
                report.count(REBUILT, exchange.operation());
            }
            differences.iter().for_each(|text| report.fail(exchange, text));
        }
        Err(why) => report.fail(exchange, format!("the request cannot be made again: {why}")),
    }
}

/// How path and body of `mutation` differ from the recorded request.
pub(crate) fn differences(exchange: &Exchange, mutation: &Mutation, report: &mut Report) -> Vec<String> {
    let mut found = Vec::new();
    if !mutation.path().eq_ignore_ascii_case(&exchange.path) {
        found.push(format!("the client's path is {}, recorded is {}", mutation.path(), exchange.path));
    }
    let body = mutation.body();
    let sent = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    compare(&sent, &exchange.request, "", &mut found, report);
    found
}

fn compare(sent: &Value, recorded: &Value, at: &str, found: &mut Vec<String>, report: &mut Report) {
    match (sent, recorded) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, value) in ours {
                let at = format!("{at}/{name}");
                match theirs.get(name) {
                    Some(other) => compare(value, other, &at, found, report),
                    // Absent and null both mean the latest point, by the documentation of the field.
                    None if name == "recoveryPointId" && value.is_null() => {}
                    None => found.push(format!("the client sends {at} = {value}, the recording has no such field")),
                }
            }
            for (name, value) in theirs.iter().filter(|(name, _)| !ours.contains_key(*name)) {
                let empty = [Value::Null, Value::from(""), Value::Array(Vec::new())].contains(value);
                match OPTIONAL.iter().find(|(optional, _)| optional == name) {
                    Some((_, may_have_value)) if empty || *may_have_value => {
                        report.count(LEFT_OUT, format!("{name} = {value}"));
                    }
                    _ => found.push(format!("the recording has {at}/{name} = {value}, the client sends no such field")),
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (index, (one, other)) in ours.iter().zip(theirs).enumerate() {
                compare(one, other, &format!("{at}/{index}"), found, report);
            }
        }
        (one, other) if one == other => {}
        (one, other) => found.push(format!("{at}: the client sends {one}, recorded is {other}")),
    }
}
