//! ARM paths: what a request is about, under which operation name, with which RBAC action and scope.
//!
//! Matching ignores case, as ARM does; the text of names is kept. Parses only, looks nothing up.

use super::super::verb::Verb;

/// A path taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) subscription: String,
    pub(super) group: String,
    pub(super) place: Place,
    /// Name of the operation in ledger, faults and counts.
    pub(super) operation: String,
    /// RBAC action, such as `Microsoft.RecoveryServices/vaults/read`.
    pub(super) action: String,
    /// The resource that the action is on.
    pub(super) scope: String,
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Vault(String, Within),
    VirtualMachine(String),
    NetworkInterface(String),
    ResourceGroup,
    StorageAccount(String),
    VirtualNetwork(String),
    /// Network and subnet.
    Subnet(String, String),
    /// The locks of the resource group.
    Locks,
    /// A path that the simulator does not know.
    Unknown,
}

/// What a path names inside a vault. Fabric and container come first, as in the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Within {
    Itself,
    Fabrics,
    Fabric(String),
    Containers(Option<String>),
    Container(String, String),
    Mappings(Option<(String, String)>),
    Mapping(String, String, String),
    Policies,
    Policy(String),
    Items(Option<(String, String)>),
    Item(String, String, String),
    Points(String, String, String),
    Point(String, String, String, String),
    ItemVerb(String, String, String, Verb),
    ContainerVerb(String, String, Verb),
    Jobs,
    Job(String),
    OperationStatus(String),
    OperationResult(String),
    Plans,
}

impl Route {
    /// Takes `path` apart as a request with `method`; none when it is neither a resource group nor a path below one.
    pub(super) fn parse(method: &str, path: &str) -> Option<Self> {
        let texts: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let lower: Vec<String> = texts.iter().map(|text| text.to_ascii_lowercase()).collect();
        let words: Vec<&str> = lower.iter().map(String::as_str).collect();
        let ((place, operation), (action, scope)) = match words[..] {
            ["subscriptions", _, "resourcegroups", _, "providers", _, ..] => {
                (place(method, &texts[5..], &words[5..]), action(method, &texts))
            }
            ["subscriptions", _, "resourcegroups", _] => group(method, &texts),
            _ => return None,
        };
        Some(Self {
            subscription: texts[1].to_owned(),
            group: texts[3].to_owned(),
            place,
            operation: operation.to_owned(),
            action,
            scope,
        })
    }

    /// Name of the protected item in the path.
    pub(super) fn item(&self) -> Option<&str> {
        match &self.place {
            Place::Vault(
                _,
                Within::Item(_, _, item)
                | Within::Points(_, _, item)
                | Within::Point(_, _, item, _)
                | Within::ItemVerb(_, _, item, _),
            ) => Some(item),
            _ => None,
        }
    }
}

