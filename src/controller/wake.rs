//! Waking objects when something that they wait for has changed. A lost wake costs time, never a decision.

use crate::domain::ids::{Kind, RequestKey};
use futures::Stream;
use kube::Resource;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// An object to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sleeper {
    /// A request.
    Request(RequestKey),
    /// A ReplicatedVm, by namespace and name.
    Vm(String, String),
    /// A RecoveryVault, by namespace and name.
    Vault(String, String),
    /// A RequestDecision, by namespace and name.
    Decision(String, String),
    /// An ItemRecord, by name.
    Record(String),
}

/// The bell.
#[derive(Clone, Debug)]
pub struct Wake(broadcast::Sender<Sleeper>);

impl Default for Wake {
    fn default() -> Self {
        Self(broadcast::channel(4096).0)
    }
}

impl Wake {
    /// Wakes one object.
    pub fn up(&self, sleeper: Sleeper) {
        // Nobody listens before the controllers run, and then nothing sleeps either.
        drop(self.0.send(sleeper));
    }

    /// Whoever is woken from now on.
    pub fn listen(&self) -> broadcast::Receiver<Sleeper> {
        self.0.subscribe()
    }

    /// The objects of one kind that are woken, as `pick` names them.
    pub fn stream<K>(
        &self,
        pick: impl Fn(&Sleeper) -> Option<(String, String)> + Send + 'static,
    ) -> impl Stream<Item = ObjectRef<K>> + Send + 'static
    where
        K: Resource<DynamicType = ()> + 'static,
    {
        let receiver = self.listen();
        futures::stream::unfold((receiver, pick), |(mut receiver, pick)| async move {
            loop {
                match receiver.recv().await {
                    Ok(sleeper) => {
                        if let Some((namespace, name)) = pick(&sleeper) {
                            return Some((ObjectRef::<K>::new(&name).within(&namespace), (receiver, pick)));
                        }
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
    }

    /// Picks the requests of one kind.
    pub fn requests(kind: Kind) -> impl Fn(&Sleeper) -> Option<(String, String)> + Send + 'static {
        move |sleeper| match sleeper {
            Sleeper::Request(key) if key.kind == kind => Some((key.namespace.clone(), key.name.clone())),
            _ => None,
        }
    }
}
