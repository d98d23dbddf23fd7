//! Every request that the client can send, against the narrow form.

use asr_operator::asr::{ItemPath, Mutation, SwitchProtection};
use serde_json::Value;

use super::schema::Schema;

const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-dr/providers/Microsoft.RecoveryServices/vaults/vault-dr";

fn item() -> ItemPath {
    let id = format!("{VAULT}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/i");
    ItemPath::parse(&id).unwrap()
}

fn switch(full: bool) -> SwitchProtection {
    let disks = ["/disks/os".to_owned(), "/disks/data".to_owned()];
    let encryption = full.then_some("/des");
    let mut input =
        SwitchProtection::new("/container".into(), "/policy".into(), "/group".into(), &disks, "/cache", encryption);
    if full {
        input.recovery_availability_set_id = Some("/set".into());
        input.recovery_availability_zone = Some("1".into());
        input.recovery_proximity_placement_group_id = Some("/ppg".into());
    }
    input
}

/// One of each, with and without what is optional.
pub(crate) fn all() -> Vec<Mutation> {
    let point = Some("/points/p".to_owned());
    let failover = |recovery_point_id: Option<String>, shutdown_source| Mutation::UnplannedFailover {
        item: item(),
        recovery_point_id,
        shutdown_source,
    };
    let reprotect = |full| Mutation::SwitchProtection { item: item(), input: Box::new(switch(full)) };
    vec![
        failover(None, true),
        failover(None, false),
        failover(point.clone(), true),
        failover(point, false),
        Mutation::ApplyRecoveryPoint { item: item(), recovery_point_id: "/points/p".into() },
        Mutation::FailoverCommit { item: item() },
        reprotect(false),
        reprotect(true),
    ]
}

/// The body as JSON; null where there is none.
pub(crate) fn body(mutation: &Mutation) -> Value {
    let bytes = mutation.body();
    if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() }
}

#[test]
fn every_request_of_the_client_is_valid() {
    let mut schema = Schema::narrow();
    for mutation in all() {
        let operation = schema.operation("POST", &mutation.path());
        let operation = operation.unwrap_or_else(|| panic!("{} is no operation of the service", mutation.path()));
        assert!(operation.codes.contains(&202), "{}", operation.name);
        let body = body(&mutation);
        match &operation.request {
            None => assert!(body.is_null(), "{} takes no body", operation.name),
            Some(reference) => {
                let differences = schema.differences(reference, &body);
                assert!(differences.is_empty(), "{} {body}: {differences:#?}", operation.name);
            }
        }
    }
}
