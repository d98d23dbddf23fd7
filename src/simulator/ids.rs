//! Identifiers of the simulated world: GUIDs that a restart repeats, and the spelling of ARM ids.
//!
//! Site Recovery begins its own ids with `/Subscriptions/` and spells foreign ones (VM, disk) in lower case; both are
//! recorded (cli-A2A_scenarios) and a client has to compare without case. Knows no world and no clock.

use uuid::Uuid;

/// Namespace of every GUID made here, so that the same seed gives the same ids on every start.
const NAMESPACE: Uuid = Uuid::from_u128(0x5be0_c9a7_1d3f_5c44_9a52_0f4e_7d10_a5b1);

/// A GUID that depends on `parts` alone.
pub(crate) fn guid(parts: &[&str]) -> Uuid {
    Uuid::new_v5(&NAMESPACE, parts.join("\u{1f}").as_bytes())
}

/// `/subscriptions/{subscription}/resourceGroups/{group}`, as Compute and Network spell it.
pub(crate) fn resource_group(subscription: &str, group: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{group}")
}

/// The last segment of an ARM id; the whole text when it has no slash.
pub(crate) fn last_segment(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_depend_on_their_parts_alone() {
        assert_eq!(guid(&["a", "b"]), guid(&["a", "b"]));
        assert_ne!(guid(&["a", "b"]), guid(&["ab"]));
    }
}
