//! GETs inside a vault: plumbing, items, points, jobs, operation status.
//!
//! The only thing a read changes is its own count on a job: the first GET of a running job answers a stub.

use jiff::Timestamp;
use serde_json::Value;

use super::super::clock::later;
use super::super::fate::Fate;
use super::super::item::Item;
use super::super::job::Job;
use super::super::otherwise::OldPlace;
use super::super::vault::{Missing, Vault};
use super::super::wire::{item, job, list, plumbing};
use super::answer::{Answer, Meta};
use super::arm::{listed_by, not_found};
use super::path::Within;
use super::{Core, Incoming};

/// Answers a GET inside a vault.
pub(super) fn vault(core: &mut Core, incoming: &Incoming, index: usize, within: &Within, meta: &Meta) -> Answer {
    let found = match within {
        Within::Job(name) => return job_get(core, index, name, meta),
        Within::OperationStatus(name) => return operation_status(core, index, name, meta),
        Within::OperationResult(name) => {
            return operation_result(core, incoming, index, name, meta);
        }
        Within::Jobs => Ok(jobs(core, incoming, index, meta.now)),
        Within::Items(_) | Within::Item(..) | Within::Points(..) | Within::Point(..) => {
            protected(core, incoming, index, within, meta.now)
        }
        other => plumbing_of(&core.world.vaults[index], other),
    };
    found.map_or_else(|what| not_found(&what, meta), Answer::ok)
}

fn plumbing_of(vault: &Vault, within: &Within) -> Result<Value, Missing> {
    let both = |build: fn(&Vault, usize) -> Value| list(vec![build(vault, 0), build(vault, 1)], None);
    let body = match within {
        Within::Itself => plumbing::vault(vault),
        Within::Fabrics => both(plumbing::fabric),
        Within::Fabric(fabric) => plumbing::fabric(vault, vault.fabric(fabric)?),
        Within::Containers(None) => both(plumbing::container),
        Within::Containers(Some(fabric)) => list(vec![plumbing::container(vault, vault.fabric(fabric)?)], None),
        Within::Container(fabric, container) => plumbing::container(vault, vault.container(fabric, container)?),
        Within::Mappings(None) => list(plumbing::mappings(vault), None),
        Within::Mappings(Some((fabric, container))) => {
            vault.container(fabric, container)?;
            list(plumbing::mappings(vault), None)
        }
        Within::Mapping(fabric, container, name) => {
            let index = vault.container(fabric, container)?;
            known(vault.mapped[index] && vault.mapping_name(index).eq_ignore_ascii_case(name), name)?;
            plumbing::mapping(vault, index)
        }
        Within::Policies => list(vec![plumbing::policy(vault)], None),
        Within::Policy(name) => {
            known(vault.policy.name.eq_ignore_ascii_case(name), name)?;
            plumbing::policy(vault)
        }
        _ => list(Vec::new(), None),
    };
    Ok(body)
}

fn known(there: bool, name: &str) -> Result<(), Missing> {
    if there { Ok(()) } else { Err(Missing::Resource(name.to_owned())) }
}

fn protected(
    core: &Core,
    incoming: &Incoming,
    index: usize,
    within: &Within,
    now: Timestamp,
) -> Result<Value, Missing> {
    let vault = &core.world.vaults[index];
    let otherwise = &core.world.behaviour.otherwise;
    let write = |found: &Item, view| item::item(vault, found, &core.world.behaviour, now, view);
    match within {
        Within::Items(None) => {
            let all = vault.items.iter().chain(left(core, vault)).map(|found| write(found, item::View::List));
            Ok(page(core, incoming, all.collect()))
        }
        Within::Items(Some((fabric, container))) => {
            let fabric = vault.container(fabric, container)?;
            let left = left(core, vault).filter(|found| found.primary().fabric == fabric);
            let all = vault.items_of(fabric).chain(left).map(|found| write(found, item::View::List));
            Ok(page(core, incoming, all.collect()))
        }
        Within::Item(fabric, container, name) => {
            let found = vault.item(fabric, container, name);
            let old = || vault.left_at(fabric, container, name).filter(|_| otherwise.old_place != OldPlace::Gone);
            Ok(write(found.or_else(|missing| old().ok_or(missing))?, item::View::Get))
        }
        Within::Points(fabric, container, name) => {
            let found = vault.item(fabric, container, name)?;
            let points = if otherwise.points_stay { found.kept_points(now) } else { found.points(now) };
            Ok(page(core, incoming, points.iter().map(|point| plumbing::point(vault, found, point)).collect()))
        }
        Within::Point(fabric, container, name, point) => {
            let found = vault.item(fabric, container, name)?;
            let there = found.point_named(point, now).ok_or_else(|| Missing::Resource(point.clone()))?;
            Ok(plumbing::point(vault, found, &there))
        }
        _ => Err(Missing::Resource(String::new())),
    }
}

