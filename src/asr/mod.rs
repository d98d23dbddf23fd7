//! The Azure client: credentials, ARM transport and its retry table, and the typed Site Recovery model.
//!
//! It knows nothing of Kubernetes, of custom resources or of decisions. Two kinds of call exist in the type system:
//! *reads* ([`AsrClient::item`] and its kin), which may be repeated, and [`AsrClient::send`], which puts one mutating
//! request on the wire at most once and never repeats it. A job is followed by its GUID; a signed polling URL is
//! neither kept nor shown.

mod around;
mod carrier;
mod client;
mod endpoint;
mod error;
mod gate;
mod headers;
mod ids;
pub mod model;
mod mutate;
mod network;
mod pace;
mod read;
pub mod record;
mod redact;
mod send;
mod switch;
mod token;
mod transport;

pub use carrier::{Carrier, Lens, Lost};
pub use client::{Answer, AsrClient};
pub use endpoint::{Cloud, DEFAULT_API_VERSION, Endpoint, EndpointError};
pub use error::{ArmDetail, ArmError, Class, Layer, ReadError};
pub use headers::{date as answer_date, job_id, retry_after};
pub use ids::{InvalidId, ItemPath, JobId, VaultId};
pub use model::{
    A2aDetails, Container, ContainerMapping, Fabric, HealthError, Job, JobError, JobPhase, NetworkInterface,
    PlacedResource, ProtectedItem, RecoveryPoint, Subnet, Task, Vault, VirtualMachine,
};
pub use mutate::{ClientRequestId, Mutation, SendWindow, Sent};
pub use pace::Counted;
pub use switch::SwitchProtection;
pub use token::{AssertionSource, Identity, TokenError, TokenSource};
pub use transport::Limits;
