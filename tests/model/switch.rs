//! The guards of the protocol, each with its switch and the clause of design 5 that it is.

/// The guards of the protocol; false is a guard that was removed.
macro_rules! guards {
    ($($name:ident: $doc:literal,)*) => {
        #[derive(Clone, Copy, Debug)]
        pub struct Guards { $(#[doc = $doc] pub $name: bool,)* }
        impl Guards {
            pub const ALL: Guards = Guards { $($name: true,)* };
        }
        /// A guard by name: how it is switched off, and the clause that it is.
        pub const GUARDS: &[(&str, fn(&mut Guards), &str)] = &[$((stringify!($name), |g| g.$name = false, $doc),)*];
    };
}

guards! {
    cas: "4: the record is written with the resourceVersion that was read",
    consumed: "1: a consumed key never runs again",
    holder: "1: the holder is empty or this key",
    quarantine: "1: a young record makes no first intent",
    item: "2: the item is read afresh, never from a cache",
    table: "2: the verb table",
    busy: "2: nothing runs on the item",
    look_back: "3: a job that carries this request's id is adopted",
    own_list: "3: the job list was begun after step 1",
    stubs: "3: a job that says nothing is unexplained",
    age: "4: refused when step 1 began more than 10 s ago",
    intent_first: "4: the intent is durable before the call",
    window: "5: the first byte leaves within 10 s",
    from_write: "5: counted from the moment before the write, not from its acknowledgement",
    nonce: "record: an outcome is written, and a lost intent claimed, by its nonce alone",
    conflict: "6: a 409 is unknown, not refused",
    wait: "7: 180 s from the intent",
    second_look: "7: two looks, 30 s apart",
    look_at_item: "7: a fresh GET of the item",
    look_at_jobs: "7: complete lists of the jobs",
    foreign: "7: any job that began since t0 stops a second attempt",
    confirmed: "7: only where adoption is Confirmed",
    no_third: "7: one second attempt, no third",
    release_waits: "7: a person's word that nothing happened counts after the wait",
    terminal: "8: followed until the job is terminal",
    never_left: "8: only what never left is withdrawn or cancelled",
    superseded: "8: the second step belongs to the request's own failover",
    claim: "claim: the target is judged by it, not by the ReplicatedVm",
    life: "claim: another life cycle under the same name is another target",
    own_end: "record: an end that is forgotten stays where the object itself shows it",
    record_first: "record: an end is in the record before a status shows it",
}

/// All guards but these.
pub fn without(names: &[&str]) -> Guards {
    let mut guards = Guards::ALL;
    for name in names {
        let (_, off, _) = GUARDS.iter().find(|(n, ..)| n == name).unwrap();
        off(&mut guards);
    }
    guards
}
