//! What a RecoveryVault shows: whether its vault can be read with its identity.

use super::Reason;
use super::backoff::Class;
use super::condition::{Condition, Standing, trio};
use super::observed::Reading;

/// What was seen of one RecoveryVault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultFacts {
    /// `spec.suspend`.
    pub suspended: bool,
    /// ARM id of the vault.
    pub vault_id: String,
    /// The number of protected items in the last full list; `None` before the first.
    pub items: Option<Reading<usize>>,
}

/// Its conditions: the trio.
pub fn conditions(facts: &VaultFacts) -> Vec<Condition> {
    let (standing, reason, message) = match &facts.items {
        _ if facts.suspended => (
            Standing::Stalled,
            Reason::Suspended,
            "suspend is true: the vault is not read and no verb is carried out on its VMs.".to_owned(),
        ),
        None => {
            (Standing::Reconciling, Reason::Pending, format!("{} is being read for the first time.", facts.vault_id))
        }
        Some(Reading::Known(n)) => {
            (Standing::Ready, Reason::Reachable, format!("The vault is read; it has {n} protected item(s)."))
        }
        Some(Reading::Absent) => (
            Standing::Stalled,
            Reason::VaultNotFound,
            format!(
                "Azure does not find {}. Check subscriptionId, resourceGroup and name; they are immutable, so a correction is a new RecoveryVault.",
                facts.vault_id
            ),
        ),
        Some(Reading::Unreadable(u)) => (standing(u.class), u.obstacle.reason, u.obstacle.message.clone()),
    };
    trio(standing, reason, &message).to_vec()
}

/// Who must act: nobody while Azure recovers, a person when the identity is at fault.
fn standing(class: Class) -> Standing {
    match class {
        Class::Waiting | Class::Transient => Standing::Reconciling,
        Class::Access | Class::UserFix | Class::Terminal | Class::Bug => Standing::Stalled,
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::Truth;
    use super::super::item::Obstacle;
    use super::super::observed::Unreadable;
    use super::*;

    fn facts(items: Option<Reading<usize>>) -> VaultFacts {
        VaultFacts { suspended: false, vault_id: "/v".into(), items }
    }

    fn unreadable(class: Class) -> Reading<usize> {
        Reading::Unreadable(Unreadable {
            class,
            obstacle: Obstacle::new(Reason::AccessDenied, "no"),
            retry_after: None,
        })
    }

    #[test]
    fn exactly_one_of_the_trio_holds() {
        let table = [
            (facts(None), "Reconciling"),
            (facts(Some(Reading::Known(2))), "Ready"),
            (facts(Some(Reading::Absent)), "Stalled"),
            (facts(Some(unreadable(Class::Transient))), "Reconciling"),
            (facts(Some(unreadable(Class::Access))), "Stalled"),
            (VaultFacts { suspended: true, ..facts(Some(Reading::Known(2))) }, "Stalled"),
        ];
        for (facts, holds) in table {
            let conditions = conditions(&facts);
            let held: Vec<_> = conditions.iter().filter(|c| c.truth == Truth::True).map(|c| c.kind.as_str()).collect();
            assert_eq!(held, [holds], "{facts:?}");
        }
    }
}
