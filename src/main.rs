//! The operator's program: parse, choose the TLS provider, dispatch.

use asr_operator::cli::{Cli, dispatch};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Both HTTP stacks take the process's provider; a second call finds it set.
    rustls::crypto::ring::default_provider().install_default().ok();
    match dispatch(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("asr-operator: {error}");
            ExitCode::FAILURE
        }
    }
}
