//! Recording what Azure answers, so that others can hold the client against it: the hook, and what is made of it.
//!
//! The client shows each answered call to its [`Witness`], if it has one; without one nothing is kept or copied. What
//! is shown is raw, tokens included, and leaves this module redacted only.

mod hide;
mod names;
mod survey;
mod tape;

use http::HeaderMap;
use url::Url;

pub use survey::{Survey, SurveyError};
pub use tape::{Tape, TapeOptions};

use super::token::Token;

/// One call and its answer, as they went over the wire.
pub struct Exchange<'a> {
    pub(crate) method: &'static str,
    pub(crate) url: &'a Url,
    pub(crate) sent: &'a [u8],
    pub(crate) status: u16,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) token: Option<&'a Token>,
}

impl std::fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("method", &self.method).field("status", &self.status).finish_non_exhaustive()
    }
}

/// Sees every call that was answered, whatever the answer.
pub trait Witness: Send + Sync {
    /// Takes note of one. It is called on the way of the call, so it must not wait.
    fn saw(&self, exchange: &Exchange<'_>);
}
