//! The carrier in use: HTTP over TLS. Reads share connections; a mutating request has one of its own, behind a gate.

use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, ClientBuilder, Request, Response};
use tokio::time::Instant;

use super::carrier::{Carrier, Lost};
use super::endpoint::{Endpoint, EndpointError};
use super::gate::{GateKeeper, gate};
use super::mutate::SendWindow;
use super::transport::{self, Limits};

/// The way over the network to one endpoint.
#[derive(Debug)]
pub(crate) struct Network {
    endpoint: Endpoint,
    shared: Client,
    limits: Limits,
}

impl Network {
    /// For ARM.
    pub(crate) fn new(endpoint: &Endpoint, limits: &Limits) -> Result<Self, EndpointError> {
        let builder = transport::builder(endpoint)?.connect_timeout(limits.connect);
        Self::over(builder, endpoint, limits.clone())
    }

    /// For tokens, each attempt bounded. An identity service with a link-local address is reached by no proxy.
    pub(crate) fn for_tokens(endpoint: &Endpoint, attempt: Duration, link_local: bool) -> Result<Self, EndpointError> {
        let builder = transport::builder(endpoint)?
            .connect_timeout(attempt)
            .timeout(attempt)
            // A token is asked for once an hour; a connection kept from the last time is a dead one.
            .pool_max_idle_per_host(0);
        let builder = if link_local { builder.no_proxy() } else { builder };
        Self::over(builder, endpoint, Limits::default())
    }

    fn over(builder: ClientBuilder, endpoint: &Endpoint, limits: Limits) -> Result<Self, EndpointError> {
        let shared = builder.build().map_err(|error| EndpointError::Tls(transport::describe(error)))?;
        Ok(Self { endpoint: endpoint.clone(), shared, limits })
    }
}

#[async_trait]
impl Carrier for Network {
    async fn carry(&self, request: Request) -> Result<Response, Lost> {
        self.shared
            .execute(request)
            .await
            .map_err(|error| Lost { may_have_left: !error.is_connect(), why: transport::describe(error) })
    }

    async fn carry_once(&self, request: Request, window: &dyn SendWindow, deadline: Instant) -> Result<Response, Lost> {
        let unsent = |why: String| Lost { why, may_have_left: false };
        let Some(left) = window.remaining() else {
            return Err(unsent("the window to send in had closed before a connection was begun".to_owned()));
        };
        let (gate, keeper) = gate();
        let client = transport::builder(&self.endpoint)
            .map_err(|error| unsent(error.to_string()))?
            .connect_timeout(left.min(self.limits.connect))
            .tcp_user_timeout(self.limits.send_unacknowledged)
            .pool_max_idle_per_host(0)
            .connector_layer(gate)
            .build()
            .map_err(|error| unsent(transport::describe(error)))?;
        exchange(&client, request, keeper, window, deadline).await
    }
}

async fn exchange(
    client: &Client,
    request: Request,
    mut keeper: GateKeeper,
    window: &dyn SendWindow,
    deadline: Instant,
) -> Result<Response, Lost> {
    let mut call = pin!(client.execute(request));
    let mut out_of_time = pin!(tokio::time::sleep_until(deadline));
    loop {
        tokio::select! {
            biased;
            question = keeper.asked() => {
                keeper.answer(question, window.remaining().is_some());
            }
            answer = &mut call => {
                return answer.map_err(|error| without_answer(&keeper, transport::describe(error)));
            }
            () = &mut out_of_time => {
                return Err(without_answer(&keeper, "no answer within the time a call is given".to_owned()));
            }
        }
    }
}

fn without_answer(keeper: &GateKeeper, why: String) -> Lost {
    Lost { why, may_have_left: keeper.has_opened() }
}
