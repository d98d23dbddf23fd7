"""The whole way there and back, and what goes wrong on it, by Microsoft's SDK for Python against the simulator.

Everything that the SDK parses is held against the types that it declares itself. Where it departs from recorded traffic,
a comment says so: the simulator follows the recordings.
"""

import argparse
import time

from azure.mgmt.recoveryservicessiterecovery import models

import failures
from world import VAULT, Azure, checked, container_of, expect, place_of, same

STORAGE_API, COMPUTE_API = "2023-01-01", "2024-07-01"
# Seconds of service time that the simulator's clock, which stands, is moved on by: while a copy is waited for, and
# until any job is over.
STRIDE, LONG = 300, 600


def main():
    parser = argparse.ArgumentParser()
    for name in ("arm", "authority", "ca"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    azure = Azure(given.arm, given.authority, given.ca)
    # Small enough to wait for, large enough to be seen waited for; lists in pages, so that links are followed.
    azure.control.post("behaviour", {"retryAfterSeconds": 1, "pageSize": 10})
    plumbing(azure)
    home, other = listed(azure)
    away = there(azure, home)
    back_again(azure, home, away)
    failures.refused(azure, other)
    failures.failed_failover(azure, other, failover(None), LONG)
    failures.lost_answers(azure, other, failover(None), LONG)
    failures.throttled(azure, other)
    report(azure)


def plumbing(azure):
    """What the vault is made of: two fabrics with a container each, mapped in both directions, and a policy."""
    client = azure.client
    fabrics = [checked(fabric, models.Fabric) for fabric in client.replication_fabrics.list(**VAULT)]
    same([fabric.properties.friendly_name for fabric in fabrics], ["West Europe", "North Europe"], "fabrics")
    for fabric in fabrics:
        expect(fabric.properties.custom_details, models.AzureFabricSpecificDetails)
        checked(client.replication_fabrics.get(**VAULT, fabric_name=fabric.name), models.Fabric)
    for container in client.replication_protection_containers.list(**VAULT):
        same(checked(container, models.ProtectionContainer).properties.pairing_status, "Paired", "container")
    for policy in client.replication_policies.list(**VAULT):
        expect(checked(policy, models.Policy).properties.provider_specific_details, models.A2APolicyDetails)
    same(list(client.replication_recovery_plans.list(**VAULT)), [], "recovery plans")


def listed(azure):
    """Where the two items of the vault are: the list, the single GETs, one page for each."""
    azure.control.post("behaviour", {"pageSize": 1})
    items = [checked(item, models.ReplicationProtectedItem) for item in azure.items.list(**VAULT)]
    azure.control.post("behaviour", {"pageSize": 10})
    same([item.properties.friendly_name for item in items], ["app01", "db01"], "items of the vault")
    places = [place_of(item.id) for item in items]
    for place in places:
        item = azure.item(place)
        same(item.properties.protection_state, "Protected", "state")
        same(item.properties.active_location, "Primary", "active location")
        same(item.properties.provider_specific_details.vm_protection_state, "Protected", "state of the VM")
    return places


def there(azure, home):
    """Fails over to the latest data, changes to a chosen point, commits, reverses; where the item is then."""
    run(azure, home, "failover", azure.items.begin_unplanned_failover, **home, failover_input=failover(None))
    same(azure.state(home), "UnplannedFailoverCommitPendingStatesBegin", "state after the failover")
    assert "ChangePit" in azure.item(home).properties.allowed_operations
    chosen = newest(azure, home, "ApplicationConsistent", "AppConsistent")
    change = models.ApplyRecoveryPointInputProperties(
        recovery_point_id=chosen.id, provider_specific_details=models.A2AApplyRecoveryPointInput()
    )
    change = {"apply_recovery_point_input": models.ApplyRecoveryPointInput(properties=change)}
    run(azure, home, "change of the point", azure.items.begin_apply_recovery_point, **home, **change)
    used = azure.item(home).properties.failover_recovery_point_id
    same(used.rsplit("/", 1)[1], chosen.name, "recovery point after the change")
    commit(azure, home)
    away = reprotect(azure, home)
    same(azure.item(away).properties.provider_specific_details.primary_fabric_location, "northeurope", "source")
    return away


def back_again(azure, home, away):
    """A drill on the other side, then the way back with a chosen point, and replication as it was at first."""
    drill(azure, away)
    chosen = newest(azure, away, "CrashConsistent")
    run(azure, away, "failback", azure.items.begin_unplanned_failover, **away, failover_input=failover(chosen.id))
    used = azure.item(away).properties.failover_recovery_point_id
    same(used.rsplit("/", 1)[1], chosen.name, "recovery point of the failback")
    commit(azure, away)
    same(reprotect(azure, away), home, "place of the item after the way back")
    item = azure.item(home).properties
    same(item.active_location, "Primary", "active location after the way back")
    same(item.provider_specific_details.primary_fabric_location, "westeurope", "source after the way back")


def failover(point):
    details = models.A2AUnplannedFailoverInput(recovery_point_id=point)
    return models.UnplannedFailoverInput(
        properties=models.UnplannedFailoverInputProperties(
            failover_direction="PrimaryToRecovery",
            source_site_operations="Required",
            provider_specific_details=details,
        )
    )


def newest(azure, place, *types):
    points = [point for point in azure.points(place) if point.properties.recovery_point_type in types]
    assert points, f"no recovery point is any of {types}"
    for point in points:
        expect(point.properties.provider_specific_details, models.A2ARecoveryPointDetails)
    return max(points, key=lambda point: point.properties.recovery_point_time)


def run(azure, place, what, begin, **arguments):
    """Begins an operation and waits for it with the SDK's own poller, which sees it run before it ends.

    The SDK declares the result of a verb on an item to be the item, of `switchprotection` the container. What it reads
    it from is the answer of the `Location` URL, and recordings have the job there (net-CommitFailover seq 4 and 16 more,
    all of 2017; nobody has recorded one later). So the model is of the declared type, and its id is the job's.
    """
    polls = azure.control.requests("operationStatus.get")
    poller = begin(**arguments)
    same(poller.status(), "InProgress", f"{what} at first")
    job = azure.item(place).properties.current_scenario.job_id
    look_at(azure, job)
    azure.control.wait_for_requests("operationStatus.get", polls + 1)
    azure.control.advance(LONG)
    result = poller.result(timeout=60)
    same(poller.status(), "Succeeded", what)
    same(result.id, job, f"{what}: what the Location URL answers")
    print(f"{what}: {poller.status()}", flush=True)
    return result


def look_at(azure, id):
    """A job that runs: the stub of nulls that its first GET is, then tasks that have no times yet."""
    job = {**VAULT, "job_name": id.rsplit("/", 1)[1]}
    stub = checked(azure.client.replication_jobs.get(**job), models.Job).properties
    same((stub.state, stub.scenario_name, stub.tasks), ("NotStarted", None, []), "first answer about a job")
    azure.control.advance(3)
    running = checked(azure.client.replication_jobs.get(**job), models.Job).properties
    same((running.state, running.end_time, running.allowed_actions), ("InProgress", None, ["Cancel"]), "running job")
    # `0001-01-01T00:00:00`, without a zone, as recorded: the SDK makes it a naive time.
    same(running.tasks[-1].end_time.year, 1, "end of a task that has not ended")


def commit(azure, place):
    run(azure, place, "commit", azure.items.begin_failover_commit, **place)
    same(azure.state(place), "UnplannedFailoverCommitted", "state after the commit")
    same(azure.points(place), [], "recovery points after the commit")


def reprotect(azure, place):
    """Reverses replication, with the disks that the recovered VM has now; the item's new place once it is Protected."""
    containers, container = azure.client.replication_protection_containers, container_of(place)
    switch = {"switch_input": reversal(azure, place)}
    result = run(azure, place, "reprotect", containers.begin_switch_protection, **container, **switch)
    job = azure.client.replication_jobs.get(**VAULT, job_name=result.id.rsplit("/", 1)[1])
    details = expect(checked(job, models.Job).properties.custom_details, models.SwitchProtectionJobDetails)
    moved = place_of(details.new_replication_protected_item_id)
    assert container_of(moved) != container, moved
    same(moved["replicated_protected_item_name"], place["replicated_protected_item_name"], "name of the item")
    wait_until_protected(azure, moved)
    return moved


def reversal(azure, place):
    item = azure.item(place).properties.provider_specific_details
    machine = azure.resource(item.recovery_fabric_object_id, COMPUTE_API)
    storage = machine["properties"]["storageProfile"]
    attached = [disk["managedDisk"]["id"] for disk in [storage["osDisk"], *storage["dataDisks"]]]
    known = [disk.recovery_target_disk_id for disk in item.protected_managed_disks]
    same(sorted(map(str.lower, known)), sorted(map(str.lower, attached)), "disks of the recovered VM")
    old_group = item.fabric_object_id.split("/providers/")[0]
    cache = f"cache{item.recovery_fabric_location}"
    cache = f"{item.recovery_azure_resource_group_id}/providers/Microsoft.Storage/storageAccounts/{cache}"
    cache = azure.resource(cache, STORAGE_API)["id"]
    disk = models.A2AVmManagedDiskInputDetails
    details = models.A2ASwitchProtectionInput(
        **way_back(azure, place),
        recovery_resource_group_id=old_group,
        vm_managed_disks=[
            disk(disk_id=id, primary_staging_azure_storage_account_id=cache, recovery_resource_group_id=old_group)
            for id in attached
        ],
    )
    name = place["replicated_protected_item_name"]
    properties = models.SwitchProtectionInputProperties(
        replication_protected_item_name=name, provider_specific_details=details
    )
    return models.SwitchProtectionInput(properties=properties)


def way_back(azure, place):
    """Container and policy of the mapping from where the VM runs now, as PowerShell looks them up."""
    mappings = azure.client.replication_protection_container_mappings.list(**VAULT)
    here = azure.item(place).properties
    for mapping in mappings:
        properties = checked(mapping, models.ProtectionContainerMapping).properties
        expect(properties.provider_specific_details, models.A2AProtectionContainerMappingDetails)
        if properties.target_fabric_friendly_name == here.primary_fabric_friendly_name:
            return {
                "recovery_container_id": properties.target_protection_container_id,
                "policy_id": properties.policy_id,
            }
    raise AssertionError("no mapping leads back")


def wait_until_protected(azure, place):
    """The job of a reprotect ends long before its copy; its states are those in between."""
    deadline, seen = time.monotonic() + 30, []
    while time.monotonic() < deadline:
        state = azure.item(place).properties.provider_specific_details.vm_protection_state
        if state not in seen:
            seen.append(state)
        if state == "Protected":
            assert len(seen) > 1, "the copy was never seen to run"
            print(f"copy: {' -> '.join(seen)}", flush=True)
            return
        azure.control.advance(STRIDE)
    raise AssertionError(f"the item does not become Protected; seen: {seen}")


def drill(azure, place):
    item = azure.item(place).properties.provider_specific_details
    test = models.TestFailoverInputProperties(
        failover_direction="PrimaryToRecovery",
        network_type="VmNetworkAsInput",
        network_id=item.selected_recovery_azure_network_id,
        provider_specific_details=models.A2ATestFailoverInput(),
    )
    test = models.TestFailoverInput(properties=test)
    run(azure, place, "test failover", azure.items.begin_test_failover, **place, testfailover_input=test)
    after = azure.item(place).properties
    same(after.test_failover_state, "WaitingForCompletion", "state of the drill")
    same(after.allowed_operations, ["TestFailoverCleanup"], "what is allowed during the drill")
    machine = azure.resource(after.provider_specific_details.test_failover_recovery_fabric_object_id, COMPUTE_API)
    assert machine["name"].endswith("-test"), machine["name"]
    end = models.TestFailoverCleanupInput(properties=models.TestFailoverCleanupInputProperties(comments="it boots"))
    run(azure, place, "cleanup", azure.items.begin_test_failover_cleanup, **place, cleanup_input=end)
    assert azure.item(place).properties.last_successful_test_failover_time is not None


def report(azure):
    """All jobs with their tasks, as the SDK reads them."""
    kinds = {"TestFailover": models.TestFailoverJobDetails, "TestFailoverCleanup": models.TestFailoverJobDetails}
    kinds["SwitchReplicationGroupProtection"] = models.SwitchProtectionJobDetails
    for job in reversed(azure.jobs()):
        found = job.properties
        expect(found.custom_details, kinds.get(found.scenario_name, models.AsrJobDetails))
        assert found.tasks and found.start_time and found.end_time, job
        seconds = (found.end_time - found.start_time).total_seconds()
        print(f"{found.scenario_name}: {found.state} after {seconds:.0f} s of service time")
        for task in found.tasks:
            print(f"    {task.friendly_name}: {task.state} ({task.state_description})")
        for error in found.errors:
            print(f"    {error.error_level} {error.service_error_details.code}: {error.service_error_details.message}")


if __name__ == "__main__":
    main()
