//! The steps by which a history goes on.

/// One step of a replica, of Azure, of the network, of people, or a fault.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Act {
    /// Step 1 of a pass of a replica over a request.
    Begin(u8, u8),
    Show(u8, u8),
    ReadRecord(u8),
    ReadAzure(u8),
    ReadItem(u8),
    ReadJobs(u8),
    Do(u8),
    DoUnacknowledged(u8),
    ShowEarly(u8),
    Acknowledged(u8),
    ReadAgain(u8),
    Check(u8),
    Send(u8),
    NotSent(u8),
    GiveUp(u8),
    WriteOutcome(u8),
    Crash(u8),
    ListInBackground(u8),
    Execute(u8),
    ExecuteAnswerLost(u8),
    ExecuteAnswer409(u8),
    NotExecuted(u8),
    Deny(u8),
    Throttle(u8),
    JobSucceeds(u8),
    JobFails(u8),
    JobTells(u8),
    LifeTold(u8),
    Tick,
    MakeRecord(u8),
    Delete(u8),
    Create(u8, u8),
    DeleteVm(u8),
    CreateVm(u8),
    DeleteVault(u8),
    CreateVault(u8),
    /// Of all statuses only what a RecoveryVault's says of ids is ever read.
    LoseStatus,
    Rebind(u8),
    LoseClaim(u8),
    LoseRecord,
    Snapshot,
    Restore,
    Cancel(u8),
    Expire(u8),
    Say(u8, u8),
    Portal,
    Long(u8),
}

impl Act {
    /// What nobody waits for: from everywhere an end must be reachable without it.
    pub const fn is_fault(self) -> bool {
        use Act::*;
        matches!(
            self,
            DoUnacknowledged(_)
                | ShowEarly(_)
                | Crash(_)
                | ExecuteAnswerLost(_)
                | ExecuteAnswer409(_)
                | NotExecuted(_)
                | Deny(_)
                | Throttle(_)
                | JobFails(_)
                | Delete(_)
                | Create(..)
                | DeleteVm(_)
                | CreateVm(_)
                | DeleteVault(_)
                | CreateVault(_)
                | LoseStatus
                | Rebind(_)
                | LoseClaim(_)
                | LoseRecord
                | Snapshot
                | Restore
                | Cancel(_)
                | Say(..)
                | Portal
                | Long(_)
        )
    }
}
