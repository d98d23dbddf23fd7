//! What carries requests to Azure: the seam under everything that is sent, tokens included.
//!
//! In use it is the network (`network`). The simulation tier puts an Azure of its own in this place, which answers in
//! the same process and in virtual time.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::{Request, Response};
use tokio::time::Instant;

use super::mutate::SendWindow;

/// Puts something around a way to Azure that watches it and lets every call through as it is.
pub type Lens = Arc<dyn Fn(Arc<dyn Carrier>) -> Arc<dyn Carrier> + Send + Sync>;

/// Carries requests and brings back answers.
#[async_trait]
pub trait Carrier: Send + Sync + fmt::Debug {
    /// Carries a request that may be repeated: a read, or one for a token.
    ///
    /// # Errors
    /// Why there is no answer.
    async fn carry(&self, request: Request) -> Result<Response, Lost>;

    /// Carries a mutating request once, on a way of its own, and never repeats it. `window` is asked again when the way
    /// stands, just before the first byte leaves; once it has closed, no byte leaves. No answer is waited for after
    /// `deadline`.
    ///
    /// # Errors
    /// Why there is no answer, and whether any byte may have left.
    async fn carry_once(&self, request: Request, window: &dyn SendWindow, deadline: Instant) -> Result<Response, Lost>;

    /// A number from 0 to 1, which spreads the pauses between the tries of a read.
    fn chance(&self) -> f64 {
        rand::random()
    }
}

/// A request without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Lost {
    /// Why, fit to be shown: without the URL.
    pub why: String,
    /// Whether bytes of the request may have left this machine.
    pub may_have_left: bool,
}
