//! Failure recipes: what to let a job fail with, by name or spelled out in a seed or a control call.
//!
//! Wording is ours; codes and the place of the Azure text inside 28031 follow asr-errors 1.3 and 3. Data only.

use serde::{Deserialize, Serialize};

/// How serious an error of a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// It ended the job.
    Error,
    /// The job went on.
    Warning,
}

impl Level {
    /// The `errorLevel` on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::Warning => "Warning",
        }
    }
}

/// One element of a job's `errors`.
#[derive(Debug, Clone)]
pub(crate) struct JobError {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) possible_causes: String,
    pub(crate) recommended_action: String,
    pub(crate) level: Level,
}

/// A failure to come: the next job of the item fails this way. A bare string names one of the known recipes:
/// `capacity`, `quota`, `nic`, `stalePoint`, `policy`, and of a reprotect `egress`, `lock`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RecipeSpec {
    /// A known recipe.
    Named(String),
    /// A recipe spelled out.
    Custom(Recipe),
}

/// A failure spelled out. `{vm}` in the texts stands for the VM's name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recipe {
    /// Operation it waits for, such as `unplannedFailover`; none is any.
    #[serde(default)]
    pub verb: Option<String>,
    /// Name of the task that fails; none is the longest one of the job.
    #[serde(default)]
    pub task: Option<String>,
    /// Code of the cause, such as `28031`.
    pub code: String,
    /// Text of the cause.
    pub message: String,
    /// Azure's own list of causes.
    #[serde(default)]
    pub possible_causes: String,
    /// Azure's own advice.
    #[serde(default)]
    pub recommended_action: String,
    /// It fails the job that a reprotect starts; the reprotect itself then says only that something failed.
    #[serde(default)]
    pub child: bool,
    /// Put the generic wrapper 539 before the cause.
    #[serde(default = "yes")]
    pub wrapper: bool,
    /// Code in the operation status; none is 25080.
    #[serde(default)]
    pub operation_code: Option<String>,
    /// How many jobs fail this way.
    #[serde(default = "one")]
    pub times: u32,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

impl RecipeSpec {
    /// The known recipes.
    pub const NAMES: [&str; 7] = ["capacity", "quota", "nic", "policy", "stalePoint", "egress", "lock"];

    /// The recipe; none when the name is not known.
    pub(crate) fn resolve(&self) -> Option<Recipe> {
        match self {
            Self::Custom(recipe) => Some(recipe.clone()),
            Self::Named(name) => named(name),
        }
    }

    /// The recipe for a job of `operation`: a lack of quota shows otherwise when no VM is made (asr-errors 3).
    pub(crate) fn resolve_for(&self, operation: &str) -> Option<Recipe> {
        match self {
            Self::Named(name) if name == "quota" && operation == "switchprotection" => Some(no_size()),
            other => other.resolve(),
        }
    }
}

impl Recipe {
    /// The recipe with `{group}` in its message replaced by a group's ARM id.
    pub(crate) fn about_group(mut self, group: &str) -> Self {
        self.message = self.message.replace("{group}", group);
        self
    }

    /// The errors that the job carries: the wrapper first when asked for, the cause last.
    pub(crate) fn errors(&self, vm: &str) -> Vec<JobError> {
        let wrapper = self.wrapper.then(|| child_failed().cause(vm));
        wrapper.into_iter().chain([self.cause(vm)]).collect()
    }

    /// The specific error.
    pub(crate) fn cause(&self, vm: &str) -> JobError {
        let fill = |text: &str| text.replace("{vm}", vm);
        error(&self.code, &fill(&self.message), &fill(&self.possible_causes), &fill(&self.recommended_action))
    }

    /// The code and the one line of the operation status.
    pub(crate) fn headline(&self, vm: &str) -> (String, String) {
        let code = self.operation_code.clone().unwrap_or_else(|| "25080".to_owned());
        (code, format!("The operation on the virtual machine '{vm}' failed."))
    }
}

/// The warning of a source that will not shut down. The A2A code is not public; 25016 is VMM's (asr-errors 2.2).
pub(crate) fn shutdown_warning(vm: &str) -> JobError {
    JobError {
        level: Level::Warning,
        ..error(
            "25016",
            &format!("The virtual machine '{vm}' couldn't be shut down."),
            "The source region doesn't answer, or the virtual machine is in a state that allows no shutdown.",
            "Make sure that the source virtual machine doesn't run before you use the recovered one.",
        )
    }
}

/// The failure of an input that the service takes and then cannot use (506, asr-errors 1.5).
pub(crate) fn invalid_parameter(name: &str) -> Recipe {
    recipe(
        "506",
        &format!("An invalid parameter '{name}' was passed."),
        "The input doesn't fit this item.",
        "Correct the input and retry.",
        false,
    )
}

/// The failure of a recovery point that is gone.
pub(crate) fn stale_point() -> Recipe {
    recipe(
        "BookmarkNotFound",
        "The recovery point for the virtual machine '{vm}' couldn't be found.",
        "The snapshot behind the recovery point was deleted, for instance by a change of the disk tier.",
        "Choose a newer recovery point and retry.",
        true,
    )
}

/// The failure of a verb out of turn, where the service is told to say it in the job.
pub(crate) fn out_of_turn(code: &str, operation: &str) -> Recipe {
    let text = format!("The operation '{operation}' isn't allowed in the current state of '{{vm}}'.");
    recipe(code, &text, "Another operation runs, or the item isn't in the right state.", "Wait, then retry.", false)
}

