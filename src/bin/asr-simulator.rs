//! `asr-simulator`: Azure Site Recovery, ARM and Entra ID on one machine. Parses and calls; holds no logic.

use std::process::ExitCode;

use asr_operator::simulator::serve::{ServeArgs, serve};
use clap::{Parser, Subcommand};

/// Simulates Azure Site Recovery, the part of Azure Resource Manager around it, and Entra ID.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves over TLS and prints one line of JSON when ready.
    Serve(ServeArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command: Command::Serve(args) } = Cli::parse();
    match serve(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("asr-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}
