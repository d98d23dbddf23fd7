//! Access tokens for ARM: fetched through azure_identity, cached here, refreshed before they are needed.
//!
//! A token, a secret or an assertion is never shown; nothing here knows where an assertion comes from.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azure_core::credentials::AccessToken;
use azure_core::http::{HttpClient, Transport};
use azure_core::time::OffsetDateTime;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::endpoint::{Endpoint, EndpointError};
use super::network::Network;

mod failure;
mod http_client;
mod identity;

pub use failure::TokenError;
use failure::unavailable;
pub use identity::{AssertionSource, Identity};

const ATTEMPT: Duration = Duration::from_secs(10);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);
const EARLIEST_REFRESH: Duration = Duration::from_secs(600);

/// A token and which fetch it came from.
#[derive(Clone)]
pub(crate) struct Token {
    secret: Arc<SecretString>,
    fetch: u64,
}

impl Token {
    pub(crate) fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("fetch", &self.fetch).finish_non_exhaustive()
    }
}

type Fetch = Shared<BoxFuture<'static, Result<Token, TokenError>>>;

/// The tokens of one identity. Clones share one cache; at most one fetch is under way.
#[derive(Clone)]
pub struct TokenSource(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    identity: Identity,
    transport: Transport,
    attempt: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    under_way: Option<Fetch>,
    not_before: Option<Instant>,
    fetches: u64,
}

struct Current {
    token: Token,
    refresh_at: Instant,
    expires_at: Instant,
}

impl TokenSource {
    /// Tokens of `identity` for the endpoint's scope. Asks for none yet.
    ///
    /// # Errors
    /// When the endpoint's TLS settings cannot be used.
    pub fn new(endpoint: &Endpoint, identity: Identity) -> Result<Self, EndpointError> {
        Self::with_attempt(endpoint, identity, ATTEMPT)
    }

    /// As [`TokenSource::new`], with another bound for one attempt (10 s otherwise).
    ///
    /// # Errors
    /// When the endpoint's TLS settings cannot be used.
    pub fn with_attempt(endpoint: &Endpoint, identity: Identity, attempt: Duration) -> Result<Self, EndpointError> {
        let link_local = matches!(identity, Identity::ManagedIdentity { .. });
        let carrier = endpoint.way(|| Network::for_tokens(endpoint, attempt, link_local))?;
        Ok(Self::over(Arc::new(http_client::Http(carrier)), endpoint, identity, attempt))
    }

    fn over(http: Arc<dyn HttpClient>, endpoint: &Endpoint, identity: Identity, attempt: Duration) -> Self {
        Self(Arc::new(Inner {
            endpoint: endpoint.clone(),
            identity,
            transport: Transport::new(Arc::new(http_client::Judging(http))),
            attempt,
            state: Mutex::default(),
        }))
    }

    /// A token that has not expired. An old one is served, and a new one fetched behind it, once less than a fifth of
    /// its life (at most 10 min) remains.
    pub(crate) async fn token(&self) -> Result<Token, TokenError> {
        let fetch = {
            let mut state = self.state();
            let now = Instant::now();
            match &state.current {
                Some(current) if now < current.expires_at => {
                    let token = current.token.clone();
                    let due = now >= current.refresh_at && state.not_before.is_none_or(|at| now >= at);
                    if due {
                        // Not waited for: its task runs on, and the next caller finds the new token.
                        drop(self.join_or_start(&mut state));
                    }
                    return Ok(token);
                }
                _ => self.join_or_start(&mut state),
            }
        };
        fetch.await
    }

    /// Makes sure that a token is at hand.
    ///
    /// # Errors
    /// When none could be had within one attempt.
    pub async fn warm(&self) -> Result<(), TokenError> {
        self.token().await.map(drop)
    }

    /// Forgets the token in use: ARM did not take it. The next call fetches another.
    pub fn invalidate(&self) {
        self.state().current = None;
    }

    /// Forgets `refused`, unless another token has taken its place already.
    pub(crate) fn invalidate_token(&self, refused: &Token) {
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|current| current.token.fetch == refused.fetch) {
            state.current = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join_or_start(&self, state: &mut State) -> Fetch {
        if let Some(fetch) = state.under_way.as_ref().filter(|fetch| fetch.peek().is_none()) {
            return fetch.clone();
        }
        let source = self.clone();
        // A task of its own: a caller that goes away does not stop the fetch others wait for.
        let fetching = tokio::spawn(async move { source.fetch_and_keep().await });
        let fetch = fetching
            .map(|joined| joined.unwrap_or_else(|_| Err(unavailable("the fetch was interrupted"))))
            .boxed()
            .shared();
        state.under_way = Some(fetch.clone());
        fetch
    }

    async fn fetch_and_keep(&self) -> Result<Token, TokenError> {
        let began = Instant::now();
        let fetch = self.0.identity.fetch(&self.0.endpoint, &self.0.transport);
        let fetched = match tokio::time::timeout(self.0.attempt, fetch).await {
            Ok(fetched) => fetched,
            Err(_) => Err(unavailable(&format!("no answer within {} s", self.0.attempt.as_secs()))),
        };
        let mut state = self.state();
        state.under_way = None;
        match fetched {
            Ok(access) => {
                state.fetches += 1;
                let current = Current::new(access, began, state.fetches);
                let token = current.token.clone();
                state.current = Some(current);
                state.not_before = None;
                Ok(token)
            }
            Err(error) => {
                state.not_before = Some(Instant::now() + PAUSE_AFTER_FAILURE);
                Err(error)
            }
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource")
            .field("endpoint", &self.0.endpoint)
            .field("identity", &self.0.identity)
            .finish_non_exhaustive()
    }
}

impl Current {
    /// Life is counted from before the fetch, on the monotonic clock.
    fn new(access: AccessToken, began: Instant, fetch: u64) -> Self {
        let life = access.expires_on - OffsetDateTime::now_utc();
        let life = Duration::try_from(life).unwrap_or(Duration::ZERO);
        let early = (life / 5).min(EARLIEST_REFRESH);
        Self {
            token: Token { secret: Arc::new(SecretString::from(access.token.secret().to_owned())), fetch },
            refresh_at: began + (life - early),
            expires_at: began + life,
        }
    }
}

#[cfg(test)]
mod tests;
