//! The last look at the clock: between an established connection and the first byte of a request.
//!
//! A layer around reqwest's connector. When TCP and TLS stand, it asks the task that sends whether the window is still
//! open, and hands the connection over only then. It lets one connection through, ever.

use std::error::Error;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tower::{Layer, Service};

type BoxError = Box<dyn Error + Send + Sync>;

/// The connection was made, and was not to be used any more.
#[derive(Debug, thiserror::Error)]
#[error("the window to send in had closed when the connection stood")]
struct WindowClosed;

/// The connector's side.
#[derive(Clone)]
pub(crate) struct Gate {
    asks: mpsc::Sender<oneshot::Sender<bool>>,
}

/// The sender's side: one question each time a connection stands.
pub(crate) struct GateKeeper {
    asked: mpsc::Receiver<oneshot::Sender<bool>>,
    opened: bool,
}

/// A gate and its keeper.
pub(crate) fn gate() -> (Gate, GateKeeper) {
    let (asks, asked) = mpsc::channel(1);
    (Gate { asks }, GateKeeper { asked, opened: false })
}

impl GateKeeper {
    /// Waits for the next question; for ever, once nobody can ask.
    pub(crate) async fn asked(&mut self) -> oneshot::Sender<bool> {
        match self.asked.recv().await {
            Some(question) => question,
            None => std::future::pending().await,
        }
    }

    /// Answers a question. A second connection is refused whatever the clock says.
    pub(crate) fn answer(&mut self, question: oneshot::Sender<bool>, window_is_open: bool) {
        let opens = window_is_open && !self.opened;
        self.opened |= opens;
        // The connector went away: then nobody uses the connection, and `opened` errs on the careful side.
        let _ = question.send(opens);
    }

    /// True once a connection was handed over: from then on bytes may have left.
    pub(crate) fn has_opened(&self) -> bool {
        self.opened
    }
}

impl Gate {
    async fn pass(self) -> Result<(), BoxError> {
        let (question, answer) = oneshot::channel();
        self.asks.send(question).await.map_err(|_| WindowClosed)?;
        match answer.await {
            Ok(true) => Ok(()),
            _ => Err(WindowClosed.into()),
        }
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, connector: S) -> Gated<S> {
        Gated { connector, gate: self.clone() }
    }
}

/// A connector behind the gate.
#[derive(Clone)]
pub(crate) struct Gated<S> {
    connector: S,
    gate: Gate,
}

impl<S, Destination> Service<Destination> for Gated<S>
where
    S: Service<Destination, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, destination: Destination) -> Self::Future {
        let connecting = self.connector.call(destination);
        let gate = self.gate.clone();
        Box::pin(async move {
            let connection = connecting.await?;
            gate.pass().await?;
            Ok(connection)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn knock(gate: &Gate, keeper: &mut GateKeeper, window_is_open: bool) -> bool {
        let knocking = tokio::spawn(gate.clone().pass());
        let question = keeper.asked().await;
        keeper.answer(question, window_is_open);
        knocking.await.unwrap().is_ok()
    }

    #[tokio::test]
    async fn a_closed_window_lets_nothing_through() {
        let (gate, mut keeper) = gate();
        assert!(!knock(&gate, &mut keeper, false).await);
        assert!(!keeper.has_opened());
    }

    #[tokio::test]
    async fn one_connection_passes_and_no_second() {
        let (gate, mut keeper) = gate();
        assert!(knock(&gate, &mut keeper, true).await);
        assert!(keeper.has_opened());
        assert!(!knock(&gate, &mut keeper, true).await);
    }

    #[tokio::test]
    async fn nothing_passes_when_the_sender_has_gone() {
        let (gate, keeper) = gate();
        drop(keeper);
        assert!(gate.pass().await.is_err());
    }
}
