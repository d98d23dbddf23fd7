//! The custom resources: what a manifest may say, and what a status shows.
//!
//! Types, their schemas and pure accessors only. This module imports nothing of ours, calls nobody, reads no clock
//! and decides nothing: what a field leads to is said in `domain` and done in `controller`.

mod bounds;
mod definitions;
pub mod v1alpha1;

pub use bounds::{STATUS_MAX_BYTES, fit_to_schema, shorten};
pub use definitions::{DefinitionError, all_crds, schema_of, yaml_of};

/// API group of every kind.
pub const GROUP: &str = "asr-operator.io";

/// The one served and stored version.
pub const VERSION: &str = "v1alpha1";

/// Category of the kinds that people use: `kubectl get asr` lists them all.
pub const CATEGORY: &str = "asr";
