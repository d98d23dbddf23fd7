//! What an item, its list and its points show otherwise than assumed.

use crate::driver::{Ends, Otherwise, ends_or_waits, here, otherwise, stalls, waits, well};
use serde_json::{Value, json};

fn switch(field: &str, value: Value) -> Value {
    json!({"otherwise": {field: value}})
}

/// A reprotect that fails once by a lack of quota, and what the item shows then.
fn failed_reprotect(offered: &[&str], ends: Ends) -> Otherwise {
    let shown = json!({"operation": "switchprotection", "state": "ReprotectFailed", "offered": offered});
    let quota = json!({"verb": "switchprotection", "code": "150097", "message": "No size.", "child": true});
    let row = Otherwise { switch: switch("afterFailure", shown), before: vec![], ends };
    row.after("items", json!({"name": "app01", "failNext": quota}))
}

otherwise! {
    the_old_place_answers_after_a_reprotect: well(switch("oldPlace", json!("Answers"))),
    the_old_place_is_listed_after_a_reprotect:
        here(switch("oldPlace", json!("Listed")), waits("failback", "AmbiguousItem", "at two places")),
    an_item_looks_idle_while_its_job_runs: well(switch("whileRunning", json!("Unchanged"))),
    an_item_shows_the_end_while_its_job_runs: well(switch("whileRunning", json!("Ahead"))),
    an_item_lags_its_job: well(json!({"otherwise": {"itemLagSeconds": 300.0, "whileRunning": "Unchanged"}})),
    more_is_offered_before_the_commit:
        well(switch("offeredBeforeCommit", json!(["SwitchProtection", "UnplannedFailover"]))),
    the_failover_s_scenario_stays: well(switch("scenarioStays", json!(true))),
    the_failover_s_time_is_its_end: well(switch("failoverTime", json!("End"))),
    the_failover_s_time_is_absent: well(switch("failoverTime", json!("Absent"))),
    a_change_of_the_point_moves_the_failover_s_time: well(switch("changePointMovesFailoverTime", json!(true))),
    the_recovered_vm_is_not_named:
        here(switch("noRecoveredVm", json!(true)), waits("reprotect", "PreconditionsUnmet", "does not say which VM runs now")),
    the_point_that_was_used_is_not_named: well(switch("noFailoverPoint", json!(true))),
    a_reprotect_begins_another_life:
        here(switch("lifecycleChanges", json!(true)), ends_or_waits("failback", "ItemReplaced", "enabled anew")),
    a_failed_reprotect_leaves_another_state: failed_reprotect(
        &["SwitchProtection", "DisableProtection"],
        Ends::AtTheSecondAsking(stalls("reprotect", "JobFailed", "150097").called()),
    ),
    a_failed_reprotect_offers_no_other: failed_reprotect(
        &["DisableProtection"],
        Ends::HereAtTheSecondAsking(
            stalls("reprotect", "JobFailed", "150097").called(),
            waits("reprotect", "NotAllowedNow", "ReprotectFailed"),
        ),
    ),
    lists_leave_out_what_decides: well(switch("listOmits", json!([
        "/allowedOperations", "/currentScenario", "/failoverRecoveryPointId", "/lastSuccessfulFailoverTime",
        "/recoveryContainerId", "/providerSpecificDetails/lifecycleId",
        "/providerSpecificDetails/recoveryFabricObjectId",
    ]))),
    points_are_listed_after_the_commit: well(switch("pointsStay", json!(true))),
    a_drill_that_is_up_leaves_the_failover: well(switch("drillLeavesFailover", json!(true)))
        .after("actor", json!({"verb": "testFailover", "item": "app01"})),
    a_drill_that_is_up_blocks_the_failover: here(json!({}), waits("failover", "NotAllowedNow", "A drill is up"))
        .after("actor", json!({"verb": "testFailover", "item": "app01"}))
        .after("clock", json!({"advanceSeconds": 900})),
    health_is_critical_after_a_failover: well(json!({"healthAfterFailover": "Critical"})),
    the_old_vm_goes_with_the_reprotect: well(switch("oldVmRemoved", json!(true))),
    an_old_vm_that_is_gone_fails_the_reprotect: here(
        switch("oldVmNeeded", json!(true)),
        stalls("reprotect", "JobFailed", "might have been deleted").called(),
    )
    .after("resources", json!({"remove": "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-app/providers/Microsoft.Compute/virtualMachines/app01"})),
}
