//! Item records and claims in the cluster: read fresh, written by compare-and-swap, never repeated behind our back.

use super::convert::record::{claim_from, claim_object, record_from, record_object};
use crate::api::v1alpha1::{ItemRecord, RequestClaim};
use crate::domain::ids::{ItemKey, RequestKey};
use crate::domain::observed::Claim;
use crate::domain::record::{PROTOCOL, Record};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use kube::api::{Api, ObjectMeta, PostParams};
use kube::client::Body;
use kube::{Client, Resource};
use serde_json::Value;
use std::time::Duration;

/// Why a record or claim could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Somebody else wrote first.
    #[error("the record was changed by another pass or replica")]
    Conflict,
    /// The API server refused or did not answer.
    #[error("the API server: {0}")]
    Kube(#[source] Box<kube::Error>),
    /// What was written is not there: the API server drops fields that its CRD does not have.
    #[error(
        "the API server kept nothing of what was written to the record: its CRDs are older than this program; install those of this release"
    )]
    NotKept,
    /// The stored object is not one that this version writes.
    #[error("the stored object cannot be understood: {0}")]
    Unreadable(String),
}

impl From<kube::Error> for RecordError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.is_conflict() => Self::Conflict,
            other => Self::Kube(Box::new(other)),
        }
    }
}

/// A record as it was read: with what is needed to replace exactly this version.
#[derive(Clone, Debug)]
pub struct Held {
    /// Metadata, resourceVersion included.
    pub meta: ObjectMeta,
    /// The record.
    pub record: Record,
    /// Its age by the API server's own clock; zero when that is not known.
    pub age: Duration,
}

impl Held {
    /// The age of another object, by the same clock: both were dated by the API server.
    pub fn age_of(&self, object: &ObjectMeta) -> Option<Duration> {
        let created = |meta: &ObjectMeta| meta.creation_timestamp.as_ref().map(|t| t.0);
        let older = created(&self.meta)?.duration_since(created(object)?);
        let age = SignedDuration::try_from(self.age).ok()?.saturating_add(older);
        Some(Duration::try_from(age).unwrap_or_default())
    }
}

/// Access to records and claims.
#[derive(Clone)]
pub struct Records {
    client: Client,
    namespace: String,
}

impl Records {
    /// Through `client`, which must not repeat requests, in the operator's namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self { client, namespace: namespace.to_owned() }
    }

    fn records(&self) -> Api<ItemRecord> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn claims(&self) -> Api<RequestClaim> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The record of `item`, fresh, with its age by the answer's own `Date`.
    ///
    /// # Errors
    /// The API server's; a record of another version of the protocol is returned, not refused.
    pub async fn read(&self, item: &ItemKey) -> Result<Option<Held>, RecordError> {
        let url = format!("{}/{}", ItemRecord::url_path(&(), Some(&self.namespace)), item.record_name());
        let request = http::Request::get(url).body(Body::empty()).map_err(kube::Error::HttpError)?;
        let response = self.client.send(request).await?;
        let date = response.headers().get("date").and_then(|d| d.to_str().ok()).and_then(http_date);
        if response.status() == http::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let ok = response.status().is_success();
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        if !ok {
            return Err(RecordError::Unreadable(format!("the API server answered {status} to the read of a record")));
        }
        Ok(Some(held(&bytes, date)?))
    }

    /// Creates an empty record; it may exist already.
    ///
    /// # Errors
    /// The API server's.
    pub async fn create(&self, record: &Record) -> Result<(), RecordError> {
        let name = ItemKey::new(&record.vault_id, &record.item_name).record_name();
        let object = record_object(ObjectMeta { name: Some(name), ..ObjectMeta::default() }, record);
        match self.records().create(&PostParams::default(), &object).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }

    /// Replaces exactly the version that was read.
    ///
    /// # Errors
    /// `Conflict` when it is no longer that version; otherwise the API server's, and then nobody knows.
    pub async fn replace(&self, held: &Held, record: &Record) -> Result<Held, RecordError> {
        let name = held.meta.name.clone().unwrap_or_default();
        let meta = ObjectMeta { managed_fields: None, ..held.meta.clone() };
        let object = self.records().replace(&name, &PostParams::default(), &record_object(meta, record)).await?;
        Ok(Held {
            age: held.age,
            meta: object.metadata.clone(),
            record: record_from(&object).map_err(RecordError::Unreadable)?,
        })
    }

    /// The claim of `key`, fresh.
    ///
    /// # Errors
    /// The API server's.
    pub async fn claim(&self, key: &RequestKey) -> Result<Option<Claim>, RecordError> {
        let object = self.claims().get_opt(&key.claim_name()).await?;
        object.map(|o| claim_from(&o).map_err(RecordError::Unreadable)).transpose()
    }

    /// Creates a claim; one that exists already stands.
    ///
    /// # Errors
    /// The API server's.
    pub async fn create_claim(&self, claim: &Claim) -> Result<(), RecordError> {
        match self.claims().create(&PostParams::default(), &claim_object(claim)).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }
}

