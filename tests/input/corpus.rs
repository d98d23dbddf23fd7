//! The seeds: every recorded answer of the fixtures, under the name of the target that reads such.

use std::path::Path;

use serde_json::{Value, json};

use super::folder::{self, Exchange};

/// A recorded body, or recorded headers, for a target.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Its target.
    pub target: &'static str,
    /// Where it was recorded.
    pub place: String,
    /// The body.
    pub body: Value,
    /// The bytes that the target takes.
    pub bytes: Vec<u8>,
}

fn target_of(exchange: &Exchange) -> Option<&'static str> {
    if exchange.status >= 400 {
        return Some("error");
    }
    Some(match (exchange.keyword(), exchange.names_one()) {
        ("replicationProtectedItems", true) => "item",
        ("replicationJobs", true) | ("operationresults", _) => "job",
        ("recoveryPoints", false) => "points",
        ("replicationFabrics", true) => "fabric",
        ("replicationProtectionContainers", true) => "container",
        ("virtualMachines", true) => "vm",
        ("replicationProtectionContainerMappings", _) => "around",
        _ => return None,
    })
}

fn seed(target: &'static str, place: String, body: Value) -> Seed {
    let bytes = body.to_string().into_bytes();
    Seed { target, place, body, bytes }
}

fn of_headers(exchange: &Exchange) -> Option<Seed> {
    let line =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| Some(format!("{name}: {}\n", value.to_str().ok()?));
    let text: String = exchange.headers.iter().filter_map(line).collect();
    let body = Value::String(text.clone());
    (!text.is_empty()).then(|| Seed { target: "headers", place: exchange.place(), body, bytes: text.into_bytes() })
}

/// What no fixture holds, in the documented form.
fn written() -> Vec<Seed> {
    const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v";
    const NIC: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/n";
    let error = json!({"error": {"code": "BadRequest", "message": "outer", "details": [{"code": "VMDisksMissing",
        "message": "m", "possibleCauses": "c", "recommendedAction": "a", "clientRequestId": "i", "activityId": "j"}]}});
    let nic = json!({"id": NIC, "name": "n", "properties": {"ipConfigurations": [{"name": "ipconfig1", "properties":
        {"privateIPAddress": "10.0.0.4", "primary": true, "subnet": {"id": "/s"}}}]}});
    let headers = "Retry-After: Mon, 16 Jan 2023 09:29:19 GMT\nDate: Mon, 16 Jan 2023 09:28:50 GMT\n\
        Location: https://h/a/operationresults/bcc070e1-0012-4350-89a0-c2d99fe3e361?s=x\n\
        x-ms-request-id: /v/replicationJobs/bcc070e1-0012-4350-89a0-c2d99fe3e361\n";
    vec![
        seed(
            "vault",
            "written".into(),
            json!({"id": VAULT, "name": "v", "location": "westeurope", "properties": {"provisioningState": "Succeeded"}}),
        ),
        seed("nic", "written".into(), nic),
        seed("error", "written".into(), error),
        Seed { target: "headers", place: "written".into(), body: json!(headers), bytes: headers.as_bytes().to_vec() },
    ]
}

/// All seeds.
pub fn seeds() -> Vec<Seed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let recordings = folder::read(&folder).unwrap();
    let mut all = written();
    for exchange in recordings.iter().flatten() {
        all.extend(of_headers(exchange));
        let Some(target) = target_of(exchange).filter(|_| exchange.response.is_object()) else { continue };
        all.push(seed(target, exchange.place(), exchange.response.clone()));
        if matches!(target, "item" | "job" | "fabric" | "container") {
            all.push(seed("lists", exchange.place(), json!({"value": [exchange.response], "nextLink": null})));
        }
    }
    all
}
