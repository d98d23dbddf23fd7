//! ARM and Site Recovery: who may ask, what is there, and which verb is taken.
//!
//! Synchronous over the locked core, so that every request sees and leaves one consistent world.

use jiff::Timestamp;
use serde_json::Value;

use super::super::ids::resource_group;
use super::super::principal::Standing;
use super::super::ratelimit::{Kind, Verdict};
use super::super::vault::{Missing, Vault};
use super::super::verb::Verb;
use super::super::wire::error::{Trace, arm, missing, service};
use super::super::world::{Call, Refusal};
use super::answer::{Answer, Meta, Started, accepted};
use super::path::{Place, Route, Within};
use super::{Core, Incoming, otherwise, reads, surroundings};

/// An answer and what the ledger wants to know of it.
pub(super) struct Outcome {
    pub(super) answer: Answer,
    pub(super) principal: Option<String>,
    pub(super) item: Option<String>,
    pub(super) job: Option<String>,
    pub(super) executed: bool,
}

impl Outcome {
    /// An answer of something that was not executed.
    pub(super) fn refused(answer: Answer, principal: Option<String>) -> Self {
        Self { answer, principal, item: None, job: None, executed: false }
    }
}

/// Answers one request; `meta` learns what is left in the caller's bucket.
pub(super) fn answer(core: &mut Core, incoming: &Incoming, route: Option<&Route>, meta: &mut Meta) -> Outcome {
    let principal = match authenticate(core, incoming) {
        Ok(principal) => principal,
        Err(answer) => return Outcome::refused(answer, None),
    };
    let name = core.directory.name(principal).to_owned();
    match admit(core, incoming, route, principal, meta) {
        Err(answer) => Outcome::refused(answer, Some(name)),
        Ok(route) => Outcome { principal: Some(name), ..dispatch(core, incoming, route, meta) },
    }
}

fn authenticate(core: &Core, incoming: &Incoming) -> Result<usize, Answer> {
    let challenge = |code: &str, text: &str| {
        let authority = format!("{}/{}", incoming.base, core.directory.tenant);
        let header =
            format!("Bearer authorization_uri=\"{authority}\", error=\"invalid_token\", error_description=\"{text}\"");
        Err(Answer::gateway(401, arm(code, text)).header("www-authenticate", header))
    };
    let Some(header) = &incoming.authorization else {
        return challenge("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.");
    };
    let token = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"));
    match token.map(|(_, token)| core.directory.standing(token.trim(), incoming.uptime)) {
        Some(Standing::Known(principal)) => Ok(principal),
        Some(Standing::Expired) => challenge(
            "ExpiredAuthenticationToken",
            "The access token expiry UTC time is earlier than current UTC time.",
        ),
        _ => challenge("InvalidAuthenticationToken", "The access token is invalid."),
    }
}

/// What ARM checks before the provider sees a request: version, rate, rights.
fn admit<'r>(
    core: &mut Core,
    incoming: &Incoming,
    route: Option<&'r Route>,
    principal: usize,
    meta: &mut Meta,
) -> Result<&'r Route, Answer> {
    if incoming.api_version().is_empty() {
        let text = "The api-version query parameter (?api-version=) is required for all requests.";
        return Err(Answer::gateway(400, arm("MissingApiVersionParameter", text)));
    }
    throttle(core, incoming, principal, meta)?;
    let Some(route) = route else {
        let text = format!("The path '{}' names no resource that the simulator knows.", incoming.path);
        return Err(Answer::gateway(404, arm("InvalidResourceType", &text)));
    };
    if core.directory.allows(principal, &route.action, &route.scope) {
        core.ledger.allowed(core.directory.name(principal), &route.action);
        return otherwise::linked_access(core, route).map_or(Ok(route), Err);
    }
    let text = format!(
        "The client '{}' with object id '{}' does not have authorization to perform action '{}' over scope '{}' or the \
         scope is invalid. If access was recently granted, please refresh your credentials.",
        core.directory.client_id(principal),
        core.directory.object_id(principal),
        route.action,
        route.scope
    );
    Err(Answer::gateway(403, arm("AuthorizationFailed", &text)))
}

