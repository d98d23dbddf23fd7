//! `asr-operator record`: reads a real vault and writes what it answered, redacted, as a recording.
//!
//! It reads only, unless a verb is named together with its item and an acknowledgement.

use super::azure::{AzureArgs, AzureArgsError};
use crate::asr::record::{Survey, SurveyError, Tape, TapeOptions};
use crate::asr::{
    AssertionSource, ClientRequestId, EndpointError, Identity, InvalidId, ItemPath, JobId, Mutation, SendWindow, Sent,
    TokenSource, VaultId,
};
use async_trait::async_trait;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use secrecy::SecretString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A verb that may be performed while recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "camelCase")]
pub enum RecordedVerb {
    /// To the latest point; the source is not shut down.
    UnplannedFailover,
    /// Makes the failover final.
    FailoverCommit,
    /// Changes to the point of --point.
    ApplyRecoveryPoint,
}

/// Options of `asr-operator record`. The identity comes from the environment: AZURE_TENANT_ID and AZURE_CLIENT_ID, with
/// AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE.
#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    /// ARM id of the Recovery Services vault.
    #[arg(long)]
    pub vault: String,
    /// The directory to write into.
    #[arg(long)]
    pub out: PathBuf,
    /// Read the surroundings of this item only, by its name or its VM's.
    #[arg(long)]
    pub item: Option<String>,
    /// Which Azure.
    #[command(flatten)]
    pub azure: AzureArgs,
    /// Replace the names of resources too: vm-1, rg-1, ...
    #[arg(long)]
    pub anonymize: bool,
    /// Then read items and jobs again and again, until Ctrl-C or --for, and write what changes.
    #[arg(long)]
    pub follow: bool,
    /// Seconds between two such reads.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub every: u64,
    /// Seconds after which following ends.
    #[arg(long = "for", default_value_t = 2 * 3600)]
    pub duration: u64,
    /// Perform this verb on --item, once, and follow its job.
    #[arg(long, value_enum, requires_all = ["item", "understood"])]
    pub perform: Option<RecordedVerb>,
    /// The recovery point of applyRecoveryPoint: its name or ARM id.
    #[arg(long, required_if_eq("perform", "applyRecoveryPoint"))]
    pub point: Option<String>,
    /// --perform acts on a real VM: it may stop it, lose data, and delete recovery points.
    #[arg(long = "i-understand-this-acts-on-a-real-vm", id = "understood")]
    pub understood: bool,
}

/// Why nothing was recorded, or not all.
#[derive(Debug, thiserror::Error)]
pub enum RecordFailure {
    /// Which Azure it is, cannot be told.
    #[error(transparent)]
    Azure(#[from] AzureArgsError),
    /// The id of the vault is none.
    #[error("--vault: {0}")]
    Vault(#[from] InvalidId),
    /// The environment names no identity.
    #[error("no identity: set AZURE_TENANT_ID, AZURE_CLIENT_ID, and AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE")]
    Identity,
    /// The HTTPS client cannot be made.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The item is not there.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// A file cannot be written, or the process not be set up.
    #[error("cannot write the recording: {0}")]
    Write(#[from] std::io::Error),
    /// Azure did not take the call.
    #[error("the call was not accepted, and is not repeated: {0}")]
    NotAccepted(String),
    /// The vault itself cannot be read.
    #[error("nothing could be read; the answers, if any, were recorded")]
    Nothing,
}

/// A federated token in a file, as a pod of a cluster with workload identity has it.
#[derive(Debug)]
struct TokenFile(PathBuf);

#[async_trait]
impl AssertionSource for TokenFile {
    async fn assertion(&self) -> Result<SecretString, String> {
        let read = tokio::fs::read_to_string(&self.0).await;
        let text = read.map_err(|error| format!("AZURE_FEDERATED_TOKEN_FILE cannot be read: {error}"))?;
        Ok(SecretString::from(text.trim().to_owned()))
    }
}

/// The time in which a performed call may leave.
struct Window(Instant);

impl SendWindow for Window {
    fn remaining(&self) -> Option<Duration> {
        Duration::from_secs(10).checked_sub(self.0.elapsed()).filter(|left| !left.is_zero())
    }
}

/// Records until all is read, or until following ends.
///
/// # Errors
/// Why nothing, or not all, was recorded; what was read until then is written.
pub fn record(args: &RecordArgs) -> Result<(), RecordFailure> {
    let vault = VaultId::parse(&args.vault)?;
    let endpoint = args.azure.endpoint()?;
    let (identity, options) = identity(args.anonymize)?;
    let tokens = TokenSource::new(&endpoint, identity)?;
    std::fs::create_dir_all(&args.out)?;
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let file = args.out.join(format!("live-{stamp}.json"));
    let tape = Arc::new(Tape::new(options));
    let survey = Survey::new(endpoint, tokens, vault, args.item.clone(), Arc::clone(&tape))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let interrupted = signal(SignalKind::interrupt())?;
        Session { args, tape, file, survey, interrupted }.run().await
    })
}

/// Who asks, by the environment, and what of that must not be written.
fn identity(anonymize: bool) -> Result<(Identity, TapeOptions), RecordFailure> {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(tenant), Some(client_id)) = (var("AZURE_TENANT_ID"), var("AZURE_CLIENT_ID")) else {
        return Err(RecordFailure::Identity);
    };
    let mut options = TapeOptions { secrets: vec![], identities: vec![tenant.clone(), client_id.clone()], anonymize };
    if let Some(secret) = var("AZURE_CLIENT_SECRET") {
        options.secrets.push(secret.clone());
        let secret = SecretString::from(secret);
        return Ok((Identity::ClientSecret { tenant, client_id, secret }, options));
    }
    let file = var("AZURE_FEDERATED_TOKEN_FILE").ok_or(RecordFailure::Identity)?;
    let assertion = Arc::new(TokenFile(file.into()));
    Ok((Identity::WorkloadIdentity { tenant, client_id, assertion }, options))
}

