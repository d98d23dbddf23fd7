//! The operator's own translations between Azure's wire model and decisions, for whoever holds them against recorded
//! traffic. Nothing here reads, sends or decides.

pub use super::around::{machine as observed_machine, mappings_from as observed_mappings};
pub use super::convert::azure::{item_from as observed_item, job_from as observed_job, point_from as observed_point};
pub use super::send::mutation as request_of;