/// Takes a token from the caller's bucket; `meta` learns what is left.
fn throttle(core: &mut Core, incoming: &Incoming, principal: usize, meta: &mut Meta) -> Result<(), Answer> {
    let kind = Kind::of(&incoming.method);
    match core.limiter.take(core.directory.client_id(principal), kind, incoming.uptime) {
        Verdict::Passed(left) => {
            meta.left = Some((kind, left));
            Ok(())
        }
        Verdict::Throttled(seconds) => {
            meta.left = Some((kind, 0));
            let calls = kind.as_str();
            let text =
                format!("Number of '{calls}' requests exceeded the limit. Please try again after '{seconds}' seconds.");
            let answer = Answer::gateway(429, arm("SubscriptionRequestsThrottled", &text));
            Err(answer.header("retry-after", seconds.to_string()))
        }
    }
}

fn dispatch(core: &mut Core, incoming: &Incoming, route: &Route, meta: &Meta) -> Outcome {
    let answer = match &route.place {
        Place::Unknown => {
            let text = format!("The path '{}' names no resource that the simulator knows.", incoming.path);
            Answer::gateway(404, arm("InvalidResourceType", &text))
        }
        Place::Vault(name, within) => match find_vault(core, route, name) {
            Err(answer) => answer,
            Ok(vault) => match within {
                Within::ItemVerb(fabric, container, item, verb) => {
                    let asked = Asked { vault, fabric, container, item: Some(item), verb: *verb };
                    return take_verb(core, incoming, &asked, meta);
                }
                Within::ContainerVerb(fabric, container, verb) => {
                    let asked = Asked { vault, fabric, container, item: None, verb: *verb };
                    return take_verb(core, incoming, &asked, meta);
                }
                read => reads::vault(core, incoming, vault, read, meta),
            },
        },
        _ => surroundings::read(core, incoming, route),
    };
    Outcome::refused(answer, None)
}

/// The vault, or what ARM says when subscription, group or vault are not there.
fn find_vault(core: &Core, route: &Route, name: &str) -> Result<usize, Answer> {
    let same = |vault: &&Vault| vault.subscription.eq_ignore_ascii_case(&route.subscription);
    let in_group = |vault: &&Vault| vault.resource_group.eq_ignore_ascii_case(&route.group);
    let vaults = &core.world.vaults;
    let found = vaults.iter().position(|v| same(&v) && in_group(&v) && v.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let group_there = vaults.iter().filter(same).any(|vault| in_group(&vault)) || group_known(core, route);
        absent(core, route, group_there, &format!("Microsoft.RecoveryServices/vaults/{name}"))
    })
}

fn group_known(core: &Core, route: &Route) -> bool {
    let id = resource_group(&route.subscription, &route.group).to_ascii_lowercase();
    core.world.resources.group(&id).is_some() || core.world.machines.group_exists(&id)
}

/// ARM's 404 for a resource: its subscription, its group or itself may be what is missing.
pub(super) fn absent(core: &Core, route: &Route, group_there: bool, resource: &str) -> Answer {
    let known = |vault: &Vault| vault.subscription.eq_ignore_ascii_case(&route.subscription);
    let (code, text) = if !core.world.vaults.iter().any(known) {
        ("SubscriptionNotFound", format!("The subscription '{}' could not be found.", route.subscription))
    } else if !group_there && !group_known(core, route) {
        ("ResourceGroupNotFound", format!("Resource group '{}' could not be found.", route.group))
    } else {
        let hint = "For more details please go to https://aka.ms/ARMResourceNotFoundFix";
        let text = format!("The Resource '{resource}' under resource group '{}' was not found. {hint}", route.group);
        ("ResourceNotFound", text)
    };
    Answer::gateway(404, arm(code, &text))
}

/// Site Recovery's 404, the other layer.
pub(super) fn not_found(what: &Missing, meta: &Meta) -> Answer {
    let (request, activity) = (meta.request_id(), meta.correlation_id.to_string());
    let trace = Trace { client_request_id: &request, activity_id: &activity };
    let body = match what {
        Missing::Fabric(name) => missing("FabricArmEntityMissing", name, &trace),
        Missing::Resource(name) => missing("ArmResourceDoesNotExist", name, &trace),
    };
    Answer::with(404, body)
}

