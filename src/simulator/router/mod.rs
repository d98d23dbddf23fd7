//! HTTP over the world: ARM, Entra ID and the control interface on one axum router.
//!
//! One lock around everything, never held across an await. A request is finished even when its client has gone, as a
//! real service would: late delivery is something the operator must survive.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{Request, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use self::answer::{Answer, Meta, dropped, respond};
use self::arm::Outcome;
use self::path::Route;
use super::clock::Clock;
use super::faults::{CONNECTION, Effect, Fault, Faults, Target};
use super::federation::Federation;
use super::ledger::{Entry, Ledger};
use super::principal::Directory;
use super::ratelimit::RateLimiter;
use super::seed::{Seed, SeedError};
use super::world::World;

mod actor;
mod altered;
mod answer;
mod arm;
mod control;
mod entra;
mod metadata;
mod otherwise;
mod path;
mod reads;
mod resources;
mod surroundings;

pub use self::answer::Dropped;

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 1 << 20;

/// The whole simulated Azure, shared by all connections.
pub struct Simulator {
    core: Mutex<Core>,
    started: Instant,
    base: String,
    releases: watch::Sender<u64>,
}

/// What the lock guards.
pub(super) struct Core {
    clock: Clock,
    world: World,
    directory: Directory,
    limiter: RateLimiter,
    faults: Faults,
    ledger: Ledger,
}

impl Core {
    /// The virtual instant at `uptime`, with the world settled to it.
    fn settled(&mut self, uptime: Duration) -> Timestamp {
        let now = self.clock.now(uptime);
        self.world.settle(now);
        now
    }
}

impl Simulator {
    /// A simulator of `seed` whose own URLs begin with `base` and whose clock runs at `rate` virtual seconds per second.
    ///
    /// # Errors
    /// When the seed names something that does not exist.
    pub fn new(seed: Seed, base: &str, rate: f64, faults: Vec<Fault>) -> Result<Arc<Self>, SeedError> {
        let federation = seed.federation.as_ref().map(Federation::read).transpose()?;
        let mut core = Core {
            clock: Clock::starting_at(seed.date, rate),
            world: World::from_seed(&seed)?,
            directory: Directory::new(seed.tenant, seed.principals, federation),
            limiter: RateLimiter::new(seed.rate_limits),
            faults: Faults::default(),
            ledger: Ledger::default(),
        };
        faults.into_iter().for_each(|fault| core.faults.install(fault));
        let (releases, _) = watch::channel(0);
        let base = base.trim_end_matches('/').to_owned();
        Ok(Arc::new(Self { core: Mutex::new(core), started: Instant::now(), base, releases }))
    }

    /// The guarded core; a panic of another request does not take the simulator down.
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether a fault cuts the connection that was just opened.
    pub(super) fn cuts_connection(&self) -> bool {
        let met = self.core().faults.meet(&Target { operation: CONNECTION, mutating: false, item: &[] });
        met.is_some_and(|fault| fault.effect == Effect::ResetBefore)
    }
}

/// The router over a simulator; usable in process, and what [`super::serve`] serves. An answer that carries the
/// extension [`Dropped`] stands for a dropped connection.
pub fn router(simulator: Arc<Simulator>) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(entra::token))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(entra::configuration))
        .route("/metadata/identity/oauth2/token", get(metadata::token))
        .nest("/_sim", control::routes())
        .fallback(azure)
        .with_state(simulator)
}

/// A request, read in full.
pub(super) struct Incoming {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    authorization: Option<String>,
    client_request_id: Option<String>,
    body: Bytes,
    base: String,
    uptime: Duration,
    correlation_id: Uuid,
}

impl Incoming {
    async fn read(simulator: &Simulator, request: Request<Body>) -> Result<Self, axum::Error> {
        let (parts, body) = request.into_parts();
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Ok(Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: query.into_owned().collect(),
            authorization: header("authorization"),
            client_request_id: header("x-ms-client-request-id"),
            body: to_bytes(body, BODY_LIMIT).await?,
            base: simulator.base.clone(),
            uptime: simulator.uptime(),
            correlation_id: Uuid::new_v4(),
        })
    }

    fn mutating(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    /// The value of a query parameter, its name in any casing and with or without `$`.
    fn parameter(&self, name: &str) -> Option<&str> {
        let named = |found: &str| found.trim_start_matches('$').eq_ignore_ascii_case(name);
        self.query.iter().find(|(found, _)| named(found)).map(|(_, value)| value.as_str())
    }

    /// The api-version asked for; empty when there is none.
    fn api_version(&self) -> &str {
        self.parameter("api-version").unwrap_or_default()
    }

    /// The request's own URL.
    fn url(&self) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        format!("{}{}?{query}", self.base, self.path)
    }

    /// The ledger's line about this request, before it is known what became of it.
    fn entry(&self, route: Option<&Route>, now: Timestamp) -> Entry {
        let digest = Sha256::digest(&self.body);
        Entry {
            seq: 0,
            time: now,
            wall_time: Timestamp::now(),
            method: self.method.clone(),
            path: self.path.clone(),
            operation: operation(route).to_owned(),
            item: route.and_then(Route::item).map(str::to_owned),
            client_request_id: self.client_request_id.clone(),
            status: None,
            accepted: false,
            principal: None,
            body_sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            body: serde_json::from_slice(&self.body).unwrap_or_default(),
            job_id: None,
            fault: None,
        }
    }
}

