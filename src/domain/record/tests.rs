//! What a record keeps, and what it forgets.

use super::super::ids::Kind;
use super::*;

fn owner(name: &str, valid_until: &str) -> Owner {
    let key = RequestKey { kind: Kind::FailoverRequest, namespace: "ns".into(), name: name.into() };
    Owner { key, spec_hash: "h".into(), valid_until: valid_until.into() }
}

fn intent() -> Intent {
    Intent {
        nonce: "n".into(),
        step: Step::Failover,
        ordinal: 0,
        attempt: 1,
        client_request_id: "c".into(),
        body_hash: "b".into(),
        point: None,
        t0: None,
        last: false,
        outcome: None,
    }
}

fn result() -> RunResult {
    RunResult { end: End::Succeeded, reason: Reason::Succeeded, message: String::new(), at: None, steps: vec![] }
}

fn now() -> Timestamp {
    "2026-06-01T08:00:00Z".parse().unwrap()
}

#[test]
fn an_end_frees_the_item_and_stays_known() {
    let owner = owner("a", "2026-06-01T09:00:00Z");
    let open = Record::empty("v", "i").open(&owner, intent(), now()).unwrap();
    assert!(open.held_by(&owner.key) && open.consumed(&owner.key).is_some());
    let ended = open.end(&owner, result(), now()).unwrap();
    assert_eq!((ended.holder.clone(), ended.intent.clone()), (None, None));
    assert_eq!(ended.consumed(&owner.key).and_then(|c| c.result.clone()), Some(result()));
    assert_eq!(ended.withdraw(&owner.key), ended, "an end is never forgotten by a withdrawal");
}

#[test]
fn the_end_of_one_request_does_not_free_another() {
    let (a, b) = (owner("a", "2026-06-01T09:00:00Z"), owner("b", "2026-06-01T09:00:00Z"));
    let open = Record::empty("v", "i").open(&a, intent(), now()).unwrap();
    let ended = open.end(&b, result(), now()).unwrap();
    assert!(ended.held_by(&a.key) && ended.intent.is_some());
}

#[test]
fn a_full_record_drops_only_what_ended_and_passed() {
    let mut record = Record::empty("v", "i");
    for n in 0..MAX_CONSUMED {
        record = record.end(&owner(&format!("r{n}"), "2026-06-01T09:00:00Z"), result(), now()).unwrap();
    }
    let late = owner("late", "2026-06-02T09:00:00Z");
    assert_eq!(record.open(&late, intent(), now()).unwrap_err().reason, Reason::RecordFull);
    let after = "2026-06-01T10:00:00Z".parse().unwrap();
    assert_eq!(record.open(&late, intent(), after).unwrap().consumed.len(), 1);
}
