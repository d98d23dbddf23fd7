//! The border of a process: every call that crosses it may meet a fate, before or after it is executed.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures::future::BoxFuture;
use http::Response;
use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep};

use super::chance::Chance;
use super::life::Life;
use super::trace::Trace;

/// Whom a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Target {
    /// The API server.
    Api,
    /// ARM.
    Arm,
    /// Entra ID.
    Entra,
}

/// A call at the border.
#[derive(Clone, Debug)]
pub struct Crossing {
    /// Which process of the world, from 0 in the order of their starts.
    pub process: usize,
    /// The cluster that the process works for.
    pub cluster: usize,
    /// Whom it goes to.
    pub target: Target,
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// Whether it may change anything.
    pub mutating: bool,
}

/// Which side of the execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Side {
    /// Before a byte of it leaves.
    Before,
    /// After it was executed, before its answer is seen.
    After,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Fate {
    /// It is executed and answered.
    Passes,
    /// The process dies.
    Crash(Side),
    /// The process is stopped for a time, and goes on as if nothing were.
    Pause(Side, Duration),
    /// It is executed; the connection breaks before the answer.
    AnswerLost,
    /// Its bytes leave and arrive nowhere.
    NeverArrives,
    /// It is executed that much later, when its caller has long been told that the connection broke.
    ArrivesLate(Duration),
    /// Something on the way answers in its place.
    Answered {
        /// The status.
        status: u16,
        /// Whether it was executed.
        executed: bool,
    },
    /// It is executed, and what comes back is no answer.
    Garbled,
}

impl Fate {
    /// Its class, for counting.
    pub fn class(self) -> &'static str {
        match self {
            Self::Passes => "none",
            Self::Crash(Side::Before) => "crash before",
            Self::Crash(Side::After) => "crash after",
            Self::Pause(Side::Before, _) => "pause before",
            Self::Pause(Side::After, _) => "pause after",
            Self::AnswerLost => "answer lost",
            Self::NeverArrives => "never arrives",
            Self::ArrivesLate(_) => "arrives late",
            Self::Answered { executed: true, .. } => "error answer, executed",
            Self::Answered { executed: false, .. } => "error answer, not executed",
            Self::Garbled => "garbled answer",
        }
    }
}

/// Says what becomes of each call.
pub trait Script: Send + Sync {
    /// The fate of this call.
    fn fate(&self, crossing: &Crossing) -> Fate;
}

/// What a world is told of its processes.
#[derive(Clone, Copy, Debug)]
pub enum News {
    /// One died.
    Died {
        /// Its cluster.
        cluster: usize,
    },
    /// One was stopped.
    Stopped {
        /// Its cluster.
        cluster: usize,
    },
}

/// A call without an answer.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Broken {
    /// Why.
    pub why: &'static str,
    /// Whether bytes may have left.
    pub may_have_left: bool,
}

/// One process at its border.
#[derive(Clone)]
pub struct Border {
    /// Which process.
    pub process: usize,
    /// Its cluster.
    pub cluster: usize,
    /// Its life.
    pub life: Arc<Life>,
    /// What becomes of its calls.
    pub script: Arc<dyn Script>,
    /// How long calls are under way.
    pub chance: Chance,
    /// What happened.
    pub trace: Arc<Trace>,
    /// Tells the world.
    pub news: UnboundedSender<News>,
}

/// What executes a call at its target; `None`: the connection is dropped.
pub type Delivery = BoxFuture<'static, Option<Response<Bytes>>>;

impl Border {
    /// Takes a call over the border and brings its answer back. `may_leave` is asked just before the first byte.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn cross(
        &self,
        call: (Target, &str, &str, bool),
        may_leave: impl Fn() -> bool,
        delivery: Delivery,
    ) -> Result<Response<Bytes>, Broken> {
        let (target, method, path, mutating) = call;
        let crossing = Crossing {
            process: self.process,
            cluster: self.cluster,
            target,
            method: method.to_owned(),
            path: path.to_owned(),
            mutating,
        };
        self.life.goes_on().await;
        let fate = self.script.fate(&crossing);
        self.trace.crossed(&crossing, fate);
        self.suffer(fate, Side::Before).await;
        sleep(self.way(target)).await;
        self.life.goes_on().await;
        if !may_leave() {
            return Err(Broken { why: "the window to send in had closed", may_have_left: false });
        }
        let answer = self.execute(fate, &crossing, delivery).await;
        sleep(self.way(target)).await;
        self.suffer(fate, Side::After).await;
        self.life.goes_on().await;
        let answer = answer.ok_or(Broken { why: "the connection was reset", may_have_left: true })?;
        self.trace.answered(&crossing, answer.status().as_u16());
        Ok(answer)
    }

    async fn execute(&self, fate: Fate, crossing: &Crossing, delivery: Delivery) -> Option<Response<Bytes>> {
        // What has left is executed, whatever becomes of its caller.
        let executed = |delivery: Delivery| async move {
            if crossing.mutating { tokio::spawn(delivery).await.ok().flatten() } else { delivery.await }
        };
        match fate {
            Fate::NeverArrives => None,
            Fate::ArrivesLate(late) => {
                tokio::spawn(async move {
                    sleep(late).await;
                    delivery.await
                });
                None
            }
            Fate::Answered { status, executed: false } => Some(instead(crossing.target, status)),
            Fate::Answered { status, executed: true } => {
                executed(delivery).await;
                Some(instead(crossing.target, status))
            }
            Fate::AnswerLost => {
                executed(delivery).await;
                None
            }
            Fate::Garbled => executed(delivery).await.map(|answer| answer.map(|_| Bytes::from_static(b"<html>"))),
            Fate::Passes | Fate::Crash(_) | Fate::Pause(..) => executed(delivery).await,
        }
    }

    async fn suffer(&self, fate: Fate, now: Side) {
        match fate {
            Fate::Crash(side) if side == now => {
                self.life.kill();
                self.news.send(News::Died { cluster: self.cluster }).ok();
            }
            Fate::Pause(side, time) if side == now => {
                self.life.stop(time);
                self.news.send(News::Stopped { cluster: self.cluster }).ok();
            }
            _ => {}
        }
        self.life.goes_on().await;
    }

    fn way(&self, target: Target) -> Duration {
        match target {
            Target::Api => self.chance.millis(0, 3),
            Target::Arm | Target::Entra => self.chance.millis(5, 120),
        }
    }
}

/// The answer of something between caller and target.
fn instead(target: Target, status: u16) -> Response<Bytes> {
    let body = match target {
        Target::Api => super::store::failure(status, reason(status), "answered by the simulation").body,
        Target::Arm => Bytes::from_static(br#"{"error":{"code":"Simulated","message":"answered by the simulation"}}"#),
        Target::Entra => Bytes::from_static(br#"{"error":"temporarily_unavailable","error_description":"simulated"}"#),
    };
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    if status == 429 {
        response.headers_mut().insert("retry-after", http::HeaderValue::from_static("7"));
    }
    response
}

const fn reason(status: u16) -> &'static str {
    match status {
        409 => "Conflict",
        429 => "TooManyRequests",
        504 => "Timeout",
        _ => "InternalError",
    }
}

/// The time by which a call that has no deadline of its own is given up.
pub fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}
