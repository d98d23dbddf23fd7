//! Answers that Azure really gave: every one decodes, and the fields that decisions rest on read as they should.

use asr_operator::asr::model::{elements, resource};
use asr_operator::asr::{Container, Fabric, Job, JobPhase, ProtectedItem, RecoveryPoint, VirtualMachine};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn read<T: DeserializeOwned>(body: &str) -> T {
    resource(body.as_bytes()).unwrap()
}

/// cli-A2A_scenarios seq 73.
fn protected_item() -> ProtectedItem {
    read(include_str!("recorded/item-protected.json"))
}

#[test]
fn an_item_in_steady_state_offers_a_failover_and_runs_nothing() {
    let item = protected_item();
    assert_eq!(item.id.fabric(), "cli-test-fabric-A2A-1");
    assert_eq!(item.friendly_name.as_deref(), Some("CliVM2"));
    assert_eq!(item.protection_state.as_deref(), Some("Protected"));
    assert!(item.is_active_on_primary() && !item.is_active_on_recovery());
    assert!(item.allows("unplannedfailover") && !item.allows("Commit"));
    assert!(item.current_scenario.is_idle() && item.current_scenario.start.is_none());
    assert_eq!(item.failover_recovery_point(), None);
    assert_eq!(item.last_successful_failover_time, None);
    let warning = &item.health_errors[0];
    assert_eq!((warning.code.as_deref(), warning.level.as_deref()), (Some("161011"), Some("Warning")));
    assert!(warning.since.is_some() && warning.action.is_some());
}

#[test]
fn an_items_azure_side_reads_as_sent_and_empty_text_is_nothing() {
    let a2a = protected_item().a2a.unwrap();
    assert!(a2a.fabric_object_id.unwrap().ends_with("/virtualmachines/clivm2"));
    assert_eq!(a2a.primary_fabric_location.as_deref(), Some("eastus"));
    assert_eq!(a2a.initial_recovery_fabric_location.as_deref(), Some("eastus2"));
    assert_eq!((a2a.initial_primary_zone, a2a.multi_vm_group_name), (None, None));
    assert_eq!(a2a.recovery_azure_vm_name.as_deref(), Some("CliVM2"));
    assert_eq!(a2a.recovery_azure_vm_size.as_deref(), Some("Standard_DS1_v2"));
    assert_eq!(a2a.rpo_in_seconds, Some(393));
    assert_eq!(a2a.protected_managed_disks[0].disk_type.as_deref(), Some("OperatingSystem"));
    let address = &a2a.vm_nics[0].ip_configs[0];
    assert_eq!(address.static_ip_address.as_deref(), Some("10.67.0.5"));
    assert_eq!(address.recovery_subnet_name.as_deref(), Some("MySubnet"));
    assert_eq!(address.recovery_static_ip_address, None);
}

/// cli-A2A_scenarios seq 111.
#[test]
fn a_reprotected_item_has_its_regions_swapped_and_no_lifecycle_yet() {
    let item: ProtectedItem = read(include_str!("recorded/item-reprotected.json"));
    assert_eq!(item.id.name(), protected_item().id.name());
    assert_ne!(item.id.fabric(), protected_item().id.fabric());
    assert!(item.is_active_on_primary());
    let a2a = item.a2a.unwrap();
    assert_eq!(a2a.primary_fabric_location.as_deref(), Some("eastus2"));
    assert_eq!(a2a.initial_primary_fabric_location.as_deref(), Some("eastus"));
    assert_eq!(a2a.lifecycle_id, None);
}

/// net-UnplannedFailover seq 2: another provider, between failover and commit.
#[test]
fn an_item_of_another_provider_decodes_too() {
    let item: ProtectedItem = read(include_str!("recorded/item-pending-commit-hyperv.json"));
    assert!(item.a2a.is_none());
    assert!(item.is_active_on_recovery() && item.allows("Commit") && item.allows("ChangePit"));
    assert!(item.last_successful_failover_time.is_some());
}