struct Session<'a> {
    args: &'a RecordArgs,
    tape: Arc<Tape>,
    file: PathBuf,
    survey: Survey,
    interrupted: Signal,
}

impl Session<'_> {
    async fn run(mut self) -> Result<(), RecordFailure> {
        self.survey.everything().await;
        self.save()?;
        let job = match self.args.perform {
            Some(verb) => Some(self.perform(verb).await?),
            None => None,
        };
        if self.args.follow || job.is_some() {
            self.follow(job.as_ref()).await?;
            // What the verbs have made: the recovered VM, other points, other mappings.
            self.survey.everything().await;
        }
        let written = self.save()?;
        self.tell(written);
        if written == 0 { Err(RecordFailure::Nothing) } else { Ok(()) }
    }

    fn save(&self) -> std::io::Result<usize> {
        self.tape.write(&self.file)
    }

    /// The one mutating call.
    async fn perform(&mut self, verb: RecordedVerb) -> Result<JobId, RecordFailure> {
        let item = self.survey.item().await?.id;
        let mutation = self.mutation(verb, item);
        let id = ClientRequestId::from(uuid::Uuid::new_v4());
        say(&format!("sending {} once, client request id {id}", mutation.operation()));
        let sent = self.survey.client().send(&mutation, &id, &Window(Instant::now())).await;
        self.save()?;
        match sent {
            Sent::Accepted { job, .. } => {
                say(&format!("accepted; its job is {job}"));
                Ok(job)
            }
            other => Err(RecordFailure::NotAccepted(self.tape.shown(&format!("{other:?}")))),
        }
    }

    fn mutation(&self, verb: RecordedVerb, item: ItemPath) -> Mutation {
        match verb {
            RecordedVerb::UnplannedFailover => {
                Mutation::UnplannedFailover { item, recovery_point_id: None, shutdown_source: false }
            }
            RecordedVerb::FailoverCommit => Mutation::FailoverCommit { item },
            RecordedVerb::ApplyRecoveryPoint => {
                let recovery_point_id = Survey::point(&item, self.args.point.as_deref().unwrap_or_default());
                Mutation::ApplyRecoveryPoint { item, recovery_point_id }
            }
        }
    }

    /// Reads again until Ctrl-C, --for, or the end of the performed call's job.
    async fn follow(&mut self, job: Option<&JobId>) -> Result<(), RecordFailure> {
        let (every, total) = (Duration::from_secs(self.args.every), Duration::from_secs(self.args.duration));
        say(&format!("reading every {} s until Ctrl-C, at most {} s", every.as_secs(), total.as_secs()));
        let deadline = tokio::time::Instant::now() + total;
        loop {
            tokio::select! {
                _ = self.interrupted.recv() => return Ok(()),
                () = tokio::time::sleep_until(deadline) => return Ok(()),
                () = tokio::time::sleep(every) => {}
            }
            self.survey.round().await;
            self.save()?;
            if job.is_some_and(|job| !self.args.follow && self.survey.has_ended(job)) {
                return Ok(());
            }
        }
    }

    fn tell(&self, written: usize) {
        for failure in self.survey.failures() {
            say(&self.tape.shown(&format!("not read: {failure}")));
        }
        say("ids, tokens, signatures, people and public addresses were replaced; read the file before you share it");
        if !self.args.anonymize {
            say("names of resources were kept (--anonymize replaces them)");
        }
        print(&self.file, written);
    }
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "record: {line}").ok();
}

fn print(file: &Path, written: usize) {
    writeln!(std::io::stdout(), "{} exchanges in {}", written, file.display()).ok();
}