/// The items that a list goes on showing at their old place.
fn left<'a>(core: &Core, vault: &'a Vault) -> impl Iterator<Item = &'a Item> {
    let listed = core.world.behaviour.otherwise.old_place == OldPlace::Listed;
    vault.left.iter().filter(move |_| listed)
}

/// Whether the service does not show the job, or no longer.
fn forgotten(core: &Core, found: &Job, now: Timestamp) -> bool {
    if found.fate == Some(Fate::Vanishes) {
        return true;
    }
    let after = core.world.behaviour.otherwise.jobs_forgotten_after_seconds;
    after.is_some_and(|seconds| later(found.ends, seconds) < now)
}

/// Newest first; a job shows up only after the configured lag. `$filter` is tolerated, a client filters for itself.
fn jobs(core: &Core, incoming: &Incoming, index: usize, now: Timestamp) -> Value {
    let vault = &core.world.vaults[index];
    let mut seen: Vec<_> = vault
        .jobs
        .iter()
        .rev()
        .filter(|found| listed_by(core, found.started) <= now && !forgotten(core, found, now))
        .collect();
    seen.sort_by_key(|found| std::cmp::Reverse(found.started));
    page(core, incoming, seen.into_iter().map(|found| job::listed(vault, found, &core.world.behaviour, now)).collect())
}

fn job_get(core: &mut Core, index: usize, name: &str, meta: &Meta) -> Answer {
    let vault = &core.world.vaults[index];
    let position = match vault.job(name, meta.now) {
        Ok(position) if forgotten(core, &vault.jobs[position], meta.now) => {
            return not_found(&Missing::Resource(name.to_owned()), meta);
        }
        Ok(position) => position,
        Err(what) => return not_found(&what, meta),
    };
    let vault = &mut core.world.vaults[index];
    vault.jobs[position].reads += 1;
    let (vault, behaviour) = (&core.world.vaults[index], &core.world.behaviour);
    let found = &vault.jobs[position];
    let fresh = behaviour.stub_jobs && found.reads == 1 && !found.over(meta.now);
    let body = if fresh { job::stub(vault, found, behaviour) } else { job::full(vault, found, behaviour, meta.now) };
    Answer::ok(body).header("x-ms-request-id", vault.job_id(found.id))
}

fn operation_status(core: &mut Core, index: usize, name: &str, meta: &Meta) -> Answer {
    let vault = &mut core.world.vaults[index];
    let position = match vault.job(name, meta.now) {
        Ok(position) => position,
        Err(what) => return not_found(&what, meta),
    };
    vault.jobs[position].polls += 1;
    Answer::ok(job::operation_status(&vault.jobs[position], &core.world.behaviour, meta.now))
}

/// 202 while it runs (ARM's rule, unverified), afterwards 200 with the job (recorded in 2017).
fn operation_result(core: &Core, incoming: &Incoming, index: usize, name: &str, meta: &Meta) -> Answer {
    let vault = &core.world.vaults[index];
    let position = match vault.job(name, meta.now) {
        Ok(position) => position,
        Err(what) => return not_found(&what, meta),
    };
    let found = &vault.jobs[position];
    if found.over(meta.now) {
        let body = job::full(vault, found, &core.world.behaviour, meta.now);
        return Answer::ok(body).header("x-ms-request-id", vault.job_id(found.id));
    }
    Answer { status: 202, headers: Vec::new(), body: None }
        .header("location", incoming.url())
        .header("retry-after", core.world.behaviour.retry_after_seconds.to_string())
        .header("x-ms-request-id", vault.job_id(found.id))
}

/// One page of `all`, with a link to the next when pages have a size.
fn page(core: &Core, incoming: &Incoming, all: Vec<Value>) -> Value {
    let Some(size) = core.world.behaviour.page_size.filter(|size| *size > 0) else {
        return list(all, None);
    };
    let token = incoming.parameter("skipToken").and_then(|token| token.strip_prefix("page-"));
    let skip: usize = token.and_then(|count| count.parse().ok()).unwrap_or(0);
    let more = all.len() > skip.saturating_add(size);
    let version = incoming.api_version();
    let link = || format!("{}{}?api-version={version}&skipToken=page-{}", incoming.base, incoming.path, skip + size);
    let next = more.then(link);
    list(all.into_iter().skip(skip).take(size).collect(), next)
}
