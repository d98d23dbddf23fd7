//! One function for each kind of body and for the headers that are read: any bytes go in, no panic comes out. The fuzz
//! targets under `fuzz/` call these, and so does a test, with recorded bodies and bounded changes of them.

use asr_operator::asr::model::{self, ManagementLock, Policy};
use asr_operator::asr::{
    ArmError, Container, ContainerMapping, Fabric, Job, NetworkInterface, PlacedResource, ProtectedItem, RecoveryPoint,
    Subnet, Vault, VirtualMachine, answer_date, job_id, retry_after,
};
use asr_operator::controller::translate::{
    observed_item, observed_job, observed_machine, observed_mappings, observed_point,
};
use asr_operator::domain::observed::Reading;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Debug;
use std::hint::black_box;

use super::scene;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by its name, which is the name of its file in `fuzz/fuzz_targets` too.
pub const ALL: [(&str, Target); 12] = [
    ("item", item),
    ("job", job),
    ("points", points),
    ("lists", lists),
    ("fabric", fabric),
    ("container", container),
    ("vault", vault),
    ("vm", vm),
    ("nic", nic),
    ("around", around),
    ("error", error),
    ("headers", headers),
];

/// The resource, looked at in full.
fn read<T: DeserializeOwned + Debug>(data: &[u8]) -> Option<T> {
    match model::resource::<T>(data) {
        Ok(read) => {
            black_box(format!("{read:?}"));
            Some(read)
        }
        Err(why) => {
            black_box(why);
            None
        }
    }
}

fn listed<T: DeserializeOwned + Debug>(data: &[u8]) -> Vec<T> {
    let value: Value = serde_json::from_slice(data).unwrap_or_default();
    let elements = value["value"].as_array().cloned().unwrap_or_else(|| vec![value]);
    model::elements(elements).0
}

/// A protected item, and every verb on it.
pub fn item(data: &[u8]) {
    let Some(read) = read::<ProtectedItem>(data) else { return };
    let item = observed_item(&read);
    let points = [scene::usual_point(&item)];
    black_box(scene::sent(&item, &Reading::Known(item.clone()), &points, &[]));
}

/// A job, and a request that follows it.
pub fn job(data: &[u8]) {
    let Some(read) = read::<Job>(data) else { return };
    black_box((read.phase(), read.most_specific().is_some(), read.client_request_id().map(str::len), read.is_stub()));
    for by_get in [true, false] {
        let job = observed_job(&read, by_get);
        black_box((job.current_task().is_some(), job.cause().is_some(), job.is_suspended()));
        black_box(scene::succeeds(&example(), &Reading::Known(job)));
    }
}

/// A list of recovery points, and every verb with these.
pub fn points(data: &[u8]) {
    let points: Vec<_> = listed::<RecoveryPoint>(data).iter().filter_map(observed_point).collect();
    let item = example();
    black_box(scene::sent(&item, &Reading::Known(item.clone()), &points, &[]));
}

/// A list of anything that is listed.
pub fn lists(data: &[u8]) {
    let items: Vec<_> = listed::<ProtectedItem>(data).iter().map(observed_item).collect();
    let jobs: Vec<_> = listed::<Job>(data).iter().map(|job| observed_job(job, false)).collect();
    let item = items.first().cloned().unwrap_or_else(example);
    black_box(scene::sent(&item, &Reading::Known(item.clone()), &[], &jobs));
    black_box((listed::<Fabric>(data), listed::<Container>(data), listed::<RecoveryPoint>(data)));
}

/// A fabric.
pub fn fabric(data: &[u8]) {
    black_box(read::<Fabric>(data));
}

/// A protection container.
pub fn container(data: &[u8]) {
    black_box(read::<Container>(data));
}

/// A vault.
pub fn vault(data: &[u8]) {
    black_box(read::<Vault>(data));
}

/// A virtual machine.
pub fn vm(data: &[u8]) {
    if let Some(vm) = read::<VirtualMachine>(data) {
        black_box((vm.size().map(str::len), vm.disk_ids().count(), vm.network_interface_ids().len()));
        black_box(observed_machine(vm));
    }
}

/// A network interface.
pub fn nic(data: &[u8]) {
    black_box(read::<NetworkInterface>(data));
}

/// What lies around an item.
pub fn around(data: &[u8]) {
    black_box(observed_mappings(listed::<ContainerMapping>(data)));
    black_box((listed::<Policy>(data), listed::<ManagementLock>(data)));
    black_box((read::<PlacedResource>(data), read::<Subnet>(data)));
}

/// The body of an error.
pub fn error(data: &[u8]) {
    if let Some(error) = ArmError::from_body(data) {
        black_box((error.to_string(), error.useful_code().len()));
    }
}

/// Lines of headers, of which the job, the time and the wait are read.
pub fn headers(data: &[u8]) {
    let mut map = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let value = value.trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    let wait = retry_after(&map);
    assert!((1..=600).contains(&wait.as_secs()), "a wait of {wait:?}");
    black_box((job_id(&map), answer_date(&map)));
}

/// A protected item that could be failed over.
fn example() -> asr_operator::domain::item::Item {
    const BODY: &str = include_str!("../asr_client/recorded/item-protected.json");
    match model::resource::<ProtectedItem>(BODY.as_bytes()) {
        Ok(item) => observed_item(&item),
        Err(why) => unreachable!("{why}"),
    }
}
