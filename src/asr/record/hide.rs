//! What must not leave: learnt from everything that was recorded, then hidden in all of it.
//!
//! Two passes, so that an id that is recognised late is hidden in what came before as well. The same thing gets the same
//! stand-in everywhere, so that what refers to each other still does.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::names::Names;
use crate::asr::ids::is_guid;

/// What stands in place of a secret.
pub(super) const REDACTED: &str = "REDACTED";

/// Query parameters whose values say what was asked for. Others may be signatures, or continuation tokens that hold ids.
const PLAIN_PARAMETERS: [&str; 4] = ["api-version", "$filter", "$top", "$expand"];

/// Fields that name who acts.
const IDENTITY_FIELDS: [&str; 7] =
    ["tenantid", "principalid", "objectid", "clientid", "applicationid", "appid", "aadtenantid"];

/// Fields that name a person, by id, address or name.
const PERSON_FIELDS: [&str; 4] = ["createdby", "lastmodifiedby", "initiatedby", "userprincipalname"];

/// Parts of a field's name that say that its value is secret, or somebody's login.
const SECRET_FIELDS: [&str; 11] = [
    "password",
    "secret",
    "token",
    "credential",
    "customdata",
    "userdata",
    "keydata",
    "privatekey",
    "connectionstring",
    "accesskey",
    "adminusername",
];

/// What precedes an identity's id in Azure's sentences.
const BEFORE_AN_IDENTITY: [&str; 5] = ["client '", "object id '", "principal '", "tenant '", "application '"];

/// What is known and hidden.
#[derive(Default)]
pub(super) struct Hidden {
    literals: BTreeSet<String>,
    subscriptions: BTreeMap<String, String>,
    identities: BTreeMap<String, String>,
    people: BTreeMap<String, String>,
    addresses: BTreeMap<String, String>,
    names: Option<Names>,
}

impl Hidden {
    /// Hides these texts wherever they stand, and with `anonymize` the names of resources too.
    pub(super) fn new(literals: &BTreeSet<String>, anonymize: bool) -> Self {
        let literals = literals.iter().filter(|text| text.len() >= 4).cloned().collect();
        Self { literals, names: anonymize.then(Names::default), ..Self::default() }
    }

    /// Hides the ids of the directory and application that asked.
    pub(super) fn identity(&mut self, id: &str) {
        if is_guid(id) {
            let next = format!("00000000-0000-0000-0001-{:012}", self.identities.len() + 1);
            self.identities.entry(id.to_ascii_lowercase()).or_insert(next);
        }
    }

    fn subscription(&mut self, id: &str) {
        if is_guid(id) {
            let next = format!("00000000-0000-0000-0000-{:012}", self.subscriptions.len() + 1);
            self.subscriptions.entry(id.to_ascii_lowercase()).or_insert(next);
        }
    }

    fn person(&mut self, who: &str) {
        let next = format!("person-{}", self.people.len() + 1);
        self.people.entry(who.to_ascii_lowercase()).or_insert(next);
    }

    /// Learns from a body.
    pub(super) fn learn(&mut self, field: &str, value: &Value) {
        match value {
            Value::String(text) => {
                let field = field.to_ascii_lowercase();
                if IDENTITY_FIELDS.contains(&field.as_str()) {
                    self.identity(text);
                } else if field == "subscriptionid" {
                    self.subscription(text);
                } else if PERSON_FIELDS.contains(&field.as_str()) && !text.is_empty() {
                    if is_guid(text) { self.identity(text) } else { self.person(text) }
                }
                if let Some(names) = &mut self.names {
                    names.field(&field, text);
                }
                self.learn_text(text);
            }
            Value::Array(all) => all.iter().for_each(|inner| self.learn(field, inner)),
            Value::Object(all) => {
                if let Some(names) = &mut self.names {
                    names.object(all);
                }
                for (name, inner) in all {
                    // Identities of a VM are keyed by their ARM ids.
                    self.learn_text(name);
                    self.learn(name, inner);
                }
            }
            _ => {}
        }
    }

    /// Learns from a URL, a header or a sentence.
    pub(super) fn learn_text(&mut self, text: &str) {
        let lower = text.to_ascii_lowercase();
        for (at, mark) in lower.match_indices("/subscriptions/") {
            if let Some(id) = text.get(at + mark.len()..at + mark.len() + 36) {
                self.subscription(id);
            }
        }
        for before in BEFORE_AN_IDENTITY {
            for (at, mark) in lower.match_indices(before) {
                if let Some(id) = text.get(at + mark.len()..at + mark.len() + 36) {
                    self.identity(id);
                }
            }
        }
        for word in words(text).into_iter().filter(|word| is_address_of_a_person(word)) {
            self.person(word);
        }
        for found in public_addresses(text) {
            let n = self.addresses.len() + 1;
            let next = if found.contains(':') { format!("2001:db8::{n:x}") } else { documentation_address(n) };
            self.addresses.entry(found).or_insert(next);
        }
        if let Some(names) = &mut self.names {
            names.path(text);
        }
    }

