//! From request objects to what decisions see. Parsing happens here once; afterwards everything is trusted.

use super::status::parse_signed;
use crate::api::v1alpha1::{
    ChangeRecoveryPointRequest, CommitPolicy, CommitRequest, Direction as ApiDirection, FailoverRequest,
    ListedPointType, RecoveryPointType, ReprotectRequest, Request as ApiRequest, RequestStatus,
};
use crate::domain::Reason;
use crate::domain::change_point::ChangePoint;
use crate::domain::commit::Commit;
use crate::domain::failover::Failover;
use crate::domain::ids::RequestKey;
use crate::domain::item::Direction;
use crate::domain::observed::{Request, spec_hash};
use crate::domain::point::{PointChoice, PointType};
use crate::domain::record::Owner;
use crate::domain::reprotect::{Overrides, Reprotect};
use crate::domain::verb::Verb;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// A field that the API server let pass and that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("spec.{field} cannot be understood: {value}")]
pub struct InvalidField {
    /// Its path.
    pub field: &'static str,
    /// What it holds.
    pub value: String,
}

/// What is special to each request kind: the row that a new verb adds here.
pub trait VerbOf: ApiRequest + kube::CustomResourceExt {
    /// The verb, parsed from the spec.
    ///
    /// # Errors
    /// The field that cannot be understood.
    fn verb(&self) -> Result<Arc<dyn Verb>, InvalidField>;

    /// The spec as JSON, for its hash.
    fn spec_json(&self) -> Value;
}

impl VerbOf for FailoverRequest {
    fn verb(&self) -> Result<Arc<dyn Verb>, InvalidField> {
        let asked = &self.spec.recovery_point;
        let point_type = match asked.point_type {
            RecoveryPointType::Latest => PointType::Latest,
            RecoveryPointType::LatestProcessed => PointType::LatestProcessed,
            RecoveryPointType::LatestAppConsistent => PointType::LatestAppConsistent,
            RecoveryPointType::LatestCrashConsistent => PointType::LatestCrashConsistent,
            RecoveryPointType::Custom => PointType::Custom,
        };
        Ok(Arc::new(Failover {
            direction: direction(self.spec.direction),
            point: point_choice(point_type, &asked.id, &asked.not_after, &asked.max_data_loss)?,
            shutdown_source: self.spec.shutdown_source,
            commit: self.spec.commit_policy == CommitPolicy::Automatic,
        }))
    }

    fn spec_json(&self) -> Value {
        json(&self.spec)
    }
}

impl VerbOf for CommitRequest {
    fn verb(&self) -> Result<Arc<dyn Verb>, InvalidField> {
        Ok(Arc::new(Commit { recovery_point: self.spec.recovery_point_id.clone() }))
    }

    fn spec_json(&self) -> Value {
        json(&self.spec)
    }
}

impl VerbOf for ChangeRecoveryPointRequest {
    fn verb(&self) -> Result<Arc<dyn Verb>, InvalidField> {
        let asked = &self.spec.recovery_point;
        let point_type = match asked.point_type {
            ListedPointType::LatestProcessed => PointType::LatestProcessed,
            ListedPointType::LatestAppConsistent => PointType::LatestAppConsistent,
            ListedPointType::LatestCrashConsistent => PointType::LatestCrashConsistent,
            ListedPointType::Custom => PointType::Custom,
        };
        let point = point_choice(point_type, &asked.id, &asked.not_after, &asked.max_data_loss)?;
        Ok(Arc::new(ChangePoint { point }))
    }

    fn spec_json(&self) -> Value {
        json(&self.spec)
    }
}

impl VerbOf for ReprotectRequest {
    fn verb(&self) -> Result<Arc<dyn Verb>, InvalidField> {
        let given = self.spec.settings.clone().unwrap_or_default();
        let settings = Overrides {
            resource_group_id: given.resource_group_id,
            cache_account_id: given.cache_storage_account_id,
            policy_id: given.policy_id,
            zone: given.zone,
        };
        Ok(Arc::new(Reprotect { direction: direction(self.spec.direction), settings }))
    }

    fn spec_json(&self) -> Value {
        json(&self.spec)
    }
}

const fn direction(api: ApiDirection) -> Direction {
    match api {
        ApiDirection::PrimaryToRecovery => Direction::PrimaryToRecovery,
        ApiDirection::RecoveryToPrimary => Direction::RecoveryToPrimary,
    }
}

fn json<T: Serialize>(spec: &T) -> Value {
    serde_json::to_value(spec).unwrap_or(Value::Null)
}

