//! The only translators: Azure's model and the custom resources on one side, `domain` on the other. They decide nothing.

pub mod azure;
pub mod record;
pub mod request;
pub mod status;
