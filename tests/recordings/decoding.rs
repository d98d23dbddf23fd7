//! Every answer through the client's own model, and which of its fields that model does not look at.

use std::collections::BTreeMap;
use std::fmt::Debug;

use asr_operator::asr::model::{self, ManagementLock, Policy};
use asr_operator::asr::{
    ArmError, Container, ContainerMapping, Fabric, Job, NetworkInterface, PlacedResource, ProtectedItem, RecoveryPoint,
    Subnet, Vault, VirtualMachine,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::folder::Exchange;
use super::report::{DECODED, Report, UNREAD};

/// How one resource is decoded; the text is everything that the model kept of it.
type Decoder = fn(&Value) -> Result<String, String>;

fn decoder<T: DeserializeOwned + Debug>(value: &Value) -> Result<String, String> {
    let one = model::resource::<T>(value.to_string().as_bytes())?;
    let (listed, undecodable) = model::elements::<T>(vec![value.clone()]);
    if undecodable > 0 || listed.is_empty() {
        return Err("it decodes alone, but not as an element of a list".to_owned());
    }
    Ok(format!("{one:?}"))
}

/// What the client reads, by keyword of the path.
const READ: &[(&str, Decoder)] = &[
    ("replicationProtectedItems", decoder::<ProtectedItem>),
    ("recoveryPoints", decoder::<RecoveryPoint>),
    ("replicationJobs", decoder::<Job>),
    ("replicationFabrics", decoder::<Fabric>),
    ("replicationProtectionContainers", decoder::<Container>),
    ("replicationProtectionContainerMappings", decoder::<ContainerMapping>),
    ("replicationPolicies", decoder::<Policy>),
    ("vaults", decoder::<Vault>),
    ("virtualMachines", decoder::<VirtualMachine>),
    ("networkInterfaces", decoder::<NetworkInterface>),
    ("virtualNetworks", decoder::<PlacedResource>),
    ("storageAccounts", decoder::<PlacedResource>),
    ("subnets", decoder::<Subnet>),
    ("locks", decoder::<ManagementLock>),
];

/// The kinds that the client reads as single resources only, or not below this parent.
fn is_read(exchange: &Exchange) -> bool {
    let list = !exchange.names_one();
    match exchange.keyword() {
        "vaults" | "virtualMachines" | "networkInterfaces" | "virtualNetworks" | "storageAccounts" | "subnets" => !list,
        "recoveryPoints" => exchange.parent_keyword().eq_ignore_ascii_case("replicationProtectedItems"),
        _ => true,
    }
}

/// Decodes, and remembers which fields were seen to matter.
#[derive(Default)]
pub(crate) struct Decoding {
    pub(crate) quick: bool,
    pub(crate) tried: BTreeMap<(&'static str, String), u8>,
}

/// So often a field is tried before it is taken as ignored; one that matters is not tried again.
const TRIES: u8 = 4;

impl Decoding {
    /// One answer.
    pub(crate) fn answer(&mut self, exchange: &Exchange, report: &mut Report) {
        let operation = exchange.operation();
        match exchange.status {
            200 if exchange.method == "GET" && exchange.response.is_object() => self.read(exchange, report),
            202 => report.count(DECODED, "202 of a call (see the jobs below)"),
            400.. if exchange.response.is_null() => report.count(UNREAD, format!("{operation}: error without a body")),
            400.. => match ArmError::from_body(exchange.response.to_string().as_bytes()) {
                Some(error) => report.count(DECODED, format!("error {} {}", exchange.status, error.useful_code())),
                None => report.fail(exchange, "an error body that the client does not understand"),
            },
            status => report.count(UNREAD, format!("{operation}: {status}, no body recorded to read")),
        }
    }

    fn read(&mut self, exchange: &Exchange, report: &mut Report) {
        let operation = exchange.operation();
        let known = READ.iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(exchange.keyword()));
        let Some((kind, decode)) = known.filter(|_| is_read(exchange)) else {
            report.count(UNREAD, operation);
            return;
        };
        let elements = match exchange.response["value"].as_array() {
            Some(elements) if !exchange.names_one() => elements.as_slice(),
            _ => std::slice::from_ref(&exchange.response),
        };
        report.count(DECODED, operation);
        for element in elements {
            match decode(element) {
                Ok(_) if self.quick => {}
                Ok(kept) => self.ignored(kind, *decode, element, &kept, report),
                Err(_) if exchange.excerpt => {
                    report.count(UNREAD, format!("{}: an excerpt without what the model needs", exchange.operation()));
                }
                Err(why) => report.fail(exchange, format!("the model of {kind} does not decode it: {why}")),
            }
        }
    }

    /// Finds the fields whose value may be anything without a trace in what is kept.
    fn ignored(&mut self, kind: &'static str, decode: Decoder, body: &Value, kept: &str, report: &mut Report) {
        let mut leaves = Vec::new();
        collect_leaves(body, String::new(), String::new(), &mut leaves);
        let fields = report.ignored.entry(kind).or_default();
        for (pointer, name) in leaves {
            let tried = self.tried.entry((kind, name.clone())).or_default();
            if *tried == TRIES {
                continue;
            }
            let changes = |probe: &Value| {
                let mut other = body.clone();
                other.pointer_mut(&pointer).is_some_and(|at| {
                    *at = probe.clone();
                    true
                }) && decode(&other).as_deref() != Ok(kept)
            };
            if probes(body.pointer(&pointer)).iter().any(changes) {
                *tried = TRIES;
                fields.remove(&name);
            } else {
                *tried += 1;
                fields.insert(name);
            }
        }
    }
}

/// Other values of the same type; a date where the text may be one.
fn probes(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(Value::String(_)) => vec![json!("probe"), json!("2031-02-03T04:05:06Z")],
        Some(Value::Number(_)) => vec![json!(123_456)],
        Some(Value::Bool(is)) => vec![json!(!is)],
        _ => Vec::new(),
    }
}

/// JSON pointer and name (without list positions) of every text, number and truth value. What is null says nothing.
fn collect_leaves(value: &Value, pointer: String, name: String, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (field, inner) in fields {
                let escaped = field.replace('~', "~0").replace('/', "~1");
                let dot = if name.is_empty() || name == "properties" { String::new() } else { format!("{name}.") };
                collect_leaves(
                    inner,
                    format!("{pointer}/{escaped}"),
                    format!("{dot}{}", if field.contains('/') { "*" } else { field }),
                    into,
                );
            }
        }
        Value::Array(all) => {
            for (at, inner) in all.iter().enumerate() {
                collect_leaves(inner, format!("{pointer}/{at}"), format!("{name}[]"), into);
            }
        }
        Value::Null => {}
        _ => into.push((pointer, name)),
    }
}
