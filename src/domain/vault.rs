//! What a RecoveryVault shows: whether its vault can be read with its identity.

use super::Reason;
use super::backoff::Class;
use super::condition::{Condition, Standing, trio};
use super::item::Obstacle;
use super::observed::{Reading, Unreadable};

/// What was seen of one RecoveryVault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultFacts {
    /// `spec.suspend`.
    pub suspended: bool,
    /// ARM id of the vault.
    pub vault_id: String,
    /// The number of protected items in the last full list; `None` before the first.
    pub items: Option<Reading<usize>>,
    /// Who acts.
    pub acting: Acting,
}

/// Who acts on a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acting {
    /// An identity that can be used, as far as is known before a call.
    Somebody,
    /// Nobody, as declared.
    Nobody,
    /// One that cannot be used now.
    Unable(Unreadable),
}

impl Acting {
    /// One that a person has to mend in the cluster.
    pub fn unusable(obstacle: Obstacle) -> Self {
        Self::Unable(Unreadable { class: Class::UserFix, obstacle, retry_after: None })
    }
}

/// Why requests on the VMs of a read-only RecoveryVault wait.
pub fn read_only(name: &str) -> Obstacle {
    let text = format!(
        "The RecoveryVault {name} is read-only, so nothing is sent. If the VM is to be acted on, set its readOnly to false: this request then goes on by itself, until its validUntil."
    );
    Obstacle::new(Reason::ReadOnly, text)
}

/// Its conditions: the trio.
pub fn conditions(facts: &VaultFacts) -> Vec<Condition> {
    let (standing, reason, message) = match &facts.items {
        _ if facts.suspended => (
            Standing::Reconciling,
            Reason::Suspended,
            "suspend is true: the vault is not read and no verb is carried out on its VMs.".to_owned(),
        ),
        None => {
            (Standing::Reconciling, Reason::Pending, format!("{} is being read for the first time.", facts.vault_id))
        }
        Some(Reading::Known(n)) => read(*n, &facts.acting),
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

/// A vault that is read. One on which a request could not act is not ready for one, whoever is to mend that.
fn read(items: usize, acting: &Acting) -> (Standing, Reason, String) {
    let text = format!("The vault is read; it has {items} protected item(s).");
    match acting {
        Acting::Somebody => (Standing::Ready, Reason::Reachable, text),
        Acting::Nobody => {
            let told = "It is read-only: requests on its VMs wait until readOnly is false.";
            (Standing::Ready, Reason::ReadOnly, format!("{text} {told}"))
        }
        Acting::Unable(unable) => {
            let Obstacle { reason, message } = &unable.obstacle;
            (standing(unable.class), *reason, format!("{message} {text} Requests on its VMs wait."))
        }
    }
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
    use super::*;

    fn facts(items: Option<Reading<usize>>) -> VaultFacts {
        VaultFacts { suspended: false, vault_id: "/v".into(), items, acting: Acting::Somebody }
    }

    fn unreadable(class: Class) -> Reading<usize> {
        Reading::Unreadable(Unreadable {
            class,
            obstacle: Obstacle::new(Reason::AccessDenied, "no"),
            retry_after: None,
        })
    }

    fn unable(class: Class) -> Acting {
        match unreadable(class) {
            Reading::Unreadable(unable) => Acting::Unable(unable),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_vault_that_is_read_says_who_does_not_act_and_a_vault_that_is_not_read_says_that() {
        let says = |items, acting| {
            let all = conditions(&VaultFacts { acting, ..facts(Some(items)) });
            (all[0].reason, all[0].message.clone())
        };
        let (reason, told) = says(Reading::Known(2), Acting::Nobody);
        assert!(reason == Reason::ReadOnly && told.contains("2 protected") && told.contains("readOnly is false"));
        let (reason, told) = says(Reading::Known(2), unable(Class::Access));
        assert!(reason == Reason::AccessDenied && told.contains("2 protected") && told.starts_with("no "), "{told}");
        assert_eq!(says(Reading::Absent, unable(Class::Access)).0, Reason::VaultNotFound);
    }

    #[test]
    fn exactly_one_of_the_trio_holds() {
        let table = [
            (facts(None), "Reconciling"),
            (facts(Some(Reading::Known(2))), "Ready"),
            (facts(Some(Reading::Absent)), "Stalled"),
            (facts(Some(unreadable(Class::Transient))), "Reconciling"),
            (facts(Some(unreadable(Class::Access))), "Stalled"),
            (VaultFacts { acting: Acting::Nobody, ..facts(Some(Reading::Known(2))) }, "Ready"),
            (VaultFacts { acting: unable(Class::Transient), ..facts(Some(Reading::Known(2))) }, "Reconciling"),
            (VaultFacts { acting: unable(Class::Access), ..facts(Some(Reading::Known(2))) }, "Stalled"),
            (VaultFacts { suspended: true, ..facts(Some(Reading::Known(2))) }, "Reconciling"),
        ];
        for (facts, holds) in table {
            let conditions = conditions(&facts);
            let held: Vec<_> = conditions.iter().filter(|c| c.truth == Truth::True).map(|c| c.kind.as_str()).collect();
            assert_eq!(held, [holds], "{facts:?}");
        }
    }
}
