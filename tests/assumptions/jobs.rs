//! What jobs and their list show otherwise than assumed.

use crate::driver::{Ends, Otherwise, here, otherwise, stalls, waits, well};
use serde_json::{Value, json};

fn switch(field: &str, value: Value) -> Value {
    json!({"otherwise": {field: value}})
}

/// The first failover fails by a lack of capacity, stops so, and goes well at the second asking.
fn failing(switch: Value, reason: &'static str, says: &'static str) -> Otherwise {
    let ends = Ends::AtTheSecondAsking(stalls("failover", reason, says).called());
    Otherwise { switch, before: vec![], ends }.after("items", json!({"name": "app01", "failNext": "capacity"}))
}

otherwise! {
    the_job_list_carries_the_activity: well(switch("jobListActivity", json!(true))),
    no_job_carries_the_activity: well(json!({"jobActivityId": false})),
    a_stub_carries_no_activity: well(json!({"stubActivityId": false})),
    there_are_no_stubs: well(json!({"stubJobs": false})),
    the_job_list_lags: well(json!({"jobListLagSeconds": 12_000.0})),
    the_job_list_lags_and_answers_are_lost: well(json!({
        "jobListLagSeconds": 2000.0,
        "otherwise": {"firstAnswer": {"executes": true, "operations": ["unplannedFailover"]}},
    })),
    jobs_are_forgotten: well(switch("jobsForgottenAfterSeconds", json!(3600.0))),
    errors_stand_in_the_task_only: failing(switch("errorsOfFailedJobs", json!("Tasks")), "JobFailed", "28031"),
    errors_stand_in_the_job_only: failing(switch("errorsOfFailedJobs", json!("Job")), "JobFailed", "28031"),
    errors_stand_nowhere: failing(switch("errorsOfFailedJobs", json!("Nowhere")), "JobFailed", "no cause"),
    a_failed_job_is_called_canceled: failing(switch("failedWord", json!("Canceled")), "JobCancelled", "28031"),
    a_failed_job_has_an_unknown_word: here(switch("failedWord", json!("Aborted")), waits("failover", "JobUnreadable", "does not know (Aborted").called())
        .after("items", json!({"name": "app01", "failNext": "capacity"})),
    success_is_called_by_its_description: well(switch("succeededWord", json!("CompletedWithInformation"))),
    success_has_an_unknown_word:
        here(switch("succeededWord", json!("Finished")), waits("failover", "JobUnreadable", "does not know (Finished").called()),
    descriptions_are_other_words: well(switch("endedDescription", json!("Done"))),
    the_child_of_a_reprotect_has_an_activity_of_its_own: well(json!({"childSharesActivity": false})),
    a_shutdown_that_fails_is_a_failed_task: well(json!({"shutdownFailure": "Failed", "partialOperationStatus": true}))
        .after("items", json!({"name": "app01", "sourceShutdownFails": true})),
    a_shutdown_that_fails_is_an_information: well(json!({"shutdownFailure": "Information"}))
        .after("items", json!({"name": "app01", "sourceShutdownFails": true})),
}
