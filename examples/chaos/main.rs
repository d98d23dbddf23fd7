//! A million requests in a storm: how many calls Azure accepted twice, and how many requests were lost. Beside it, under
//! the same storm, a control that posts without an intent and retries three times.
//!
//! ```text
//! cargo run --release --example chaos -- --requests 1000000 [--seed S] [--output json]
//! ```
//!
//! A request takes some 10 ms of one processor: a million take more than an hour on two, where half an hour was the aim. Each
//! thread says once a minute, on standard error, how far it is. SIGINT or SIGTERM ends a run early, with the result of what
//! was run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "an example that cannot go on stops")]

#[path = "../../tests/simulation/world/mod.rs"]
mod world;

mod control;
mod operator;
mod tally;
mod worlds;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

/// A request is thousands of small JSON values.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is run.
#[derive(Parser)]
struct Args {
    /// Requests to apply, in worlds of 24 each.
    #[arg(long, default_value_t = 10_000)]
    requests: u64,
    /// The seed of the first world; every further world has the next one.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Threads, each with worlds of its own.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

fn main() {
    let args = Args::parse();
    let began = Instant::now();
    let tally = worlds::run(args.requests, args.seed, args.threads, &end());
    let seconds = began.elapsed().as_secs_f64();
    match args.output {
        Output::Text => println!("{}", tally.text(args.seed, args.requests, seconds)),
        Output::Json => println!("{:#}", tally.json(args.seed, args.requests, seconds)),
    }
    std::process::exit(i32::from(!tally.holds()));
}

/// Turns true when somebody wants the run to end.
fn end() -> Arc<AtomicBool> {
    let end = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&end);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let (mut term, mut int) =
                (signal(SignalKind::terminate()).unwrap(), signal(SignalKind::interrupt()).unwrap());
            tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        });
        asked.store(true, Ordering::Relaxed);
    });
    end
}