fn held(body: &[u8], date: Option<Timestamp>) -> Result<Held, RecordError> {
    let (meta, record) = understood(body).or_else(|why| anothers(body).ok_or(why)).map_err(RecordError::Unreadable)?;
    let created = meta.creation_timestamp.as_ref().map(|t| t.0);
    let age = created.zip(date).map(|(created, now)| now.duration_since(created)).unwrap_or(SignedDuration::ZERO);
    Ok(Held { meta, record, age: Duration::try_from(age).unwrap_or_default() })
}

fn understood(body: &[u8]) -> Result<(ObjectMeta, Record), String> {
    let object: ItemRecord = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let record = record_from(&object)?;
    Ok((object.metadata, record))
}

/// Of a record in words that this version does not know: for which item it is, and which protocol it follows, if that is
/// another one. It is held, and never written, so what else it says is not needed.
fn anothers(body: &[u8]) -> Option<(ObjectMeta, Record)> {
    const UNDERSTOOD_BY_ALL: [&str; 3] = ["protocol", "vaultId", "itemName"];
    let mut object: Value = serde_json::from_slice(body).ok()?;
    object.get_mut("spec")?.as_object_mut()?.retain(|field, _| UNDERSTOOD_BY_ALL.contains(&field.as_str()));
    let short = serde_json::to_vec(&object).ok()?;
    understood(&short).ok().filter(|(_, record)| record.protocol != PROTOCOL)
}

/// The time in an HTTP `Date` header.
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        let time = http_date("Tue, 24 Nov 2026 06:07:10 GMT").map(|t| t.to_string());
        assert_eq!(time.as_deref(), Some("2026-11-24T06:07:10Z"));
        assert_eq!(http_date("yesterday"), None);
    }

    /// A record as the API server gives it, of that protocol and with an intent in that step.
    fn stored(protocol: u32, step: &str) -> Vec<u8> {
        let intent = serde_json::json!({
            "nonce": "n", "step": step, "ordinal": 0, "attempt": 1, "clientRequestId": "id", "t0": "2026-11-24T06:07:10Z",
        });
        let spec = serde_json::json!({"protocol": protocol, "vaultId": "v", "itemName": "i", "intent": intent});
        let metadata = serde_json::json!({"name": "r", "resourceVersion": "7"});
        let kind = ("asr-operator.io/v1alpha1", "ItemRecord");
        serde_json::to_vec(
            &serde_json::json!({"apiVersion": kind.0, "kind": kind.1, "metadata": metadata, "spec": spec}),
        )
        .unwrap_or_default()
    }

    #[test]
    fn given_a_record_of_another_protocol_when_it_has_words_of_its_own_then_its_protocol_is_told() {
        let read = held(&stored(PROTOCOL + 1, "Evacuate"), None).map(|held| (held.record, held.meta.resource_version));
        let want = Record { protocol: PROTOCOL + 1, ..Record::empty("v", "i") };
        assert!(matches!(&read, Ok((record, Some(version))) if *record == want && version == "7"), "{read:?}");
    }

    #[test]
    fn given_a_record_of_this_protocol_when_it_has_an_unknown_word_then_it_is_no_record() {
        let read = held(&stored(PROTOCOL, "Evacuate"), None);
        assert!(matches!(&read, Err(RecordError::Unreadable(why)) if why.contains("Evacuate")), "{read:?}");
        assert!(held(&stored(PROTOCOL, "Failover"), None).is_ok_and(|held| held.record.intent.is_some()));
    }
}
