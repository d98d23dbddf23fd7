//! The one way a mutating request leaves: once, over a fresh connection, inside its window, never repeated.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Response};
use tokio::time::{Instant, timeout, timeout_at};

use super::carrier::Lost;
use super::client::AsrClient;
use super::error::ArmError;
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
        match self.carrier().carry_once(request, window, deadline).await {
            Ok(response) => {
                self.pace().written(response.headers());
                let response = self.shown(mutation, response, deadline).await;
                classify(response, deadline, self.limits().body_bytes).await
            }
            Err(Lost { why, may_have_left: true }) => Sent::Unknown { why, conflict: false },
            Err(Lost { why, may_have_left: false }) => Sent::NotSent { why },
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
        let mut request = Request::new(Method::POST, url);
        *request.headers_mut() = transport::headers(&token, id.as_str())?;
        let body = mutation.body();
        if body.is_empty() {
            // Said in so many words: without a length, a POST without a body is answered 411.
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        } else {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        *request.body_mut() = Some(body.into());
        Ok(request)
    }
}

async fn classify(response: Response, deadline: Instant, most: usize) -> Sent {
    let status = response.status().as_u16();
    let date = headers::date(response.headers());
    match status {
        200 | 202 => match headers::job_id(response.headers()) {
            Some(job) => Sent::Accepted { job, date },
            None => Sent::Unknown { why: format!("Azure answered {status} and named no job"), conflict: false },
        },
        401 => Sent::Unauthorized,
        429 => Sent::Throttled { retry_after: headers::retry_after(response.headers()) },
        _ => match (status, said(response, deadline, most).await) {
            (400 | 403 | 404 | 412, Ok(error)) => Sent::Refused { status, error, date },
            (_, Ok(error)) => {
                Sent::Unknown { why: format!("Azure answered {status}: {error}"), conflict: status == 409 }
            }
            (_, Err(why)) => Sent::Unknown { why: format!("status {status}, {why}"), conflict: status == 409 },
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
