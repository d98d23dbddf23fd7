//! `cargo demo`: a real control plane, a simulated Azure and the operator as processes of their own; the samples are
//! applied one step at a time with kubectl, and what happens is shown while it happens.
//!
//! It only applies, watches and counts: every judgement comes from the simulator's ledger and the API server, whose every
//! change is judged as the tools judge it that wait for objects.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../../tests/harness/mod.rs"]
mod harness;

mod live;
mod stage;
mod summary;

use clap::{Parser, ValueEnum};
use live::Live;
use stage::Stage;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use summary::{Act, Judged, Summary};

/// How the result is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A table.
    Table,
    /// One JSON object as the last line.
    Json,
}

/// Fails one virtual machine over, brings it home again and protects it, on this machine, without an Azure account.
#[derive(Debug, Parser)]
struct Args {
    /// Leave all running until Ctrl-C, and print commands to try.
    #[arg(long)]
    keep: bool,
    /// How the result is told.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
    /// How many times faster than real time the simulated service works.
    #[arg(long, default_value_t = 60)]
    clock_rate: u32,
    /// A program to run after each act, with KUBECONFIG, KUBECTL, ASR_DEMO_ACT, ASR_DEMO_ARM and ASR_DEMO_CA set; it may
    /// interfere.
    #[arg(long)]
    script: Option<PathBuf>,
}

/// The acts, in order: the sample file, the kind and the name of its request, and the call that it makes.
const ACTS: [(&str, &str, &str, &str); 7] = [
    ("30-failover.yaml", "FailoverRequest", "app01-out-2026-06-01", "unplannedFailover"),
    ("35-change-recovery-point.yaml", "ChangeRecoveryPointRequest", "app01-point-2026-06-01", "applyRecoveryPoint"),
    ("40-commit.yaml", "CommitRequest", "app01-commit-2026-06-01", "failoverCommit"),
    ("50-reprotect.yaml", REPROTECT, "app01-reprotect-2026-06-01", "switchprotection"),
    ("60-failback.yaml", "FailoverRequest", "app01-home-2026-06-01", "unplannedFailover"),
    ("70-commit-home.yaml", "CommitRequest", "app01-commit-home-2026-06-01", "failoverCommit"),
    ("80-reprotect-home.yaml", REPROTECT, "app01-reprotect-home-2026-06-01", "switchprotection"),
];

const REPROTECT: &str = "ReprotectRequest";

/// How many times faster still the simulated service works while it only copies data: 45 minutes of it after a reprotect.
const COPYING: u32 = 10;

#[tokio::main]
async fn main() -> ExitCode {
    // `cargo demo --keep` and `cargo demo -- --keep` are both typed.
    let words: Vec<_> =
        std::env::args_os().enumerate().filter(|(n, word)| *n != 1 || word != "--").map(|(_, word)| word).collect();
    let args = Args::parse_from(words);
    match run(&args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("demo: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> harness::Result<bool> {
    let begun = Instant::now();
    let (stage, kstatus) = Stage::set(args.clock_rate).await?;
    let built = begun.elapsed();
    let live = Live::new(&stage);
    let mut acts = Vec::new();
    for (file, kind, name, operation) in ACTS {
        let started = Instant::now();
        stage.apply_sample(file).await?;
        let object = live.follow(kind, name).await?;
        let succeeded = summary::succeeded(&object);
        acts.push(Act { kind, name, operation, object, seconds: started.elapsed().as_secs_f64() });
        if let Some(script) = &args.script {
            stage.interfere(script, name).await?;
        }
        if !succeeded {
            break;
        }
        if kind == REPROTECT {
            println!("  Data is copied; for that the simulated Azure works {COPYING} times as fast as before");
            stage.pace(args.clock_rate * COPYING).await;
            live.synchronized(name).await?;
            stage.pace(args.clock_rate).await;
        }
    }
    live.vm().await;
    let judged = Judged::to_the_end_of(&acts, kstatus).await;
    let summary = Summary::new(acts, stage.simulator.ledger().await, judged, begun.elapsed().as_secs_f64());
    summary.print_table(built);
    if args.keep {
        stage.print_hints();
    }
    if args.output == Output::Json {
        println!("{}", summary.json());
    }
    if args.keep {
        stage::until_interrupted().await;
    }
    Ok(summary.ok())
}