fn operation(route: Option<&Route>) -> &str {
    route.map_or("unknown", |route| route.operation.as_str())
}

/// Everything that is not Entra ID and not control. Runs to its end even when the connection is gone.
async fn azure(State(simulator): State<Arc<Simulator>>, request: Request<Body>) -> Response<Body> {
    let now = simulator.core().clock.now(simulator.uptime());
    let Ok(incoming) = Incoming::read(&simulator, request).await else {
        return dropped(now);
    };
    let compress = simulator.core().world.behaviour.otherwise.compress_unasked;
    let work = tokio::spawn(async move { serve_request(&simulator, incoming).await });
    let response = work.await.unwrap_or_else(|_| dropped(now));
    if compress { otherwise::compressed(response).await } else { response }
}

async fn serve_request(simulator: &Simulator, mut incoming: Incoming) -> Response<Body> {
    let mut released = simulator.releases.subscribe();
    let route = Route::parse(&incoming.method, &incoming.path);
    let fault = meet_fault(simulator, &incoming, route.as_ref());
    match &fault {
        Some(Fault { effect: Effect::Delay, millis, .. }) => tokio::time::sleep(Duration::from_millis(*millis)).await,
        Some(Fault { effect: Effect::HoldBack, .. }) => {
            released.changed().await.ok();
        }
        _ => {}
    }
    incoming.uptime = simulator.uptime();
    let told = execute(simulator, &incoming, route.as_ref(), fault.as_ref());
    send(simulator, fault, told, released).await
}

fn meet_fault(simulator: &Simulator, incoming: &Incoming, route: Option<&Route>) -> Option<Fault> {
    let mut core = simulator.core();
    core.ledger.count(operation(route));
    let names = arm::item_names(&core, incoming, route);
    let met = core.faults.meet(&Target { operation: operation(route), mutating: incoming.mutating(), item: &names });
    let met = met.or_else(|| otherwise::first_answer(&core, incoming, operation(route)));
    met.map(|fault| fault.about(&incoming.url()))
}

/// An answer, what its headers need, and its line in the ledger if it has one.
type Told = (Answer, Meta, Option<u64>);

/// Executes the request, unless a fault keeps it from being executed, and records it when it was mutating.
fn execute(simulator: &Simulator, incoming: &Incoming, route: Option<&Route>, fault: Option<&Fault>) -> Told {
    let mut core = simulator.core();
    let now = core.settled(simulator.uptime());
    let mut meta = meta(incoming, now);
    let outcome = match fault {
        Some(fault) if !fault.effect.executes() => Outcome::refused(altered::injected(fault, now), None),
        _ => arm::answer(&mut core, incoming, route, &mut meta),
    };
    let entry = incoming.entry(route, now);
    let entry = Entry {
        accepted: outcome.executed,
        principal: outcome.principal,
        item: outcome.item.or_else(|| entry.item.clone()),
        job_id: outcome.job,
        fault: fault.map(|fault| fault.effect.name().to_owned()),
        ..entry
    };
    let seq = incoming.mutating().then(|| core.ledger.record(entry));
    (outcome.answer, meta, seq)
}

fn meta(incoming: &Incoming, now: Timestamp) -> Meta {
    Meta {
        now,
        client_request_id: incoming.client_request_id.clone(),
        correlation_id: incoming.correlation_id,
        left: None,
    }
}

/// Answers as the fault lets it, and tells the ledger what was answered.
async fn send(
    simulator: &Simulator,
    fault: Option<Fault>,
    (answer, meta, seq): Told,
    mut released: watch::Receiver<u64>,
) -> Response<Body> {
    let answer = match fault.as_ref().map(|fault| (fault.effect, fault)) {
        Some((Effect::ResetBefore | Effect::ResetAfter, _)) => return dropped(meta.now),
        Some((Effect::ExecuteThenAnswer, fault)) => altered::injected(fault, meta.now),
        Some((Effect::DelayAnswer, fault)) => {
            tokio::time::sleep(Duration::from_millis(fault.millis)).await;
            answer
        }
        Some((Effect::Hold, _)) => {
            released.changed().await.ok();
            answer
        }
        Some((Effect::Garbage, fault)) => {
            told(simulator, seq, 200);
            return altered::garbage(fault, meta.now);
        }
        Some((_, fault)) => altered::merged(answer, fault),
        None => answer,
    };
    told(simulator, seq, answer.status);
    let response = respond(answer, &meta);
    match fault {
        Some(fault) => altered::sent(response, &fault).await,
        None => response,
    }
}

fn told(simulator: &Simulator, seq: Option<u64>, status: u16) {
    if let Some(seq) = seq {
        simulator.core().ledger.answered(seq, Some(status));
    }
}
