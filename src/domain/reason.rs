//! The one closed list of reasons: condition reasons, event reasons, metric labels and log fields are all taken from it.
//!
//! It says what is the case, never what to do; the message beside it does that.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Why a condition, an event, a metric or a log line is what it is. Closed, so that labels stay bounded.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason, for reference documents and for tests.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// The word as it is written in conditions, events, labels and logs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Reason::$name => stringify!($name),)* }
            }

            /// The reason that is written so, if this version knows it.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
            }
        }
    };
}

reasons! {
    /// Nothing is known yet: the object has not been looked at.
    Pending,
    /// The spec cannot be understood; the message names the field.
    InvalidSpec,
    /// The ReplicatedVm that a request names does not exist in its namespace.
    VmNotFound,
    /// The RecoveryVault that a ReplicatedVm names does not exist in its namespace.
    VaultNotFound,
    /// `suspend: true` on the ReplicatedVm or the RecoveryVault.
    Suspended,
    /// `readOnly: true` on the RecoveryVault: it is observed, and nothing is sent to it.
    ReadOnly,
    /// Azure did not answer, or answered with a fault of its own.
    VaultUnreachable,
    /// Azure or Entra ID refused the identity.
    AccessDenied,
    /// No token could be had: the ServiceAccount, the Secret or the federation is wrong.
    CredentialsFailed,
    /// Azure asked to be left alone for a while.
    Throttled,
    /// The vault has no protected item of that VM.
    ItemNotFound,
    /// The protected item is missing from a list; two full lists and a GET must agree before it counts as gone.
    ItemMissing,
    /// More than one protected item answers to the description.
    AmbiguousItem,
    /// The declared regions and the observed ones contradict each other.
    SidesDisagree,
    /// Two ReplicatedVms claim one protected item.
    ItemClaimedTwice,
    /// Replication was disabled and enabled anew: another life cycle under the same name.
    ItemReplaced,
    /// The item fails over only together with others (multi-VM group, shared-disk cluster).
    GroupMember,
    /// The item record, the lock of the item, does not exist yet.
    RecordPending,
    /// The item record is too young: whoever had it before may have just sent.
    RecordQuarantine,
    /// The item record was written by another version of the protocol.
    UnknownProtocol,
    /// The item record has no room for another request until old ones pass their validUntil.
    RecordFull,
    /// Another request is running on the item.
    ItemHeld,
    /// Another request of this VM comes first, by priority, then age.
    NotItsTurn,
    /// Somebody else's job is running on the item.
    ItemBusy,
    /// Azure does not offer the verb in the item's present state.
    NotAllowedNow,
    /// The VM runs on the side where the request wanted it; nothing was sent.
    AlreadyThere,
    /// What the request asks for is already so; nothing was sent.
    NothingToDo,
    /// There is no failover to commit.
    NoPendingFailover,
    /// The failover is not committed, and the verb comes after the commit.
    NotCommitted,
    /// The VM has not failed over, so there is nothing to reverse.
    NotFailedOver,
    /// The request declares another direction than the one that is possible.
    DirectionDisagrees,
    /// Something in Azure that the verb needs is missing, or cannot be seen.
    PreconditionsUnmet,
    /// validUntil passed before anything was sent.
    Expired,
    /// validUntil lies too far ahead.
    ValidUntilTooFar,
    /// A request of this kind, namespace and name already exists or ran with another spec.
    NameReused,
    /// A request of this kind, namespace and name already ran; it never runs again.
    AlreadyRun,
    /// The target that was frozen at acceptance is no longer the one the request names.
    TargetChanged,
    /// No recovery point answers to the choice.
    RecoveryPointNotFound,
    /// The best recovery point loses more data than the request allows.
    DataLossTooHigh,
    /// The item stands at another recovery point than the one that was validated.
    RecoveryPointMismatch,
    /// The target is frozen and the request waits for its call.
    Accepted,
    /// Earlier jobs of Azure are searched for one that carries this request's id.
    LookingBack,
    /// The call is being made.
    Submitting,
    /// The call provably did not leave; it will be made again.
    NotSent,
    /// Azure's job is running.
    JobRunning,
    /// Azure's job cannot be read at the moment.
    JobUnreadable,
    /// Whether the call was executed is being found out.
    Resolving,
    /// Whether the call was executed cannot be known; a person must say.
    OutcomeUnknown,
    /// Azure refused the call.
    AzureRefused,
    /// Azure's job failed.
    JobFailed,
    /// Azure's job was cancelled by somebody.
    JobCancelled,
    /// How the request ended is being written down; its conditions say it after that, never before.
    Ending,
    /// A person took the request back before its call.
    Cancelled,
    /// A person said what became of the call.
    OutcomeDecided,
    /// A person's word came after what it was about.
    TooLate,
    /// A person's word names a call whose outcome is not in question.
    NothingToDecide,
    /// The request did what it declares.
    Succeeded,
    /// The request did what it declares, and Azure reported a warning.
    SucceededWithWarning,
    /// The failover stands, its commit failed.
    CommitFailed,
    /// The request's object is gone; nothing was sent.
    Withdrawn,
    /// Not asked for by the spec.
    NotRequested,
    /// The source VM was shut down before the failover.
    SourceShutDown,
    /// The source VM could not be shut down; the failover went on.
    ShutdownFailed,
    /// The VM runs on the other side now.
    FailedOver,
    /// The failover is final.
    Committed,
    /// The VM stands at another recovery point now.
    RecoveryPointChanged,
    /// Replication runs the other way.
    Reversed,
    /// Replication runs the other way, and data is still being copied.
    Synchronizing,
    /// Azure reports an error while data is being copied.
    SynchronizationUnhealthy,
    /// Copying takes far longer than it ever did in recordings.
    SynchronizationOverdue,
    /// All data has been copied.
    Synchronized,
    /// Replication is on and the service calls the VM protected.
    Protected,
    /// The service does not call the VM protected.
    NotProtected,
    /// Replication health is Normal.
    Healthy,
    /// Replication health is Warning or Critical.
    Unhealthy,
    /// Replication lags more than the objective allows.
    RpoExceeded,
    /// The service gives no health.
    HealthUnknown,
    /// A failover would be accepted now.
    Ready,
    /// A failover waits for its commit.
    PendingCommit,
    /// No failover waits for its commit.
    NoPendingCommit,
    /// The VM failed over and is not replicated back yet.
    NeedsReprotect,
    /// The VM need not be reprotected.
    ReprotectNotNeeded,
    /// A drill succeeded recently enough.
    DrillCurrent,
    /// The last successful drill is too old, or there was none.
    DrillOverdue,
    /// The vault answers and is read.
    Reachable,
    /// The operator contradicts itself; please report it.
    InternalError,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
