//! Recovery points: which ones an item has at an instant.
//!
//! Rules of the service: crash-consistent every 5 minutes, application-consistent at the policy's interval, all of the
//! last 2 hours kept, one per hour beyond, none older than the policy's history. Points are computed, not stored, so any
//! jump of the clock gives the list that a slow walk would give. Knows no HTTP.

use jiff::Timestamp;
use uuid::Uuid;

use super::clock::later;
use super::ids::guid;

/// Seconds between crash-consistent points; the service fixes it.
const CRASH_INTERVAL: i64 = 300;
/// Seconds during which every point is kept.
const FULL_WINDOW: i64 = 7200;
/// Seconds between the points kept beyond [`FULL_WINDOW`].
const THINNED_INTERVAL: i64 = 3600;

/// What a point promises about the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consistency {
    /// Taken without the guest's help.
    Crash,
    /// Taken with the guest's help.
    Application,
}

impl Consistency {
    /// The `recoveryPointType` on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Crash => "CrashConsistent",
            Self::Application => "ApplicationConsistent",
        }
    }
}

/// One recovery point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point {
    /// Its name, a GUID.
    pub(crate) id: Uuid,
    /// The instant whose data it holds.
    pub(crate) time: Timestamp,
    /// What it promises.
    pub(crate) consistency: Consistency,
}

/// The series of points of one direction of replication.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// What makes the ids of this series its own.
    pub(crate) key: String,
    /// When the item became Protected: its first point was made just before, and is listed from then on.
    pub(crate) since: Timestamp,
    /// When replication stopped for good, at the start of a failover.
    pub(crate) stopped: Option<Timestamp>,
    /// Minutes that points are kept.
    pub(crate) history_minutes: u32,
    /// Minutes between application-consistent points; 0 makes none.
    pub(crate) app_minutes: u32,
}

impl Series {
    /// The points at `now`, in an order that is not chronological: the service promises none.
    pub(crate) fn at(&self, now: Timestamp) -> Vec<Point> {
        let mut points = self.ascending(now);
        let turn = points.len() / 3;
        points.rotate_left(turn);
        points
    }

    /// The points at `now`, oldest first.
    pub(crate) fn ascending(&self, now: Timestamp) -> Vec<Point> {
        if now < self.since {
            return Vec::new();
        }
        let end = self.stopped.map_or(now, |stopped| stopped.min(now)).as_second();
        let history = i64::from(self.history_minutes) * 60;
        let first = self.since.as_second() - CRASH_INTERVAL - 1;
        let start = first.max(end - history);
        let phase = self.phase();
        let mut tick = (start - phase).div_euclid(CRASH_INTERVAL);
        let mut points = Vec::new();
        while tick * CRASH_INTERVAL + phase < end {
            let second = tick * CRASH_INTERVAL + phase;
            if second > start && self.kept(tick, end - second) {
                points.extend(self.point(tick, second));
            }
            tick += 1;
        }
        points
    }

    /// Whether the tick outlives thinning at this age; the hourly survivor is the application-consistent one.
    fn kept(&self, tick: i64, age: i64) -> bool {
        age <= FULL_WINDOW || tick.rem_euclid(THINNED_INTERVAL / CRASH_INTERVAL) == 0
    }

    fn point(&self, tick: i64, second: i64) -> Option<Point> {
        let time = later(Timestamp::from_second(second).ok()?, self.fraction(tick));
        let interval = i64::from(self.app_minutes) * 60 / CRASH_INTERVAL;
        let application = interval > 0 && tick.rem_euclid(interval) == 0;
        let consistency = if application { Consistency::Application } else { Consistency::Crash };
        Some(Point { id: guid(&["point", &self.key, &second.to_string()]), time, consistency })
    }

    /// Seconds after the full five minutes at which this series makes its points: items do not beat in step.
    fn phase(&self) -> i64 {
        let bytes = guid(&["phase", &self.key]).into_bytes();
        i64::from(u16::from_be_bytes([bytes[0], bytes[1]])) % CRASH_INTERVAL
    }

    /// A fraction of a second below one half, seven digits, as recorded times have.
    fn fraction(&self, tick: i64) -> f64 {
        let bytes = guid(&["fraction", &self.key, &tick.to_string()]).into_bytes();
        f64::from(u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])) / 1e8
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::seconds_between;
    use super::*;

    fn now() -> Timestamp {
        "2026-06-01T08:00:00Z".parse().unwrap()
    }

    fn series() -> Series {
        Series {
            key: "app01".to_owned(),
            since: later(now(), -30.0 * 86_400.0),
            stopped: None,
            history_minutes: 1440,
            app_minutes: 60,
        }
    }

    #[test]
    fn every_five_minutes_for_two_hours_then_hourly_for_a_day() {
        let points = series().ascending(now());
        let recent = points.iter().filter(|p| seconds_between(p.time, now()) <= 7200.0).count();
        assert!((23..=25).contains(&recent), "{recent} points in the last two hours");
        assert!((21..=23).contains(&(points.len() - recent)), "{} older points", points.len() - recent);
        assert!(points.iter().all(|p| seconds_between(p.time, now()) <= 86_400.0));
    }

    #[test]
    fn one_application_consistent_point_per_hour() {
        let points = series().ascending(now());
        let app = points.iter().filter(|p| p.consistency == Consistency::Application).count();
        assert!((23..=25).contains(&app), "{app} application-consistent points");
    }

    #[test]
    fn the_list_is_not_in_order_but_holds_the_same_points() {
        let mut listed = series().at(now());
        assert!(!listed.is_sorted_by_key(|p| p.time));
        listed.sort_by_key(|p| p.time);
        assert_eq!(listed, series().ascending(now()));
    }

    #[test]
    fn a_point_keeps_its_id_and_time_while_it_lives() {
        let before = series().ascending(now()).pop().unwrap();
        let after = series().ascending(later(now(), 3600.0));
        assert!(after.contains(&before));
    }

    #[test]
    fn a_stopped_series_neither_grows_nor_thins() {
        let stopped = Series { stopped: Some(now()), ..series() };
        assert_eq!(stopped.ascending(later(now(), 90_000.0)), series().ascending(now()));
    }

    #[test]
    fn one_point_at_the_moment_the_item_is_protected_and_none_before() {
        for second in 0..300_i32 {
            let since = later(now(), f64::from(second) + 0.5);
            assert_eq!(Series { since, ..series() }.ascending(since).len(), 1, "Protected {second} s later");
        }
        let unborn = Series { since: later(now(), 60.0), ..series() };
        assert!(unborn.ascending(now()).is_empty());
    }
}
