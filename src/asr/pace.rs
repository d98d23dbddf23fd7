//! What the answers say of ARM's patience: how many calls were made, and how many it has left for this identity.

use std::sync::atomic::{AtomicU32, Ordering};

use http::HeaderMap;

use super::headers;

const UNTOLD: u32 = u32::MAX;

/// Reads that were answered since somebody last asked, and what ARM said is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Reads that were answered, pages and repeated ones each.
    pub reads: u32,
    /// Reads left by the newest answer that said so.
    pub reads_left: Option<u32>,
    /// Mutating calls left, likewise.
    pub writes_left: Option<u32>,
}

/// The count of one client.
#[derive(Debug)]
pub(crate) struct Pace {
    reads: Count,
    writes: Count,
}

#[derive(Debug)]
struct Count {
    calls: AtomicU32,
    left: AtomicU32,
}

impl Count {
    const fn new() -> Self {
        Self { calls: AtomicU32::new(0), left: AtomicU32::new(UNTOLD) }
    }

    fn saw(&self, left: Option<u32>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(left) = left {
            self.left.store(left, Ordering::Relaxed);
        }
    }

    fn take(&self) -> (u32, Option<u32>) {
        let left = self.left.swap(UNTOLD, Ordering::Relaxed);
        (self.calls.swap(0, Ordering::Relaxed), Some(left).filter(|left| *left != UNTOLD))
    }
}

impl Pace {
    pub(crate) const fn new() -> Self {
        Self { reads: Count::new(), writes: Count::new() }
    }

    /// A read was answered.
    pub(crate) fn read(&self, answer: &HeaderMap) {
        self.reads.saw(headers::calls_left(answer, "x-ms-ratelimit-remaining-subscription-reads"));
    }

    /// A mutating call was answered.
    pub(crate) fn written(&self, answer: &HeaderMap) {
        self.writes.saw(headers::calls_left(answer, "x-ms-ratelimit-remaining-subscription-writes"));
    }

    pub(crate) fn take(&self) -> Counted {
        let ((reads, reads_left), (_, writes_left)) = (self.reads.take(), self.writes.take());
        Counted { reads, reads_left, writes_left }
    }
}