    /// A body with everything hidden.
    pub(super) fn body(&self, field: &str, value: &Value) -> Value {
        let lower = field.to_ascii_lowercase();
        match value {
            Value::String(text) if text.is_empty() => value.clone(),
            Value::String(_) if SECRET_FIELDS.iter().any(|part| lower.contains(part)) => REDACTED.into(),
            Value::String(text) => self.text(text).into(),
            Value::Array(all) => all.iter().map(|inner| self.body(field, inner)).collect(),
            // What people write on resources is theirs, and nothing here reads it.
            Value::Object(all) if lower == "tags" => {
                (0..all.len()).map(|n| (format!("tag-{}", n + 1), Value::from(REDACTED))).collect()
            }
            Value::Object(all) => all.iter().map(|(name, inner)| (self.text(name), self.body(name, inner))).collect(),
            other => other.clone(),
        }
    }

    /// A text with everything hidden.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for literal in &self.literals {
            text = text.replace(literal.as_str(), REDACTED);
        }
        text = without_secrets(&text);
        for (who, stand_in) in &self.people {
            text = replaced(&text, who, stand_in);
        }
        for (id, stand_in) in self.subscriptions.iter().chain(&self.identities) {
            text = replaced(&text, id, stand_in);
        }
        for (address, stand_in) in &self.addresses {
            text = replaced(&text, address, stand_in);
        }
        match &self.names {
            Some(names) => names.hide(&text),
            None => text,
        }
    }
}

/// Replaces `what`, which is lower-case, in any casing, where no letter or digit continues it.
fn replaced(text: &str, what: &str, by: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let (mut out, mut from) = (String::new(), 0);
    for (at, found) in lower.match_indices(what) {
        let continued = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if continued(text[..at].chars().next_back()) || continued(text[at + found.len()..].chars().next()) {
            continue;
        }
        out.push_str(&text[from..at]);
        out.push_str(by);
        from = at + found.len();
    }
    out.push_str(&text[from..]);
    out
}

fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || "'\"<>()[]{},;".contains(c)
}

fn words(text: &str) -> Vec<&str> {
    text.split(is_delimiter).filter(|word| !word.is_empty()).collect()
}

/// Hides tokens and the values of queries, word by word.
fn without_secrets(text: &str) -> String {
    let (mut out, mut bearer) = (String::new(), false);
    for piece in text.split_inclusive(is_delimiter) {
        let word = piece.trim_end_matches(is_delimiter);
        if bearer && !word.is_empty() || word.contains("eyJ") {
            out.push_str(REDACTED);
        } else {
            out.push_str(&without_values(word));
        }
        out.push_str(&piece[word.len()..]);
        if !word.is_empty() {
            bearer = word.eq_ignore_ascii_case("bearer");
        }
    }
    out
}

fn without_values(word: &str) -> String {
    let Some((head, query)) = word.split_once('?').filter(|(_, query)| query.contains('=')) else {
        return word.to_owned();
    };
    let parameter = |pair: &str| match pair.split_once('=') {
        Some((name, _))
            if PLAIN_PARAMETERS.iter().any(|plain| name.replace("%24", "$").eq_ignore_ascii_case(plain)) =>
        {
            pair.to_owned()
        }
        Some((name, _)) => format!("{name}={REDACTED}"),
        None => REDACTED.to_owned(),
    };
    let query: Vec<String> = query.split('&').map(parameter).collect();
    format!("{head}?{}", query.join("&"))
}

fn is_address_of_a_person(word: &str) -> bool {
    word.split_once('@').is_some_and(|(who, at)| !who.is_empty() && at.contains('.') && !word.contains('/'))
}

/// Addresses that others could reach.
fn public_addresses(text: &str) -> Vec<String> {
    let v4 = text.split(|c: char| !(c.is_ascii_digit() || c == '.')).filter(|run| {
        run.parse::<Ipv4Addr>().is_ok_and(|ip| {
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || ip.is_broadcast())
        })
    });
    let v6 = text.split(|c: char| !(c.is_ascii_hexdigit() || c == ':')).filter(|run| {
        // Global unicast: 2000::/3.
        run.parse::<Ipv6Addr>().is_ok_and(|ip| ip.segments()[0] & 0xe000 == 0x2000)
    });
    v4.chain(v6).map(str::to_ascii_lowercase).collect()
}

/// One of the addresses that are kept for documents.
fn documentation_address(n: usize) -> String {
    match n {
        0..=254 => format!("203.0.113.{n}"),
        _ => format!("198.51.100.{}", n % 255),
    }
}

#[cfg(test)]
mod tests;
