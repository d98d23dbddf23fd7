//! One line of JSON per event on standard output, at the level that `RUST_LOG` asks for.

use tracing_subscriber::EnvFilter;

/// Starts logging. A second call changes nothing.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube=warn,hyper=warn"));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init();
    drop(started);
}
