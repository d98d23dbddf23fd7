//! How long it takes from a request that the API server has accepted to its call at Azure: real kube-apiserver and etcd, the
//! operator as a process of its own, the simulator with no delay of its own.
//!
//! `cargo bench --bench latency` prints the figures as Markdown and keeps the samples in `target/latency`. A run is invalid,
//! and ends with an error, when a request was not accepted or any was sent twice; a slow run is a valid one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement that cannot go on stops")]

#[path = "../../tests/harness/mod.rs"]
mod harness;

mod samples;
mod stage;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use samples::Samples;
use stage::Stage;

/// Requests before the measured ones: the operator is warm.
const WARM_UP: usize = 3;

/// Between the end of one call and the next request, so that none waits for another.
const GAP: Duration = Duration::from_millis(100);

#[derive(Parser)]
struct Args {
    /// How many requests are measured.
    #[arg(long, default_value_t = 200)]
    requests: usize,
    /// What `cargo bench` says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let total = args.requests + WARM_UP;
    eprintln!("latency: {} requests after {WARM_UP} to warm up, each on a VM of its own", args.requests);
    let stage = Stage::set(total).await.unwrap_or_else(|failure| panic!("{failure}"));
    let mut accepted = Vec::new();
    for number in 0..total {
        accepted.push(stage.request(number).await);
        stage.called(number + 1).await;
        tokio::time::sleep(GAP).await;
    }
    let samples = Samples::gather(&accepted, &stage.ledger().await, &stage.log());
    let measured = samples.without_first(WARM_UP);
    let file = measured.keep().unwrap_or_else(|failure| panic!("{failure}"));
    println!("{}", measured.markdown());
    eprintln!("latency: samples in {}", file.display());
    match samples.invalid(total) {
        None => ExitCode::SUCCESS,
        Some(why) => {
            eprintln!("latency: INVALID: {why}");
            ExitCode::FAILURE
        }
    }
}
