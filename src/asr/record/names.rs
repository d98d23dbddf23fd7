//! Stand-ins for the names of resources: `vm-1`, `rg-1`, the same one everywhere.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use url::Url;

use crate::asr::ids::is_guid;

/// Kinds of resource, and what their stand-ins are called.
const KINDS: [(&str, &str); 15] = [
    ("resourcegroups", "rg"),
    ("virtualmachines", "vm"),
    ("networkinterfaces", "nic"),
    ("disks", "disk"),
    ("storageaccounts", "storage"),
    ("virtualnetworks", "vnet"),
    ("subnets", "subnet"),
    ("vaults", "vault"),
    ("replicationfabrics", "fabric"),
    ("replicationprotectioncontainers", "container"),
    ("replicationprotectioncontainermappings", "mapping"),
    ("replicationprotecteditems", "item"),
    ("replicationpolicies", "policy"),
    ("networksecuritygroups", "nsg"),
    ("publicipaddresses", "pip"),
];

/// Kinds whose names are Azure's, and say nothing of anybody.
const ASRS_OWN: [&str; 6] =
    ["replicationjobs", "replicationoperationstatus", "operationresults", "recoverypoints", "locations", "regions"];

/// Fields that hold the name of a resource.
const FIELDS: [(&str, &str); 8] = [
    ("vmname", "vm"),
    ("recoveryazurevmname", "vm"),
    ("computername", "vm"),
    ("targetobjectname", "vm"),
    ("diskname", "disk"),
    ("nicname", "nic"),
    ("subnetname", "subnet"),
    ("recoverysubnetname", "subnet"),
];

/// The names known so far, lower-case, and their stand-ins.
#[derive(Default)]
pub(super) struct Names {
    known: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
}

impl Names {
    fn add(&mut self, kind: &str, name: &str) {
        let lower = name.to_ascii_lowercase();
        if lower.is_empty() || is_guid(&lower) || self.known.contains_key(&lower) {
            return;
        }
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        let stand_in = format!("{kind}-{count}");
        let mut url = Url::parse("https://h/").ok();
        if let Some(url) = &mut url {
            url.set_path(&lower);
        }
        // As a URL's path spells it.
        let encoded = url.map(|url| url.path().trim_start_matches('/').to_ascii_lowercase());
        if let Some(encoded) = encoded.filter(|encoded| *encoded != lower) {
            self.known.insert(encoded, stand_in.clone());
        }
        self.known.insert(lower, stand_in);
    }

    /// The names in an ARM id, alone or within a URL.
    pub(super) fn path(&mut self, text: &str) {
        let lower = text.to_ascii_lowercase();
        let Some(start) = lower.find("/subscriptions/") else { return };
        let bare = text[start..].split(['?', '#', '\'', '"', ' ']).next().unwrap_or_default();
        let segments: Vec<&str> = bare.split('/').filter(|segment| !segment.is_empty()).collect();
        let mut at = 0;
        while at + 1 < segments.len() {
            let (keyword, name) = (segments[at].to_ascii_lowercase(), segments[at + 1]);
            let fixed = ["subscriptions", "providers"].contains(&keyword.as_str());
            if !fixed && !ASRS_OWN.contains(&keyword.as_str()) {
                let kind = KINDS.iter().find(|(k, _)| *k == keyword).map_or("name", |(_, kind)| kind);
                self.add(kind, name);
            }
            at += 2;
        }
    }

    /// A field that holds a name by itself.
    pub(super) fn field(&mut self, lower: &str, text: &str) {
        if let Some((_, kind)) = FIELDS.iter().find(|(field, _)| *field == lower) {
            self.add(kind, text);
        }
    }

    /// The friendly name of an item is its VM's; those of fabrics are regions, which stay.
    pub(super) fn object(&mut self, object: &Map<String, Value>) {
        let of_an_item = object.get("id").and_then(Value::as_str).is_some_and(|id| {
            let lower = id.to_ascii_lowercase();
            lower.contains("/replicationprotecteditems/") && !lower.contains("/recoverypoints/")
        });
        if let Some(name) = object.get("properties").and_then(|p| p["friendlyName"].as_str()).filter(|_| of_an_item) {
            self.add("vm", name);
        }
    }

    /// A text without the known names; the longest first, short ones only as a whole segment.
    pub(super) fn hide(&self, text: &str) -> String {
        let lower = text.to_ascii_lowercase();
        let mut names: Vec<(&String, &String)> = self.known.iter().collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let (mut out, mut at) = (String::new(), 0);
        while at < text.len() {
            let here =
                names.iter().find(|(name, _)| lower[at..].starts_with(name.as_str()) && stands(&lower, at, name));
            match here {
                Some((name, stand_in)) => {
                    out.push_str(stand_in);
                    at += name.len();
                }
                None => {
                    let next = text[at..].chars().next().map_or(1, char::len_utf8);
                    out.push_str(&text[at..at + next]);
                    at += next;
                }
            }
        }
        out
    }
}

/// Whether a name stands there by itself.
fn stands(text: &str, at: usize, name: &str) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + name.len()..].chars().next();
    if name.len() < 4 {
        let ends = |c: Option<char>| c.is_none_or(|c| c == '/' || c == '?');
        return ends(before) && ends(after);
    }
    let continued = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    !continued(before) && !continued(after)
}