/// A verb as the path and body ask for it; a container's verb names its item in the body.
struct Asked<'a> {
    vault: usize,
    fabric: &'a str,
    container: &'a str,
    item: Option<&'a String>,
    verb: Verb,
}

fn take_verb(core: &mut Core, incoming: &Incoming, asked: &Asked<'_>, meta: &Meta) -> Outcome {
    let body = match parse_body(incoming) {
        Ok(body) => body,
        Err(answer) => return Outcome::refused(answer, None),
    };
    let named = body["properties"]["replicationProtectedItemName"].as_str().unwrap_or_default();
    let name = asked.item.map_or(named, String::as_str);
    let vault = &core.world.vaults[asked.vault];
    let (uid, item_name) = match vault.item(asked.fabric, asked.container, name) {
        Ok(item) => (item.uid, item.name.clone()),
        Err(what) => return Outcome::refused(not_found(&what, meta), None),
    };
    let resource = match (asked.item, vault.fabric(asked.fabric)) {
        (Some(_), Ok(fabric)) => format!("{}/replicationProtectedItems/{item_name}", vault.container_id(fabric)),
        (None, Ok(fabric)) => vault.container_id(fabric),
        (_, Err(what)) => return Outcome::refused(not_found(&what, meta), None),
    };
    let call = Call {
        vault: asked.vault,
        item: uid,
        verb: asked.verb,
        body: &body,
        client_request_id: &meta.request_id(),
        correlation_id: meta.correlation_id,
    };
    let result = core.world.submit(&call, meta.now);
    let item = Some(item_name);
    match result {
        Err(refusal) => Outcome { item, ..Outcome::refused(refuse(core, refusal, meta), None) },
        Ok(job) => {
            let vault = &core.world.vaults[asked.vault];
            let started =
                Started { vault, resource: &resource, job, base: &incoming.base, api_version: incoming.api_version() };
            let answer = accepted(&started, &core.world.behaviour, meta.now);
            Outcome { answer, principal: None, item, job: Some(job.to_string()), executed: true }
        }
    }
}

fn parse_body(incoming: &Incoming) -> Result<Value, Answer> {
    if incoming.body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&incoming.body).map_err(|error| {
        let text = format!("The request content was invalid and could not be deserialized: '{error}'.");
        Answer::gateway(400, arm("InvalidRequestContent", &text))
    })
}

fn refuse(core: &Core, refusal: Refusal, meta: &Meta) -> Answer {
    let (request, activity) = (meta.request_id(), meta.correlation_id.to_string());
    let trace = Trace { client_request_id: &request, activity_id: &activity };
    match refusal {
        Refusal::Malformed(text) => {
            let advice = ("The request body isn't what the operation takes.", "Correct the body and retry.");
            Answer::with(400, service("BadRequest", "InvalidParameter", &text, advice, &trace))
        }
        Refusal::OutOfTurn(text) => {
            let form = &core.world.behaviour.refusal;
            let outer = if form.status == 409 { "Conflict" } else { "BadRequest" };
            let advice =
                ("The operation isn't allowed in the current state.", "Wait for the running operation, then retry.");
            Answer::with(form.status, service(outer, &form.code, &text, advice, &trace))
        }
        Refusal::NoItem => not_found(&Missing::Resource(String::new()), meta),
    }
}

/// Names that a fault can call the item of this request by: its own and its VM's.
pub(super) fn item_names(core: &Core, incoming: &Incoming, route: Option<&Route>) -> Vec<String> {
    let in_body = || {
        let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
        body["properties"]["replicationProtectedItemName"].as_str().map(str::to_owned)
    };
    let Some(name) = route.and_then(Route::item).map(str::to_owned).or_else(in_body) else {
        return Vec::new();
    };
    let items = core.world.vaults.iter().flat_map(|vault| &vault.items);
    let vms = items.filter(|item| item.name.eq_ignore_ascii_case(&name));
    let mut names: Vec<String> = vms.map(|item| item.placements[0].vm_name.clone()).collect();
    names.push(name);
    names
}

/// When a job that began at `started` shows up in the list.
pub(super) fn listed_by(core: &Core, started: Timestamp) -> Timestamp {
    super::super::clock::later(started, core.world.behaviour.job_list_lag_seconds)
}