/// A request, parsed.
///
/// # Errors
/// The field that cannot be understood.
pub fn request_from<K: VerbOf>(object: &K, key: &RequestKey) -> Result<Request, InvalidField> {
    let text = object.request_spec().valid_until.to_owned();
    let valid_until: Timestamp = text.parse().map_err(|_| InvalidField { field: "validUntil", value: text })?;
    let mut spec = object.spec_json();
    // The API server takes another spelling of the same instant for no change, and so does the hash.
    if let Some(field) = spec.get_mut("validUntil") {
        *field = Value::String(valid_until.to_string());
    }
    let owner =
        Owner { key: key.clone(), spec_hash: spec_hash(&canonical(&spec)), valid_until: valid_until.to_string() };
    let status = object.request_status();
    Ok(Request {
        verb: object.verb()?,
        owner,
        valid_until,
        requested_by: object.request_spec().requested_by.map(str::to_owned),
        unreported: unreported(status),
        says_already_run: says(status, "AlreadyRun"),
        says_ended: says_ended(status),
    })
}

fn unreported(status: Option<&RequestStatus>) -> bool {
    status.is_none_or(|s| s.observed_generation.unwrap_or(-1) < 0 || s.conditions.is_empty())
}

fn says(status: Option<&RequestStatus>, reason: &str) -> bool {
    status.is_some_and(|s| s.conditions.iter().any(|c| c.type_ == "Ready" && c.reason == reason))
}

/// Whether the status shows an end of the request itself: neither an unknown outcome, which older versions showed as
/// Stalled, nor another spec's name is one.
fn says_ended(status: Option<&RequestStatus>) -> bool {
    let told = status.map(|s| s.conditions.as_slice()).unwrap_or_default();
    let over = told.iter().filter(|c| (c.type_ == "Ready" || c.type_ == "Stalled") && c.status == "True");
    let no_end = [Reason::OutcomeUnknown, Reason::NameReused].map(Reason::as_str);
    over.into_iter().any(|c| !no_end.contains(&c.reason.as_str()))
}

/// JSON with its keys in order, whatever order the writer had.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let fields: Vec<String> =
                keys.into_iter().map(|k| format!("{}:{}", Value::String(k.clone()), canonical(&map[k]))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

fn point_choice(
    point_type: PointType,
    id: &Option<String>,
    not_after: &Option<String>,
    max_data_loss: &Option<String>,
) -> Result<PointChoice, InvalidField> {
    let invalid = |field, value: &String| InvalidField { field, value: value.clone() };
    let not_after =
        not_after.as_ref().map(|t| t.parse().map_err(|_| invalid("recoveryPoint.notAfter", t))).transpose()?;
    let max_data_loss = max_data_loss
        .as_ref()
        .map(|d| parse_signed(d).ok_or_else(|| invalid("recoveryPoint.maxDataLoss", d)))
        .transpose()?;
    Ok(PointChoice { point_type, id: id.clone(), not_after, max_data_loss })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Kind;

    fn request(yaml: &str) -> FailoverRequest {
        serde_yaml::from_str(yaml).unwrap()
    }

    fn hash(valid_until: &str, shutdown: &str) -> String {
        let text = format!(
            "apiVersion: asr-operator.io/v1alpha1\nkind: FailoverRequest\nmetadata: {{name: a, namespace: n}}\nspec:\n  replicatedVmRef: {{name: app01}}\n  validUntil: \"{valid_until}\"\n  reason: test\n  direction: PrimaryToRecovery\n{shutdown}"
        );
        let key = RequestKey { kind: Kind::FailoverRequest, namespace: "n".into(), name: "a".into() };
        request_from(&request(&text), &key).unwrap().owner.spec_hash
    }

    #[test]
    fn a_spec_hash_sees_every_difference_but_the_spelling_of_a_time() {
        let one = hash("2026-06-01T10:00:00Z", "");
        assert_eq!(one, hash("2026-06-01T12:00:00+02:00", ""));
        assert_eq!(
            one,
            hash("2026-06-01T10:00:00Z", "  shutdownSource: true\n"),
            "a default spelled out is no difference"
        );
        assert_ne!(one, hash("2026-06-01T10:00:01Z", ""));
        assert_ne!(one, hash("2026-06-01T10:00:00Z", "  shutdownSource: false\n"));
        let by = |who: &str| hash("2026-06-01T10:00:00Z", &format!("  requestedBy: {who}\n"));
        assert!(by("alice") != one && by("alice") != by("bob"), "who asks is a part of what is asked");
    }

    /// Records and claims outlive a version: a field that is new and not given must not make another request of an old one.
    #[test]
    fn the_hash_of_a_spec_stays_what_it_was_in_the_first_version() {
        assert_eq!(
            hash("2026-06-01T10:00:00Z", ""),
            "83687b7b3b0fb500a834f71e47c0f43f4761b352450c6bb25ffd833be0085af1"
        );
    }
}
