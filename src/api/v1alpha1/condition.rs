//! The schema of a condition. `metav1.Condition` itself comes without bounds.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::schema::{Instant, Text, Word};
use super::shared::Truth;

/// One aspect of the object's state.
#[derive(Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConditionSchema {
    /// When the status last changed, by the operator's clock.
    #[schemars(with = "Instant")]
    last_transition_time: String,
    /// What was seen and, where something is to be done, what to do.
    #[schemars(with = "Text<1024>")]
    message: String,
    /// The generation of the spec that this condition speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    observed_generation: Option<i64>,
    /// One word for the cause, of a closed list: the same word stands in events, metrics and logs.
    #[schemars(with = "Word")]
    reason: String,
    /// True, False or Unknown.
    status: Truth,
    /// Which aspect.
    #[serde(rename = "type")]
    #[schemars(with = "Word")]
    condition_type: String,
}