/// The generic failure of a job whose child failed, and the wrapper before a cause: it says nothing (539, asr-errors 2.2).
pub(crate) fn child_failed() -> Recipe {
    let text = "The requested action couldn't be performed by the 'A2A' replication provider.";
    let causes = "Check other errors for more information.";
    recipe("539", text, causes, "Resolve the issue and retry the operation.", false)
}

/// A recovered VM that reaches nothing outside: its Mobility Service can't be registered (asr-errors 2.1 and 2.3).
pub(crate) fn egress() -> Recipe {
    let text = "Site Recovery couldn't be configured on '{vm}': the Microsoft 365 authentication and identity endpoints \
                can't be reached.";
    let causes =
        "The virtual machine has no outbound connectivity, for instance no public IP address and no NAT gateway.";
    let action = "Give the subnet of the virtual machine a way out, then reprotect again.";
    in_child("CreateProtectionTarget", recipe("151196", text, causes, action, true))
}

/// No VM size for the old side: how a lack of quota shows when replication is enabled (150097, asr-errors 2.1 and 3).
fn no_size() -> Recipe {
    let text = "No virtual machine size for '{vm}' is available in the target region.";
    let causes = "The subscription isn't enabled for the region, or its quota is used up.";
    let action = "Raise the quota or choose another size, then reprotect again.";
    in_child("EnableProtectionPrerequisitesCheck", recipe("150097", text, causes, action, true))
}

fn in_child(task: &str, recipe: Recipe) -> Recipe {
    Recipe { verb: Some("switchprotection".to_owned()), task: Some(task.to_owned()), child: true, ..recipe }
}

/// A lock on the group of the old side. ARM's text inside is public, the number of the job's error is not (asr-errors 2.3).
pub(crate) fn scope_locked() -> Recipe {
    let text = "The old virtual machine '{vm}' or its disks couldn't be replaced. Arm error code: ScopeLocked. Arm error \
                message: 'The scope '{group}/providers/Microsoft.Compute/virtualMachines/{vm}' cannot perform delete \
                operation because following scope(s) are locked: '{group}'. Please remove the lock and try again.'";
    let causes = "A resource lock forbids the delete.";
    let action = "Remove the lock, then reprotect again.";
    last_task(recipe("ScopeLocked", text, causes, action, true))
}

/// A reprotect without all disks: taken, and failed in its last task. No source gives the code (asr-errors 2.3).
pub(crate) fn disks_not_given() -> Recipe {
    let causes = "The request doesn't name every managed disk of the recovered virtual machine.";
    let action = "Name every managed disk, then reprotect again.";
    last_task(recipe("", "Managed disk details not provided for '{vm}'.", causes, action, false))
}

fn last_task(recipe: Recipe) -> Recipe {
    let (verb, task) = (Some("switchprotection".to_owned()), Some("ProtectReplicaTask".to_owned()));
    Recipe { verb, task, ..recipe }
}

/// A reprotect of a VM that somebody deleted. No source gives the code, or the task (asr-errors 2.3).
pub(crate) fn recovered_vm_gone() -> Recipe {
    let text = "The virtual machine '{vm}' might have been deleted.";
    let action = "Disable replication, then enable it anew.";
    let task = Some("DiscoverReplicaTask".to_owned());
    Recipe { task, ..recipe("", text, "The recovered virtual machine was deleted or moved.", action, false) }
}

fn named(name: &str) -> Option<Recipe> {
    let vm_creation = |azure: &str| {
        let message = format!("Virtual machine '{{vm}}' couldn't be created. Azure error message: '{azure}'");
        let action = "Resolve the error in the Azure message, then fail over again.";
        recipe("28031", &message, "The target virtual machine couldn't be created.", action, true)
    };
    match name {
        "capacity" => Some(vm_creation(
            "Allocation failed. We do not have sufficient capacity for the requested VM size in this region. \
             (Provisioning failed)",
        )),
        "quota" => Some(vm_creation(
            "Operation could not be completed as it results in exceeding approved Total Regional Cores quota. \
             Current Limit: 10, Current in use: 10, Additional Required: 2.",
        )),
        "policy" => Some(vm_creation("Resource '{vm}' was disallowed by policy.")),
        "nic" => Some(recipe(
            "28092",
            "A network interface for the virtual machine '{vm}' couldn't be created.",
            "The quota of network interfaces is used up, or a fault that passes.",
            "Check the quota, then fail over again.",
            true,
        )),
        "stalePoint" => Some(stale_point()),
        "egress" => Some(egress()),
        "lock" => Some(scope_locked()),
        _ => None,
    }
}

fn recipe(code: &str, message: &str, causes: &str, action: &str, wrapper: bool) -> Recipe {
    Recipe {
        verb: None,
        task: None,
        child: false,
        code: code.to_owned(),
        message: message.to_owned(),
        possible_causes: causes.to_owned(),
        recommended_action: action.to_owned(),
        wrapper,
        operation_code: None,
        times: 1,
    }
}

fn error(code: &str, message: &str, causes: &str, action: &str) -> JobError {
    JobError {
        code: code.to_owned(),
        message: message.to_owned(),
        possible_causes: causes.to_owned(),
        recommended_action: action.to_owned(),
        level: Level::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_recipe_is_one() {
        for name in RecipeSpec::NAMES {
            assert!(named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_cause_comes_after_the_wrapper_and_names_the_vm() {
        let errors = named("capacity").unwrap().errors("app01");
        assert_eq!(errors.iter().map(|e| e.code.as_str()).collect::<Vec<_>>(), ["539", "28031"]);
        assert!(
            errors[1].message.contains("'app01'")
                && errors[1].message.contains("Azure error message: 'Allocation failed")
        );
    }
}