/// ps-A2AReprotectTest: the container is named by another id than in the list of points.
#[test]
fn the_point_of_the_last_failover_is_compared_by_its_name() {
    let mut wire: Value = serde_json::from_str(include_str!("recorded/item-protected.json")).unwrap();
    wire["properties"]["failoverRecoveryPointId"] = json!(
        "/Subscriptions/s/resourceGroups/r/providers/Microsoft.RecoveryServices/vaults/v/replicationFabrics/f/replicationProtectionContainers/b02dc2ae-0000-0000-0000-000000000000/replicationProtectedItems/i/recoveryPoints/632eacea-cb71-4c1d-8071-d919d1cc2143"
    );
    let item: ProtectedItem = read(&wire.to_string());
    assert_eq!(item.failover_recovery_point(), Some("632eacea-cb71-4c1d-8071-d919d1cc2143"));
}

/// net-ListRecoveryPoints seq 1, its first three.
#[test]
fn recovery_points_have_times_and_kinds() {
    let mut page: Value = serde_json::from_str(include_str!("recorded/points.json")).unwrap();
    let values = page["value"].as_array_mut().unwrap().drain(..).collect();
    let (points, undecodable) = elements::<RecoveryPoint>(values);
    assert_eq!((points.len(), undecodable), (3, 0));
    assert!(points.iter().all(|point| point.time.is_some() && point.is_crash_consistent()));
    assert!(points[0].id.ends_with(&points[0].name));
}

/// net-UnplannedFailover seq 9.
#[test]
fn a_finished_failover_names_whose_it_was_and_what_was_skipped() {
    let job: Job = read(include_str!("recorded/job-failover.json"));
    assert_eq!(job.phase(), JobPhase::Succeeded { with_warning: None });
    assert_eq!(job.client_request_id(), Some("6efffda2-64f5-478f-a250-b3a651d04f9c"));
    assert_eq!(job.scenario_name.as_deref(), Some("UnplannedFailover"));
    assert!(!job.is_stub());
    assert_eq!(job.end.unwrap().to_string(), "2017-05-15T14:19:52Z");
    let skipped: Vec<&str> =
        job.tasks.iter().filter(|task| task.is_skipped()).filter_map(|task| task.name.as_deref()).collect();
    assert_eq!(skipped, ["VmPrepareForUnPlannedFailover"]);
    assert_eq!(job.tasks[2].end, None);
}

/// ps-A2AClutserUnplannedFailoverJob seq 0.
#[test]
fn a_group_of_tasks_names_its_jobs_and_the_points_used() {
    let job: Job = read(include_str!("recorded/job-cluster-failover.json"));
    let children: Vec<_> = job.tasks.iter().flat_map(|task| &task.children).collect();
    assert_eq!(children.len(), 2);
    assert_eq!(children[0].job.as_ref().unwrap().as_str(), "24df361a-9b0c-48ff-937b-5298d582d15c");
    let used = &job.details.protected_item_details[0];
    assert_eq!(used.recovery_point(), Some("632eacea-cb71-4c1d-8071-d919d1cc2143"));
    assert_eq!(used.recovery_point_time.unwrap().to_string(), "2025-03-19T09:08:38.3134629Z");
}

/// cli-A2A_scenarios seq 4, 16, 92.
#[test]
fn fabric_container_and_recovered_machine_decode() {
    let fabric: Fabric = read(include_str!("recorded/fabric.json"));
    assert_eq!((fabric.location(), fabric.friendly_name.as_deref()), (Some("eastus"), Some("East US")));
    let container: Container = read(include_str!("recorded/container.json"));
    assert_eq!((container.name.as_str(), container.protected_item_count), ("cli-test-container-A2A-1", Some(0)));
    let machine: VirtualMachine = read(include_str!("recorded/vm.json"));
    assert_eq!((machine.size(), machine.location.as_deref()), (Some("Standard_DS1_v2"), Some("eastus2")));
    assert_eq!((machine.disk_ids().count(), machine.network_interface_ids().len()), (1, 1));
}