/// The resource group itself: place and operation, RBAC action and scope.
fn group(method: &str, texts: &[&str]) -> ((Place, &'static str), (String, String)) {
    let (place, word) = match method {
        "GET" | "HEAD" => ((Place::ResourceGroup, "resourceGroups.get"), "read"),
        "DELETE" => ((Place::Unknown, "unknown"), "delete"),
        _ => ((Place::Unknown, "unknown"), "write"),
    };
    let action = format!("Microsoft.Resources/subscriptions/resourceGroups/{word}");
    (place, (action, format!("/{}", texts.join("/"))))
}

fn place(method: &str, texts: &[&str], words: &[&str]) -> (Place, &'static str) {
    let read = method == "GET" || method == "HEAD";
    match words {
        ["microsoft.recoveryservices", "vaults", _, rest @ ..] => {
            let found = if read { read_of(&texts[3..], rest) } else { verb_of(method, &texts[3..], rest) };
            found.map_or((Place::Unknown, "unknown"), |(within, operation)| {
                (Place::Vault(texts[2].to_owned(), within), operation)
            })
        }
        ["microsoft.compute", "virtualmachines", _] if read => {
            (Place::VirtualMachine(texts[2].to_owned()), "virtualMachines.get")
        }
        ["microsoft.network", "networkinterfaces", _] if read => {
            (Place::NetworkInterface(texts[2].to_owned()), "networkInterfaces.get")
        }
        ["microsoft.storage", "storageaccounts", _] if read => {
            (Place::StorageAccount(texts[2].to_owned()), "storageAccounts.get")
        }
        ["microsoft.network", "virtualnetworks", _] if read => {
            (Place::VirtualNetwork(texts[2].to_owned()), "virtualNetworks.get")
        }
        ["microsoft.network", "virtualnetworks", _, "subnets", _] if read => {
            (Place::Subnet(texts[2].to_owned(), texts[4].to_owned()), "subnets.get")
        }
        ["microsoft.authorization", "locks"] if read => (Place::Locks, "locks.list"),
        _ => (Place::Unknown, "unknown"),
    }
}

const F: &str = "replicationfabrics";
const C: &str = "replicationprotectioncontainers";
const I: &str = "replicationprotecteditems";
const M: &str = "replicationprotectioncontainermappings";

fn read_of(texts: &[&str], words: &[&str]) -> Option<(Within, &'static str)> {
    let name = |index: usize| texts[index].to_owned();
    let found = match words {
        [] => (Within::Itself, "vaults.get"),
        [.., "operationresults", _] => (Within::OperationResult(name(texts.len() - 1)), "operationResults.get"),
        ["replicationoperationstatus", _] => (Within::OperationStatus(name(1)), "operationStatus.get"),
        ["replicationjobs"] => (Within::Jobs, "jobs.list"),
        ["replicationjobs", _] => (Within::Job(name(1)), "jobs.get"),
        ["replicationpolicies"] => (Within::Policies, "policies.list"),
        ["replicationpolicies", _] => (Within::Policy(name(1)), "policies.get"),
        ["replicationrecoveryplans"] => (Within::Plans, "recoveryPlans.list"),
        [word] if *word == F => (Within::Fabrics, "fabrics.list"),
        [word] if *word == C => (Within::Containers(None), "protectionContainers.list"),
        [word] if *word == M => (Within::Mappings(None), "containerMappings.list"),
        [word] if *word == I => (Within::Items(None), "protectedItems.list"),
        [f, _, rest @ ..] if *f == F => return read_of_fabric(texts, rest),
        _ => return None,
    };
    Some(found)
}

/// `texts` are those of the whole path below the vault, `rest` the words after the fabric's name.
fn read_of_fabric(texts: &[&str], rest: &[&str]) -> Option<(Within, &'static str)> {
    let name = |index: usize| texts[index].to_owned();
    let container = || (name(1), name(3));
    let found = match rest {
        [] => (Within::Fabric(name(1)), "fabrics.get"),
        [c] if *c == C => (Within::Containers(Some(name(1))), "protectionContainers.listByFabric"),
        [c, _] if *c == C => (Within::Container(name(1), name(3)), "protectionContainers.get"),
        [c, _, m] if *c == C && *m == M => (Within::Mappings(Some(container())), "containerMappings.listByContainer"),
        [c, _, m, _] if *c == C && *m == M => (Within::Mapping(name(1), name(3), name(5)), "containerMappings.get"),
        [c, _, i] if *c == C && *i == I => (Within::Items(Some(container())), "protectedItems.listByContainer"),
        [c, _, i, _] if *c == C && *i == I => (Within::Item(name(1), name(3), name(5)), "protectedItems.get"),
        [c, _, i, _, "recoverypoints"] if *c == C && *i == I => {
            (Within::Points(name(1), name(3), name(5)), "recoveryPoints.list")
        }
        [c, _, i, _, "recoverypoints", _] if *c == C && *i == I => {
            (Within::Point(name(1), name(3), name(5), name(7)), "recoveryPoints.get")
        }
        _ => return None,
    };
    Some(found)
}

fn verb_of(method: &str, texts: &[&str], words: &[&str]) -> Option<(Within, &'static str)> {
    let name = |index: usize| texts[index].to_owned();
    match words {
        [f, _, c, _, i, _, verb] if method == "POST" && *f == F && *c == C && *i == I => {
            let verb = Verb::named(verb).filter(|verb| *verb != Verb::SwitchProtection)?;
            Some((Within::ItemVerb(name(1), name(3), name(5), verb), verb.row().operation))
        }
        [f, _, c, _, "switchprotection"] if method == "POST" && *f == F && *c == C => {
            let verb = Verb::SwitchProtection;
            Some((Within::ContainerVerb(name(1), name(3), verb), verb.row().operation))
        }
        _ => None,
    }
}

/// The RBAC action and its scope: types of the path joined, then what the method does.
fn action(method: &str, texts: &[&str]) -> (String, String) {
    let below = &texts[6..];
    let has_verb = method == "POST" && below.len() % 2 == 1;
    let (resource, verb) = match below.split_last() {
        Some((verb, resource)) if has_verb => (resource, Some(*verb)),
        _ => (below, None),
    };
    let types = resource.iter().step_by(2).copied();
    let last = match (verb, method) {
        (Some(verb), _) => format!("{verb}/action"),
        (None, "GET" | "HEAD") => "read".to_owned(),
        (None, "DELETE") => "delete".to_owned(),
        (None, _) => "write".to_owned(),
    };
    let mut parts: Vec<&str> = vec![texts[5]];
    parts.extend(types);
    let kept = texts.len() - usize::from(has_verb);
    (format!("{}/{last}", parts.join("/")), format!("/{}", texts[..kept].join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V: &str = "/Subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v";

    fn route(method: &str, rest: &str) -> Route {
        Route::parse(method, &format!("{V}{rest}")).unwrap()
    }

    #[test]
    fn verbs_and_reads_are_told_apart_in_any_casing() {
        let path = "/REPLICATIONFABRICS/f/replicationProtectionContainers/c/replicationProtectedItems/i";
        let item = route("GET", path);
        assert_eq!(item.operation, "protectedItems.get");
        assert_eq!(item.item(), Some("i"));
        let verb = route("POST", &format!("{path}/UnplannedFailover"));
        assert_eq!(verb.operation, "unplannedFailover");
        assert!(verb.action.ends_with("/replicationProtectedItems/UnplannedFailover/action"), "{}", verb.action);
        assert!(verb.scope.ends_with("/replicationProtectedItems/i"), "{}", verb.scope);
    }

    #[test]
    fn switchprotection_is_the_containers_verb_only() {
        let container = "/replicationFabrics/f/replicationProtectionContainers/c";
        assert_eq!(route("POST", &format!("{container}/switchprotection")).operation, "switchprotection");
        let on_item = route("POST", &format!("{container}/replicationProtectedItems/i/switchprotection"));
        assert_eq!(on_item.place, Place::Unknown);
    }

    #[test]
    fn a_group_and_what_is_beside_vaults_have_names_and_actions_of_their_own() {
        let group = "/subscriptions/s/resourceGroups/g";
        let cases = [
            ("", "resourceGroups.get", "Microsoft.Resources/subscriptions/resourceGroups/read"),
            ("/providers/Microsoft.Authorization/locks", "locks.list", "Microsoft.Authorization/locks/read"),
            (
                "/providers/Microsoft.Network/virtualNetworks/v/subnets/d",
                "subnets.get",
                "Microsoft.Network/virtualNetworks/subnets/read",
            ),
        ];
        for (rest, operation, action) in cases {
            let route = Route::parse("GET", &format!("{group}{rest}")).unwrap();
            assert_eq!((route.operation.as_str(), route.action.as_str()), (operation, action), "{rest}");
            assert_eq!(route.scope, format!("{group}{rest}"));
        }
        assert_eq!(Route::parse("DELETE", group).unwrap().place, Place::Unknown);
    }

    #[test]
    fn actions_are_the_types_and_the_method() {
        assert_eq!(route("GET", "").action, "Microsoft.RecoveryServices/vaults/read");
        assert_eq!(route("GET", "/replicationJobs/j").action, "Microsoft.RecoveryServices/vaults/replicationJobs/read");
    }
}
