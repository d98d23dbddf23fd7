//! The life of a simulated operator process. Whatever it does that others can see goes through a call; between two calls
//! no time passes. So a process that neither makes nor hears calls is a stopped one, and one that never does again is
//! dead, whichever of its tasks are left.

use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Clone, Copy, Debug)]
enum Standing {
    Running,
    StoppedUntil(Instant),
    Dead,
}

/// What a task of a dead process ends with.
pub struct Killed;

/// One process.
#[derive(Debug)]
pub struct Life(Mutex<Standing>);

impl Life {
    /// A running process.
    pub fn begins() -> Self {
        Self(Mutex::new(Standing::Running))
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it, with everything in its memory.
    pub fn kill(&self) {
        *self.standing() = Standing::Dead;
    }

    /// Whether it has ended.
    pub fn is_dead(&self) -> bool {
        matches!(*self.standing(), Standing::Dead)
    }

    /// Whether it is stopped.
    pub fn is_stopped(&self) -> bool {
        matches!(*self.standing(), Standing::StoppedUntil(until) if until > Instant::now())
    }

    /// Stops it for a time, unless it has ended.
    pub fn stop(&self, time: Duration) {
        let mut standing = self.standing();
        if !matches!(*standing, Standing::Dead) {
            *standing = Standing::StoppedUntil(Instant::now() + time);
        }
    }

    /// Goes on while the process runs, waits while it is stopped, and unwinds the task of a dead one.
    pub async fn goes_on(&self) {
        loop {
            let standing = *self.standing();
            match standing {
                Standing::Running => return,
                Standing::StoppedUntil(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                Standing::StoppedUntil(_) => *self.standing() = Standing::Running,
                Standing::Dead => resume_unwind(Box::new(Killed)),
            }
        }
    }
}
