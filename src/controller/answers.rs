//! Counts what Azure answers, for /metrics. It watches, and changes nothing: a call goes through as it came, once.

use crate::asr::{Carrier, Lost, SendWindow};
use crate::telemetry::{Metrics, Service};
use async_trait::async_trait;
use reqwest::{Request, Response};
use std::sync::Arc;
use tokio::time::Instant;

/// A carrier whose answers are counted.
#[derive(Debug)]
pub struct Answers {
    /// The way.
    pub way: Arc<dyn Carrier>,
    /// Where they are counted.
    pub metrics: Arc<Metrics>,
}

impl Answers {
    fn count(&self, service: Service, answer: &Result<Response, Lost>) {
        let status = answer.as_ref().ok().map(|response| response.status().as_u16());
        self.metrics.answer(service, status);
    }
}

/// Entra ID and the metadata service of a managed identity give tokens, and everything else is ARM's.
fn service(request: &Request) -> Service {
    if request.url().path().ends_with("/token") { Service::Identity } else { Service::Arm }
}

#[async_trait]
impl Carrier for Answers {
    async fn carry(&self, request: Request) -> Result<Response, Lost> {
        let service = service(&request);
        let answer = self.way.carry(request).await;
        self.count(service, &answer);
        answer
    }

    async fn carry_once(&self, request: Request, window: &dyn SendWindow, deadline: Instant) -> Result<Response, Lost> {
        let service = service(&request);
        let answer = self.way.carry_once(request, window, deadline).await;
        self.count(service, &answer);
        answer
    }

    fn chance(&self) -> f64 {
        self.way.chance()
    }
}
