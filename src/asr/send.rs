//! The one way a mutating request leaves: once, over a fresh connection, inside its window, never repeated.

use std::pin::pin;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Client, Request, Response};
use tokio::time::{Instant, timeout, timeout_at};

use super::client::AsrClient;
use super::error::ArmError;
use super::gate::{GateKeeper, gate};
use super::headers;
use super::mutate::{ClientRequestId, Mutation, SendWindow, Sent};
use super::record::Exchange;
use super::transport;

impl AsrClient {
    /// Sends a mutating call once and says what came of it. It never fails and never tries again: whatever is not
    /// certain is [`Sent::Unknown`].
    ///
    /// The window is looked at before anything, and again when TCP and TLS stand, just before the request is written.
    /// Have a token at hand beforehand ([`AsrClient::warm_token`]): one that is missing is waited for at most 5 s, within
    /// the window. Dropping the future once bytes have left leaves an outcome nobody knows.
    pub async fn send(&self, mutation: &Mutation, id: &ClientRequestId, window: &dyn SendWindow) -> Sent {
        let deadline = Instant::now() + self.limits().send;
        let request = match self.request(mutation, id, window).await {
            Ok(request) => request,
            Err(why) => return Sent::NotSent { why },
        };
        let Some(left) = window.remaining() else {
            return window_closed();
        };
        let limits = self.limits();
        let (gate, keeper) = gate();
        let client = transport::builder(self.endpoint()).map_err(|error| error.to_string());
        let client = client.and_then(|builder| {
            builder
                .connect_timeout(left.min(limits.connect))
                .tcp_user_timeout(limits.send_unacknowledged)
                .pool_max_idle_per_host(0)
                .connector_layer(gate)
                .build()
                .map_err(transport::describe)
        });
        match client {
            Ok(client) => match exchange(&client, request, keeper, window, deadline).await {
                Ok(response) => {
                    self.pace().written(response.headers());
                    let response = self.shown(mutation, response, deadline).await;
                    classify(response, deadline, limits.body_bytes).await
                }
                Err(sent) => sent,
            },
            Err(why) => Sent::NotSent { why },
        }
    }

    /// The answer, its body read early if there is a witness to show it to. A body that does not come is shown as none.
    async fn shown(&self, mutation: &Mutation, response: Response, deadline: Instant) -> Response {
        let Some(witness) = self.witness() else { return response };
        let token = self.tokens().token().await.ok();
        let (url, status, headers) = (response.url().clone(), response.status(), response.headers().clone());
        let read = timeout_at(deadline, transport::body(response, self.limits().body_bytes)).await;
        let body = read.ok().and_then(Result::ok).unwrap_or_default();
        witness.saw(&Exchange {
            method: "POST",
            url: &url,
            sent: &mutation.body(),
            status: status.as_u16(),
            headers: &headers,
            body: &body,
            token: token.as_ref(),
        });
        let mut again = http::Response::new(body);
        *again.status_mut() = status;
        *again.headers_mut() = headers;
        again.into()
    }

    async fn request(
        &self,
        mutation: &Mutation,
        id: &ClientRequestId,
        window: &dyn SendWindow,
    ) -> Result<Request, String> {
        let closed = || "the window to send in had closed before a connection was begun".to_owned();
        let left = window.remaining().ok_or_else(closed)?;
        let wait = left.min(self.limits().send_token);
        let token = match timeout(wait, self.tokens().token()).await {
            Ok(token) => token.map_err(|error| error.to_string())?,
            Err(_) => return Err("no token could be had inside the window to send in".to_owned()),
        };
        let url =
            self.endpoint().url(&mutation.path(), self.endpoint().api_version()).map_err(|error| error.to_string())?;
        let mut request = self.http().post(url).headers(transport::headers(&token, id.as_str())?);
        let body = mutation.body();
        request = if body.is_empty() {
            // Said in so many words: without a length, a POST without a body is answered 411.
            request.header(CONTENT_LENGTH, 0)
        } else {
            request.header(CONTENT_TYPE, "application/json")
        };
        request.body(body).build().map_err(transport::describe)
    }
}

async fn exchange(
    client: &Client,
    request: Request,
    mut keeper: GateKeeper,
    window: &dyn SendWindow,
    deadline: Instant,
) -> Result<Response, Sent> {
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

fn without_answer(keeper: &GateKeeper, why: String) -> Sent {
    if keeper.has_opened() { Sent::Unknown { why } } else { Sent::NotSent { why } }
}

fn window_closed() -> Sent {
    Sent::NotSent { why: "the window to send in had closed before a connection was begun".to_owned() }
}

async fn classify(response: Response, deadline: Instant, most: usize) -> Sent {
    let status = response.status().as_u16();
    let date = headers::date(response.headers());
    match status {
        200 | 202 => match headers::job_id(response.headers()) {
            Some(job) => Sent::Accepted { job, date },
            None => Sent::Unknown { why: format!("Azure answered {status} and named no job") },
        },
        401 => Sent::Unauthorized,
        429 => Sent::Throttled { retry_after: headers::retry_after(response.headers()) },
        _ => match (status, said(response, deadline, most).await) {
            (400 | 403 | 404 | 412, Ok(error)) => Sent::Refused { status, error, date },
            (_, Ok(error)) => Sent::Unknown { why: format!("Azure answered {status}: {error}") },
            (_, Err(why)) => Sent::Unknown { why: format!("status {status}, {why}") },
        },
    }
}

async fn said(response: Response, deadline: Instant, most: usize) -> Result<ArmError, String> {
    let body = match timeout_at(deadline, transport::body(response, most)).await {
        Ok(body) => body.map_err(|error| error.to_string())?,
        Err(_) => return Err("its body did not come in time".to_owned()),
    };
    ArmError::from_body(&body).ok_or_else(|| "without an error in Azure's form".to_owned())
}
